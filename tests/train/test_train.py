"""The stage refuses what can't train before it loads anything heavy."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stages import errors
from stages.errors import InputError
from stages.feature_table import BackboneStage, Features
from stages.train.__main__ import check_phases
from stages.train.params import TrainParams


def features(pretrained: bool, last_stage: BackboneStage) -> Features:
    return Features(np.zeros((1, 2, 1), np.float32), pretrained, 64, last_stage)


@pytest.mark.parametrize(
    ("changes", "pretrained", "last_stage"),
    [
        ({}, True, "conv4"),
        ({"fine_tune_from": "conv5"}, True, "conv5"),
        ({"fine_tune_from": "conv3"}, True, "conv3"),
        # What does not train does not matter.
        ({"fine_tune_from": "conv5", "fine_tune_epochs": 0}, True, "conv4"),
        ({"head_epochs": 0}, True, "conv4"),
        ({"scratch_epochs": 0}, True, "conv4"),
        ({"head_epochs": 0, "fine_tune_epochs": 0}, False, "conv5"),
    ],
)
def test_phases_that_can_train(
    settings: TrainParams, changes: dict[str, object], pretrained: bool, last_stage: BackboneStage
) -> None:
    check_phases(settings.model_copy(update=changes), features(pretrained, last_stage))


@pytest.mark.parametrize(
    ("changes", "pretrained", "message"),
    [
        ({"scratch_epochs": 0}, False, r"train\.scratch_epochs is 0, but random weights train in"),
        (
            {"head_epochs": 0, "fine_tune_epochs": 0},
            True,
            r"head_epochs and fine_tune_epochs are both 0; set one above 0",
        ),
        (
            {"fine_tune_from": "conv5_block2"},
            True,
            r"train\.fine_tune_from is conv5_block2, but the pretrained weights end with conv4",
        ),
    ],
)
def test_phases_that_can_not_train(
    settings: TrainParams, changes: dict[str, object], pretrained: bool, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_phases(settings.model_copy(update=changes), features(pretrained, "conv4"))


@pytest.mark.parametrize("stage", ["features", "train", "evaluate"])
def test_tensorflow_is_not_loaded_before_parameters_are_checked(stage: str) -> None:
    program = f"import sys, stages.{stage}.__main__; print('tensorflow' in sys.modules)"
    root = Path(errors.__file__).parents[1]

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )

    assert result.stdout == "False\n"
