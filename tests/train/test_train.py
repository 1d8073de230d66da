"""The stage from its inputs to a classifier, whole: interrupted, refused, fine-tuned."""

import hashlib
import io
import json
import shutil
from contextlib import chdir, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from stages.compute import determinism
from stages.outputs.backbone import BACKBONE_DIR, write_description
from stages.outputs.features import CHECKSUMS_NAME, FEATURES_DIR
from stages.outputs.manifest import RAW_DIR, Manifest
from stages.outputs.model import MODEL_DIR
from stages.outputs.unfinished import imported_code
from stages.outputs.views import VIEWS_DIR
from stages.params.features import FeaturesParams
from stages.params.train import TrainParams
from stages.train.__main__ import STATE_DIR, main
from tests.small_project import (
    LABELS,
    pixels_of,
    write_features_with,
)
from tests.training.changes import changed
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.model import Model
from waste_classifier.orientations import ORIENTATIONS

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.features.__main__ import main as compute_features  # noqa: E402
from stages.train import deliver  # noqa: E402
from stages.train.export import LARGEST_DIFFERENCES  # noqa: E402
from tests.legacy_weights import write_random_weights  # noqa: E402
from waste_classifier.backbone import Backbone  # noqa: E402

OUTPUTS = ("data/model", "metrics", "plots")


def contents(*folders: str) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def epochs(printed: str) -> list[int]:
    """Return the epochs that were reported."""
    lines = [line for line in printed.splitlines() if line.startswith("epoch ")]
    return [int(line.removeprefix("epoch ").split(":")[0]) for line in lines]


def state_of_metrics() -> dict[str, object]:
    content: dict[str, object] = json.loads(Path("metrics/train.json").read_text())
    return content


def correct_of_val(classifier: Model) -> float:
    """Return the share of right answers for val photos: numbers six to eight of each label."""
    photos = [RAW_DIR / label / f"{number:02}.png" for label in LABELS for number in (6, 7, 8)]
    return float(np.mean(classifier.predict(photos).argmax(axis=1) == np.repeat([0, 1, 2], 3)))


