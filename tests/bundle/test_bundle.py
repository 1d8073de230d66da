"""The folder that is given away holds all parts, or is not written."""

import json
from pathlib import Path

import pytest
from PIL import Image

from stages.bundle.__main__ import PARTS, main, parts_of
from stages.outputs.classifier import CLASSIFIER_DIR
from stages.outputs.decision import CURVE_FILE, DECISION_FILE
from stages.params.bundle import BundleParams
from tests.classifier_folder import LABELS, without_network, write_classifier
from waste_classifier import Classifier
from waste_classifier.errors import InputError
from waste_classifier.training_photos import write_thumbnails

SETTINGS = BundleParams(format="float32")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part where its stage leaves it; no network is looked at."""
    without_network(monkeypatch)
    monkeypatch.chdir(tmp_path)
    made = write_classifier(tmp_path / "made")
    for name, part in parts_of(SETTINGS).items():
        part.parent.mkdir(parents=True, exist_ok=True)
        found = made / name
        part.write_bytes(found.read_bytes() if found.exists() else b"")
    thumbnails = [Image.new("RGB", (4, 4)) for _ in LABELS]
    write_thumbnails(PARTS["training_photos.zip"], thumbnails)
    of_label = {"recovery": [1.0], "threshold": [0.9]}
    curve = {"purities": [0.98], "labels": dict.fromkeys(LABELS, of_label), "unsure": [0.0]}
    CURVE_FILE.write_text(json.dumps(curve))


def test_all_parts_make_one_folder(capsys: pytest.CaptureFixture[str]) -> None:
    main(SETTINGS)

    assert sorted(path.name for path in CLASSIFIER_DIR.iterdir()) == sorted(parts_of(SETTINGS))
    assert Classifier.load(CLASSIFIER_DIR).decision.thresholds == (0.9, 0.9, None)
    assert "data/classifier: 10 files" in capsys.readouterr().out


def test_the_network_is_of_the_format_asked_for() -> None:
    Path("data/export/int8.tflite").write_bytes(b"in integers")

    main(BundleParams(format="int8"))

    assert (CLASSIFIER_DIR / "classifier.tflite").read_bytes() == b"in integers"


def test_a_part_that_is_not_there_is_named() -> None:
    CURVE_FILE.unlink()

    with pytest.raises(InputError, match=r"decision_curve\.json: no such file; run `dvc repro"):
        main(SETTINGS)

    assert not CLASSIFIER_DIR.exists()


@pytest.mark.parametrize(
    ("part", "refusal"),
    [
        (DECISION_FILE, r"decision\.json: not a decision"),
        (CURVE_FILE, r"decision_curve\.json: not the decisions at each purity"),
        (PARTS["training_photos.zip"], r"training_photos\.zip: "),
    ],
)
def test_a_folder_that_can_not_be_read_is_not_given_away(part: Path, refusal: str) -> None:
    main(SETTINGS)
    part.write_text("{}")

    with pytest.raises(InputError, match=refusal):
        main(SETTINGS)

    assert Classifier.load(CLASSIFIER_DIR).decision.thresholds == (0.9, 0.9, None)
