"""The stage from a classifier and its predictions to a sheet of mistakes and a check of maps."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stages.explain.__main__ import main
from stages.outputs.classifier import CLASSIFIER_DIR
from stages.outputs.manifest import RAW_DIR
from stages.outputs.predictions import PREDICTIONS_FILE, write_predictions
from stages.outputs.split import read_split
from stages.params.explain import ExplainParams
from tests.classifier_folder import LABELS, Colours, without_network, write_classifier
from tests.small_project import write_tables
from waste_classifier.errors import InputError, PhotoError

SETTINGS = ExplainParams(
    seed=1, mistakes=2, masked_images=4, masked_share=0.2, bootstrap_samples=100
)
WHY = Path("plots/explain/images/why.png")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let glass, the red photos, be taken for metal."""
    monkeypatch.chdir(tmp_path)
    without_network(monkeypatch)
    write_tables()
    write_classifier(CLASSIFIER_DIR)
    write_answers({"glass": "metal"})


def write_answers(said: dict[str, str]) -> None:
    rows = [row for row in read_split() if row.split != "train"]
    answers = [said.get(row.label, row.label) for row in rows]
    probabilities = np.where(np.array(answers)[:, None] == np.array(LABELS), 0.9, 0.05)
    write_predictions(PREDICTIONS_FILE, rows, LABELS, probabilities.astype(np.float32))


def test_mistakes_are_drawn_and_maps_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    main(SETTINGS)

    assert WHY.stat().st_size > 1000
    metrics = json.loads(Path("metrics/explain.json").read_text())
    assert metrics["masked_images"] == 4
    low, high = metrics["difference_interval"]["low"], metrics["difference_interval"]["high"]
    difference = metrics["lost_by_what_is_shown"] - metrics["lost_elsewhere"]
    assert low <= difference <= high
    assert 0 <= metrics["share_that_loses_more"] <= 1
    assert "4 test images, 20% of each hidden" in capsys.readouterr().out


def test_of_maps_of_one_place_none_is_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def coarse(_: Colours, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(image.mean((0, 1), keepdims=True) / 255, np.float32)

    monkeypatch.setattr(Colours, "activations", coarse)

    main(SETTINGS)

    assert json.loads(Path("metrics/explain.json").read_text()) == {"masked_images": 0}
    assert WHY.exists()
    assert capsys.readouterr().out == (
        "at features.image_size: 8 a map has one place, which is all of the image: none was "
        "checked. Maps of larger images have more\n"
    )


def test_equal_inputs_give_equal_bytes() -> None:
    main(SETTINGS)
    first = WHY.read_bytes(), Path("metrics/explain.json").read_bytes()

    main(SETTINGS)

    assert (WHY.read_bytes(), Path("metrics/explain.json").read_bytes()) == first


def test_without_mistakes_the_sheet_says_so() -> None:
    write_answers({})

    main(SETTINGS)

    assert WHY.exists()


def test_a_photo_that_is_gone_is_an_error_and_leaves_nothing() -> None:
    (RAW_DIR / "glass/10.png").unlink()

    with pytest.raises(PhotoError, match=r"glass/10\.png"):
        main(SETTINGS)

    assert not WHY.exists()


def test_without_a_classifier_the_stage_names_it() -> None:
    (CLASSIFIER_DIR / "classifier.json").unlink()

    with pytest.raises(InputError, match="data/classifier"):
        main(SETTINGS)
