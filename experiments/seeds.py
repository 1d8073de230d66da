"""Mean over seeds of sets of parameters, as DVC experiments.

Runs `dvc exp run` up to a stage once for each seed, which changes the split and the training, or
what `--key` says, and prints the mean of its metrics with a 95 % interval (Student's t over the
seeds). Each `--change` does the same with further parameters, and prints the differences that they
make, paired by seed. Parameters end as they were; the experiments stay (`dvc exp show`), and what
was run before comes from DVC's run cache.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from experiments.dvc_command import run_dvc
from stages.params.reading import PARAMS_FILE
from stages.stage import exit_code
from waste_classifier.errors import InputError

#: What a seed is set as.
KEYS = ("split.seed", "train.seed")
METRICS = {
    "train": ("best/val_accuracy", "best/val_macro_f1", "best/val_loss"),
    "evaluate": ("accuracy", "macro_f1", "weighted_f1"),
}

Runs = list[dict[str, float]]  #: metrics of one experiment per seed


def run_experiments(
    stage: str, overrides: Sequence[str], keys: Sequence[str], seeds: Sequence[int]
) -> Runs:
    """Run an experiment for each seed and return their metrics; params.yaml ends as it was.

    Args:
        stage: up to which the pipeline runs.
        overrides: of params.yaml, as of `dvc exp run --set-param`.
        keys: that are set to the seed.
        seeds: one for each experiment.

    Raises:
        InputError: an experiment failed.
    """
    before = PARAMS_FILE.read_bytes()
    runs = []
    for seed in seeds:
        command = ["exp", "run", stage]
        for override in (*overrides, *(f"{key}={seed}" for key in keys)):
            command += ["--set-param", override]
        print("$ dvc", " ".join(command), file=sys.stderr, flush=True)
        try:
            done = run_dvc(command, stdout=subprocess.DEVNULL)
        finally:
            PARAMS_FILE.write_bytes(before)
        if done.returncode != 0:
            raise InputError(f"`dvc {' '.join(command)}` failed; its message stands above")
        content = json.loads(Path("metrics", f"{stage}.json").read_text())
        recalls = [f"labels/{label}/recall" for label in content.get("labels", {})]
        runs.append({name: look_up(content, name) for name in (*METRICS[stage], *recalls)})
    return runs


def look_up(content: Mapping[str, object], name: str) -> float:
    """Return the number at a path of keys, such as `labels/trash/recall`.

    Raises:
        InputError: there is none.
    """
    value: object = content
    for key in name.split("/"):
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, int | float):
        raise InputError(f"the metrics have no {name}")
    return float(value)


def interval(values: Sequence[float], bounds: tuple[float, float] = (-np.inf, np.inf)) -> str:
    """Return the mean and its 95 % interval by Student's t, cut at the bounds of the values."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.4f}"
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    low, high = np.clip([mean - half, mean + half], *bounds)
    return f"{mean:.4f} ({low:.4f} to {high:.4f})"


def print_means(runs: Runs, base: Runs | None = None) -> None:
    """Print a line for each metric: mean and interval, values of the seeds, change from `base`."""
    for name in runs[0]:
        values = [run[name] for run in runs]
        bounds = (0.0, np.inf) if name.endswith("loss") else (0.0, 1.0)
        line = f"{name:20} {interval(values, bounds)}  seeds: "
        line += " ".join(f"{value:.4f}" for value in values)
        if base is not None:
            differences = [value - run[name] for value, run in zip(values, base, strict=True)]
            line += f"  change: {interval(differences)}"
        print(line, flush=True)


def main() -> None:
    """Run the experiments and print the means."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.seeds", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as of dvc exp run -S")
    parser.add_argument(
        "--stage",
        choices=sorted(METRICS),
        default="evaluate",
        help="whose metrics are shown (default evaluate)",
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[1, 2, 3], help="one run each (default 1 2 3)"
    )
    parser.add_argument(
        "--key",
        action="append",
        choices=KEYS,
        help="what a seed is set as; given several times, these together (default all)",
    )
    parser.add_argument(
        "--change",
        action="append",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="further parameters to compare with; may be given several times",
    )
    arguments = parser.parse_args()
    keys = arguments.key or KEYS

    print(" ".join(arguments.overrides) or "params.yaml as it stands")
    base = run_experiments(arguments.stage, arguments.overrides, keys, arguments.seeds)
    print_means(base)
    for change in arguments.change:
        print(" ".join(change))
        overrides = [*arguments.overrides, *change]
        print_means(run_experiments(arguments.stage, overrides, keys, arguments.seeds), base)


if __name__ == "__main__":
    sys.exit(exit_code(main))
