"""The stage where the backbone was trained too: the whole classifier sees the images."""

import shutil
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest

from stages.compute import determinism
from stages.outputs.features import FEATURES_DIR, Description
from stages.outputs.manifest import RAW_DIR
from stages.outputs.model import MODEL_DIR
from stages.outputs.predictions import PREDICTIONS_FILE, Predictions, read_predictions
from stages.outputs.split import SplitName
from stages.params.predict import PredictParams
from stages.predict.__main__ import main
from stages.stage import run
from tests.small_project import COLUMNS, LABELS, write_network_and_features, write_tables
from waste_classifier.head import Dense, Head
from waste_classifier.model import Contract, Model, write_model
from waste_classifier.orientations import ORIENTATIONS, Orientation

determinism.configure()

from stages.train.export import LARGEST_DIFFERENCES  # noqa: E402  (after the set-up)

SETTINGS = PredictParams(batch_size=4)
RANDOM = np.random.default_rng(1)
HEAD = Head(
    hidden=Dense(RANDOM.normal(0, 0.5, (COLUMNS, 8)).astype(np.float32), np.zeros(8, np.float32)),
    logits=Dense(RANDOM.normal(0, 2, (8, 3)).astype(np.float32), np.zeros(3, np.float32)),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs of the stage, and params.yaml."""
    folder = tmp_path_factory.mktemp("project")
    with chdir(folder):
        Path("params.yaml").write_text("predict: {batch_size: 4}\n")
        write_network_and_features(write_tables())
        make_model()
    return folder


@pytest.fixture(autouse=True)
def workspace(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of that, as the current directory."""
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def make_model(orientations: Sequence[Orientation] = ORIENTATIONS) -> None:
    MODEL_DIR.mkdir(exist_ok=True)
    write_model(
        MODEL_DIR,
        Contract(tuple(LABELS), tuple(orientations), 32),
        HEAD,
        FEATURES_DIR / "backbone.keras",
    )


def forget_whose_features_they_are() -> None:
    Description.read(FEATURES_DIR)._replace(backbone_sha256=None).write(FEATURES_DIR)


def predicted(split: SplitName = "test") -> Predictions:
    return read_predictions(PREDICTIONS_FILE, split)


@pytest.mark.parametrize("orientations", [ORIENTATIONS, ("received",)])
def test_images_and_their_cached_features_give_the_same(
    orientations: Sequence[Orientation],
) -> None:
    make_model(orientations)
    main(SETTINGS)
    from_features = predicted()

    forget_whose_features_they_are()
    PREDICTIONS_FILE.unlink()
    main(SETTINGS)

    from_images = predicted()
    tolerance = LARGEST_DIFFERENCES["float32"]
    assert from_images.paths == from_features.paths
    np.testing.assert_allclose(
        from_images.probabilities, from_features.probabilities, atol=tolerance
    )
    assert np.ptp(from_images.probabilities, axis=0).min() > 20 * tolerance


def test_one_photo_alone_gives_its_row_of_the_table() -> None:
    main(SETTINGS)

    classifier = Model.load(MODEL_DIR)
    for split in ("val", "test"):
        predictions = predicted(split)
        assert classifier.labels == predictions.labels
        for path, row in zip(predictions.paths, predictions.probabilities, strict=True):
            (probabilities,) = classifier.predict([RAW_DIR / path])
            np.testing.assert_allclose(probabilities, row, atol=LARGEST_DIFFERENCES["float32"])


def test_the_result_does_not_depend_on_the_length_of_batches() -> None:
    forget_whose_features_they_are()
    main(SETTINGS)
    in_fours = predicted().probabilities

    main(PredictParams(batch_size=64))

    np.testing.assert_allclose(predicted().probabilities, in_fours, rtol=1e-4)


def test_equal_inputs_give_equal_bytes() -> None:
    forget_whose_features_they_are()
    main(SETTINGS)
    first = PREDICTIONS_FILE.read_bytes()

    main(SETTINGS)

    assert PREDICTIONS_FILE.read_bytes() == first


def error_of_stage(capsys: pytest.CaptureFixture[str]) -> str:
    forget_whose_features_they_are()
    assert run("predict", PredictParams, main) == 1
    assert not PREDICTIONS_FILE.exists()
    return capsys.readouterr().err


def test_an_image_that_is_gone_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    (RAW_DIR / "metal/10.png").unlink()

    assert error_of_stage(capsys) == (
        "error: data/raw/metal/10.png: cannot be read (No such file or directory); run "
        "`dvc checkout` to bring the photo back\n"
    )


def test_a_damaged_network_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    (MODEL_DIR / "backbone.keras").write_bytes(b"PK")

    message = error_of_stage(capsys)

    assert message.startswith("error: data/model/backbone.keras: not a network that Keras")
    assert message.count("\n") == 1
