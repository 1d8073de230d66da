"""The network, against keras.applications and NumPy."""

import numpy as np
import numpy.typing as npt
import pytest

from stages.compute import determinism

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.resnet50.network import build_backbone  # noqa: E402

BATCH = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def backbone() -> keras.Model:
    """A backbone with random weights, not to be changed."""
    keras.utils.set_random_seed(0)
    return build_backbone(64)


def outputs(model: keras.Model, *layers: str) -> list[npt.NDArray[np.float32]]:
    part = keras.Model(model.input, [model.get_layer(name).output for name in layers])
    # Keras returns a single output bare.
    return [np.asarray(output) for output in keras.tree.flatten(part(BATCH))]


def test_preprocessing_is_that_of_keras(backbone: keras.Model) -> None:
    (preprocessed,) = outputs(backbone, "centre")

    expected = keras.applications.resnet50.preprocess_input(BATCH.copy())
    np.testing.assert_allclose(preprocessed, expected, atol=1e-4)


def test_a_new_residual_block_is_its_shortcut(backbone: keras.Model) -> None:
    first, second, last = outputs(
        backbone, "conv3_block1_out", "conv3_block2_out", "conv3_block4_out"
    )

    assert first.max() > 0
    np.testing.assert_array_equal(second, first)
    np.testing.assert_array_equal(last, first)


def test_features_are_mean_and_deviation_of_each_channel(backbone: keras.Model) -> None:
    maps = outputs(backbone, "conv3_block4_out", "conv4_block6_out", "conv5_block3_out")

    features = np.asarray(backbone(BATCH))

    assert features.dtype == np.float32
    # The deviation's 1e-5 stands below the square root.
    expected = np.hstack(
        [
            statistic
            for of_stage in maps
            for statistic in (
                of_stage.mean(axis=(1, 2)),
                np.sqrt(of_stage.var(axis=(1, 2)) + 1e-5),
            )
        ]
    )
    assert features.shape == (4, 2 * (512 + 1024 + 2048))
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)


def test_a_shorter_backbone_ends_with_its_last_stage_and_takes_momentum() -> None:
    backbone = build_backbone(32, "conv3", batch_norm_momentum=0.5)

    assert backbone.output_shape == (None, 2 * 512)
    assert not [layer.name for layer in backbone.layers if layer.name.startswith("conv4")]
    assert {
        layer.momentum
        for layer in backbone.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    } == {0.5}
