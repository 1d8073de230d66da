"""The stage where the cached features are of the classifier's backbone: no TensorFlow."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import softmax

from stages.outputs.features import FEATURES_DIR
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, Manifest, ManifestRow
from stages.outputs.model import MODEL_DIR
from stages.outputs.predictions import PREDICTIONS_FILE, read_predictions
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.outputs.tables import read_table, write_table
from stages.params.predict import PredictParams
from stages.predict import apply
from stages.predict.__main__ import main
from stages.stage import run
from tests.small_project import LABELS, write_features_with, write_tables
from waste_classifier.head import Dense, Head
from waste_classifier.model import Contract, write_model
from waste_classifier.orientations import ORIENTATIONS, Orientation

ROOT = Path(__file__).parents[2]
SETTINGS = PredictParams(batch_size=32)
RANDOM = np.random.default_rng(1)
HEAD = Head(None, Dense(*(RANDOM.normal(size=size).astype(np.float32) for size in ((4, 3), 3))))
#: Of 33 photos in two orientations.
FEATURES = RANDOM.normal(size=(33, 2, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("predict: {batch_size: 32}\n")
    images = write_tables()
    FEATURES_DIR.mkdir()
    (FEATURES_DIR / "backbone.keras").write_bytes(b"a network, which nothing here looks at")
    write_features_with(images, FEATURES)
    make_model()
    return tmp_path


def make_model(
    labels: Sequence[str] = LABELS, orientations: Sequence[Orientation] = ORIENTATIONS
) -> None:
    MODEL_DIR.mkdir(exist_ok=True)
    network = FEATURES_DIR / "backbone.keras"
    write_model(MODEL_DIR, Contract(tuple(labels), tuple(orientations), 32), HEAD, network)


def probabilities_of(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(softmax(features @ HEAD.logits.kernel + HEAD.logits.bias, axis=-1))


@pytest.mark.parametrize("rows_at_once", [1, 4, 1024])
def test_probabilities_are_the_mean_over_orientations_of_each_image(
    rows_at_once: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(apply, "ROWS_AT_ONCE", rows_at_once)

    main(SETTINGS)

    expected = probabilities_of(FEATURES).mean(axis=1)
    # Of eleven images of each label, in order of their paths, six are train, three val, two test.
    for split, numbers in (("val", (6, 7, 8)), ("test", (9, 10))):
        predictions = read_predictions(PREDICTIONS_FILE, split)  # type: ignore[arg-type]
        positions = [11 * label + number for label in range(3) for number in numbers]
        assert predictions.labels == LABELS
        assert predictions.paths == tuple(
            f"{label}/{number:02}.png" for label in LABELS for number in numbers
        )
        np.testing.assert_allclose(predictions.probabilities, expected[positions], rtol=1e-5)
        assert predictions.predicted.tolist() == expected[positions].argmax(axis=1).tolist()
    assert capsys.readouterr().out == "15 images of val and test, 3 labels\n"


def test_a_classifier_without_augmentation_sees_images_as_received() -> None:
    make_model(orientations=["received"])

    main(SETTINGS)

    predictions = read_predictions(PREDICTIONS_FILE, "test")
    expected = probabilities_of(FEATURES[:, 0])[[9, 10, 20, 21, 31, 32]]
    np.testing.assert_allclose(predictions.probabilities, expected, rtol=1e-5)


def test_equal_inputs_give_equal_bytes() -> None:
    main(SETTINGS)
    first = PREDICTIONS_FILE.read_bytes()

    main(SETTINGS)

    assert PREDICTIONS_FILE.read_bytes() == first


def test_no_tensorflow_and_no_photo_is_looked_at() -> None:
    for photo in RAW_DIR.glob("*/*.png"):
        photo.unlink()
    program = (
        "import sys\n"
        "from stages.predict.__main__ import PredictParams, main, run\n"
        "code = run('predict', PredictParams, main)\n"
        "print('tensorflow' in sys.modules or 'keras' in sys.modules)\n"
        "sys.exit(code)\n"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert printed == "15 images of val and test, 3 labels\nFalse\n"


def error_of_stage(capsys: pytest.CaptureFixture[str]) -> str:
    assert run("predict", PredictParams, main) == 1
    assert not PREDICTIONS_FILE.exists()
    return capsys.readouterr().err


def test_other_labels_than_those_of_the_classifier_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_model(labels=["glass", "metal", "plastic"])

    assert error_of_stage(capsys) == (
        "error: data/split.csv: val and test have labels glass, metal, paper, the classifier in "
        "data/model has glass, metal, plastic; run `dvc repro` to train anew\n"
    )


def test_a_label_without_images_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    rows = read_table(SPLIT_FILE, SplitRow)
    write_table(
        SPLIT_FILE, [row for row in rows if row.split == "train" or row.label != "metal"], SplitRow
    )

    assert "val and test have labels glass, paper, the classifier in" in error_of_stage(capsys)


def test_a_split_of_train_alone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    rows = read_table(SPLIT_FILE, SplitRow)
    write_table(SPLIT_FILE, [row for row in rows if row.split == "train"], SplitRow)

    assert "val and test have labels none, the classifier in" in error_of_stage(capsys)


def test_features_of_another_photo_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    rows = read_table(MANIFEST_FILE, ManifestRow)
    rows[20] = rows[20]._replace(sha256="0" * 64)
    write_table(MANIFEST_FILE, rows, ManifestRow)

    assert "row 20 is not of metal/09.png as the manifest has it; run `dvc repro`" in (
        error_of_stage(capsys)
    )


def test_an_image_that_the_manifest_lacks_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    rows = read_table(SPLIT_FILE, SplitRow)
    write_table(SPLIT_FILE, [*rows, SplitRow("metal/new.png", "metal", "new", "test")], SplitRow)

    assert "error: data/split.csv: metal/new.png is not in data/manifest.csv" in (
        error_of_stage(capsys)
    )
    assert "metal/new.png" not in Manifest().texts("path")


@pytest.mark.parametrize("missing", ["classifier.json", "head.npz"])
def test_a_missing_classifier_is_named(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    (MODEL_DIR / missing).unlink()

    message = error_of_stage(capsys)

    assert message.startswith(f"error: data/model/{missing}: ")
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{batch_size: 0}", "predict.batch_size: "),
        ("{}", "predict.batch_size: missing key"),
        ("{batch_sise: 32}", "predict.batch_sise: unknown key; did you mean 'predict.batch_size'?"),
    ],
)
def test_wrong_parameters_are_named(
    section: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_text(f"predict: {section}\n")

    assert f"error: params.yaml: {message}" in error_of_stage(capsys)
