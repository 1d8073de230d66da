"""What a worker of a cluster is given of a fold, and when none is asked; no cluster runs here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stages.compute import determinism
from stages.compute.cluster import as_it_is
from stages.outputs.manifest import Manifest
from stages.outputs.split import read_split
from stages.params.class_weights import ClassWeightsParams
from stages.params.train import TrainParams
from stages.training.collection import open_collection
from stages.training.phases import plan_phases
from tests.small_project import COLUMNS, write_features_with
from tests.training.changes import changed

determinism.configure()

from stages.cross_validate import scoring  # noqa: E402  (after the set-up, which Keras reads)
from stages.cross_validate.held_out import Recipe, score_fold  # noqa: E402
from stages.cross_validate.on_cluster import Trainer, begin, train_and_score  # noqa: E402

WEIGHTING = ClassWeightsParams(scheme="balanced", beta=0.999)


@pytest.mark.usefixtures("workspace")
def test_a_training_from_random_weights_takes_photos_and_labels_alone(
    settings: TrainParams, tmp_path: Path
) -> None:
    images = Manifest()
    nothing = np.zeros((len(images), 2, COLUMNS), np.float32)
    write_features_with(images, nothing, pretrained=False)
    one_epoch = changed(settings, scratch__epochs=1)
    rows = read_split()
    held_out = np.arange(len(rows)) % 3 == 0
    collection = open_collection(one_epoch, rows)
    description = collection.features.description
    recipe = Recipe(plan_phases(one_epoch, False, "conv3"), one_epoch, WEIGHTING)
    trainer = Trainer(collection.contract, collection.columns, description, None, recipe, "float32")
    expected = score_fold(collection, rows, held_out, recipe, tmp_path / "0")

    _, photos, begun = begin(collection, rows, held_out, trainer, 0)
    said = train_and_score(trainer, photos, as_it_is, begun)

    assert begun.head is None
    assert len(photos) == len(rows)
    np.testing.assert_array_equal(said, expected)


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("tuned_epochs", "replicas", "told"),
    [
        (0, None, ""),
        (1, object(), "train.devices is above 1: folds train on the devices of this machine\n"),
    ],
    ids=["a head alone", "several devices"],
)
def test_some_trainings_ask_no_cluster(
    tuned_epochs: int,
    replicas: Any,
    told: str,
    settings: TrainParams,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    said = np.full((11, 3), 0.5, np.float32)

    def here(*_: Any) -> npt.NDArray[np.float32]:
        return said

    monkeypatch.setattr(scoring, "score_fold", here)
    of = changed(settings, fine_tune__epochs=tuned_epochs, fine_tune__first_block="conv3")
    recipe = Recipe(plan_phases(of, True, "conv3"), of, WEIGHTING, replicas)
    rows = read_split()
    folds = np.arange(len(rows)) % 3

    answered: Sequence[tuple[int, npt.NDArray[np.float32]]] = list(
        scoring.scored(open_collection(of, rows), rows, folds, [1, 2], recipe, tmp_path)
    )

    assert [fold for fold, _ in answered] == [1, 2]
    assert capsys.readouterr().out == told
