"""Names and sizes of the parts of ResNet50, and what is pooled from them."""

from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

BackboneStage = Literal["conv1", "conv2", "conv3", "conv4", "conv5"]
BACKBONE_STAGES: tuple[BackboneStage, ...] = get_args(BackboneStage)
Statistic = Literal["mean", "std"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)

RESIDUAL_BLOCKS: dict[BackboneStage, int] = {"conv2": 3, "conv3": 4, "conv4": 6, "conv5": 3}
# conv1 and the residual blocks, in order: the prefixes of their layers' names, and their outputs.
BLOCK_ENDS: dict[str, str] = {"conv1": "pool1_pool"} | {
    f"{stage}_block{block}": f"{stage}_block{block}_out"
    for stage, count in RESIDUAL_BLOCKS.items()
    for block in range(1, count + 1)
}
#: The stages whose output is pooled into features, and its channels.
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

    @property
    def pooled_block(self) -> str:
        """The residual block whose output is pooled: the last one of the stage."""
        return f"{self.stage}_block{RESIDUAL_BLOCKS[self.stage]}"


def feature_blocks(last_stage: BackboneStage) -> list[FeatureBlock]:
    """Return the blocks of the features of a backbone that ends with `last_stage`, in order."""
    stages = [stage for stage in POOLED_CHANNELS if stage <= last_stage]
    return [FeatureBlock(stage, statistic) for stage in stages for statistic in STATISTICS]


def columns_of_last_stage(last_stage: BackboneStage) -> int:
    """Return how many of the columns of the features, the last ones, are of the last stage."""
    return sum(block.columns for block in feature_blocks(last_stage) if block.stage == last_stage)


def used_columns(pooling: str, last_stage: BackboneStage) -> npt.NDArray[np.bool_]:
    """Return which of the columns of the features a head sees, `(d,)`.

    Args:
        pooling: `mean_std`, or `mean` to leave the standard deviations out.
        last_stage: of ResNet50, that the backbone ends with.
    """
    blocks = feature_blocks(last_stage)
    return np.repeat(
        [block.statistic in pooling.split("_") for block in blocks],
        [block.columns for block in blocks],
    )


def blocks_from(first: str) -> tuple[str, ...]:
    """Return the prefixes of the layers of the blocks from a block or a stage on."""
    blocks = list(BLOCK_ENDS)
    start = next(i for i, block in enumerate(blocks) if block.startswith(first))
    # `conv4_block1_` is no prefix of another block's layers.
    return tuple(f"{block}_" for block in blocks[start:])
