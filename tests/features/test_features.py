"""The stage from images and weights to data/features/, and what it does with damaged images."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from stages import errors, tensorflow_setup
from stages.errors import InputError
from stages.feature_table import FEATURES_DIR, read_features
from stages.features.__main__ import main
from stages.manifest import MANIFEST_FILE, RAW_DIR, ManifestRow, write_table

tensorflow_setup.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.features.extract import write_features  # noqa: E402
from stages.resnet50 import build_backbone, read_pretrained, restore  # noqa: E402
from tests.legacy_weights import write_legacy_weights  # noqa: E402

IMAGES = 5
BACKBONE_DIR = Path("data/backbone")


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of conv1 to conv4, in the layout of the published files."""
    keras.utils.set_random_seed(3)
    model = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(32, 32, 3))
    path = tmp_path_factory.mktemp("weights") / "resnet50.h5"
    return write_legacy_weights(path, model, ("conv1", "conv2", "conv3", "conv4"))


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Five images, of which the second is the first turned by half; random weights; params.yaml."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("features: {image_size: 32, batch_size: 4}\n")
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8)
    pixels[1] = pixels[0, ::-1, ::-1]
    (RAW_DIR / "glass").mkdir(parents=True)
    rows = []
    for number, image in enumerate(pixels):
        path = f"glass/{number}.png"
        Image.fromarray(image).save(RAW_DIR / path)
        rows.append(ManifestRow(path, "glass", 32, 32, 1, "", ""))
    write_table(MANIFEST_FILE, rows, ManifestRow)
    BACKBONE_DIR.mkdir()
    (BACKBONE_DIR / "backbone.json").write_text(json.dumps({"file": None}))
    policy = keras.config.dtype_policy()
    yield tmp_path
    keras.config.set_dtype_policy(policy)


def use_weights(weights_file: Path) -> None:
    (BACKBONE_DIR / "resnet50.h5").symlink_to(weights_file)
    (BACKBONE_DIR / "backbone.json").write_text(json.dumps({"file": "resnet50.h5"}))


def checksums(directory: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()
    }


def image_paths() -> list[Path]:
    return [RAW_DIR / f"glass/{number}.png" for number in range(IMAGES)]


