"""What a worker of a cluster gets of a fold, and makes of it; no cluster runs here."""

from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest

from stages.compute import determinism
from stages.outputs.backbone import BACKBONE_DIR, write_description
from stages.outputs.manifest import Manifest
from stages.outputs.split import read_split
from stages.params.class_weights import ClassWeightsParams
from stages.params.train import TrainParams
from stages.training.collection import open_collection
from stages.training.phases import plan_phases
from tests.legacy_weights import write_random_weights
from tests.small_project import COLUMNS, write_features_with
from tests.training.changes import changed
from waste_classifier.errors import PhotoError

determinism.configure()

from stages.cross_validate.held_out import Recipe, score_fold  # noqa: E402
from stages.cross_validate.on_cluster import begin, share, train_and_score  # noqa: E402

WEIGHTING = ClassWeightsParams(scheme="balanced", beta=0.999)


@pytest.mark.parametrize(("pretrained", "head_epochs"), [(True, 2), (True, 0), (False, 0)], ids=str)
def test_a_worker_without_the_files_says_what_this_machine_would(
    pretrained: bool,
    head_epochs: int,
    workspace: Path,
    settings: TrainParams,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    of = changed(
        settings,
        head__epochs=head_epochs,
        fine_tune__epochs=1,
        fine_tune__first_block="conv3",
        scratch__epochs=1,
    )
    if pretrained:
        file = write_random_weights(BACKBONE_DIR / "resnet50.h5", ("conv1", "conv2", "conv3"))
        write_description(BACKBONE_DIR, "file", file, None)
    images, random = Manifest(), np.random.default_rng(1)
    features = random.normal(size=(len(images), 2, COLUMNS)).astype(np.float32)
    write_features_with(images, features, pretrained=pretrained)
    rows = read_split()
    held_out = np.arange(len(rows)) % 3 == 0
    recipe = Recipe(plan_phases(of, pretrained, "conv3"), of, WEIGHTING)
    collection = open_collection(of, rows)
    expected = score_fold(collection, rows, held_out, recipe, workspace / "0")

    shared = share(collection, recipe)
    photos, begun = begin(collection, rows, held_out, shared)
    with chdir(tmp_path_factory.mktemp("node")):
        said = train_and_score(
            shared, photos, lambda photo: photo._replace(place=workspace / photo.place), begun
        )

    np.testing.assert_array_equal(said, expected)


@pytest.mark.usefixtures("workspace")
def test_a_held_out_photo_that_is_another_is_noticed_before_the_training(
    settings: TrainParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = Manifest()
    features = np.zeros((len(images), 2, COLUMNS), np.float32)
    write_features_with(images, features, pretrained=False)
    rows = read_split()
    held_out = np.arange(len(rows)) == 7
    recipe = Recipe(plan_phases(settings, False, "conv3"), settings, WEIGHTING)
    collection = open_collection(settings, rows)
    shared = share(collection, recipe)
    photos, begun = begin(collection, rows, held_out, shared)
    other = Path("data/raw", rows[7].path)
    other.write_bytes(other.read_bytes() + b"older")
    monkeypatch.delattr("stages.cross_validate.on_cluster.train")

    with pytest.raises(PhotoError, match=rf"{rows[7].path}: not the photo that"):
        train_and_score(shared, photos, lambda photo: photo, begun)
