"""The table of a cross-validation, written and read back."""

from pathlib import Path

import numpy as np
import pytest

from stages.outputs.cross_validation import read_cross_validation, write_cross_validation
from stages.outputs.split import SplitRow
from waste_classifier.errors import InputError

ROWS = [
    SplitRow("glass/a.png", "glass", "g1", "train"),
    SplitRow("metal/b.png", "metal", "g2", "test"),
]
#: Of two repeats of two folds.
FOLDS = np.array([[1, 0], [2, 3]])
PROBABILITIES = np.array([[[0.75, 0.25], [0.5, 0.5]], [[0.25, 0.75], [0, 1]]], np.float32)


def test_an_image_has_a_row_in_each_repeat(tmp_path: Path) -> None:
    file = tmp_path / "cross_validation.csv"

    write_cross_validation(file, ROWS, FOLDS, ["glass", "metal"], PROBABILITIES)

    assert file.read_text() == (
        "path,label,group,split,predicted,fold,probability_glass,probability_metal\n"
        "glass/a.png,glass,g1,train,glass,1,0.75,0.25\n"
        "glass/a.png,glass,g1,train,metal,2,0.25,0.75\n"
        "metal/b.png,metal,g2,test,glass,0,0.5,0.5\n"
        "metal/b.png,metal,g2,test,metal,3,0.0,1.0\n"
    )
    predictions = read_cross_validation(file)
    assert predictions.labels == ("glass", "metal")
    assert predictions.paths == ("glass/a.png", "glass/a.png", "metal/b.png", "metal/b.png")
    assert predictions.folds == (1, 2, 0, 3)
    assert predictions.actual.tolist() == [0, 0, 1, 1]
    assert predictions.predicted.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(
        predictions.probabilities, PROBABILITIES.swapaxes(0, 1).reshape(4, 2)
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("metal,3,", "metal,three,", "damaged .*'three'"),
        ("metal,3,", "metal,0,", "paths do not rise"),
        (",fold,", ",part,", "expected columns"),
        ("0.75,0.25", "1.75,0.25", "a probability is not from 0 to 1"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "cross_validation.csv"
    write_cross_validation(file, ROWS, FOLDS, ["glass", "metal"], PROBABILITIES)
    file.write_text(file.read_text().replace(old, new, 1))

    with pytest.raises(InputError, match=message) as caught:
        read_cross_validation(file)
    assert str(caught.value).startswith(f"{file}: ")
