"""What several benchmarks share: measuring side by side, and printing values and ratios."""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

Name = TypeVar("Name")
Measured = TypeVar("Measured")


def whole_number(minimum: int) -> Callable[[str], int]:
    """Return what reads a whole number of at least `minimum` from the command line."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = minimum - 1
        if number < minimum:
            raise argparse.ArgumentTypeError(
                f"expected a whole number from {minimum} on, got {text}"
            )
        return number

    return read


def add_repetitions(parser: argparse.ArgumentParser, default: int) -> None:
    """Add the argument that all benchmarks with a spread take."""
    parser.add_argument(
        "--repetitions",
        type=whole_number(1),
        default=default,
        help=f"of each measurement (default {default})",
    )


def interleave(
    measures: Mapping[Name, Callable[[int], Measured]], repetitions: int
) -> dict[Name, list[Measured]]:
    """Take each measure once per repetition, one beside the other, so that noise meets all alike.

    The order turns round from one repetition to the next.

    Args:
        measures: by name; called with the number of the repetition, from 1 on.
        repetitions: of all of them.
    """
    values: dict[Name, list[Measured]] = {name: [] for name in measures}
    for repetition in range(1, repetitions + 1):
        names = list(measures)
        for name in names if repetition % 2 else reversed(names):
            values[name].append(measures[name](repetition))
    return values


def seconds_of(action: Callable[[], object]) -> float:
    """Return the wall-clock seconds that `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def spread(values: Sequence[float], unit: str = "") -> str:
    """Return the median of values and, in brackets, the least and the largest."""
    return (
        f"{significant(median(values))}{unit} "
        f"({significant(min(values))} to {significant(max(values))})"
    )


def significant(value: float) -> str:
    """Return a number with three significant digits, or all of them before the point."""
    return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"


def print_values(name: str, values: Sequence[float], unit: str) -> None:
    """Print the median of a measurement, its least and its largest value."""
    print(f"{name:45} {spread(values, f' {unit}')}", flush=True)


def print_ratio(name: str, values: Sequence[float], yardstick: Sequence[float]) -> None:
    """Print the ratio of two measurements, taken within each repetition."""
    ratios = [value / other for value, other in zip(values, yardstick, strict=True)]
    print(f"ratio {spread(ratios)}  {name}", flush=True)
