"""The backbone: run on photos in each orientation, and kept in a file that depends on it alone."""

import json
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.compute import determinism

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from waste_classifier.backbone import Backbone, save_network  # noqa: E402
from waste_classifier.errors import InputError  # noqa: E402
from waste_classifier.orientations import ORIENTATIONS, Orientation  # noqa: E402

ROOT = Path(__file__).parents[2]
PIXELS = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def build_network() -> keras.Model:
    """Return a network of layers and bare operations, with the same weights each time."""
    keras.backend.clear_session()
    images = keras.Input((8, 8, 3), name="images")
    maps = keras.layers.Conv2D(4, 3, activation="relu")(keras.ops.flip(images, axis=-1))
    maps = keras.layers.BatchNormalization()(maps)
    mean = keras.layers.Identity(name="means")(keras.ops.mean(maps, axis=(1, 2)))
    network = keras.Model(images, keras.layers.Concatenate()([mean, keras.ops.square(mean)]))
    random = np.random.default_rng(0)
    network.set_weights([random.uniform(0.1, 1, array.shape) for array in network.get_weights()])
    return network


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("saved") / "backbone.keras"
    save_network(build_network(), file)
    return file


@pytest.mark.parametrize(
    ("orientations", "expected"),
    [
        (("received",), [[[1, 10]], [[2, 20]]]),
        (("turned",), [[[4, 40]], [[5, 50]]]),
        (ORIENTATIONS, [[[1, 10], [4, 40]], [[2, 20], [5, 50]]]),
    ],
)
def test_features_are_of_each_image_in_each_orientation(
    orientations: tuple[Orientation, ...], expected: list[list[list[float]]]
) -> None:
    images = keras.Input((2, 2, 3))
    corner = keras.layers.Cropping2D(((0, 1), (0, 1)))(images)
    red_and_green = keras.layers.Flatten()(corner)[:, :2]
    pixels = np.zeros((2, 2, 2, 3), np.uint8)
    # Top left and bottom right of two images.
    pixels[:, 0, 0, 0], pixels[:, 1, 1, 0] = [1, 2], [4, 5]
    pixels[..., 1] = 10 * pixels[..., 0]

    backbone = Backbone(keras.Model(images, red_and_green))
    features = backbone.features(pixels, orientations)

    assert (backbone.image_size, backbone.columns) == (2, 2)
    assert features.dtype == np.float32
    assert features.tolist() == expected


def test_batches_of_another_length_compile_nothing_anew() -> None:
    compiled = []

    class Counting(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            compiled.append(inputs.shape)
            return inputs

    images = keras.Input((8, 8, 3))
    means = keras.layers.GlobalAveragePooling2D()(Counting()(images))
    backbone = Backbone(keras.Model(images, means))
    compiled.clear()

    lengths = [len(backbone.features(PIXELS[:count], ["received"])) for count in (3, 2, 1)]

    assert lengths == [3, 2, 1]
    assert len(compiled) == 1


def test_a_saved_network_comes_back(saved: Path) -> None:
    network = build_network()

    backbone = Backbone.load(saved)

    np.testing.assert_allclose(
        backbone.features(PIXELS, ["received"])[:, 0], np.asarray(network(PIXELS)), rtol=1e-5
    )


def test_plain_keras_reads_it_too(saved: Path) -> None:
    network = keras.saving.load_model(saved)

    np.testing.assert_allclose(
        np.asarray(network(PIXELS)), np.asarray(build_network()(PIXELS)), rtol=1e-5
    )


def test_equal_weights_give_equal_bytes_at_another_time(saved: Path, tmp_path: Path) -> None:
    # Archives keep times by two seconds.
    time.sleep(2.1)
    save_network(build_network(), tmp_path / "again.keras")

    assert (tmp_path / "again.keras").read_bytes() == saved.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.keras"]


def test_equal_weights_give_equal_bytes_in_another_process(saved: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.waste_classifier.test_backbone import build_network, save_network\n"
        "save_network(build_network(), Path(sys.argv[1]))\n"
    )
    file = tmp_path / "another.keras"

    subprocess.run([sys.executable, "-c", program, str(file)], cwd=ROOT, check=True)

    assert file.read_bytes() == saved.read_bytes()


def test_other_weights_give_other_bytes(saved: Path, tmp_path: Path) -> None:
    network = build_network()
    network.set_weights([array * 2 for array in network.get_weights()])
    save_network(network, tmp_path / "other.keras")

    assert (tmp_path / "other.keras").read_bytes() != saved.read_bytes()


def damage_truncate(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def damage_empty(file: Path) -> None:
    file.write_bytes(b"")


def damage_text(file: Path) -> None:
    file.write_text("no network")


def damage_remove(file: Path) -> None:
    file.unlink()


def damage_other_archive(file: Path) -> None:
    with file.open("wb") as opened:
        np.savez(opened, kernel=np.zeros(3))


def damage_config(file: Path) -> None:
    whole = shutil.copyfile(file, file.with_suffix(".old"))
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content[:-50] if name == "config.json" else content)


@pytest.mark.parametrize(
    "damage",
    [
        damage_truncate,
        damage_empty,
        damage_text,
        damage_remove,
        damage_other_archive,
        damage_config,
    ],
)
def test_a_damaged_file_is_named_in_one_line(saved: Path, tmp_path: Path, damage: Any) -> None:
    file = tmp_path / "backbone.keras"
    shutil.copyfile(saved, file)
    damage(file)

    with pytest.raises(InputError) as refused:
        Backbone.load(file)

    message = str(refused.value)
    assert message.startswith(f"{file}: not a network that Keras {keras.__version__} can read (")
    assert message.endswith("; bring the folder back whole")
    assert "\n" not in message


def test_a_file_that_needs_a_newer_keras_says_which(saved: Path, tmp_path: Path) -> None:
    file = tmp_path / "backbone.keras"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(file, "w") as newer:
        for name in old.namelist():
            content = old.read(name)
            if name == "metadata.json":
                content = json.dumps({"keras_version": "99.1.0"}).encode()
            elif name == "config.json":
                content = content.replace(b'"Conv2D"', b'"LayerOfTheFuture"')
            newer.writestr(name, content)

    with pytest.raises(
        InputError,
        match=rf"backbone\.keras: written by Keras 99\.1\.0, which Keras {keras.__version__} can't "
        r"read; install keras>=99\.1\.0",
    ):
        Backbone.load(file)
