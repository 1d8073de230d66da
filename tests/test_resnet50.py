"""The backbone and its weights, against keras.applications and NumPy."""

from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from stages import tensorflow_setup
from stages.errors import InputError
from stages.feature_table import BackboneStage

tensorflow_setup.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.resnet50 import (  # noqa: E402
    build_backbone,
    fold_batch_norm,
    read_pretrained,
    restore,
)
from tests.legacy_weights import write_legacy_weights  # noqa: E402

BATCH = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def backbone() -> keras.Model:
    """A backbone with random weights, not to be changed."""
    keras.utils.set_random_seed(0)
    return build_backbone(64)


@pytest.fixture(scope="module")
def reference() -> keras.Model:
    """ResNet50 as Keras builds it, with other random weights than the backbone's."""
    keras.utils.set_random_seed(1)
    return keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg"
    )


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


@pytest.mark.parametrize(
    ("stages", "last_stage", "layers"),
    [
        # Convolutions, each with its BatchNorm: one in conv1, ten in conv2, 13, 19 and 10 after.
        (("conv1", "conv2", "conv3"), "conv3", 2 * 24),
        (("conv1", "conv2", "conv3", "conv4"), "conv4", 2 * 43),
        (("conv1", "conv2", "conv3", "conv4_block1", "conv5"), "conv3", 2 * 24),
    ],
)
def test_weights_are_read_up_to_the_last_whole_stage(
    reference: keras.Model,
    tmp_path: Path,
    stages: tuple[str, ...],
    last_stage: BackboneStage,
    layers: int,
) -> None:
    path = write_legacy_weights(tmp_path / "partial.h5", reference, stages)

    weights, end = read_pretrained(path)

    assert end == last_stage
    assert len(weights) == layers
    for name, arrays in weights.items():
        for ours, theirs in zip(arrays, reference.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_restored_backbone_gives_the_features_of_keras(
    reference: keras.Model, tmp_path: Path
) -> None:
    path = tmp_path / "whole.weights.h5"
    reference.save_weights(path)

    weights, last_stage = read_pretrained(path)
    backbone = build_backbone(64, last_stage)
    restore(backbone, weights)

    # 53 convolutions, 53 BatchNorms.
    assert len(weights) == 106
    assert last_stage == "conv5"
    pooled = reference(keras.applications.resnet50.preprocess_input(BATCH.copy()))
    (means,) = outputs(backbone, "conv5_mean")
    np.testing.assert_allclose(means, np.asarray(pooled), rtol=1e-3, atol=1e-4)


def test_a_file_that_lacks_a_layer_of_the_first_stages_is_refused(
    reference: keras.Model, tmp_path: Path
) -> None:
    path = write_legacy_weights(
        tmp_path / "short.h5", reference, ("conv1", "conv2", "conv3_block1", "conv3_block2")
    )

    with pytest.raises(
        InputError, match=r"short\.h5: lacks layer conv3_block3_1_conv of ResNet50; it needs all"
    ):
        read_pretrained(path)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["layer_names"] = [b"block1_conv1"]
        group = file.create_group("block1_conv1")
        group.attrs["weight_names"] = [b"block1_conv1/kernel:0"]
        group["block1_conv1/kernel:0"] = np.zeros((3, 3, 3, 64), np.float32)

    with pytest.raises(InputError, match=r"other\.h5: lacks layer conv1_conv of ResNet50"):
        read_pretrained(tmp_path / "other.h5")


# The one error says it all: Keras would warn of each layer.
@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("name", ["data.h5", "data.weights.h5"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / name, "w") as file:
        file["measurements"] = np.zeros(3)

    with pytest.raises(InputError, match=rf"{name}: (not a file of Keras weights|lacks layer)"):
        read_pretrained(tmp_path / name)


def test_a_file_that_is_not_hdf5_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no weights")

    with pytest.raises(InputError, match=r"text\.h5: not a file of Keras weights"):
        read_pretrained(tmp_path / "text.h5")


def test_features_and_folding_lose_little_in_half_precision(backbone: keras.Model) -> None:
    precise = np.asarray(backbone(BATCH))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = build_backbone(64)
        half.set_weights(backbone.get_weights())
        folded = fold_batch_norm(half)
    finally:
        keras.config.set_dtype_policy("float32")

    assert folded.output.dtype == "float32"
    # A number in half precision has eight bits.
    assert np.abs(np.asarray(folded(BATCH)) - precise).mean() < 2**-7 * precise.std()


def test_a_folded_network_gives_the_same_without_batch_norm() -> None:
    backbone = build_backbone(64, "conv4")
    random = np.random.default_rng(2)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    scores = keras.layers.Dense(3, name="scores")(backbone.output)
    model = keras.Model(backbone.input, scores)

    folded = fold_batch_norm(model)

    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers)
    np.testing.assert_allclose(folded(BATCH), model(BATCH), rtol=1e-3, atol=1e-3)
