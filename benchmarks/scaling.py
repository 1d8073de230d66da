"""How the pipeline grows with the number of photos: time and memory of each stage, and of DVC.

Draws tiny photos, has them packed into shards (`fetch.shard_images`), and runs one stage after the
other on each number of photos, each in a process of its own. The yardstick is the number of photos:
a stage that grows in proportion takes ten times as long for ten times as many, one whose memory
does not grow has a ratio of memory of 1.

A network of one layer stands in for the backbone (`benchmarks.stand_in`), so that `features` is
what it takes to read photos and write shards; its features count as random until `split` has run,
since the search for photos of one object compares each with each. The head trains on 1024 columns.

TMPDIR needs room for the photos, their features, and DVC's cache of both.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import (
    add_repetitions,
    interleave,
    print_ratio,
    print_values,
    significant,
    whole_number,
)
from benchmarks.workspace import PROJECT, Usage, run, run_stage, set_params, temporary_workspace
from stages.stage import exit_code
from waste_classifier.corrections import write_corrections

SHARD_IMAGES = 1000
SIDE = 16  # pixels
LABELS = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
PHOTOS = "photos.tar"
#: What grows with photos is a step; epochs are as many steps.
EPOCHS = 2
DVC = (sys.executable, "-m", "dvc")
STAND_IN = (sys.executable, "-m", "benchmarks.stand_in")
FEWEST_IMAGES = 100

#: Runs one step in a workspace.
Step = Callable[[Path], Usage]


def main() -> None:
    """Measure each stage on all numbers of photos side by side, and print it."""
    arguments = parse_arguments()
    with ExitStack() as stack:
        workspaces: dict[int, Path] = {}
        for images in sorted(set(arguments.images)):
            workspaces[images] = stack.enter_context(temporary_workspace([]))
            prepare(workspaces[images], images)
        for name, step in steps().items():
            measure(name, step, workspaces, arguments.repetitions)


def steps() -> dict[str, Step]:
    """Return what is measured, by name, in order."""

    def stage(name: str) -> Step:
        return lambda workspace: run_stage(workspace, name)

    return {
        **{name: stage(name) for name in ("check_params", "fetch")},
        "features, of one layer": stand_in,
        **{name: stage(name) for name in ("duplicates", "split", "class_weights")},
        "explore": explore,
        **{name: stage(name) for name in ("train", "predict", "evaluate")},
        "dvc commit": lambda workspace: run(workspace, *DVC, "commit", "--force", "dvc.yaml"),
        "dvc repro, nothing to do": repro,
        "dvc checkout, all outputs": checkout,
    }


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument(
        "--images",
        type=whole_number(FEWEST_IMAGES),
        nargs="+",
        default=[10_000, 100_000],
        metavar="N",
        help="drawn photos, each number compared with the one below it (default 10000 100000)",
    )
    add_repetitions(parser, default=1)
    return parser.parse_args()


def prepare(workspace: Path, images: int) -> None:
    """Lay out a repository with this project and so many photos, which nothing has run in."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file() and not name.startswith(("metrics/", "plots/", "docs/")):
            (workspace / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, workspace / name)
    (workspace / "dvc.lock").unlink(missing_ok=True)
    # No decision on labels is on these photos.
    write_corrections(workspace / "corrections.csv", [])
    draw_photos(workspace / PHOTOS, images)
    set_params(
        workspace,
        {
            "fetch.source": "path",
            "fetch.path": PHOTOS,
            "fetch.expected_counts": None,
            "fetch.shard_images": SHARD_IMAGES,
            "split.group_by": "perceptual",
            "train.head.epochs": EPOCHS,
            "train.fine_tune.epochs": 0,
        },
    )
    (workspace / ".gitignore").write_text(f"{PHOTOS}\n/data/.unfinished/\n", encoding="utf-8")
    run(workspace, "git", "init", "--quiet")
    run(workspace, "git", "add", "--all")
    run(workspace, "git", "commit", "--quiet", "--message", "Photos")


def draw_photos(file: Path, images: int) -> None:
    """Write an archive of label folders of noise, its colour by label, the same at each call."""
    random = np.random.default_rng(0)
    with tarfile.open(file, "w") as archive:
        for number in range(images):
            label = number % len(LABELS)
            pixels = random.integers(0, 160, (SIDE, SIDE, 3), dtype=np.uint8)
            pixels[:, :, label % 3] += 30 + 20 * (label // 3)
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, "JPEG")
            member = tarfile.TarInfo(f"{LABELS[label]}/{number:07}.jpg")
            member.size = content.tell()
            content.seek(0)
            archive.addfile(member, content)
            archive.members.clear()  # type: ignore[attr-defined]


def stand_in(workspace: Path) -> Usage:
    """Write the outputs of backbone, features and views."""
    for name in ("backbone", "features", "views"):
        shutil.rmtree(workspace / "data" / name, ignore_errors=True)
    return run(workspace, *STAND_IN)


def explore(workspace: Path) -> Usage:
    """Run stage explore; the features count as pretrained from then on."""
    run(workspace, *STAND_IN, "--pretrained")
    return run_stage(workspace, "explore")


def repro(workspace: Path) -> Usage:
    """Run `dvc repro` where it has nothing to do."""
    usage = run(workspace, *DVC, "repro", "dvc.yaml")
    if "Running stage" in usage.output:
        raise AssertionError(f"`dvc repro` found something to do:\n{usage.output}")
    return usage


def checkout(workspace: Path) -> Usage:
    """Bring all outputs back from DVC's cache."""
    shutil.rmtree(workspace / "data")
    return run(workspace, *DVC, "checkout", "dvc.yaml")


def measure(name: str, step: Step, workspaces: Mapping[int, Path], repetitions: int) -> None:
    """Run a step in all workspaces in turn, and print what it took."""

    def measured(workspace: Path, _repetition: int) -> Usage:
        return step(workspace)

    usages = interleave(
        {images: partial(measured, workspace) for images, workspace in workspaces.items()},
        repetitions,
    )
    times = {images: [usage.seconds for usage in usages[images]] for images in usages}
    memory = {images: [usage.peak_memory_mib for usage in usages[images]] for images in usages}
    print_growth(f"{name}, wall time", times, "s")
    print_growth(f"{name}, peak memory", memory, "MiB")


def print_growth(name: str, values: Mapping[int, Sequence[float]], unit: str) -> None:
    """Print a measurement of each number of photos, and its ratio to that of the one before."""
    for images, of_images in values.items():
        print_values(f"{name}, {images} photos", of_images, unit)
    for few, many in pairwise(values):
        times_as_many = significant(many / few)
        print_ratio(f"{name}, {times_as_many} times {few} photos", values[many], values[few])


if __name__ == "__main__":
    sys.exit(exit_code(main))
