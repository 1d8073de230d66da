"""What an experiment on the learning rate takes, by part: `dvc exp run -S train.lr=…`.

Measured beside it, at the same learning rate: the stages that it runs, each alone; what stage train
says of its own parts (`logs/train/metrics.json`); and the import of TensorFlow and Keras in a fresh
process. What is left of the experiment is DVC's. With `--other`, the same experiment of another
workspace, as of an older commit, is the yardstick.

All runs in temporary clones, each time from the same state and at a learning rate that is new to
DVC, so that nothing comes from its run cache.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.measure import add_repetitions, interleave, print_ratio, print_values
from benchmarks.workspace import require, run, run_stage, set_params
from stages.outputs.features import FEATURES_DIR
from stages.outputs.model import MODEL_DIR
from stages.params.reading import load_section
from stages.params.train import TrainParams
from stages.stage import exit_code
from waste_classifier.errors import InputError

DVC = (sys.executable, "-m", "dvc")
DATA_DIR = Path("data")
#: What stage train says of its parts; `RUNTIME_DIR` of its log.
TRAIN_METRICS = Path("logs/train/metrics.json")
#: What `dvc exp run` is expected to run.
STAGES = ("check_params", "train", "predict", "evaluate")
PARTS_OF_TRAIN = ("preparation", "epochs", "export")
EXPERIMENT = "dvc exp run"
OTHER = "dvc exp run, other workspace"
IMPORTS = "import tensorflow, keras"

Parts = dict[str, float]  #: seconds by name


def main() -> None:
    """Measure side by side in clones, then print the parts, and the ratio to the other one."""
    arguments = parse_arguments()
    require([Path(".git"), Path(".dvc"), FEATURES_DIR, MODEL_DIR])
    lr = load_section("train", TrainParams).lr
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        workspace = clone(Path.cwd(), Path(temporary) / "workspace")
        measures: dict[str, Callable[[int], Parts]] = {
            EXPERIMENT: lambda repetition: time_experiment(workspace, new_lr(lr, repetition)),
            "stages": lambda repetition: time_stages(workspace, new_lr(lr, repetition)),
            IMPORTS: lambda _repetition: time_imports(workspace),
        }
        if arguments.other:
            other = clone(arguments.other, Path(temporary) / "other")
            measures[OTHER] = lambda repetition: time_other(other, new_lr(lr, repetition))
        measured = interleave(measures, arguments.repetitions)
    repetitions = [
        {name: seconds for parts in of_repetition for name, seconds in parts.items()}
        for of_repetition in zip(*measured.values(), strict=True)
    ]
    values = {name: [parts[name] for parts in repetitions] for name in repetitions[0]}
    print_parts(values)
    if arguments.other:
        print_values(OTHER, values[OTHER], "s")
        print_ratio(f"{EXPERIMENT} / the other one", values[EXPERIMENT], values[OTHER])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.experiment", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument(
        "--other",
        type=Path,
        metavar="WORKSPACE",
        help="root of another workspace in which the pipeline has run, of any commit",
    )
    add_repetitions(parser, default=5)
    return parser.parse_args()


def new_lr(lr: float, repetition: int) -> float:
    """Return a learning rate near `lr`, another for each repetition."""
    return float(f"{lr * (1 - repetition / 1000):.6g}")


def time_experiment(workspace: Path, lr: float) -> Parts:
    """Return the seconds of an experiment.

    Raises:
        InputError: DVC ran other stages than `STAGES`.
    """
    seconds, stages = run_experiment(workspace, lr)
    if stages != list(STAGES):
        raise InputError(
            f"dvc ran the stages {', '.join(stages) or 'none'} instead of {', '.join(STAGES)}"
        )
    return {EXPERIMENT: seconds}


def time_other(workspace: Path, lr: float) -> Parts:
    """Return the seconds of an experiment, whatever its stages are called.

    Raises:
        InputError: DVC ran none.
    """
    seconds, stages = run_experiment(workspace, lr)
    if not stages:
        raise InputError("dvc ran no stage in the other workspace")
    return {OTHER: seconds}


def run_experiment(workspace: Path, lr: float) -> tuple[float, list[str]]:
    """Return the seconds of an experiment, and the stages that it ran."""
    reset(workspace)
    usage = run(workspace, *DVC, "exp", "run", "--set-param", f"train.lr={lr}")
    return usage.seconds, re.findall(r"^Running stage '(\w+)'", usage.output, re.MULTILINE)


def time_stages(workspace: Path, lr: float) -> Parts:
    """Return the seconds of each stage without DVC, and of the parts of train."""
    reset(workspace)
    set_params(workspace, {"train.lr": lr})
    parts = {stage: run_stage(workspace, stage).seconds for stage in STAGES}
    of_train = json.loads((workspace / TRAIN_METRICS).read_text())["seconds"]
    return parts | {part: of_train[part] for part in PARTS_OF_TRAIN}


def time_imports(workspace: Path) -> Parts:
    """Return the seconds of a process that imports TensorFlow and Keras and does nothing else."""
    return {IMPORTS: run(workspace, sys.executable, "-c", IMPORTS).seconds}


def print_parts(values: Mapping[str, Sequence[float]]) -> None:
    """Print the seconds of the experiment and, indented below it, of its parts."""

    def rest(whole: str, parts: Sequence[str]) -> list[float]:
        sums = map(sum, zip(*(values[part] for part in parts), strict=True))
        return [of_whole - of_parts for of_whole, of_parts in zip(values[whole], sums, strict=True)]

    print_values(EXPERIMENT, values[EXPERIMENT], "s")
    print_values("  DVC: what the stages alone leave", rest(EXPERIMENT, STAGES), "s")
    for stage in STAGES:
        print_values(f"  {stage}, alone", values[stage], "s")
        if stage == "train":
            imports = rest(stage, PARTS_OF_TRAIN)
            print_values("    imports and reading: the rest", imports, "s")
            for part in PARTS_OF_TRAIN:
                print_values(f"    {part}", values[part], "s")
    print_values(f"{IMPORTS}, nothing else", values[IMPORTS], "s")


def reset(workspace: Path) -> None:
    """Take the clone back to its last commit, data included."""
    run(workspace, "git", "reset", "--quiet", "--hard")
    run(workspace, *DVC, "checkout", "--quiet", "--force")


def clone(source: Path, target: Path) -> Path:
    """Clone a workspace as it stands, uncommitted changes and data too, all committed there.

    The clone has a DVC cache of its own, made from the copied data.

    Raises:
        InputError: the pipeline has not run to its end in the workspace.
    """
    run(Path.cwd(), "git", "clone", "--quiet", "--no-hardlinks", str(source), str(target))
    for name in changed_files(source):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)
        else:
            (target / name).unlink(missing_ok=True)
    # Hidden is what stages leave there while they run.
    shutil.copytree(
        source / DATA_DIR,
        target / DATA_DIR,
        ignore=shutil.ignore_patterns(".*", "*.incoming", "*.tmp"),
        dirs_exist_ok=True,
    )
    run(target, *DVC, "commit", "--quiet", "--force", "dvc.yaml")
    run(target, "git", "add", "--all")
    commit = ("commit", "--quiet", "--allow-empty", "--message", "State of the workspace")
    run(target, "git", "-c", "commit.gpgsign=false", *commit)
    return target


def changed_files(workspace: Path) -> list[str]:
    """Return the files that git knows or could know and that may differ from the last commit."""
    listing = run(
        workspace, "git", "ls-files", "-z", "--modified", "--others", "--deleted",
        "--exclude-standard",
    )  # fmt: skip
    return sorted(set(filter(None, listing.output.split("\0"))))


if __name__ == "__main__":
    sys.exit(exit_code(main))
