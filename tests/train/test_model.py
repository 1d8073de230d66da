"""The network and its weights, against keras.applications."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from stages.errors import InputError
from stages.train.model import (
    build_model,
    choose_precision,
    describe_layers,
    restore_backbone,
    set_trainable,
    split_at_frozen,
)
from tests.legacy_weights import write_legacy_weights

BATCH = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def reference() -> keras.Model:
    """ResNet50 as Keras builds it, with other random weights than the model's."""
    keras.utils.set_random_seed(1)
    return keras.applications.ResNet50(include_top=False, weights=None, input_shape=(32, 32, 3))


def test_model_takes_pixels_and_returns_probabilities(model: keras.Model) -> None:
    probabilities = model.predict(BATCH, verbose=0)

    assert probabilities.shape == (4, 3)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_preprocessing_is_that_of_keras(model: keras.Model) -> None:
    preprocess = keras.Model(model.inputs, model.get_layer("centre").output)

    expected = keras.applications.resnet50.preprocess_input(BATCH.copy())

    np.testing.assert_allclose(preprocess.predict(BATCH, verbose=0), expected, atol=1e-4)


def test_a_new_residual_block_is_its_shortcut(model: keras.Model) -> None:
    names = ["conv3_block1_out", "conv3_block2_out", "conv3_block4_out"]
    outputs = keras.Model(model.inputs, [model.get_layer(name).output for name in names])

    first, second, last = outputs.predict(BATCH, verbose=0)

    assert first.max() > 0
    np.testing.assert_array_equal(second, first)
    np.testing.assert_array_equal(last, first)


@pytest.mark.parametrize(
    ("wanted", "cpu_flags", "gpu_capability", "expected"),
    [
        ("auto", {"avx2"}, None, "float32"),
        ("auto", {"avx512_bf16"}, None, "mixed_bfloat16"),
        ("auto", {"amx_bf16"}, None, "mixed_bfloat16"),
        ("auto", {"avx512_bf16"}, 8.0, "mixed_bfloat16"),
        ("auto", {"avx512_bf16"}, 7.5, "mixed_float16"),
        ("auto", {"avx512_bf16"}, 6.1, "float32"),
        ("float32", {"avx512_bf16"}, 9.0, "float32"),
    ],
)
def test_precision_is_what_the_hardware_has(
    wanted: str, cpu_flags: set[str], gpu_capability: float | None, expected: str
) -> None:
    assert choose_precision(wanted, cpu_flags, gpu_capability) == expected


def test_a_partial_file_restores_its_layers_only(
    model: keras.Model, reference: keras.Model, tmp_path: Path
) -> None:
    path = write_legacy_weights(tmp_path / "partial.h5", reference, ("conv1", "conv2"))
    before = model.get_layer("conv3_block1_1_conv").get_weights()[0]

    restored = restore_backbone(model, path)

    # ResNet50 has one convolution in conv1 and ten in conv2, each with its BatchNorm.
    assert len(restored) == 2 + 20
    for name in ("conv1_conv", "conv2_block3_3_bn"):
        for ours, theirs in zip(
            model.get_layer(name).get_weights(),
            reference.get_layer(name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(model.get_layer("conv3_block1_1_conv").get_weights()[0], before)
    assert describe_layers(model, restored) == (
        "restored: conv1 (2 layers), conv2 (20 layers)\n"
        "start anew: conv3 (26 layers), conv4 (38 layers), conv5 (20 layers), logits (1 layers)"
    )


def test_a_whole_keras_3_file_restores_the_backbone(
    model: keras.Model, reference: keras.Model, tmp_path: Path
) -> None:
    path = tmp_path / "whole.weights.h5"
    reference.save_weights(path)

    restored = restore_backbone(model, path)

    # 53 convolutions, 53 BatchNorms; the dense layer of this model is not in the file.
    assert len(restored) == 106
    assert "logits" not in restored
    features = keras.Model(model.inputs, model.get_layer("conv5_block3_out").output)
    expected = reference.predict(
        keras.applications.resnet50.preprocess_input(BATCH.copy()), verbose=0
    )
    np.testing.assert_allclose(features.predict(BATCH, verbose=0), expected, atol=1e-4)


def test_a_file_that_restores_nothing_fails(model: keras.Model, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["layer_names"] = [b"block1_conv1"]
        group = file.create_group("block1_conv1")
        group.attrs["weight_names"] = [b"block1_conv1/kernel:0"]
        group["block1_conv1/kernel:0"] = np.zeros((3, 3, 3, 64), np.float32)

    with pytest.raises(InputError, match=r"other\.h5: restores no layer of ResNet50"):
        restore_backbone(model, tmp_path / "other.h5")


def test_a_file_of_something_else_fails(model: keras.Model, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["measurements"] = np.zeros(3)

    with pytest.raises(InputError, match=r"data\.h5"):
        restore_backbone(model, tmp_path / "data.h5")


def test_head_phase_trains_what_is_new(model: keras.Model) -> None:
    restored = frozenset(layer.name for layer in model.layers if layer.weights) - {"logits"}

    set_trainable(model, restored, fine_tune_from=None)

    assert [variable.path for variable in model.trainable_variables] == [
        "logits/kernel",
        "logits/bias",
    ]


def test_fine_tuning_leaves_restored_batch_norm_alone(model: keras.Model) -> None:
    restored = frozenset(
        layer.name
        for layer in model.layers
        if layer.weights and not layer.name.startswith(("conv5", "logits"))
    )

    set_trainable(model, restored, fine_tune_from="conv4")

    trainable = {layer.name for layer in model.layers if layer.trainable_weights}
    assert "conv3_block4_3_conv" not in trainable
    assert "conv4_block1_1_conv" in trainable
    assert "conv4_block1_1_bn" not in trainable
    assert "conv5_block1_1_bn" in trainable


def test_a_training_step_keeps_the_statistics_of_restored_batch_norm(model: keras.Model) -> None:
    restored = frozenset(
        layer.name for layer in model.layers if layer.weights and layer.name.startswith("conv")
    ) - {"conv5_block3_3_bn"}
    set_trainable(model, restored, fine_tune_from="conv5")
    before = {
        layer.name: layer.get_weights()[2:]
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }

    model(BATCH, training=True)

    changed = {
        name
        for name, statistics in before.items()
        if not np.array_equal(statistics, model.get_layer(name).get_weights()[2:])
    }
    assert changed == {"conv5_block3_3_bn"}


@pytest.mark.parametrize(
    ("anew", "end"),
    [("conv1", None), ("conv3", "conv2_block3_out"), ("logits", "avg_pool")],
)
def test_frozen_part_and_rest_compute_what_the_model_does(
    model: keras.Model, anew: str, end: str | None
) -> None:
    restored = frozenset(layer.name for layer in model.layers if not layer.name.startswith(anew))
    set_trainable(model, restored, fine_tune_from=None)

    frozen, rest = split_at_frozen(model)

    if end is None:
        assert frozen is None
        assert rest is model
        return
    assert frozen is not None
    assert frozen.layers[-1].name == end
    assert not frozen.trainable_variables
    features = frozen.predict(BATCH, verbose=0)
    np.testing.assert_allclose(
        rest.predict(features, verbose=0), model.predict(BATCH, verbose=0), atol=1e-5
    )


def test_momentum_goes_to_every_batch_norm() -> None:
    model = build_model(labels=2, image_size=32, batch_norm_momentum=0.5)
    momenta = {
        layer.momentum
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert momenta == {0.5}
