"""Phases: runs of epochs in which the same layers train."""

from dataclasses import dataclass
from typing import Literal

from stages.params.train import TrainParams
from stages.resnet50.layout import BackboneStage
from waste_classifier.errors import InputError


@dataclass(frozen=True)
class Phase:
    """Some epochs of the head on cached features, of the last blocks, or of all from nothing."""

    name: Literal["head", "fine_tune", "scratch"]
    epochs: int
    batch_size: int
    learning_rate: float  #: the highest of its schedule


def plan_phases(settings: TrainParams, pretrained: bool, last_stage: BackboneStage) -> list[Phase]:
    """Return the phases in order, at least one; what one trains, the next trains too.

    Pretrained weights: the head, then fine-tuning. Random ones: the whole network at once. A phase
    of no epochs is left out.

    Args:
        settings: section `train`.
        pretrained: whether the backbone's weights were.
        last_stage: of ResNet50, that the backbone ends with.

    Raises:
        InputError: what is to be fine-tuned is not there, or nothing trains.
    """
    head, fine_tune, scratch = settings.head, settings.fine_tune, settings.scratch
    if pretrained:
        if fine_tune.epochs and fine_tune.first_block[: len(last_stage)] > last_stage:
            raise InputError(
                f"params.yaml: train.fine_tune.first_block is {fine_tune.first_block}, but the "
                f"pretrained weights end with {last_stage}; name a stage or block up to that one, "
                "or set train.fine_tune.epochs to 0"
            )
        phases = [
            Phase("head", head.epochs, head.batch_size, settings.lr),
            Phase("fine_tune", fine_tune.epochs, fine_tune.batch_size, fine_tune.lr),
        ]
    else:
        phases = [Phase("scratch", scratch.epochs, scratch.batch_size, settings.lr)]
    planned = [phase for phase in phases if phase.epochs > 0]
    if not planned:
        names = ", ".join(f"train.{phase.name}.epochs" for phase in phases)
        raise InputError(f"params.yaml: nothing trains: {names} are 0; set one above 0")
    return planned
