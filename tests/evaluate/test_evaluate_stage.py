"""The stage from the split and a model to its outputs, in a folder that is no repository."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from PIL import Image

from stages import tensorflow_setup
from stages.errors import InputError
from stages.evaluate.__main__ import main
from stages.evaluate.predictions import read_predictions
from stages.manifest import SplitRow, write_table

PARAMS = """\
seed: 1
evaluate:
  batch_size: 4
  test_time_augmentation: half_turn
  bootstrap_samples: 100
  calibration_bins: 5
  sheet_images: 6
"""
OUTPUTS = {
    "data/predictions.csv",
    "metrics/evaluate.json",
    "plots/evaluate/custom/confusion_matrix.json",
    "plots/evaluate/custom/label_scores.json",
    "plots/evaluate/custom/precision_recall.json",
    "plots/evaluate/custom/reliability.json",
    "plots/evaluate/images/confusion_matrix.png",
    "plots/evaluate/images/mistakes.png",
    "plots/evaluate/images/predictions.png",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of one colour each, and a model that takes the strongest channel for the label.

    Three images of each label are of its colour, two are red.
    """
    root = tmp_path_factory.mktemp("project")
    (root / "params.yaml").write_text(PARAMS)
    rows = []
    for label, colour in (("blue", (0, 0, 255)), ("green", (0, 255, 0)), ("red", (255, 0, 0))):
        for number in range(6):
            path = f"{label}/{number}.png"
            (root / "data/raw" / label).mkdir(parents=True, exist_ok=True)
            painted = colour if number < 3 else (255, 0, 0)
            Image.new("RGB", (10 + number, 12), painted).save(root / "data/raw" / path)
            rows.append(SplitRow(path, label, path, "train" if number == 5 else "test"))
    write_table(root / "data/split.csv", rows, SplitRow)

    tensorflow_setup.configure()
    import keras

    images = keras.Input((8, 8, 3))
    means = keras.layers.GlobalAveragePooling2D()(images)
    logits = keras.layers.Dense(3, name="logits")(keras.layers.Rescaling(1 / 255)(means))
    model = keras.Model(images, keras.layers.Softmax()(logits))
    # Channels are red, green, blue; labels are blue, green, red.
    model.get_layer("logits").set_weights([5 * np.eye(3)[:, ::-1], np.zeros(3)])
    (root / "data/model").mkdir()
    model.save(root / "data/model/model.keras")
    (root / "data/model/labels.json").write_text('["blue", "green", "red"]')
    return root