def assert_close(actual: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    """Half precision errs a little everywhere, and in some small values much."""
    assert np.abs(actual - expected).mean() < 0.02 * expected.std()


def pixels_of(path: Path) -> npt.NDArray[np.float32]:
    return np.asarray(Image.open(path), np.float32)


def test_pretrained_features_are_of_the_stages_that_the_weights_have(
    weights_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use_weights(weights_file)

    main()

    features = read_features(IMAGES)
    # Mean and deviation of 512 channels of conv3 and 1024 of conv4.
    assert features.array.shape == (IMAGES, 2, 2 * (512 + 1024))
    assert features.array.dtype == np.float32
    assert (features.pretrained, features.image_size, features.last_stage) == (True, 32, "conv4")
    assert capsys.readouterr().out == "5 images, 3072 features of conv3 to conv4 each\n"
    assert [path.name for path in FEATURES_DIR.parent.glob("*features*")] == ["features"]

    # Row i is of image i, oriented as its column says; the machine may compute in half precision.
    keras.config.set_dtype_policy("float32")
    backbone = build_backbone(32, "conv4")
    restore(backbone, read_pretrained(weights_file)[0])
    ends = [backbone.get_layer(f"{name}_out").output for name in ("conv3_block4", "conv4_block6")]
    last = pixels_of(RAW_DIR / "glass/4.png")
    maps = keras.Model(backbone.input, ends)(np.stack([last, last[::-1, ::-1]]))
    conv3, conv4 = (np.asarray(of_stage) for of_stage in maps)
    expected = np.hstack(
        [
            conv3.mean(axis=(1, 2)),
            conv3.std(axis=(1, 2)),
            conv4.mean(axis=(1, 2)),
            conv4.std(axis=(1, 2)),
        ]
    )
    assert_close(features.array[4], expected)
    # The first image turned by half is the second as received.
    assert_close(features.array[0, 1], features.array[1, 0])


def test_equal_inputs_give_equal_bytes(weights_file: Path) -> None:
    use_weights(weights_file)
    main()
    first = checksums(FEATURES_DIR)

    main()

    assert sorted(first) == ["features.json", "features.npy"]
    assert checksums(FEATURES_DIR) == first


def test_random_weights_are_always_the_same_and_said_to_see_little(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main()
    first = checksums(FEATURES_DIR)
    keras.utils.set_random_seed(99)
    main()

    assert checksums(FEATURES_DIR) == first
    features = read_features(IMAGES)
    assert (features.pretrained, features.last_stage) == (False, "conv5")
    assert features.array.shape == (IMAGES, 2, 2 * (512 + 1024 + 2048))
    assert "random weights: these features see colour and layout" in capsys.readouterr().out


@pytest.fixture
def means() -> keras.Model:
    """A stand-in for the backbone: mean red, green and blue of the upper half of an image."""
    images = keras.Input((32, 32, 3))
    upper = keras.layers.Cropping2D(((0, 16), (0, 0)))(images)
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(upper))


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_each_image_has_a_row_and_each_orientation_a_column(
    means: keras.Model, batch_size: int
) -> None:
    write_features(Path("features"), means, image_paths(), batch_size, True, "conv3")

    features = read_features(IMAGES, Path("features"))
    pixels = np.stack([pixels_of(path) for path in image_paths()])
    upper, lower = pixels[:, :16].mean(axis=(1, 2)), pixels[:, 16:].mean(axis=(1, 2))
    # As received, and turned by half.
    expected = np.stack([upper, lower], axis=1)
    np.testing.assert_allclose(features.array, expected, rtol=1e-5)


def test_older_features_and_what_a_killed_run_left_are_replaced(means: keras.Model) -> None:
    for left_over in ("features/old.txt", ".features-of-a-killed-run/features/features.npy"):
        Path(left_over).parent.mkdir(parents=True)
        Path(left_over).write_text("old")

    write_features(Path("features"), means, image_paths(), 4, True, "conv3")

    files = sorted(path.name for path in Path("features").iterdir())
    assert files == ["features.json", "features.npy"]
    assert not list(Path().glob(".features-*"))


@pytest.mark.parametrize("damaged", [0, 4])
def test_a_damaged_image_is_named_and_nothing_is_half_written(
    means: keras.Model, damaged: int
) -> None:
    path = image_paths()[damaged]
    path.write_bytes(path.read_bytes()[:200])
    Path("features").mkdir()
    Path("features/before.txt").write_text("of an earlier run")

    with pytest.raises(InputError, match=rf"data/raw/glass/{damaged}\.png: truncated or corrupt"):
        write_features(Path("features"), means, image_paths(), 4, True, "conv3")

    assert [path.name for path in Path("features").iterdir()] == ["before.txt"]
    assert not list(Path().glob(".features-*"))


def error_of_stage(capsys: pytest.CaptureFixture[str]) -> str:
    assert errors.run(main) == 1
    assert not FEATURES_DIR.exists()
    return capsys.readouterr().err


def test_an_image_that_is_gone_stops_the_stage(capsys: pytest.CaptureFixture[str]) -> None:
    (RAW_DIR / "glass/2.png").unlink()

    assert error_of_stage(capsys) == (
        "error: data/raw/glass/2.png: cannot be read (No such file or directory); "
        "run `dvc checkout` to bring the image back\n"
    )


def test_weights_of_another_network_stop_the_stage(capsys: pytest.CaptureFixture[str]) -> None:
    (BACKBONE_DIR / "mine.h5").write_text("no weights")
    (BACKBONE_DIR / "backbone.json").write_text(json.dumps({"file": "mine.h5"}))

    assert "error: data/backbone/mine.h5: not a file of Keras weights" in error_of_stage(capsys)


def test_an_empty_manifest_stops_the_stage(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(MANIFEST_FILE, [], ManifestRow)

    assert "error: data/manifest.csv: no images" in error_of_stage(capsys)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{image_size: 31, batch_size: 4}", "features.image_size: "),
        ("{image_size: 1025, batch_size: 4}", "features.image_size: "),
        ("{image_size: 32, batch_size: 0}", "features.batch_size: "),
        ("{image_size: 32}", "features.batch_size: missing key"),
        (
            "{image_sise: 32, batch_size: 4}",
            "features.image_sise: unknown key; did you mean 'features.image_size'?",
        ),
    ],
)
def test_wrong_parameters_are_named(
    section: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_text(f"features: {section}\n")

    assert f"error: params.yaml: {message}" in error_of_stage(capsys)
