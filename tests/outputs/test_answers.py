"""The table of predictions that git keeps."""

from pathlib import Path

import numpy as np

from stages.outputs.answers import AnswerRow, write_answers
from stages.outputs.predictions import Predictions
from stages.outputs.tables import parse_table
from stages.page_text import original


def test_the_table_is_as_documented(tmp_path: Path) -> None:
    probabilities = np.array([[0.75, 0.25], [0.3333333, 0.6666667], [1, 0]], np.float32)
    predictions = Predictions(
        labels=("glass", "<b>"),
        paths=("a.png", "b.png", "c.png"),
        groups=("thing 2", "thing 1", "thing 2"),
        actual=np.array([0, 0, 1]),
        predicted=np.array([0, 1, 0]),
        probabilities=probabilities,
    )
    losses = np.array([0.287682, 1.0986123, 15.9424])
    checksums = [bytes([number]) * 32 for number in (0, 171, 255)]

    write_answers(tmp_path / "predictions.csv", predictions, checksums, losses, [0, 3, 0])

    text = (tmp_path / "predictions.csv").read_text()
    assert text == (
        "path,sha256,label,group,fold,predicted,confidence,loss\n"
        "a.png,0000000000000000,glass,0,0,glass,0.75,0.2877\n"
        "b.png,abababababababab,glass,1,3,<\u2060b>,0.6667,1.0986\n"
        "c.png,ffffffffffffffff,<\u2060b>,0,0,glass,1.0,15.9424\n"
    )
    rows = parse_table(text, Path("HEAD:predictions.csv"), AnswerRow)
    assert [original(row.predicted) for row in rows] == ["glass", "<b>", "glass"]
    assert rows[1][3:5] == (1, 3)
