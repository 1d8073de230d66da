"""Images to train heads on, where the head is all that trains."""

from collections.abc import Sequence

from stages.outputs.split import SplitRow
from stages.params.train import TrainParams
from stages.training.collection import Collection, open_collection
from waste_classifier.errors import InputError


def open_heads(settings: TrainParams, rows: Sequence[SplitRow]) -> Collection:
    """Open images and their cached features, for trainings of a head alone.

    Args:
        settings: section `train`.
        rows: of the split, which says what labels there are.

    Raises:
        InputError: more than the head would train, or a table is missing or damaged.
    """
    if settings.fine_tune.epochs:
        raise InputError(
            "params.yaml: train.fine_tune.epochs is above 0: this trains heads alone, on cached "
            "features, in seconds each; set it to 0"
        )
    collection = open_collection(settings, rows)
    if not collection.features.description.pretrained:
        raise InputError(
            "params.yaml: backbone.weights is none: random weights train whole, for minutes each, "
            "so that there is no head to train alone; set it to imagenet or to a file"
        )
    return collection
