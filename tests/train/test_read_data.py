"""What a training learns from, read from the stages before it, without anything heavy."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.outputs.class_weights import CLASS_WEIGHTS_FILE, write_class_weights
from stages.outputs.features import FEATURES_DIR
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, Manifest, ManifestRow
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.outputs.tables import read_table, write_table
from stages.params.train import TrainParams
from stages.train.__main__ import read_data
from tests.small_project import COLUMNS, LABELS, write_features_with, write_tables
from tests.training.changes import changed
from waste_classifier.errors import InputError

ROOT = Path(__file__).parents[2]
#: Of 33 images in two orientations: feature 0 is 10 x image + orientation, the others count.
FEATURES = np.broadcast_to(np.arange(COLUMNS, dtype=np.float32), (33, 2, COLUMNS)).copy()
FEATURES[:, :, 0] = 10 * np.arange(33)[:, np.newaxis] + np.arange(2)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_features_with(write_tables(), FEATURES)
    return tmp_path


def test_each_split_has_its_images_and_features(settings: TrainParams) -> None:
    write_class_weights(
        CLASS_WEIGHTS_FILE,
        "balanced",
        dict.fromkeys(LABELS, 6),
        {"glass": 3.0, "metal": 2.0, "paper": 1.0},
    )

    data = read_data(settings)

    assert data.contract.labels == LABELS
    assert data.class_weights.tolist() == [3, 2, 1]
    assert (data.backbone.last_stage, data.backbone.image_size) == ("conv3", 32)
    # Of eleven images of each label the first six, and the three after them.
    assert [len(data.train), len(data.val)] == [18, 9]
    assert str(data.train.photos[6]) == str(RAW_DIR / "metal/00.png")
    assert data.train.targets[6].tolist() == [0, 1, 0]
    assert data.train.features[6, :, 0].tolist() == [110, 111]
    assert str(data.val.photos[3]) == str(RAW_DIR / "metal/06.png")
    assert data.val.features[3, :, 0].tolist() == [170, 171]
    assert data.val.features[3, 1, 1:].tolist() == list(range(1, COLUMNS))


def test_the_head_sees_the_columns_of_its_pooling(settings: TrainParams) -> None:
    data = read_data(changed(settings, head__pooling="mean"))

    # 512 means, then 512 deviations.
    assert data.train.features.shape == (18, 2, 512)
    assert data.train.features[0, 0, 1:].tolist() == list(range(1, 512))


def test_random_weights_need_no_features(settings: TrainParams) -> None:
    write_features_with(Manifest(), FEATURES, pretrained=False)

    data = read_data(settings)

    assert not data.backbone.pretrained
    assert data.train.features.shape == (18, 2, 0)
    assert len(data.train.photos) == 18


def test_class_weights_of_other_labels_are_refused(settings: TrainParams) -> None:
    write_class_weights(CLASS_WEIGHTS_FILE, "none", {"glass": 6}, {"glass": 1.0})

    with pytest.raises(InputError, match="has labels glass, but the split has glass, metal, paper"):
        read_data(settings)


def test_features_of_another_photo_are_refused(settings: TrainParams) -> None:
    rows = read_table(MANIFEST_FILE, ManifestRow)
    rows[20] = rows[20]._replace(sha256="0" * 64)
    write_table(MANIFEST_FILE, rows, ManifestRow)

    with pytest.raises(InputError, match=r"row 20 is not of metal/09\.png as the manifest has it"):
        read_data(settings)


def test_an_image_that_the_manifest_lacks_is_named(settings: TrainParams) -> None:
    rows = read_table(SPLIT_FILE, SplitRow)
    write_table(SPLIT_FILE, [*rows, SplitRow("metal/new.png", "metal", "new", "val")], SplitRow)

    with pytest.raises(
        InputError, match=r"split\.csv: metal/new\.png is not in data/manifest\.csv"
    ):
        read_data(settings)


@pytest.mark.parametrize(
    "missing", [MANIFEST_FILE, SPLIT_FILE, CLASS_WEIGHTS_FILE, FEATURES_DIR / "features.json"]
)
def test_a_missing_table_says_how_to_make_it(settings: TrainParams, missing: Path) -> None:
    missing.unlink()

    with pytest.raises(InputError, match=f"^{missing}: no such file; run `dvc repro`"):
        read_data(settings)


def test_a_network_that_is_not_that_of_the_features_is_named(settings: TrainParams) -> None:
    network = FEATURES_DIR / "backbone.keras"
    network.write_bytes(b"a network")
    write_features_with(Manifest(), FEATURES)
    read_data(settings)

    for damage in (lambda: network.write_bytes(b"another"), network.unlink):
        damage()
        with pytest.raises(
            InputError, match=rf"^{network}: missing, or not the network .* run `dvc checkout`"
        ):
            read_data(settings)


@pytest.mark.parametrize("stage", ["features", "train", "predict"])
def test_tensorflow_is_not_loaded_before_parameters_are_checked(stage: str) -> None:
    program = f"import sys, stages.{stage}.__main__; print('tensorflow' in sys.modules)"

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stdout == "False\n"