@pytest.fixture(scope="module")
def trained(
    project: Path, head_alone: TrainParams, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A workspace in which the stage has run, and what it printed."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(project, folder, dirs_exist_ok=True)
    policy = keras.config.dtype_policy()
    printed = io.StringIO()
    with chdir(folder), redirect_stdout(printed):
        main(head_alone)
    keras.config.set_dtype_policy(policy)
    return folder, printed.getvalue()


def test_the_head_trains_and_the_classifier_is_delivered(
    trained: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, printed = trained
    monkeypatch.chdir(folder)

    classifier = Model.load(MODEL_DIR)
    assert classifier.labels == LABELS
    assert classifier.orientations == ORIENTATIONS
    assert correct_of_val(classifier) == 1
    # The backbone is the one that the features are of.
    network = (FEATURES_DIR / "backbone.keras").read_bytes()
    assert (MODEL_DIR / "backbone.keras").read_bytes() == network
    assert classifier.backbone_sha256 == hashlib.sha256(network).hexdigest()
    metrics = state_of_metrics()
    assert 0 <= metrics["largest_difference"] < LARGEST_DIFFERENCES["float32"]  # type: ignore[operator]
    assert metrics["best"]["val_accuracy"] == 1  # type: ignore[index]
    assert epochs(printed) == list(range(8))
    assert [path.name for path in STATE_DIR.iterdir()] == ["lock"]


@pytest.mark.usefixtures("workspace")
def test_without_augmentation_at_test_time_photos_are_seen_as_received(
    head_alone: TrainParams,
) -> None:
    main(changed(head_alone, test_time_augmentation="none", head__epochs=1))

    assert Model.load(MODEL_DIR).orientations == ("received",)


@pytest.mark.usefixtures("workspace")
def test_means_alone_are_a_head_whose_other_columns_weigh_nothing(head_alone: TrainParams) -> None:
    main(changed(head_alone, head__pooling="mean"))

    kernel = np.load(MODEL_DIR / "head.npz")["hidden_kernel"]
    assert kernel.shape == (1024, 8)
    assert kernel[:512].any(axis=1).all()
    assert not kernel[512:].any()
    assert correct_of_val(Model.load(MODEL_DIR)) == 1


@pytest.mark.usefixtures("workspace")
def test_equal_inputs_give_equal_bytes_and_another_seed_others(head_alone: TrainParams) -> None:
    settings = changed(head_alone, head__epochs=2)
    main(settings)
    first = contents(*OUTPUTS)
    shutil.rmtree(MODEL_DIR)

    main(settings)
    again = contents(*OUTPUTS)
    main(changed(settings, seed=settings.seed + 1))

    assert again == first
    assert contents(*OUTPUTS)["data/model/head.npz"] != first["data/model/head.npz"]


def test_a_training_that_failed_goes_on_where_it_was(
    trained: tuple[Path, str],
    workspace: Path,
    head_alone: TrainParams,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(trained[0], workspace, dirs_exist_ok=True)
    uninterrupted = contents(*OUTPUTS)

    # At its end: the classifier is tried on this photo.
    photo = RAW_DIR / "metal/06.png"
    whole = photo.rename(workspace / "photo.png")
    with pytest.raises(PhotoError, match=r"metal/06\.png: cannot be read"):
        main(head_alone)
    failed = epochs(capsys.readouterr().out)
    assert contents("data/model").items() <= uninterrupted.items(), "left as it was"
    whole.rename(photo)
    main(head_alone)

    assert failed == list(range(8))
    resumed = epochs(capsys.readouterr().out)
    # The first epoch is always saved; of the others, those that were not are trained again.
    assert resumed == list(range(8))[8 - len(resumed) :]
    assert len(resumed) < 8
    assert contents(*OUTPUTS) == uninterrupted
    assert [path.name for path in STATE_DIR.iterdir()] == ["lock"]


def fail_at_the_end(settings: TrainParams, elsewhere: Path) -> None:
    """Train without a photo that the classifier is tried on; it is back afterwards."""
    photo = RAW_DIR / "metal/06.png"
    whole = photo.rename(elsewhere / "photo.png")
    with pytest.raises(PhotoError, match=r"metal/06\.png"):
        main(settings)
    whole.rename(photo)


@pytest.mark.usefixtures("workspace")
def test_a_training_of_other_parameters_starts_anew(
    head_alone: TrainParams, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fail_at_the_end(changed(head_alone, head__epochs=2), tmp_path)
    capsys.readouterr()

    fail_at_the_end(changed(head_alone, head__epochs=3), tmp_path)

    assert epochs(capsys.readouterr().out) == [0, 1, 2]
    assert len([path for path in STATE_DIR.iterdir() if path.is_dir()]) == 1


@pytest.mark.usefixtures("workspace")
def test_a_classifier_that_does_not_say_what_was_trained_leaves_the_one_before(
    head_alone: TrainParams,
) -> None:
    MODEL_DIR.mkdir()
    (MODEL_DIR / "of_before.txt").write_text("old")
    # Features that differ by label, but not as the network beside them says.
    images = Manifest()
    features = np.random.default_rng(0).normal(size=(33, 2, 1024)).astype(np.float32)
    features += np.repeat([0, 3, 6], 11)[:, np.newaxis, np.newaxis]
    write_features_with(images, features)

    with pytest.raises(
        InputError, match=r"^data/model: the classifier does not say what was trained: probab"
    ):
        main(head_alone)

    assert [path.name for path in MODEL_DIR.iterdir()] == ["of_before.txt"]


def test_the_fingerprint_of_a_training_covers_all_code_that_it_runs() -> None:
    assert deliver.__name__ in imported_code()
    assert {
        "stages.resnet50.network",
        "stages.resnet50.folding",
        "stages.resnet50.weights",
        "stages.training.fit",
        "stages.training.mixup",
        "stages.training.resume",
        "stages.outputs.features",
        "stages.params.train",
        "waste_classifier.head",
        "waste_classifier.backbone",
        "waste_classifier.images",
    } <= set(imported_code())


@pytest.fixture(scope="module")
def of_resnet50(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs of a training with a real backbone that ends with conv3, and its features."""
    folder = tmp_path_factory.mktemp("of_resnet50")
    shutil.copytree(project, folder, dirs_exist_ok=True)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    with chdir(folder):
        file = write_random_weights(BACKBONE_DIR / "resnet50.h5", ("conv1", "conv2", "conv3"))
        write_description(BACKBONE_DIR, "file", file, None)
        compute_features(FeaturesParams(image_size=32, batch_size=32))
    keras.config.set_dtype_policy(policy)
    return folder


@pytest.fixture
def pretrained(of_resnet50: Path, workspace: Path) -> Path:
    """A copy of that, as the current directory."""
    return Path(shutil.copytree(of_resnet50, workspace, dirs_exist_ok=True))


@pytest.mark.usefixtures("pretrained")
@pytest.mark.parametrize(
    ("frozen_views", "precision", "pooling"),
    [(2, "float32", "mean"), (0, "mixed_bfloat16", "mean_std")],
)
def test_fine_tuning_delivers_a_backbone_of_its_own(
    settings: TrainParams,
    capsys: pytest.CaptureFixture[str],
    frozen_views: int,
    precision: str,
    pooling: str,
) -> None:
    settings = changed(
        settings,
        precision=precision,
        head__epochs=1,
        head__pooling=pooling,
        fine_tune__epochs=2,
        fine_tune__first_block="conv3",
        fine_tune__frozen_views=frozen_views,
    )

    main(settings)

    assert epochs(capsys.readouterr().out) == [0, 1, 2]
    metrics = state_of_metrics()
    assert metrics["precision"] == precision
    assert metrics["largest_difference"] <= LARGEST_DIFFERENCES[precision]  # type: ignore[operator]
    classifier = Model.load(MODEL_DIR)
    assert classifier.predict(list(pixels_of(Manifest()))).shape == (33, 3)
    network = keras.saving.load_model(MODEL_DIR / "backbone.keras")
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert not [layer.name for layer in network.layers if layer.name.endswith("_bn")]
    # If an epoch of fine-tuning was the best, the backbone is not the frozen one any more.
    frozen = (FEATURES_DIR / "backbone.keras").read_bytes()
    tuned = (MODEL_DIR / "backbone.keras").read_bytes() != frozen
    assert tuned == (metrics["best"]["epoch"] > 0)  # type: ignore[index]


def test_random_weights_train_whole(
    workspace: Path, settings: TrainParams, capsys: pytest.CaptureFixture[str]
) -> None:
    (FEATURES_DIR / "backbone.keras").unlink()
    # Of the backbone that trains here, so that its end is that of the features; else nothing of
    # them is used.
    write_features_with(Manifest(), np.zeros((33, 2, 1024), np.float32), pretrained=False)

    main(changed(settings, scratch__epochs=2, scratch__batch_size=9))

    assert epochs(capsys.readouterr().out) == [0, 1]
    backbone = Backbone.load(workspace / MODEL_DIR / "backbone.keras")
    assert (backbone.image_size, backbone.columns) == (32, 2 * 512)
    assert state_of_metrics()["largest_difference"] < LARGEST_DIFFERENCES["float32"]  # type: ignore[operator]


@pytest.mark.usefixtures("workspace")
def test_a_training_on_other_views_starts_anew(
    head_alone: TrainParams, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fail_at_the_end(head_alone, tmp_path)
    capsys.readouterr()

    # As many, which another seed has drawn.
    (VIEWS_DIR / CHECKSUMS_NAME).write_text("0" * 64 + "  00000.npy\n")
    main(head_alone)

    assert epochs(capsys.readouterr().out) == list(range(8))
