"""How fetch, duplicates, split and class_weights grow with the number of images: time and memory.

Compares each stage on many drawn images with itself on few, each run in a process of its own. The
yardstick is the ratio of the two numbers of images: a stage that grows in proportion has the same
ratio of times, one whose memory does not grow has a ratio of memory of 1.

Of stage duplicates that is the search by perceptual hash: features as of random weights, of which
none are compared, stand in for those of a network, which would take hours.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import (
    add_repetitions,
    interleave,
    print_ratio,
    print_values,
    significant,
    whole_number,
)
from benchmarks.workspace import Usage, run_stage, set_params, temporary_workspace
from stages.outputs.features import (
    FEATURES_DIR,
    Description,
    shard_file,
    shard_ranges,
    shard_type,
    write_shard,
)
from stages.outputs.manifest import MANIFEST_FILE, read_columns
from stages.stage import exit_code
from waste_classifier.corrections import write_corrections

STAGES_AFTER_FETCH = ("duplicates", "split", "class_weights")
CORRECTIONS = Path("corrections.csv")
IMAGE_SIZE = 32
FEWEST_IMAGES = 60  # that stage fetch draws


def main() -> None:
    """Measure each stage on both numbers of images side by side, and print it."""
    arguments = parse_arguments()
    with ExitStack() as stack:
        workspaces: dict[int, Path] = {}
        for images in sorted(arguments.images):
            workspaces[images] = stack.enter_context(temporary_workspace([]))
            prepare(workspaces[images], images)
        measure("fetch", workspaces, arguments.fetch_repetitions)
        for workspace in workspaces.values():
            write_features(workspace)
        for stage in STAGES_AFTER_FETCH:
            measure(stage, workspaces, arguments.repetitions)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument(
        "--images",
        type=whole_number(FEWEST_IMAGES),
        nargs=2,
        default=[10_000, 100_000],
        metavar=("FEW", "MANY"),
        help="drawn images, two numbers (default 10000 100000)",
    )
    parser.add_argument(
        "--fetch-repetitions",
        type=whole_number(1),
        default=1,
        help="of fetch, which draws every image again and so takes long (default 1)",
    )
    add_repetitions(parser, default=5)
    return parser.parse_args()


def prepare(workspace: Path, images: int) -> None:
    """Ask for so many drawn images, split by perceptual hash."""
    write_corrections(workspace / CORRECTIONS, [])
    set_params(
        workspace,
        {
            "fetch.source": "sample",
            "fetch.sample.images": images,
            "fetch.sample.image_size": IMAGE_SIZE,
            "fetch.corrections": str(CORRECTIONS),
            "fetch.expected_counts": None,
            "split.group_by": "perceptual",
        },
    )


def write_features(workspace: Path) -> None:
    """Write a feature of each image, as of random weights."""
    images = read_columns(workspace / MANIFEST_FILE)
    folder = workspace / FEATURES_DIR
    folder.mkdir(parents=True)
    for number, rows in enumerate(shard_ranges(len(images.paths))):
        shard = np.zeros(len(rows), shard_type(columns=1))
        shard["sha256"] = images.checksums[rows.start : rows.stop]
        write_shard(shard_file(folder, number), shard)
    Description(
        pretrained=False,
        image_size=IMAGE_SIZE,
        last_stage="conv5",
        precision="float32",
        backbone_sha256=None,
    ).write(folder)


def measure(stage: str, workspaces: Mapping[int, Path], repetitions: int) -> None:
    """Run a stage in both workspaces in turn, and print what it took."""

    def run(workspace: Path, _repetition: int) -> Usage:
        return run_stage(workspace, stage)

    usages = interleave(
        {images: partial(run, workspace) for images, workspace in workspaces.items()}, repetitions
    )
    few, many = usages
    times = {images: [usage.seconds for usage in usages[images]] for images in usages}
    memory = {images: [usage.peak_memory_mib for usage in usages[images]] for images in usages}
    times_as_many = f"{significant(many / few)} times the images"
    print_both(f"{stage}, wall time", times, "s", times_as_many)
    print_both(f"{stage}, peak memory", memory, "MiB", times_as_many)


def print_both(
    name: str, values: Mapping[int, Sequence[float]], unit: str, times_as_many: str
) -> None:
    """Print a measurement of few and of many images, and the ratio of the two."""
    for images, of_images in values.items():
        print_values(f"{name}, {images} images", of_images, unit)
    few, many = values
    print_ratio(f"{name}, {times_as_many}", values[many], values[few])


if __name__ == "__main__":
    sys.exit(exit_code(main))
