"""All sections of params.yaml, in its order, and what they ask of each other."""

from pathlib import Path
from typing import cast

from stages.params.backbone import BackboneParams
from stages.params.class_weights import ClassWeightsParams
from stages.params.duplicates import DuplicatesParams
from stages.params.evaluate import EvaluateParams
from stages.params.explore import ExploreParams
from stages.params.features import FeaturesParams
from stages.params.fetch import FetchParams
from stages.params.predict import PredictParams
from stages.params.reading import PARAMS_FILE, Params, check_names, check_section, read_params
from stages.params.split import SplitParams
from stages.params.train import TrainParams
from waste_classifier.errors import InputError

SECTIONS: dict[str, type[Params]] = {
    "fetch": FetchParams,
    "backbone": BackboneParams,
    "features": FeaturesParams,
    "duplicates": DuplicatesParams,
    "split": SplitParams,
    "explore": ExploreParams,
    "class_weights": ClassWeightsParams,
    "train": TrainParams,
    "predict": PredictParams,
    "evaluate": EvaluateParams,
}


def check_params(path: Path = PARAMS_FILE) -> None:
    """Check every section of a params file, and that the sections fit each other.

    Raises:
        InputError: a section or key is unknown, missing, of the wrong type or out of range, or a
            section asks for what another makes impossible; the message says how to mend it.
    """
    content = read_params(path)
    check_names(SECTIONS, content, path)
    sections = {
        name: check_section(name, schema, content, path) for name, schema in SECTIONS.items()
    }
    backbone = cast(BackboneParams, sections["backbone"])
    pretrained = backbone.weights != "none"
    check_grouping(cast(SplitParams, sections["split"]), pretrained, path)
    check_epochs(cast(TrainParams, sections["train"]), pretrained, path)


def check_grouping(split: SplitParams, pretrained: bool, path: Path) -> None:
    """Check that similarity by the backbone is asked of pretrained weights alone.

    Random weights see colour and layout, not things.
    """
    if split.group_by == "embedding" and not pretrained:
        raise InputError(
            f"{path}: split.group_by is embedding, which needs pretrained weights: set "
            "backbone.weights to imagenet or to a file, or split.group_by to perceptual"
        )


def check_epochs(train: TrainParams, pretrained: bool, path: Path) -> None:
    """Check that something trains."""
    if not pretrained and train.scratch.epochs == 0:
        raise InputError(
            f"{path}: train.scratch.epochs is 0, but random weights train in these epochs alone; "
            "set it above 0, or backbone.weights to pretrained ones"
        )
    if pretrained and train.head.epochs + train.fine_tune.epochs == 0:
        raise InputError(
            f"{path}: train.head.epochs and train.fine_tune.epochs are both 0; set one above 0"
        )
