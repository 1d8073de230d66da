"""data/predictions.csv: what the classifier says of each val and test image.

Columns: `path,label,group,split,predicted`, then one `probability_<label>` per label in the order
of the classifier; sorted by path.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.outputs.manifest import check_rows
from stages.outputs.split import SplitName, SplitRow
from stages.outputs.tables import MEND, iterate_cells, read_header
from stages.outputs.whole import whole_text
from waste_classifier.batched import batched
from waste_classifier.errors import InputError

PREDICTIONS_FILE = Path("data/predictions.csv")
PREFIX = "probability_"
COLUMNS = ("path", "label", "group", "split", "predicted")
#: Of sums of rounded probabilities from 1.
LARGEST_REST = 1e-3
#: Rows whose cells are in memory as texts.
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Predictions:
    """What the classifier says of n images."""

    labels: tuple[str, ...]  #: the k labels, in the order of the classifier
    paths: tuple[str, ...]  #: relative to data/raw, sorted
    groups: tuple[str, ...]  #: of each image; images of one group show the same thing
    actual: npt.NDArray[np.intp]  #: `(n,)`, position of each image's label in `labels`
    predicted: npt.NDArray[np.intp]  #: `(n,)`, position of the most probable label
    probabilities: npt.NDArray[np.float32]  #: `(n, k)`, rows sum to 1
    folds: tuple[int, ...] = ()  #: of a cross-validation: the training that answered for each

    @cached_property
    def confidences(self) -> npt.NDArray[np.float32]:
        """Probability of the predicted label of each image, `(n,)`."""
        return self.probabilities[np.arange(len(self.paths)), self.predicted]

    @cached_property
    def repeats(self) -> int:
        """Answers to each image: of a cross-validation there may be several."""
        return len(self.paths) // max(1, len(set(self.paths)))

    def surest_mistakes(self, count: int) -> list[int]:
        """Return positions of up to `count` images with a wrong label, most confident first."""
        wrong = np.flatnonzero(self.predicted != self.actual)
        order = np.argsort(-self.confidences[wrong], kind="stable")
        return [int(position) for position in wrong[order][:count]]


def write_predictions(
    file: Path,
    rows: Iterable[SplitRow],
    labels: Sequence[str],
    probabilities: npt.NDArray[np.float32],
) -> None:
    """Write the table; the file appears whole or not at all.

    Probabilities have as many digits as it takes to read the same float32 back.

    Args:
        file: CSV.
        rows: the images, sorted by path.
        labels: in the order of the classifier.
        probabilities: `(n, k) float32`.
    """
    predicted = (labels[of_row.argmax()] for of_row in probabilities)
    cells = ([*row, label] for row, label in zip(rows, predicted, strict=True))
    write_rows(file, COLUMNS, cells, labels, probabilities)


def write_rows(
    file: Path,
    columns: Sequence[str],
    cells: Iterable[Sequence[object]],
    labels: Sequence[str],
    probabilities: npt.NDArray[np.float32],
) -> None:
    """Write a table of some columns, then a probability per label.

    Args:
        file: CSV.
        columns: names of the first ones.
        cells: n rows of them.
        labels: in the order of the probabilities.
        probabilities: `(n, k) float32`.
    """
    with whole_text(file) as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow([*columns, *(PREFIX + label for label in labels)])
        for row, of_row in zip(cells, probabilities, strict=True):
            writer.writerow([*row, *map(str, of_row)])


def read_predictions(file: Path, split: SplitName) -> Predictions:
    """Read the predictions for one split from a table that `write_predictions` wrote.

    Raises:
        InputError: the file is missing or damaged, or has no image of that split.
    """
    labels, rows = read_rows(file, COLUMNS)
    return predictions_of(file, labels, (cells for cells in rows if cells[3] == split))


def read_rows(file: Path, columns: Sequence[str]) -> tuple[tuple[str, ...], Iterator[list[str]]]:
    """Return the labels and the cells of a table that `write_rows` wrote, which are yet to be read.

    Raises:
        InputError: the file is missing, or has other columns.
    """
    header = read_header(file)
    labels = tuple(name.removeprefix(PREFIX) for name in header[len(columns) :])
    expected = [*columns, *(PREFIX + label for label in labels)]
    return labels, (cells for _, cells in iterate_cells(file, expected))


def predictions_of(
    file: Path, labels: tuple[str, ...], rows: Iterable[Sequence[str]]
) -> Predictions:
    """Return what stands in some rows of a table, which begin with `COLUMNS`.

    Args:
        file: of the table, for messages.
        labels: in the order of the probabilities, which end the rows.
        rows: their cells; between the two may stand a fold.

    Raises:
        InputError: they are damaged, not sorted, stand twice, or there are none.
    """
    parts: list[Predictions] = []
    try:
        parts.extend(_part(labels, some) for some in batched(rows, ROWS_AT_ONCE))
        check_rows(file, parts)
        return _joined(parts)
    except ValueError as error:
        raise InputError(f"{file}: damaged ({error}); {MEND}") from None


def _part(labels: tuple[str, ...], rows: Sequence[Sequence[str]]) -> Predictions:
    paths, actual, groups, _, predicted = zip(*(row[: len(COLUMNS)] for row in rows), strict=True)
    probabilities = np.array([row[-len(labels) :] for row in rows], np.float32)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("a probability is not from 0 to 1")
    if not np.allclose(probabilities.sum(axis=1, dtype=np.float64), 1, atol=LARGEST_REST):
        raise ValueError("the probabilities of a row do not sum to 1")
    return Predictions(
        labels=labels,
        paths=paths,
        groups=groups,
        actual=np.array([labels.index(label) for label in actual]),
        predicted=np.array([labels.index(label) for label in predicted]),
        probabilities=probabilities,
        folds=tuple(int(fold) for row in rows for fold in row[len(COLUMNS) : -len(labels)]),
    )


def _joined(parts: Sequence[Predictions]) -> Predictions:
    joined = Predictions(
        labels=parts[0].labels,
        paths=tuple(path for part in parts for path in part.paths),
        groups=tuple(group for part in parts for group in part.groups),
        actual=np.concatenate([part.actual for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        folds=tuple(fold for part in parts for fold in part.folds),
    )
    folds = joined.folds or (0,) * len(joined.paths)
    keys = zip(joined.paths, folds, strict=True)
    if any(key >= following for key, following in pairwise(keys)):
        raise ValueError("paths do not rise")
    return joined
