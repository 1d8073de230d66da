"""The classifier: what stands on the backbone, which part trains, and its two parts."""

import keras
import numpy as np
import numpy.typing as npt
import pytest

from stages.feature_table import BackboneStage
from stages.resnet50 import build_backbone
from stages.train.examples import Examples
from stages.train.model import (
    ROWS_AT_ONCE,
    Head,
    blocks_from,
    build_model,
    head_of,
    set_trainable,
    split_before,
    standardise,
    used_columns,
)
from stages.train.params import TrainParams

BATCH = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)


def batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def trainable_layers(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if layer.trainable_weights]


def test_model_takes_pixels_and_returns_probabilities(model: keras.Model) -> None:
    probabilities = np.asarray(model(BATCH))

    assert probabilities.shape == (4, 3)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_head_is_what_the_parameters_say(settings: TrainParams) -> None:
    changed = settings.model_copy(update={"pooling": "mean", "feature_dropout": 0.1})

    assert Head.of(changed) == Head("mean", units=8, feature_dropout=0.1, dropout=0.2)


def test_dropout_and_momentum_go_to_their_layers() -> None:
    head = Head("mean_std", 8, feature_dropout=0.3, dropout=0.2)

    model = build_model(2, 32, head, "conv3", batch_norm_momentum=0.5)

    assert model.get_layer("feature_dropout").rate == 0.3
    assert model.get_layer("dropout").rate == 0.2
    assert {layer.momentum for layer in batch_norms(model)} == {0.5}


def test_a_head_without_hidden_units_is_linear() -> None:
    model = build_model(3, 32, Head("mean_std", 0, 0.3, 0.2), "conv3")

    after = [layer.name for layer in model.layers]
    assert after[after.index("feature_dropout") :] == ["feature_dropout", "logits", "probabilities"]
    assert model.get_layer("logits").kernel.shape == (2 * 512, 3)


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


@pytest.mark.parametrize("pooling", ["mean", "mean_std"])
def test_the_head_sees_the_used_columns_of_the_backbones_features(pooling: str) -> None:
    model = build_model(2, 32, Head(pooling, 8, 0.3, 0.2), "conv4")
    backbone = build_backbone(32, "conv4")
    for layer in backbone.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights() if layer.weights else [])

    seen = keras.Model(model.input, model.get_layer("used_features").output)(BATCH)

    expected = np.asarray(backbone(BATCH))[:, used_columns(pooling, "conv4")]
    np.testing.assert_allclose(np.asarray(seen), expected, rtol=1e-4, atol=1e-6)


def examples_of_features(features: npt.NDArray[np.float32]) -> Examples:
    count, _, columns = features.shape
    return Examples(
        paths=[],
        targets=np.zeros((count, 3), np.float32),
        features=features,
        positions=np.arange(count),
        columns=np.ones(columns, np.bool_),
    )


def test_standardised_features_have_mean_zero_and_deviation_one(miniature: keras.Model) -> None:
    random = np.random.default_rng(0)
    # 32 columns: the miniature pools two statistics of eight channels at the end of two stages.
    scales = 10.0 ** random.integers(-1, 3, 32)
    features = (random.normal(5, 1, (ROWS_AT_ONCE + 100, 2, 32)) * scales).astype(np.float32)
    features[:, :, 7] = 3
    received = features[:, 0]

    standardise(miniature, examples_of_features(features))

    standardised = np.asarray(miniature.get_layer("standardise")(received))
    # 1e-5 keeps the division of a column of one value from failing.
    expected = (received - received.mean(axis=0)) / np.sqrt(received.var(axis=0) + 1e-5)
    np.testing.assert_allclose(standardised, expected, atol=1e-3)
    assert not standardised[:, 7].any()


def test_without_fine_tuning_the_head_alone_trains(model: keras.Model) -> None:
    set_trainable(model, pretrained=True, first=None)

    assert [variable.path for variable in model.trainable_variables] == [
        "hidden/kernel",
        "hidden/bias",
        "logits/kernel",
        "logits/bias",
    ]


