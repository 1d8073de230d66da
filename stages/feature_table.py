"""The folder data/features/: what the frozen backbone says of each image.

`features.npy`: `(n, 2, d) float32`, a row for each row of the manifest, in each of two orientations
(`ORIENTATIONS`); columns are those of `feature_blocks`. `features.json`: what they were made with.
"""

from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from stages.errors import InputError
from stages.manifest import MEND, read_json
from stages.orientations import ORIENTATIONS

FEATURES_DIR = Path("data/features")
ARRAY_NAME = "features.npy"
DESCRIPTION_NAME = "features.json"

BackboneStage = Literal["conv1", "conv2", "conv3", "conv4", "conv5"]
Statistic = Literal["mean", "std"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)

#: The stages of ResNet50 whose output is pooled into features, and its channels.
POOLED_CHANNELS: dict[BackboneStage, int] = {"conv3": 512, "conv4": 1024, "conv5": 2048}


class FeatureBlock(NamedTuple):
    """Neighbouring columns of the features: one statistic of the output of one stage."""

    stage: BackboneStage
    statistic: Statistic

    @property
    def name(self) -> str:
        """Of the layer that returns it."""
        return f"{self.stage}_{self.statistic}"

    @property
    def columns(self) -> int:
        """How many: one for each channel of the stage."""
        return POOLED_CHANNELS[self.stage]


def feature_blocks(last_stage: BackboneStage) -> list[FeatureBlock]:
    """Return the blocks of the features of a backbone that ends with `last_stage`, in order."""
    stages = [stage for stage in POOLED_CHANNELS if stage <= last_stage]
    return [FeatureBlock(stage, statistic) for stage in stages for statistic in STATISTICS]


class Features(NamedTuple):
    """The features of all images and what they were made with."""

    array: npt.NDArray[np.float32]  #: `(n, 2, d)`, mapped from its file, read-only
    pretrained: bool  #: False: of random weights, which see colour and layout, not things
    image_size: int  #: pixels, width and height of what the backbone saw
    last_stage: BackboneStage  #: of ResNet50, that the backbone ends with

    @property
    def of_last_stage(self) -> npt.NDArray[np.float32]:
        """The columns of the last stage, `(n, 2, …)`: it sees things, earlier ones texture."""
        return self.array[:, :, -len(STATISTICS) * POOLED_CHANNELS[self.last_stage] :]


def read_features(images: int, directory: Path = FEATURES_DIR) -> Features:
    """Open the features, which are read from their file as they are used.

    Args:
        images: rows of the manifest.
        directory: that stage features wrote.

    Raises:
        InputError: they are missing, damaged, or not of so many images.
    """
    description = read_json(directory / DESCRIPTION_NAME)
    path = directory / ARRAY_NAME
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: damaged or missing ({error}); {MEND}") from None
    if array.ndim != 3 or array.shape[:2] != (images, len(ORIENTATIONS)):
        raise InputError(
            f"{path}: expected ({images}, {len(ORIENTATIONS)}, …) for the {images} images of the "
            f"manifest, got {array.shape}; run `dvc repro` to make it anew"
        )
    return Features(
        array, description["pretrained"], description["image_size"], description["last_stage"]
    )
