"""The parts of ResNet50 by name and number."""

import pytest

from stages.resnet50.layout import (
    BackboneStage,
    blocks_from,
    columns_of_last_stage,
    feature_blocks,
    used_columns,
)


def test_blocks_of_features_are_named_in_order() -> None:
    assert [
        (block.name, block.columns, block.pooled_block) for block in feature_blocks("conv4")
    ] == [
        ("conv3_mean", 512, "conv3_block4"),
        ("conv3_std", 512, "conv3_block4"),
        ("conv4_mean", 1024, "conv4_block6"),
        ("conv4_std", 1024, "conv4_block6"),
    ]


@pytest.mark.parametrize(
    ("last_stage", "columns"), [("conv3", 2 * 512), ("conv4", 2 * 1024), ("conv5", 2 * 2048)]
)
def test_columns_of_the_last_stage_are_its_means_and_deviations(
    last_stage: BackboneStage, columns: int
) -> None:
    assert columns_of_last_stage(last_stage) == columns


@pytest.mark.parametrize(
    ("pooling", "last_stage", "columns"),
    [
        ("mean_std", "conv3", [True] * 1024),
        ("mean", "conv3", [True] * 512 + [False] * 512),
        ("mean", "conv4", [True] * 512 + [False] * 512 + [True] * 1024 + [False] * 1024),
    ],
)
def test_used_columns_are_those_of_the_pooling(
    pooling: str, last_stage: BackboneStage, columns: list[bool]
) -> None:
    assert used_columns(pooling, last_stage).tolist() == columns


@pytest.mark.parametrize(
    ("first", "blocks"),
    [
        ("conv5", ("conv5_block1_", "conv5_block2_", "conv5_block3_")),
        ("conv5_block3", ("conv5_block3_",)),
        ("conv4_block6", ("conv4_block6_", "conv5_block1_", "conv5_block2_", "conv5_block3_")),
    ],
)
def test_blocks_from_a_stage_or_a_block_on(first: str, blocks: tuple[str, ...]) -> None:
    assert blocks_from(first) == blocks


def test_all_blocks_come_from_conv1_on() -> None:
    # conv1, then 3 + 4 + 6 + 3 residual blocks.
    assert len(blocks_from("conv1")) == 17
