r"""The table data/predictions.csv, from which all numbers of the evaluation come.

Columns: `path,label,group,predicted`, then one `probability_<label>` per label in the order of the
model's output; UTF-8, `\n` line ends, sorted by path.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.manifest import SplitRow

PREDICTIONS_FILE = Path("data/predictions.csv")
PREFIX = "probability_"
COLUMNS = ("path", "label", "group", "predicted")


@dataclass(frozen=True)
class Predictions:
    """What the model says of n images."""

    labels: tuple[str, ...]  #: the k labels, in the order of the model's output
    paths: tuple[str, ...]  #: relative to data/raw, sorted
    groups: tuple[str, ...]  #: of each image; images of one group show the same thing
    actual: npt.NDArray[np.intp]  #: `(n,)`, position of each image's label in `labels`
    predicted: npt.NDArray[np.intp]  #: `(n,)`, position of the most probable label
    probabilities: npt.NDArray[np.float32]  #: `(n, k)`, rows sum to 1

    @property
    def confidences(self) -> npt.NDArray[np.float32]:
        """Probability of the predicted label of each image, `(n,)`."""
        return self.probabilities[np.arange(len(self.paths)), self.predicted]


def write_predictions(
    file: Path,
    rows: Sequence[SplitRow],
    labels: Sequence[str],
    probabilities: npt.NDArray[np.float32],
) -> None:
    """Write the table; the file appears whole or not at all.

    Probabilities have as many digits as it takes to read the same float32 back.

    Args:
        file: CSV.
        rows: the images, sorted by path.
        labels: in the order of the model's output.
        probabilities: `(n, k) float32`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(file.name + ".tmp")
    with temporary.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow([*COLUMNS, *(PREFIX + label for label in labels)])
        for row, of_row in zip(rows, probabilities, strict=True):
            predicted = labels[of_row.argmax()]
            writer.writerow([row.path, row.label, row.group, predicted, *map(str, of_row)])
    temporary.replace(file)


def read_predictions(file: Path) -> Predictions:
    """Read a table that `write_predictions` wrote."""
    with file.open(encoding="utf-8", newline="") as opened:
        header, *rows = csv.reader(opened)
    labels = tuple(name.removeprefix(PREFIX) for name in header[len(COLUMNS) :])
    paths, actual, groups, predicted = zip(*(row[: len(COLUMNS)] for row in rows), strict=True)
    return Predictions(
        labels=labels,
        paths=paths,
        groups=groups,
        actual=np.array([labels.index(label) for label in actual]),
        predicted=np.array([labels.index(label) for label in predicted]),
        probabilities=np.array([row[len(COLUMNS) :] for row in rows]).astype(np.float32),
    )
