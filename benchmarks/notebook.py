"""Seconds to a validation accuracy: the pipeline against the usual Keras notebook.

Compares `benchmarks.keras_notebook` with stages features, views and train, on the same split and
with the same pretrained weights, from the start of a process until the first epoch with that
validation accuracy. The pipeline counts twice: with the features computed anew, and with features
that are there already, as in any later experiment. A run that ends before counts as a lower bound.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from threading import Timer
from typing import NamedTuple

from benchmarks.measure import add_repetitions, interleave, significant, spread, whole_number
from benchmarks.workspace import (
    environment,
    failed,
    require,
    run_stage,
    set_params,
    stage_command,
    temporary_workspace,
)
from stages.outputs.backbone import BACKBONE_DIR, read_weights_file
from stages.outputs.class_weights import CLASS_WEIGHTS_FILE
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR
from stages.outputs.split import SPLIT_FILE
from stages.outputs.whole import UNFINISHED
from stages.params.fetch import FetchParams
from stages.params.reading import load_section
from stages.params.train import TrainParams
from stages.stage import exit_code
from waste_classifier.errors import InputError

INPUTS = (RAW_DIR, BACKBONE_DIR, MANIFEST_FILE, SPLIT_FILE, CLASS_WEIGHTS_FILE)
TARGETS = (0.90, 0.93)
# What stages left when they were stopped, and would take up.
UNFINISHED_DIR = RAW_DIR.parent / UNFINISHED
#: As stage train and `benchmarks.keras_notebook` print it.
EPOCH = re.compile(r"^epoch (?P<epoch>\d+): .*\bval .*?accuracy (?P<accuracy>[\d.e+-]+)")
NOTEBOOK = "notebook"
ANEW = "pipeline, features anew"
CACHED = "pipeline, features cached"


class Reached(NamedTuple):
    """When a training reached an accuracy."""

    seconds: float
    in_time: bool  #: False: it did not within these seconds


Times = dict[float, Reached]  #: by accuracy


def main() -> None:
    """Measure both side by side in a copy of the workspace, then print each accuracy."""
    arguments = parse_arguments()
    require([BACKBONE_DIR])
    if read_weights_file() is None:
        raise InputError(
            "data/backbone holds no pretrained weights, which the notebook starts from; set "
            "backbone.weights to imagenet or to a file and run `dvc repro`"
        )
    if load_section("fetch", FetchParams).shard_images:
        raise InputError(
            "the notebook reads label folders; set fetch.shard_images to 0 and run `dvc repro`"
        )
    seed = load_section("train", TrainParams).seed
    with temporary_workspace(INPUTS) as workspace:
        set_params(workspace, {"features.image_size": arguments.image_size})
        values = interleave(
            {
                "notebook": lambda repetition: {
                    NOTEBOOK: run_notebook(workspace, seed + repetition, arguments)
                },
                "pipeline": lambda repetition: run_pipeline(
                    workspace, seed + repetition, arguments.max_minutes
                ),
            },
            arguments.repetitions,
        )
    merged = [a | b for a, b in zip(values["notebook"], values["pipeline"], strict=True)]
    for target in TARGETS:
        print_target(target, {name: [run[name][target] for run in merged] for name in merged[0]})


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.notebook", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument(
        "--image-size", type=whole_number(32), default=224, help="pixels, of both (default 224)"
    )
    parser.add_argument(
        "--max-minutes", type=float, default=30.0, help="of each training (default 30)"
    )
    add_repetitions(parser, default=3)
    return parser.parse_args()


def run_notebook(workspace: Path, seed: int, arguments: argparse.Namespace) -> Times:
    """Train the notebook until it has reached all accuracies."""
    options = ["--image-size", str(arguments.image_size), "--seed", str(seed)]
    command = [sys.executable, "-m", "benchmarks.keras_notebook", *options]
    return follow(workspace, command, arguments.max_minutes)


def run_pipeline(workspace: Path, seed: int, max_minutes: float) -> dict[str, Times]:
    """Compute the features, then train until all accuracies are reached."""
    set_params(workspace, {"train.seed": seed})
    shutil.rmtree(workspace / UNFINISHED_DIR, ignore_errors=True)
    features = sum(run_stage(workspace, stage).seconds for stage in ("features", "views"))
    print(f"  {features:7.1f} s  features and views", flush=True)
    cached = follow(workspace, stage_command("train"), max_minutes)
    return {
        ANEW: {
            target: Reached(features + reached.seconds, reached.in_time)
            for target, reached in cached.items()
        },
        CACHED: cached,
    }


def follow(workspace: Path, command: Sequence[str], max_minutes: float) -> Times:
    """Run a training, print its epochs, and stop it once all accuracies are reached.

    Returns:
        Seconds from the start of the process to the end of the first epoch with each accuracy.

    Raises:
        InputError: it failed.
    """
    print(f"$ python {' '.join(command[1:])}", flush=True)
    reached: Times = {}
    lines: list[str] = []
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=workspace,
        env=environment(workspace),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        limit = Timer(60 * max_minutes, process.kill)
        limit.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                note(line, time.perf_counter() - start, reached)
                if len(reached) == len(TARGETS):
                    process.kill()
                    return reached
        except BaseException:
            process.kill()
            raise
        finally:
            limit.cancel()
    seconds = time.perf_counter() - start
    if process.returncode != 0 and seconds < 60 * max_minutes:
        raise failed(command, process.returncode, "".join(lines))
    return {target: reached.get(target, Reached(seconds, in_time=False)) for target in TARGETS}


def note(line: str, seconds: float, reached: Times) -> None:
    """Print a line that ends an epoch, and add to `reached` the accuracies that are new in it."""
    if found := EPOCH.match(line):
        print(
            f"  {seconds:7.1f} s  epoch {found['epoch']}: val/accuracy {found['accuracy']}",
            flush=True,
        )
        for target in TARGETS:
            if float(found["accuracy"]) >= target:
                reached.setdefault(target, Reached(seconds, in_time=True))


def print_target(target: float, values: dict[str, list[Reached]]) -> None:
    """Print the seconds of each training to one accuracy, and the ratios to the notebook."""
    print(f"validation accuracy {target:.2f}")
    for name, times in values.items():
        bound = "" if all(time.in_time for time in times) else "> "
        print(f"{name:45} {bound}{spread([time.seconds for time in times], ' s')}")
    for name in (ANEW, CACHED):
        print(f"ratio {describe_ratio(values[NOTEBOOK], values[name])}  {NOTEBOOK} / {name}")


def describe_ratio(notebook: Sequence[Reached], pipeline: Sequence[Reached]) -> str:
    """Return the ratio of seconds and its spread, as a bound where one did not get there."""
    pairs = list(zip(notebook, pipeline, strict=True))
    ratios = [a.seconds / b.seconds for a, b in pairs]
    late = {not time.in_time for time in notebook}, {not time.in_time for time in pipeline}
    lower, upper = (True in each for each in late)
    if lower and upper:
        return "unknown, as neither always got there"
    sign = "> " if lower else "< " if upper else ""
    values = f"({significant(min(ratios))} to {significant(max(ratios))})"
    return f"{sign}{significant(median(ratios))} {values}"


if __name__ == "__main__":
    sys.exit(exit_code(main))
