"""Pictures of the documents, from the points that a run leaves."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.figures import confusion_matrix


def test_confusion_matrix_has_numbers_where_there_are_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = [
        {"actual": actual, "predicted": predicted, "images": images, "share": images / 4}
        for actual, predicted, images in (
            ("glass", "glass", 4),
            ("glass", "metal", 0),
            ("metal", "glass", 1),
            ("metal", "metal", 3),
        )
    ]
    file = Path("plots/evaluate/custom/confusion_matrix.json")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(cells))

    (axes,) = confusion_matrix().axes

    numbers = {text.get_position(): text.get_text() for text in axes.texts}
    assert numbers == {(0, 0): "4\n100%", (0, 1): "1\n25%", (1, 1): "3\n75%"}
    (drawn,) = axes.get_images()
    (right, nothing), (wrong, _) = np.asarray(drawn.get_array())
    assert right == 1
    assert nothing == 0
    assert wrong < -0.5
