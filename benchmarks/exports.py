"""Each exported file by its own runtime: accuracy, size, time per photo, photos per second.

Run it from the root of a workspace in which the second pipeline has run. All formats of its
data/export are asked about the same val photos, one photo at a time, one format after the other for
each photo, so that noise meets all alike; then each answers image files as they are read. Another
workspace beside it (`--other`), as of a smaller network or smaller images, makes the trade visible.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.measure import whole_number
from benchmarks.workspace import require
from stages.export.checks import size_of
from stages.outputs.export import EXPORT_DIR, FILE_NAMES
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, Manifest
from stages.outputs.model import MODEL_DIR
from stages.outputs.predictions import PREDICTIONS_FILE, Predictions, read_predictions
from stages.progress import progress
from stages.stage import exit_code
from waste_classifier.evenly import evenly
from waste_classifier.images import Photo, load_resized, resized_batches
from waste_classifier.intervals import wilson_interval
from waste_classifier.model import Model
from waste_classifier.parallel import available_cores

#: Answers that count for nothing, since runtimes are slow at first.
FIRST_ANSWERS = 3


class Timed(NamedTuple):
    """What one format did on n photos."""

    right: npt.NDArray[np.bool_]  #: `(n,)`
    seconds: npt.NDArray[np.float64]  #: `(n,)`, from pixels to probabilities
    files_per_second: float  #: from image files to probabilities


class Row(NamedTuple):
    """One line of the table."""

    workspace: str
    format: str
    size: int  #: pixels, width and height of what it sees
    megabytes: float
    timed: Timed


def measure(workspace: Path, images: int) -> list[Row]:
    """Return a row for each exported format of a workspace.

    Args:
        workspace: its root.
        images: of val, at most.

    Raises:
        InputError: what it reads is missing or damaged.
    """
    folder = workspace / EXPORT_DIR
    require((folder, workspace / PREDICTIONS_FILE, workspace / MANIFEST_FILE))
    model = Model.load(workspace / MODEL_DIR)
    predictions = read_predictions(workspace / PREDICTIONS_FILE, "val")
    chosen = evenly(len(predictions.paths), images)
    photos = photos_of(workspace, Manifest(workspace / MANIFEST_FILE), predictions, chosen)
    formats = [name for name, file in FILE_NAMES.items() if (folder / file).exists()]

    # Imports TensorFlow, which takes seconds that a mistake in the inputs should not.
    from stages.export.runtimes import open_runtimes

    runtimes = open_runtimes(folder, formats)
    seen = [load_resized(photo, model.image_size, max_pixels=None) for photo in photos]
    seconds = np.zeros((len(formats), len(seen)))
    said = np.zeros((len(formats), len(seen)), np.intp)
    with progress("formats", len(formats) * len(seen), "answers") as bar:
        for column, image in enumerate([*seen[:1] * FIRST_ANSWERS, *seen]):
            for row, name in enumerate(formats):
                start = time.perf_counter()
                answer = runtimes[name](image)
                if column >= FIRST_ANSWERS:
                    seconds[row, column - FIRST_ANSWERS] = time.perf_counter() - start
                    said[row, column - FIRST_ANSWERS] = answer.argmax()
                    bar.update(1)
    rows = []
    for row, name in enumerate(formats):
        start = time.perf_counter()
        for batch in resized_batches(photos, model.image_size, 1, max_pixels=None):
            runtimes[name](batch[0])
        rate = len(photos) / (time.perf_counter() - start)
        timed = Timed(said[row] == predictions.actual[chosen], seconds[row], rate)
        megabytes = size_of(folder / FILE_NAMES[name]) / 1e6
        rows.append(Row(workspace.resolve().name, name, model.image_size, megabytes, timed))
    return rows


def photos_of(
    workspace: Path, images: Manifest, said: Predictions, chosen: npt.NDArray[np.intp]
) -> list[Photo]:
    """Return the photos of some predictions."""
    positions = images.positions_of([said.paths[each] for each in chosen], PREDICTIONS_FILE)
    return list(images.photos(positions.tolist(), workspace / RAW_DIR))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown; times are of one photo at a time."""
    lines = [
        "| workspace | pixels | format | accuracy (95 %) | MB | ms, half below | ms, 95 % below "
        "| files/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        accuracy = float(row.timed.right.mean())
        low, high = wilson_interval(accuracy, len(row.timed.right))
        middle, most = np.quantile(row.timed.seconds, [0.5, 0.95]) * 1e3
        lines.append(
            f"| {row.workspace} | {row.size} | {row.format} | {accuracy:.4f} ({low:.4f} to "
            f"{high:.4f}) | {row.megabytes:.1f} | {middle:.0f} | {most:.0f} | "
            f"{row.timed.files_per_second:.1f} |"
        )
    return "\n".join(lines)


def ratios(rows: Sequence[Row]) -> Mapping[str, npt.NDArray[np.float64]]:
    """Return how long each format takes, as ratios to float32 photo by photo; by its name."""
    base = next(row for row in rows if row.format == "float32").timed.seconds
    return {row.format: row.timed.seconds / base for row in rows if row.format != "float32"}


def main() -> None:
    """Read the command line, measure, print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exports", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--images", type=whole_number(1), default=100, help="photos of val, at most (default 100)"
    )
    parser.add_argument(
        "--other", type=Path, action="append", default=[], help="root of another workspace"
    )
    arguments = parser.parse_args()
    measured = [measure(each, arguments.images) for each in (Path(), *arguments.other)]
    print(table([row for rows in measured for row in rows]))
    print(f"\n{arguments.images} photos of val at most, {available_cores()} cores")
    for rows in measured:
        for name, ratio in ratios(rows).items():
            low, middle, high = np.quantile(ratio, [0.05, 0.5, 0.95])
            print(
                f"{rows[0].workspace}: {name} takes {middle:.2f} of the time of float32 "
                f"({low:.2f} to {high:.2f} for nine in ten photos)"
            )


if __name__ == "__main__":
    sys.exit(exit_code(main))
