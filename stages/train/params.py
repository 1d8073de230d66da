"""Section `train` of params.yaml; params.yaml says what each key does."""

from typing import Annotated, Literal

from pydantic import Field

from stages.params import Params

Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Epochs = Annotated[int, Field(ge=0, le=1000)]
BackboneStage = Literal["conv1", "conv2", "conv3", "conv4", "conv5"]
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


class AugmentParams(Params):
    """Section `train.augment`."""

    horizontal_flip: bool
    vertical_flip: bool
    rotation: Annotated[float, Field(ge=0, le=0.5)]
    zoom: Annotated[float, Field(ge=0, le=0.9)]
    translation: Annotated[float, Field(ge=0, le=0.9)]
    brightness: Share
    contrast: ShareBelowOne
    saturation: ShareBelowOne


class TrainParams(Params):
    """Section `train`."""

    image_size: Annotated[int, Field(ge=32, le=1024)]
    batch_size: Annotated[int, Field(ge=1, le=1024)]
    head_epochs: Epochs
    fine_tune_epochs: Epochs
    fine_tune_from: BackboneStage
    frozen_views: Annotated[int, Field(ge=0, le=100)]
    lr: LearningRate
    fine_tune_lr: LearningRate
    warmup_epochs: Annotated[float, Field(ge=0, le=1000)]
    weight_decay: Share
    dropout: ShareBelowOne
    label_smoothing: ShareBelowOne
    patience: Annotated[int, Field(ge=1)]
    batch_norm_momentum: ShareBelowOne
    precision: Literal["auto"] | Precision
    memory_mib: Annotated[int, Field(ge=1)]
    augment: AugmentParams
