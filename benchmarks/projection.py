"""What so many photos take: time, disk, network and money by stage, from rates of one machine.

Nothing is measured here. Rates are those that `benchmarks.throughput` and `benchmarks.scaling`
printed (docs/results.md); bytes follow from the layout of the outputs; what a GPU does is worked
out from its arithmetic. Each can be given anew.
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

from stages.resnet50.layout import feature_blocks
from waste_classifier.orientations import ORIENTATIONS

SECONDS_PER_HOUR = 3600
#: Passes through conv1 to conv4 of one photo at 224 pixels: 3.3 billion multiplications and
#: additions each (He et al. 2015, table 1, less conv5), twice, once for each orientation.
FLOPS_OF_PHOTO = 2 * 2 * 3.3e9
#: Of each photo (`views.count`), at two thirds of its sides.
VIEWS = 4
SHARE_OF_VIEW = 4 / 9
SHA256_BYTES = 32
BYTES_OF_FLOAT32 = 4
#: Of two photos that are compared with each other in `duplicates`: the product of vectors of 2048
#: numbers.
FLOPS_OF_PAIR = 2 * 2048


class Machine(NamedTuple):
    """What is known of the machine, as given on the command line."""

    cores: int
    decoded: float  #: photos per second
    passed: float  #: photos per second through the backbone, in all orientations
    trained: float  #: rows per second that a head trains on
    epochs: int  #: of the head
    multiplied: float  #: floating-point operations per second of a matrix product
    photo_bytes: float
    row_bytes: float  #: of the tables together
    network: float  #: bytes per second
    core_price: float  #: per core and hour


class Step(NamedTuple):
    """What a stage takes."""

    name: str
    hours: float
    disk: float  #: bytes in data/; DVC's cache has them once more
    bound: str  #: what it waits for


def steps(photos: int, machine: Machine) -> list[Step]:
    """Return what each stage takes that grows with photos.

    Args:
        photos: how many.
        machine: that they run on.
    """
    columns = sum(block.columns for block in feature_blocks("conv4"))
    of_pass = columns * BYTES_OF_FLOAT32
    features = len(ORIENTATIONS) * of_pass + SHA256_BYTES
    views = VIEWS * of_pass + SHA256_BYTES
    viewed = VIEWS * SHARE_OF_VIEW / len(ORIENTATIONS)
    pairs = photos * (photos - 1) / 2
    passed = photos / machine.passed
    compared = pairs * FLOPS_OF_PAIR / machine.multiplied
    trained = photos * machine.epochs / machine.trained

    def step(name: str, seconds: float, disk: float, bound: str) -> Step:
        return Step(name, seconds / SECONDS_PER_HOUR, disk, bound)

    return [
        step("fetch", photos / machine.decoded, photos * machine.photo_bytes, "decoding"),
        step("features", passed, photos * features, "forward passes"),
        step("views", viewed * passed, photos * views, "forward passes"),
        step("duplicates, by embedding", compared, 0, "each pair"),
        step("train, the head", trained, 0, "matrix products"),
        step("tables", 0, photos * machine.row_bytes, "disk"),
    ]


def table(counts: Sequence[int], machine: Machine) -> str:
    """Return hours, disk and price of each stage, as Markdown, for each number of photos."""
    lines = [
        "| photos | stage | hours | GB in data/ | price | bound by |",
        "|---|---|---|---|---|---|",
    ]
    for photos in counts:
        found = steps(photos, machine)
        lines += [
            f"| {photos:,} | {step.name} | {short(step.hours)} | {short(step.disk / 1e9)} | "
            f"{short(step.hours * machine.cores * machine.core_price)} | {step.bound} |"
            for step in found
        ]
        sent = sum(step.disk for step in found)
        hours = sent / machine.network / SECONDS_PER_HOUR
        lines.append(f"| {photos:,} | push or pull of all | {short(hours)} | | | network |")
    return "\n".join(lines)


def decode_threads(flops: float, used: float, machine: Machine) -> tuple[float, float]:
    """Return how many photos per second a GPU passes, and the cores that decode as many.

    Args:
        flops: of the GPU at its best, per second.
        used: share of these that a convolutional network reaches.
        machine: whose cores decode.
    """
    passed = flops * used / FLOPS_OF_PHOTO
    return passed, passed / (machine.decoded / machine.cores)


def short(value: float) -> str:
    """Return a number with two significant digits."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def main() -> None:
    """Read the command line, work it out, print it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.projection", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument(
        "--photos", type=int, nargs="+", default=[10_000, 1_000_000, 100_000_000], help="how many"
    )
    parser.add_argument("--cores", type=int, default=2, help="that the rates are of (default 2)")
    parser.add_argument("--decoded", type=float, default=820, help="photos/s (default 820)")
    parser.add_argument("--passed", type=float, default=15.3, help="photos/s (default 15.3)")
    parser.add_argument("--trained", type=float, default=6611, help="rows/s (default 6611)")
    parser.add_argument("--epochs", type=int, default=80, help="of the head (default 80)")
    parser.add_argument("--multiplied", type=float, default=1e11, help="flop/s (default 1e11)")
    parser.add_argument("--photo-bytes", type=float, default=57_557, help="(default 57557)")
    parser.add_argument("--row-bytes", type=float, default=230, help="of all tables (default 230)")
    parser.add_argument("--network", type=float, default=1.25e8, help="bytes/s (default 1.25e8)")
    parser.add_argument("--core-price", type=float, default=0.04, help="per hour (default 0.04)")
    parser.add_argument("--gpu", type=float, default=3.12e14, help="flop/s (default 3.12e14)")
    parser.add_argument("--gpu-used", type=float, default=0.3, help="share of it (default 0.3)")
    given = vars(parser.parse_args())
    machine = Machine(**{name: given[name] for name in Machine._fields})
    if min(*machine, *given["photos"], given["gpu"], given["gpu_used"]) <= 0:
        parser.error("all numbers must be above 0")
    print(table(given["photos"], machine))
    passed, cores = decode_threads(given["gpu"], given["gpu_used"], machine)
    print(
        f"\nA GPU of {given['gpu']:.3g} flop/s, {given['gpu_used']:.0%} of it used, passes "
        f"{passed:,.0f} photos/s; {cores:,.0f} cores decode as many."
    )


if __name__ == "__main__":
    main()