@pytest.fixture
def workspace(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, as the current directory."""
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    return tmp_path


def files_in(root: Path, *folders: str) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def metrics_of(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "metrics/evaluate.json").read_text())
    return content


def test_evaluates_the_test_split(workspace: Path) -> None:
    main()

    predictions = read_predictions(Path("data/predictions.csv"))
    assert len(predictions.paths) == 15
    blue, green, red = [0, 0, 0, 2, 2], [1, 1, 1, 2, 2], [2, 2, 2, 2, 2]
    assert predictions.predicted.tolist() == blue + green + red
    # Softmax of logits 5, 0, 0.
    np.testing.assert_allclose(predictions.confidences, np.exp(5) / (np.exp(5) + 2), rtol=1e-5)

    metrics = metrics_of(workspace)
    assert metrics["accuracy"] == 11 / 15
    assert metrics["accuracy_interval"]["low"] < 11 / 15 < metrics["accuracy_interval"]["high"]
    assert metrics["macro_f1"] == pytest.approx(
        sklearn.metrics.f1_score(predictions.actual, predictions.predicted, average="macro")
    )
    assert metrics["labels"]["blue"]["recall"] == 3 / 5
    assert metrics["labels"]["red"]["precision"] == 5 / 9
    assert metrics["labels"]["red"]["support"] == 5
    assert metrics["expected_calibration_error"] == pytest.approx(0.98670 - 11 / 15, abs=1e-4)
    assert metrics["log_loss"] == pytest.approx((11 * 0.013386 + 4 * 5.013386) / 15, abs=1e-4)


def test_writes_the_same_bytes_again_and_nothing_else(workspace: Path) -> None:
    before = set(files_in(workspace, "."))
    main()
    first = files_in(workspace, "data", "metrics", "plots")
    assert set(files_in(workspace, ".")) - before == OUTPUTS

    for folder in ("metrics", "plots"):
        shutil.rmtree(folder)
    Path("data/predictions.csv").unlink()
    main()

    assert files_in(workspace, "data", "metrics", "plots") == first


@pytest.mark.usefixtures("workspace")
def test_result_does_not_depend_on_the_length_of_batches() -> None:
    main()
    in_fours = read_predictions(Path("data/predictions.csv"))

    Path("params.yaml").write_text(PARAMS.replace("batch_size: 4", "batch_size: 64"))
    main()

    at_once = read_predictions(Path("data/predictions.csv"))
    np.testing.assert_allclose(at_once.probabilities, in_fours.probabilities, rtol=1e-5)


@pytest.mark.parametrize(("test_time_augmentation", "share"), [("none", 1.0), ("half_turn", 0.5)])
def test_probabilities_are_means_of_an_image_and_the_same_turned(
    workspace: Path, test_time_augmentation: str, share: float
) -> None:
    import keras

    # A model that looks at the left half alone, and an image that is blue there and green beside.
    images = keras.Input((8, 8, 3))
    left = keras.layers.Cropping2D(((0, 0), (0, 4)))(images)
    means = keras.layers.GlobalAveragePooling2D()(left)
    model = keras.Model(images, keras.layers.Dense(3, use_bias=False, name="label")(means))
    model.get_layer("label").set_weights([np.eye(3)[:, ::-1] / 255])
    model.save(workspace / "data/model/model.keras")
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4, 2] = pixels[:, 4:, 1] = 255
    Image.fromarray(pixels).save(workspace / "data/raw/blue/0.png")
    Path("params.yaml").write_text(PARAMS.replace("half_turn", test_time_augmentation))

    main()

    predictions = read_predictions(Path("data/predictions.csv"))
    assert predictions.paths[0] == "blue/0.png"
    np.testing.assert_allclose(predictions.probabilities[0], [share, 1 - share, 0], atol=1e-6)


@pytest.mark.usefixtures("workspace")
def test_other_labels_than_those_of_the_model_are_refused() -> None:
    Path("data/model/labels.json").write_text('["blue", "green", "glass"]')

    with pytest.raises(
        InputError, match=r"labels blue, green, red, the model has blue, green, glass"
    ):
        main()

    assert not Path("data/predictions.csv").exists()


@pytest.mark.parametrize("missing", ["data/model/model.keras", "data/model/labels.json"])
def test_a_missing_model_is_named(workspace: Path, missing: str) -> None:
    (workspace / missing).unlink()

    with pytest.raises(InputError, match=f"{missing}: no such file; run `dvc repro`"):
        main()


def test_an_image_that_is_gone_is_named(workspace: Path) -> None:
    (workspace / "data/raw/red/2.png").unlink()

    with pytest.raises(InputError, match=r"data/raw/red/2.png: .*run `dvc checkout`"):
        main()

    assert not Path("data/predictions.csv").exists()
    assert not Path("metrics").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size: 4", "batch_size: 0", "evaluate.batch_size"),
        (
            "test_time_augmentation: half_turn",
            "test_time_augmentation: half",
            "evaluate.test_time_augmentation: .*did you mean 'half_turn'",
        ),
        ("bootstrap_samples: 100", "bootstrap_samples: 99", "evaluate.bootstrap_samples"),
        ("calibration_bins: 5", "calibration_bins: 1", "evaluate.calibration_bins"),
        ("sheet_images: 6", "sheet_images: 201", "evaluate.sheet_images"),
        ("sheet_images", "sheet_image", "did you mean 'evaluate.sheet_images'"),
    ],
)
def test_params_out_of_range_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS.replace(old, new))

    with pytest.raises(InputError, match=message):
        main()
