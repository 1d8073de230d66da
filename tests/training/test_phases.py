"""Which phases a training has, and which parameters leave none."""

import pytest

from stages.params.train import TrainParams
from stages.resnet50.layout import BackboneStage
from stages.training.phases import Phase, plan_phases
from tests.training.changes import changed
from waste_classifier.errors import InputError


def test_pretrained_weights_train_in_two_phases(settings: TrainParams) -> None:
    settings = changed(settings, head__batch_size=64, fine_tune__batch_size=8, fine_tune__epochs=1)

    assert plan_phases(settings, pretrained=True, last_stage="conv5") == [
        Phase("head", epochs=2, batch_size=64, learning_rate=0.01),
        Phase("fine_tune", epochs=1, batch_size=8, learning_rate=0.001),
    ]


def test_random_weights_train_in_one_phase(settings: TrainParams) -> None:
    settings = changed(settings, scratch__batch_size=16)

    assert plan_phases(settings, pretrained=False, last_stage="conv5") == [
        Phase("scratch", epochs=3, batch_size=16, learning_rate=0.01)
    ]


@pytest.mark.parametrize(
    ("changes", "pretrained", "last_stage", "names"),
    [
        ({}, True, "conv4", ["head", "fine_tune"]),
        ({"fine_tune__first_block": "conv5"}, True, "conv5", ["head", "fine_tune"]),
        ({"fine_tune__first_block": "conv5_block3"}, True, "conv5", ["head", "fine_tune"]),
        ({"fine_tune__first_block": "conv3"}, True, "conv3", ["head", "fine_tune"]),
        ({"fine_tune__first_block": "conv1"}, True, "conv3", ["head", "fine_tune"]),
        # A phase without epochs is left out.
        ({"fine_tune__epochs": 0}, True, "conv4", ["head"]),
        ({"head__epochs": 0}, True, "conv4", ["fine_tune"]),
        # What does not train does not matter.
        ({"fine_tune__first_block": "conv5", "fine_tune__epochs": 0}, True, "conv4", ["head"]),
        ({"fine_tune__first_block": "conv5"}, False, "conv4", ["scratch"]),
        ({"scratch__epochs": 0}, True, "conv4", ["head", "fine_tune"]),
        ({"head__epochs": 0, "fine_tune__epochs": 0}, False, "conv5", ["scratch"]),
    ],
)
def test_phases_that_train(
    settings: TrainParams,
    changes: dict[str, object],
    pretrained: bool,
    last_stage: BackboneStage,
    names: list[str],
) -> None:
    phases = plan_phases(changed(settings, **changes), pretrained, last_stage)

    assert [phase.name for phase in phases] == names


@pytest.mark.parametrize(
    ("changes", "pretrained", "message"),
    [
        (
            {"scratch__epochs": 0},
            False,
            r"nothing trains: train\.scratch\.epochs are 0; set one above 0",
        ),
        (
            {"head__epochs": 0, "fine_tune__epochs": 0},
            True,
            r"nothing trains: train\.head\.epochs, train\.fine_tune\.epochs are 0; set one above 0",
        ),
        (
            {"fine_tune__first_block": "conv5_block2"},
            True,
            r"train\.fine_tune\.first_block is conv5_block2, but the pretrained weights end with "
            r"conv4; name a stage or block up to that one",
        ),
        (
            {"fine_tune__first_block": "conv5", "head__epochs": 0},
            True,
            r"train\.fine_tune\.first_block is conv5, but",
        ),
    ],
)
def test_parameters_that_can_not_train(
    settings: TrainParams, changes: dict[str, object], pretrained: bool, message: str
) -> None:
    with pytest.raises(InputError, match=rf"^params\.yaml: {message}"):
        plan_phases(changed(settings, **changes), pretrained, "conv4")
