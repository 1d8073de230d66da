"""Pretrained weights: read up to the last whole stage, and set in a network."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from stages.compute import determinism
from stages.resnet50.layout import BackboneStage
from waste_classifier.errors import InputError

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.resnet50.network import build_backbone  # noqa: E402
from stages.resnet50.weights import read_pretrained, restore  # noqa: E402
from tests.legacy_weights import write_legacy_weights  # noqa: E402

BATCH = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def reference() -> keras.Model:
    """ResNet50 as Keras builds it, with other random weights than the backbone's."""
    keras.utils.set_random_seed(1)
    return keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg"
    )


@pytest.fixture(scope="module")
def resnet101() -> keras.Model:
    return keras.applications.ResNet101(include_top=False, weights=None)


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
    means = keras.Model(backbone.input, backbone.get_layer("conv5_mean").output)(BATCH)
    np.testing.assert_allclose(np.asarray(means), np.asarray(pooled), rtol=1e-3, atol=1e-4)


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

    with pytest.raises(InputError, match=r"other\.h5: weights of another network, .*block1_conv1"):
        read_pretrained(tmp_path / "other.h5")


@pytest.mark.parametrize(
    ("name", "first"),
    [("resnet101.h5", "conv4_block10_1_conv"), ("resnet101.weights.h5", "conv2d_100")],
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_weights_of_a_deeper_network_of_the_family_are_refused(
    resnet101: keras.Model, tmp_path: Path, name: str, first: str
) -> None:
    if name.endswith(".weights.h5"):
        resnet101.save_weights(tmp_path / name)
    else:
        resnet101.save(tmp_path / name)

    # 101 layers with weights in sequence and four shortcuts, less the top: 104 convolutions.
    with pytest.raises(
        InputError, match=rf"{name}: weights of another network, .* \({first}, 51 in all\)"
    ):
        read_pretrained(tmp_path / name)


def test_weights_behind_which_a_head_stands_are_read(
    reference: keras.Model, tmp_path: Path
) -> None:
    top = keras.layers.Dense(3, name="my_head")(reference.output)
    keras.Model(reference.input, top).save_weights(tmp_path / "own.weights.h5")

    weights, last_stage = read_pretrained(tmp_path / "own.weights.h5")

    assert last_stage == "conv5"
    assert len(weights) == 106


def test_infinite_weights_are_refused(reference: keras.Model, tmp_path: Path) -> None:
    path = write_legacy_weights(tmp_path / "broken.h5", reference, ("conv1", "conv2", "conv3"))
    with h5py.File(path, "r+") as file:
        file["conv1_conv/conv1_conv/bias:0"][0] = np.inf

    with pytest.raises(InputError, match=r"broken\.h5: layer conv1_conv holds infinite weights"):
        read_pretrained(path)


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
