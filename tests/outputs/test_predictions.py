"""The table of predictions, written and read back."""

from pathlib import Path

import numpy as np
import pytest

from stages.outputs.predictions import read_predictions, write_predictions
from stages.outputs.split import SplitRow
from waste_classifier.errors import InputError

HEADER = "path,label,group,split,predicted,probability_glass,probability_metal\n"


def test_table_is_as_documented(tmp_path: Path) -> None:
    file = tmp_path / "data/predictions.csv"
    rows = [
        SplitRow("glass/a.png", "glass", "g1", "test"),
        SplitRow("metal/ü,b.png", "metal", "g2", "val"),
    ]
    probabilities = np.array([[0.75, 0.25], [0.5625, 0.4375]], dtype=np.float32)

    write_predictions(file, rows, ["glass", "metal"], probabilities)

    assert file.read_bytes().decode() == (
        HEADER + "glass/a.png,glass,g1,test,glass,0.75,0.25\n"
        '"metal/ü,b.png",metal,g2,val,glass,0.5625,0.4375\n'
    )
    assert list(file.parent.iterdir()) == [file]


def test_probabilities_are_read_back_exactly(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    exponentials = np.exp(generator.normal(scale=20, size=(200, 3)))
    probabilities = (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)
    rows = [SplitRow(f"a/{image:03}.png", "a", f"{image // 2}", "test") for image in range(200)]

    write_predictions(tmp_path / "predictions.csv", rows, ["a", "b", "c"], probabilities)
    predictions = read_predictions(tmp_path / "predictions.csv", "test")

    np.testing.assert_array_equal(predictions.probabilities, probabilities)
    assert predictions.probabilities.dtype == np.float32
    assert predictions.labels == ("a", "b", "c")
    assert predictions.paths == tuple(row.path for row in rows)
    assert predictions.groups == tuple(row.group for row in rows)
    assert not predictions.actual.any()
    np.testing.assert_array_equal(predictions.predicted, probabilities.argmax(axis=1))
    np.testing.assert_array_equal(predictions.confidences, probabilities.max(axis=1))


def test_predictions_are_of_one_split_and_labels_in_the_order_of_the_table(tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    file.write_text(
        HEADER + "glass/1.png,glass,g1,val,glass,0.75,0.25\n"
        "glass/2.png,glass,g2,test,metal,0.25,0.75\n"
        "metal/1.png,metal,g3,test,metal,0.5,0.5\n"
    )

    tested = read_predictions(file, "test")
    validated = read_predictions(file, "val")

    assert tested.labels == ("glass", "metal")
    assert tested.paths == ("glass/2.png", "metal/1.png")
    assert tested.groups == ("g2", "g3")
    assert tested.actual.tolist() == [0, 1]
    assert tested.predicted.tolist() == [1, 1]
    assert tested.confidences.tolist() == [0.75, 0.5]
    assert validated.paths == ("glass/1.png",)


def test_a_row_of_probabilities_for_each_image_is_needed(tmp_path: Path) -> None:
    rows = [SplitRow("glass/1.png", "glass", "g1", "test")]

    with pytest.raises(ValueError, match="argument 2 is longer"):
        write_predictions(tmp_path / "table.csv", rows, ["glass"], np.ones((2, 1), np.float32))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected columns path,label,group,split,predicted, got "),
        ("path,label\n", "expected columns path,label,group,split,predicted, got path,label; "),
        (
            "path,label,group,split,predicted,glass\n",
            "expected columns path,label,group,split,predicted,probability_glass, got path,",
        ),
        (HEADER, "no images; run `dvc repro`"),
        (HEADER + "glass/1.png,glass,g1,val,glass,0.75,0.25\n", "no images; run `dvc repro`"),
        (HEADER + "glass/1.png,glass,g1,test,glass,0.75\n", "line 2: expected 7 cells, got 6; run"),
        (
            HEADER + "glass/1.png,paper,g1,test,glass,0.75,0.25\n",
            r"damaged \(.*\); run `dvc checko",
        ),
        (
            HEADER + "glass/1.png,glass,g1,test,paper,0.75,0.25\n",
            r"damaged \(.*\); run `dvc checko",
        ),
        (
            HEADER + "glass/1.png,glass,g1,test,glass,0.75,high\n",
            r"damaged \(.*'high'\); run `dvc c",
        ),
    ],
)
def test_a_table_that_is_not_as_expected(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "predictions.csv").write_text(content)

    with pytest.raises(InputError, match=rf"predictions\.csv: {message}"):
        read_predictions(tmp_path / "predictions.csv", "test")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"predictions\.csv: no such file; run `dvc repro`"):
        read_predictions(tmp_path / "predictions.csv", "test")
