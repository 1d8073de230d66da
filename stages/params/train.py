"""Section `train` of params.yaml, which says what each key does."""

from typing import Annotated, Literal

from pydantic import Field

from stages.params.reading import BatchSize, Params, Seed

Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Epochs = Annotated[int, Field(ge=0, le=1000)]
# In the order of the network; a stage means its first block.
FirstBlock = Literal[
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


class HeadParams(Params):
    """Section `train.head`."""

    epochs: Epochs
    batch_size: BatchSize
    pooling: Literal["mean", "mean_std"]
    units: Annotated[int, Field(ge=0, le=16384)]
    feature_dropout: ShareBelowOne
    dropout: ShareBelowOne
    mixup: Annotated[float, Field(ge=0, le=100)]
    mixes: Annotated[int, Field(ge=1, le=64)]
    view_share: Share


class FineTuneParams(Params):
    """Section `train.fine_tune`."""

    epochs: Epochs
    batch_size: BatchSize
    first_block: FirstBlock
    lr: LearningRate
    frozen_views: Annotated[int, Field(ge=0, le=100)]


class ScratchParams(Params):
    """Section `train.scratch`."""

    epochs: Epochs
    # Less their own mean, as BatchNorm that trains makes them, the features of one image are 0.
    batch_size: Annotated[int, Field(ge=2, le=1024)]
    batch_norm_momentum: ShareBelowOne


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

    seed: Seed
    lr: LearningRate
    warmup_epochs: Annotated[float, Field(ge=0, le=1000)]
    weight_decay: Share
    label_smoothing: ShareBelowOne
    patience: Annotated[int, Field(ge=1)]
    test_time_augmentation: Literal["half_turn", "none"]
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
    devices: Annotated[int, Field(ge=1, le=64)]
    memory_mib: Annotated[int, Field(ge=1)]
    head: HeadParams
    fine_tune: FineTuneParams
    scratch: ScratchParams
    augment: AugmentParams

    @property
    def of_results(self) -> str:
        """What results follow from, as text: all but where arrays wait."""
        return repr(self.model_copy(update={"memory_mib": None}))