def test_fine_tuning_trains_convolutions_from_a_block_on(model: keras.Model) -> None:
    set_trainable(model, pretrained=True, first="conv5_block2")

    assert trainable_layers(model) == [
        "conv5_block2_1_conv",
        "conv5_block2_2_conv",
        "conv5_block2_3_conv",
        "conv5_block3_1_conv",
        "conv5_block3_2_conv",
        "conv5_block3_3_conv",
        "hidden",
        "logits",
    ]


def test_fine_tuning_from_the_first_stage_leaves_batch_norm_alone(model: keras.Model) -> None:
    set_trainable(model, pretrained=True, first="conv1")

    trainable = trainable_layers(model)
    assert len(trainable) == 53 + 2
    assert not [name for name in trainable if name.endswith("_bn")]


def test_random_weights_train_whole(model: keras.Model) -> None:
    set_trainable(model, pretrained=False, first=None)

    # 53 convolutions with their BatchNorms; `standardise` has statistics alone.
    assert len(trainable_layers(model)) == 106 + 2


@pytest.mark.parametrize("pretrained", [True, False])
def test_a_training_step_moves_statistics_of_random_weights_only(
    model: keras.Model, pretrained: bool
) -> None:
    set_trainable(model, pretrained, first="conv5" if pretrained else None)
    before = {layer.name: layer.moving_variance.numpy() for layer in batch_norms(model)}

    model(BATCH, training=True)

    changed = {
        layer.name
        for layer in batch_norms(model)
        if not np.array_equal(layer.moving_variance.numpy(), before[layer.name])
    }
    assert changed == (set() if pretrained else set(before))


@pytest.mark.parametrize(
    ("first", "blocks"),
    [
        (None, ()),
        ("conv5", ("conv5_block1_", "conv5_block2_", "conv5_block3_")),
        ("conv5_block3", ("conv5_block3_",)),
        ("conv4_block6", ("conv4_block6_", "conv5_block1_", "conv5_block2_", "conv5_block3_")),
    ],
)
def test_blocks_from_a_stage_or_a_block_on(first: str | None, blocks: tuple[str, ...]) -> None:
    assert blocks_from(first) == blocks


def test_all_blocks_come_from_conv1_on() -> None:
    # conv1, then 3 + 4 + 6 + 3 residual blocks.
    assert len(blocks_from("conv1")) == 17


def test_the_head_computes_the_end_of_the_model(model: keras.Model) -> None:
    features = keras.Model(model.input, model.get_layer("used_features").output)(BATCH)

    np.testing.assert_allclose(
        np.asarray(head_of(model)(features)), np.asarray(model(BATCH)), atol=1e-6
    )


@pytest.mark.parametrize(
    ("first", "inputs_of_rest"),
    [
        # Channels of what the block takes, then of mean and deviation of whole stages before it.
        ("conv2", [64]),
        ("conv3", [256]),
        ("conv4", [512, 512, 512]),
        ("conv4_block6", [1024, 512, 512]),
        ("conv5", [1024, 512, 512, 1024, 1024]),
        ("conv5_block3", [2048, 512, 512, 1024, 1024]),
    ],
)
def test_frozen_part_and_rest_compute_what_the_model_does(
    model: keras.Model, first: str, inputs_of_rest: list[int]
) -> None:
    set_trainable(model, pretrained=True, first=first)

    frozen, rest = split_before(model, first)

    assert frozen is not None
    assert not frozen.trainable_variables
    assert [variable.path for variable in rest.trainable_variables] == [
        variable.path for variable in model.trainable_variables
    ]
    assert [tensor.shape[-1] for tensor in rest.inputs] == inputs_of_rest
    np.testing.assert_allclose(np.asarray(rest(frozen(BATCH))), np.asarray(model(BATCH)), atol=1e-5)


def test_nothing_is_before_conv1(model: keras.Model) -> None:
    frozen, rest = split_before(model, "conv1")

    assert frozen is None
    assert rest is model
