"""The network that trains: its head, which part trains, its two parts, and the head for others."""

from collections.abc import Iterator

import numpy as np
import pytest

from stages.compute import determinism
from stages.resnet50.layout import blocks_from, used_columns
from tests.training.miniature import head_settings

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.resnet50.network import build_backbone  # noqa: E402
from stages.training.model import (  # noqa: E402
    ROWS_AT_ONCE,
    build_head,
    build_network,
    exported_head,
    set_trainable,
    split_before,
    standardise,
)

BATCH = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
#: Of what a head sees, which is no pixels.
FEATURES = np.random.default_rng(1).normal(2, 3, (6, 32)).astype(np.float32)


@pytest.fixture(scope="module")
def built_network() -> keras.Model:
    """A network of three labels with random weights, not to be changed."""
    keras.utils.set_random_seed(0)
    backbone = build_backbone(32)
    head = build_head(2 * (512 + 1024 + 2048), 3, head_settings(), batch_norm_momentum=0.9)
    return build_network(backbone, head, used_columns("mean_std", "conv5"))


@pytest.fixture
def network(built_network: keras.Model) -> Iterator[keras.Model]:
    """The same network, to be changed: weights and trainable flags are as new."""
    initial = built_network.get_weights()
    yield built_network
    built_network.set_weights(initial)
    built_network.trainable = True


def batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def trainable_layers(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if layer.trainable_weights]


def test_a_network_takes_pixels_and_returns_probabilities(network: keras.Model) -> None:
    probabilities = np.asarray(network(BATCH))

    assert probabilities.shape == (4, 3)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_dropout_and_momentum_go_to_their_layers() -> None:
    head = build_head(16, 2, head_settings(), batch_norm_momentum=0.5)

    assert head.get_layer("feature_dropout").rate == 0.3
    assert head.get_layer("dropout").rate == 0.2
    assert [layer.momentum for layer in batch_norms(head)] == [0.5]
    assert head.get_layer("hidden").units == 8


def test_a_head_without_hidden_units_is_linear() -> None:
    head = build_head(16, 3, head_settings(units=0), batch_norm_momentum=0.9)

    assert [layer.name for layer in head.layers] == [
        "used_features",
        "standardise",
        "scale",
        "feature_dropout",
        "logits",
        "probabilities",
    ]
    assert head.get_layer("logits").kernel.shape == (16, 3)


@pytest.mark.parametrize("pooling", ["mean", "mean_std"])
def test_the_head_sees_the_used_columns_of_the_backbones_features(pooling: str) -> None:
    backbone = build_backbone(32, "conv4")
    columns = used_columns(pooling, "conv4")
    head = build_head(int(columns.sum()), 2, head_settings(pooling), 0.9)
    network = build_network(backbone, head, columns)

    probabilities = np.asarray(network(BATCH))

    features = np.asarray(backbone(BATCH))[:, columns]
    np.testing.assert_allclose(probabilities, np.asarray(head(features)), rtol=1e-4, atol=1e-6)


def test_head_and_network_share_their_weights() -> None:
    backbone = build_backbone(32, "conv3")
    head = build_head(1024, 2, head_settings(), 0.9)
    network = build_network(backbone, head, used_columns("mean_std", "conv3"))

    head.get_layer("logits").bias.assign([100.0, 0.0])

    np.testing.assert_allclose(np.asarray(network(BATCH)), [[1, 0]] * 4, atol=1e-6)


def test_standardised_features_have_mean_zero_and_deviation_one() -> None:
    random = np.random.default_rng(0)
    scales = 10.0 ** random.integers(-1, 3, 32)
    features = (random.normal(5, 1, (ROWS_AT_ONCE + 100, 32)) * scales).astype(np.float32)
    features[:, 7] = 3
    head = build_head(32, 3, head_settings(), 0.9)

    standardise(head, features)

    standardised = np.asarray(head.get_layer("standardise")(features))
    # 1e-5 keeps the division of a column of one value from failing.
    expected = (features - features.mean(axis=0)) / np.sqrt(features.var(axis=0) + 1e-5)
    np.testing.assert_allclose(standardised, expected, atol=1e-3)
    assert not standardised[:, 7].any()


def test_the_head_alone_trains_whole() -> None:
    head = build_head(32, 3, head_settings(), 0.9)

    set_trainable(head, pretrained=True, tuned=())

    # `standardise` has statistics alone, which stay as they are.
    assert trainable_layers(head) == ["hidden", "logits"]
    assert not head.get_layer("standardise").trainable


def test_without_fine_tuning_the_head_alone_trains(network: keras.Model) -> None:
    set_trainable(network, pretrained=True, tuned=())

    assert [variable.path for variable in network.trainable_variables] == [
        "hidden/kernel",
        "hidden/bias",
        "logits/kernel",
        "logits/bias",
    ]


def test_fine_tuning_trains_convolutions_from_a_block_on(network: keras.Model) -> None:
    set_trainable(network, pretrained=True, tuned=blocks_from("conv5_block2"))

    assert trainable_layers(network) == [
        "conv5_block2_1_conv",
        "conv5_block2_2_conv",
        "conv5_block2_3_conv",
        "conv5_block3_1_conv",
        "conv5_block3_2_conv",
        "conv5_block3_3_conv",
        "hidden",
        "logits",
    ]


