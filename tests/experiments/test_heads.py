"""Heads are what search and left_out train, and all that they do."""

import sys

import numpy as np
import pytest

from experiments import left_out
from experiments.heads import open_heads
from stages.outputs.manifest import Manifest
from stages.outputs.split import read_split
from stages.params.train import TrainParams
from tests.experiments.params_file import write_params
from tests.small_project import write_features_with
from tests.training.changes import changed
from tests.training.conftest import project, settings, workspace
from waste_classifier.errors import InputError

__all__ = ["project", "settings", "workspace"]

pytestmark = pytest.mark.usefixtures("workspace")


def test_features_of_pretrained_weights_are_opened(settings: TrainParams) -> None:
    collection = open_heads(changed(settings, fine_tune__epochs=0), read_split())

    assert collection.features.description.pretrained
    assert len(collection.contract.labels) == 3


def test_fine_tuning_is_refused(settings: TrainParams) -> None:
    with pytest.raises(InputError, match=r"train\.fine_tune\.epochs is above 0: .*; set it to 0"):
        open_heads(changed(settings, fine_tune__epochs=1), read_split())


def test_random_weights_are_refused(settings: TrainParams) -> None:
    images = Manifest()
    features = np.zeros((len(images), 2, 1024), np.float32)
    write_features_with(images, features, pretrained=False)

    with pytest.raises(InputError, match=r"backbone\.weights is none: .*; set it to imagenet"):
        open_heads(changed(settings, fine_tune__epochs=0), read_split())


def test_left_out_asks_it(settings: TrainParams, monkeypatch: pytest.MonkeyPatch) -> None:
    write_params(changed(settings, fine_tune__epochs=1))
    monkeypatch.setattr(sys, "argv", ["left_out"])

    with pytest.raises(InputError, match="this trains heads alone, on cached features"):
        left_out.main()
