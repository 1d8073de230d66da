"""Which settings have no effect beside the others: a change of one of them would change nothing."""

from stages.params.backbone import BackboneParams
from stages.params.class_weights import ClassWeightsParams
from stages.params.fetch import FetchParams
from stages.params.train import TrainParams
from stages.params.views import ViewsParams


def without_effect(
    fetch: FetchParams,
    backbone: BackboneParams,
    views: ViewsParams,
    class_weights: ClassWeightsParams,
    train: TrainParams,
) -> list[str]:
    """Return the keys, or names of whole sections, that change nothing.

    Args:
        fetch: where photos come from leaves the settings of other sources without effect.
        backbone: weights that are random leave without effect what pretrained ones are used for.
        views: of none, all else about them is without effect.
        class_weights: its scheme leaves those of another without effect.
        train: its phases do so to those of phases that do not run.
    """
    pretrained = backbone.weights != "none"
    trains_head = pretrained and train.head.epochs > 0
    trains_backbone = not pretrained or train.fine_tune.epochs > 0
    effects = {
        "fetch.sample": fetch.source == "sample",
        "fetch.kaggle": fetch.source == "kaggle",
        "fetch.path": fetch.source == "path",
        "backbone.sha256": pretrained or backbone.sha256 is None,
        "duplicates.max_embedding_distance": pretrained,
        "class_weights.beta": class_weights.scheme == "effective_number",
        "train.lr": not pretrained or train.head.epochs > 0,
        "train.head.epochs": pretrained,
        "train.head.batch_size": trains_head,
        "train.head.mixup": trains_head,
        "train.head.mixes": trains_head,
        "train.head.dropout": train.head.units > 0,
        "train.precision": trains_backbone,
        "train.devices": trains_backbone,
        "train.scratch": not pretrained,
        "views": trains_head and train.head.view_share > 0,
        "views.seed": views.count > 0,
        "views.ground": views.count > 0,
        "train.head.view_share": trains_head and views.count > 0,
        **_effects_of_fine_tuning(train, pretrained),
    }
    return [key for key, has_effect in effects.items() if not has_effect]


def _effects_of_fine_tuning(train: TrainParams, pretrained: bool) -> dict[str, bool]:
    if not pretrained:
        return {"train.fine_tune": False}
    keys = [name for name in type(train.fine_tune).model_fields if name != "epochs"]
    # Cached features know being turned by half alone.
    flips = ("horizontal_flip", "vertical_flip")
    drawn = [name for name in type(train.augment).model_fields if name not in flips]
    tunes = train.fine_tune.epochs > 0
    return {
        **{f"train.fine_tune.{key}": tunes for key in keys},
        **{f"train.augment.{key}": tunes for key in drawn},
    }