def test_fine_tuning_from_the_first_stage_leaves_batch_norm_alone(network: keras.Model) -> None:
    set_trainable(network, pretrained=True, tuned=blocks_from("conv1"))

    trainable = trainable_layers(network)
    assert len(trainable) == 53 + 2
    assert not [name for name in trainable if name.endswith("_bn")]


def test_random_weights_train_whole(network: keras.Model) -> None:
    set_trainable(network, pretrained=False, tuned=blocks_from("conv1"))

    # 53 convolutions with their BatchNorms; `standardise` has statistics alone.
    assert len(trainable_layers(network)) == 106 + 2


@pytest.mark.parametrize("pretrained", [True, False])
def test_a_training_step_moves_statistics_of_random_weights_only(
    network: keras.Model, pretrained: bool
) -> None:
    set_trainable(network, pretrained, blocks_from("conv5" if pretrained else "conv1"))
    before = {layer.name: layer.moving_variance.numpy() for layer in batch_norms(network)}

    network(BATCH, training=True)

    changed = {
        layer.name
        for layer in batch_norms(network)
        if not np.array_equal(layer.moving_variance.numpy(), before[layer.name])
    }
    assert changed == (set() if pretrained else set(before))


@pytest.mark.parametrize(
    ("first_block", "inputs_of_rest"),
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
def test_frozen_part_and_rest_compute_what_the_network_does(
    network: keras.Model, first_block: str, inputs_of_rest: list[int]
) -> None:
    set_trainable(network, pretrained=True, tuned=blocks_from(first_block))

    frozen, rest = split_before(network, blocks_from(first_block))

    assert frozen is not None
    assert not frozen.trainable_variables
    assert [variable.path for variable in rest.trainable_variables] == [
        variable.path for variable in network.trainable_variables
    ]
    assert [tensor.shape[-1] for tensor in rest.inputs] == inputs_of_rest
    np.testing.assert_allclose(
        np.asarray(rest(frozen(BATCH))), np.asarray(network(BATCH)), atol=1e-5
    )


def test_nothing_is_before_conv1(network: keras.Model) -> None:
    frozen, rest = split_before(network, blocks_from("conv1"))

    assert frozen is None
    assert rest is network


@pytest.fixture
def dtype_policy(request: pytest.FixtureRequest) -> Iterator[None]:
    """The precision in which blocks of the backbone train; Keras's policy for all layers."""
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("dtype_policy", ["float32", "mixed_bfloat16"], indirect=True)
@pytest.mark.parametrize(("units", "scale"), [(8, 1.0), (0, 1.0), (8, 0.1)])
@pytest.mark.usefixtures("dtype_policy")
def test_an_exported_head_says_what_keras_says(units: int, scale: float) -> None:
    keras.utils.set_random_seed(4)
    head = build_head(32, 3, head_settings(units=units), 0.9, scale)
    standardise(head, FEATURES)
    for layer in ("hidden", "logits") if units else ("logits",):
        # New ones are zero.
        head.get_layer(layer).bias.assign(np.linspace(-1, 1, units if layer == "hidden" else 3))

    exported = exported_head(head, np.ones(32, np.bool_))

    assert (exported.features, exported.labels) == (32, 3)
    assert (exported.hidden is None) is (units == 0)
    # ReLU, softmax and the standardisation that is folded in are here those of Keras.
    np.testing.assert_allclose(exported(FEATURES), np.asarray(head(FEATURES)), atol=1e-6)


def test_a_head_sees_standardised_features_times_its_scale() -> None:
    head = build_head(32, 3, head_settings(), 0.9, scale=0.25)
    standardise(head, FEATURES)

    seen = keras.Model(head.input, head.get_layer("scale").output)(FEATURES)

    np.testing.assert_allclose(np.asarray(seen).std(axis=0), 0.25, rtol=1e-3)


def test_columns_that_the_head_does_not_see_weigh_nothing() -> None:
    columns = used_columns("mean", "conv3")
    head = build_head(512, 3, head_settings("mean"), 0.9)
    random = np.random.default_rng(2)
    features = random.normal(size=(4, 1024)).astype(np.float32)
    standardise(head, features[:, :512])

    exported = exported_head(head, columns)

    assert exported.hidden is not None
    assert exported.hidden.kernel.shape == (1024, 8)
    assert exported.hidden.kernel[:512].all()
    assert not exported.hidden.kernel[512:].any()
    np.testing.assert_allclose(
        exported(features), np.asarray(head(features[:, :512])), rtol=1e-4, atol=1e-6
    )


def test_features_that_hardly_vary_lose_nothing_in_the_folding() -> None:
    # Their deviation is far below the 1e-5 under the root, their mean far above it.
    random = np.random.default_rng(3)
    features = (100 + 1e-3 * random.normal(size=(50, 4))).astype(np.float32)
    keras.utils.set_random_seed(3)
    head = build_head(4, 2, head_settings(), 0.9)
    standardise(head, features)

    exported = exported_head(head, np.ones(4, np.bool_))

    np.testing.assert_allclose(exported(features), np.asarray(head(features)), atol=1e-3)
