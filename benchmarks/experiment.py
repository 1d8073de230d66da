"""What DVC adds to an experiment: `dvc exp run -S train.lr=…` against the two stages that it runs.

The yardstick is `python -m stages.train && python -m stages.evaluate` at the same learning rate.
Both run in a temporary clone of the workspace, each time from the same state and at a learning
rate that is new to DVC, so that nothing comes from its run cache.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import (
    add_repetitions,
    interleave,
    print_ratio,
    print_values,
    seconds_of,
    spread,
)
from benchmarks.workspace import require, run, run_stage, set_params
from stages import errors
from stages.errors import InputError
from stages.params import load_section
from stages.train.params import TrainParams

DVC = (sys.executable, "-m", "dvc")
DATA_DIR = Path("data")
# What stages leave in data/ while they run, as in .dvcignore.
UNFINISHED = (".incoming*", ".features-*", ".model-*", "backbone.incoming", "*.tmp")
WITH_DVC = "dvc exp run"
ALONE = "stages train and evaluate alone"


def main() -> None:
    """Measure both side by side in a clone, then print what DVC adds."""
    arguments = parse_arguments()
    require([Path(".git"), Path(".dvc"), Path("data/features"), Path("data/model")])
    lr = load_section("train", TrainParams).lr
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        workspace = clone(Path(temporary) / "workspace")
        values = interleave(
            {
                WITH_DVC: lambda repetition: seconds_with_dvc(workspace, new_lr(lr, repetition)),
                ALONE: lambda repetition: seconds_alone(workspace, new_lr(lr, repetition)),
            },
            arguments.repetitions,
        )
    for name, seconds in values.items():
        print_values(name, seconds, "s")
    differences = [a - b for a, b in zip(values[WITH_DVC], values[ALONE], strict=True)]
    print(f"difference {spread(differences, ' s')}  {WITH_DVC} less {ALONE}")
    print_ratio(f"{WITH_DVC} / {ALONE}", values[WITH_DVC], values[ALONE])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    add_repetitions(parser, default=5)
    return parser.parse_args()


def new_lr(lr: float, repetition: int) -> float:
    """Return a learning rate near `lr`, another for each repetition."""
    return float(f"{lr * (1 - repetition / 1000):.6g}")


def seconds_with_dvc(workspace: Path, lr: float) -> float:
    """Return the seconds of an experiment.

    Raises:
        InputError: DVC ran other stages than train and evaluate.
    """
    reset(workspace)
    usage = run(workspace, *DVC, "exp", "run", "--set-param", f"train.lr={lr}")
    stages = re.findall(r"^Running stage '(\w+)'", usage.output, re.MULTILINE)
    if stages != ["train", "evaluate"]:
        raise InputError(
            f"dvc ran the stages {', '.join(stages) or 'none'} instead of train, evaluate"
        )
    return usage.seconds


def seconds_alone(workspace: Path, lr: float) -> float:
    """Return the seconds of the two stages without DVC."""
    reset(workspace)
    set_params(workspace, {"train.lr": lr})
    return seconds_of(lambda: [run_stage(workspace, stage) for stage in ("train", "evaluate")])


def reset(workspace: Path) -> None:
    """Take the clone back to its last commit, data included."""
    run(workspace, "git", "reset", "--quiet", "--hard")
    run(workspace, *DVC, "checkout", "--quiet", "--force")


def clone(workspace: Path) -> Path:
    """Clone the workspace as it stands, uncommitted changes and data too, all committed there.

    The clone has a DVC cache of its own, made from the copied data.

    Raises:
        InputError: the pipeline has not run to its end in the workspace.
    """
    run(Path.cwd(), "git", "clone", "--quiet", "--no-hardlinks", ".", str(workspace))
    for name in changed_files():
        if Path(name).is_file():
            (workspace / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name, workspace / name)
        else:
            (workspace / name).unlink(missing_ok=True)
    shutil.copytree(
        DATA_DIR,
        workspace / DATA_DIR,
        ignore=shutil.ignore_patterns(*UNFINISHED),
        dirs_exist_ok=True,
    )
    run(workspace, *DVC, "commit", "--quiet", "--force")
    run(workspace, "git", "add", "--all")
    commit = ("commit", "--quiet", "--allow-empty", "--message", "State of the workspace")
    run(workspace, "git", "-c", "commit.gpgsign=false", *commit)
    return workspace


def changed_files() -> list[str]:
    """Return the files that git knows or could know and that may differ from the last commit."""
    listing = run(
        Path.cwd(), "git", "ls-files", "-z", "--modified", "--others", "--deleted",
        "--exclude-standard",
    )  # fmt: skip
    return sorted(set(filter(None, listing.output.split("\0"))))


if __name__ == "__main__":
    sys.exit(errors.run(main))
