"""Section `train` of params.yaml; params.yaml says what each key does."""

from typing import Annotated, Literal

from pydantic import Field

from stages.params import Params

Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Epochs = Annotated[int, Field(ge=0, le=1000)]
BatchSize = Annotated[int, Field(ge=1, le=1024)]
# In the order of the network; a stage means its first block.
FineTuneFrom = Literal[
    "conv1",
    "conv2",
    "conv3",
    "conv4",
    "conv4_block2",
    "conv4_block3",
    "conv4_block4",
    "conv4_block5",
    "conv4_block6",
    "conv5",
    "conv5_block2",
    "conv5_block3",
]


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

    head_epochs: Epochs
    head_batch_size: BatchSize
    lr: LearningRate
    fine_tune_epochs: Epochs
    fine_tune_from: FineTuneFrom
    fine_tune_lr: LearningRate
    frozen_views: Annotated[int, Field(ge=0, le=100)]
    scratch_epochs: Epochs
    batch_size: BatchSize
    warmup_epochs: Annotated[float, Field(ge=0, le=1000)]
    pooling: Literal["mean", "mean_std"]
    head_units: Annotated[int, Field(ge=0, le=16384)]
    feature_dropout: ShareBelowOne
    dropout: ShareBelowOne
    mixup: Annotated[float, Field(ge=0, le=100)]
    label_smoothing: ShareBelowOne
    weight_decay: Share
    patience: Annotated[int, Field(ge=1)]
    batch_norm_momentum: ShareBelowOne
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
    memory_mib: Annotated[int, Field(ge=1)]
    augment: AugmentParams
