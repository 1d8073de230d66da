"""The table of predictions, written and read back."""

from pathlib import Path

import numpy as np

from stages.evaluate.predictions import read_predictions, write_predictions
from stages.manifest import SplitRow


def test_table_is_as_documented(tmp_path: Path) -> None:
    file = tmp_path / "data/predictions.csv"
    rows = [
        SplitRow("glass/a.png", "glass", "g1", "test"),
        SplitRow("metal/ü,b.png", "metal", "g2", "test"),
    ]
    probabilities = np.array([[0.75, 0.25], [0.5625, 0.4375]], dtype=np.float32)

    write_predictions(file, rows, ["glass", "metal"], probabilities)

    assert file.read_bytes().decode() == (
        "path,label,group,predicted,probability_glass,probability_metal\n"
        "glass/a.png,glass,g1,glass,0.75,0.25\n"
        '"metal/ü,b.png",metal,g2,glass,0.5625,0.4375\n'
    )
    assert list(file.parent.iterdir()) == [file]


def test_probabilities_are_read_back_exactly(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    exponentials = np.exp(generator.normal(scale=20, size=(200, 3)))
    probabilities = (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)
    rows = [SplitRow(f"a/{image:03}.png", "a", f"{image // 2}", "test") for image in range(200)]

    write_predictions(tmp_path / "predictions.csv", rows, ["a", "b", "c"], probabilities)
    predictions = read_predictions(tmp_path / "predictions.csv")

    np.testing.assert_array_equal(predictions.probabilities, probabilities)
    assert predictions.probabilities.dtype == np.float32
    assert predictions.labels == ("a", "b", "c")
    assert predictions.paths == tuple(row.path for row in rows)
    assert predictions.groups == tuple(row.group for row in rows)
    assert not predictions.actual.any()
    np.testing.assert_array_equal(predictions.predicted, probabilities.argmax(axis=1))
    np.testing.assert_array_equal(predictions.confidences, probabilities.max(axis=1))
