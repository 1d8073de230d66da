"""The stage from images and weights to data/features/, and what it does with damaged images."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from stages.compute import determinism
from stages.features.__main__ import main
from stages.outputs.features import FEATURES_DIR, UNFINISHED_DIR, Features, open_features
from stages.outputs.manifest import (
    MANIFEST_FILE,
    RAW_DIR,
    Manifest,
    ManifestRow,
)
from stages.outputs.tables import write_table
from stages.params.features import FeaturesParams
from stages.stage import run
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError, PhotoError

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.compute.precision import Precision  # noqa: E402
from stages.features.compute import of_orientations  # noqa: E402
from stages.frozen.backbone import FrozenBackbone  # noqa: E402
from stages.frozen.shards import check_finite, write_shards  # noqa: E402
from stages.resnet50.network import build_backbone  # noqa: E402
from stages.resnet50.weights import read_pretrained, restore  # noqa: E402
from tests.legacy_weights import write_random_weights  # noqa: E402
from tests.shard_files import damage_shard, pack_photos  # noqa: E402
from waste_classifier.backbone import Backbone  # noqa: E402
from waste_classifier.orientations import ORIENTATIONS  # noqa: E402

ROOT = Path(__file__).parents[2]
IMAGES = 5
BACKBONE_DIR = Path("data/backbone")
SETTINGS = FeaturesParams(image_size=32, batch_size=4)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of conv1 to conv4, in the layout of the published files."""
    path = tmp_path_factory.mktemp("weights") / "resnet50.h5"
    return write_random_weights(path, ("conv1", "conv2", "conv3", "conv4"))


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Five images, of which the second is the first turned by half; random weights; params.yaml."""
    monkeypatch.chdir(tmp_path)
    policy = keras.config.dtype_policy()
    make_workspace()
    yield tmp_path
    keras.config.set_dtype_policy(policy)


def make_workspace() -> None:
    Path("params.yaml").write_text("features: {image_size: 32, batch_size: 4}\n")
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8)
    pixels[1] = pixels[0, ::-1, ::-1]
    (RAW_DIR / "glass").mkdir(parents=True)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(RAW_DIR / f"glass/{number}.png")
    write_manifest()
    BACKBONE_DIR.mkdir()
    (BACKBONE_DIR / "backbone.json").write_text(json.dumps({"file": None}))


def write_manifest() -> None:
    rows = [
        ManifestRow(f"glass/{path.name}", "glass", 32, 32, 1, 0, 0, 0, sha256_of(path), "0" * 16)
        for path in RAW_DIR.glob("glass/*.png")
    ]
    write_table(MANIFEST_FILE, rows, ManifestRow)


@pytest.fixture(scope="module")
def pretrained_run(
    weights_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    """A workspace in which the stage has run with these weights, and the lines that it printed."""
    folder = tmp_path_factory.mktemp("pretrained")
    printed = io.StringIO()
    with chdir(folder), redirect_stdout(printed):
        make_workspace()
        (BACKBONE_DIR / "resnet50.h5").symlink_to(weights_file)
        (BACKBONE_DIR / "backbone.json").write_text(json.dumps({"file": "resnet50.h5"}))
        main(SETTINGS)
    return folder, printed.getvalue().splitlines()


@pytest.fixture
def shards_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the five images make three shards."""
    monkeypatch.setattr("stages.outputs.features.SHARD_IMAGES", 2)


def checksums(directory: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()
    }


def all_of(features: Features) -> npt.NDArray[np.float32]:
    return features.read(np.arange(IMAGES))


def pixels_of(path: Path) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(path))


def all_pixels() -> npt.NDArray[np.uint8]:
    return np.stack([pixels_of(RAW_DIR / f"glass/{number}.png") for number in range(IMAGES)])


def assert_close(actual: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    """Half precision errs a little everywhere, and in some small values much."""
    assert np.abs(actual - expected).mean() < 0.02 * expected.std()


def test_pretrained_features_are_of_the_stages_that_the_weights_have(
    pretrained_run: tuple[Path, list[str]], weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, printed = pretrained_run
    monkeypatch.chdir(folder)

    features = open_features(Manifest())
    of_images = all_of(features)
    # Mean and deviation of 512 channels of conv3 and 1024 of conv4.
    assert of_images.shape == (IMAGES, 2, 2 * (512 + 1024))
    assert of_images.dtype == np.float32
    description = features.description
    assert (description.pretrained, description.image_size, description.last_stage) == (
        True,
        32,
        "conv4",
    )
    assert printed[0].startswith("5 of 5 images, ")
    assert printed[1:] == ["5 images, 3072 features of conv3 to conv4 each"]
    assert [path.name for path in UNFINISHED_DIR.iterdir()] == ["lock"]

    # Row i is of image i, oriented as its column says; the machine may compute in half precision.
    keras.config.set_dtype_policy("float32")
    backbone = build_backbone(32, "conv4")
    restore(backbone, read_pretrained(weights_file)[0])
    ends = [backbone.get_layer(f"{name}_out").output for name in ("conv3_block4", "conv4_block6")]
    last = pixels_of(RAW_DIR / "glass/4.png").astype(np.float32)
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
    assert_close(of_images[4], expected)
    # The first image turned by half is the second as received.
    assert_close(of_images[0, 1], of_images[1, 0])


def test_the_network_stands_beside_the_features_in_full_precision(
    pretrained_run: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pretrained_run[0])

    features = open_features(Manifest())
    file = FEATURES_DIR / "backbone.keras"
    assert features.description.backbone_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    network = keras.saving.load_model(file)
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert network.layers[-1].compute_dtype == "float32"
    assert not [layer.name for layer in network.layers if layer.name.endswith("_bn")]
    assert_close(Backbone.load(file).features(all_pixels(), ORIENTATIONS), all_of(features))


def test_equal_inputs_give_equal_bytes(
    pretrained_run: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pretrained_run[0])
    first = checksums(FEATURES_DIR)

    main(SETTINGS)

    assert sorted(first) == ["00000.npy", "SHA256SUMS", "backbone.keras", "features.json"]
    assert checksums(FEATURES_DIR) == first


def test_random_weights_are_always_the_same_and_said_to_see_little(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(SETTINGS)
    first = checksums(FEATURES_DIR)
    keras.utils.set_random_seed(99)
    main(SETTINGS)

    # A network of random weights is no use to anyone else.
    assert sorted(first) == ["00000.npy", "SHA256SUMS", "features.json"]
    assert checksums(FEATURES_DIR) == first
    features = open_features(Manifest())
    description = features.description
    assert (description.pretrained, description.last_stage) == (False, "conv5")
    assert description.backbone_sha256 is None
    assert all_of(features).shape == (IMAGES, 2, 2 * (512 + 1024 + 2048))
    assert "random weights: these features see colour and layout" in capsys.readouterr().out


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_backbone_computes_in_the_precision_of_the_machine(
    precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.frozen.backbone.native_precision", lambda: precision)

    network = FrozenBackbone.restore(None, 32).runner.network

    of_convolutions = {
        layer.compute_dtype for layer in network.layers if isinstance(layer, keras.layers.Conv2D)
    }
    assert of_convolutions == {precision.removeprefix("mixed_")}


@pytest.fixture
def means() -> FrozenBackbone:
    """A stand-in for the backbone: mean red, green and blue of the upper half of an image."""
    images = keras.Input((32, 32, 3))
    upper = keras.layers.Cropping2D(((0, 16), (0, 0)))(images)
    network = keras.Model(images, keras.layers.GlobalAveragePooling2D()(upper))
    return FrozenBackbone(32, {}, "conv3", "float32", Backbone(network))


@pytest.fixture
def of_means(means: FrozenBackbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stage compute with that stand-in."""
    monkeypatch.setattr(FrozenBackbone, "restore", lambda *_: means)


def write_with(backbone: FrozenBackbone, batch_size: int = 4) -> Manifest:
    images = Manifest()
    Path("features").mkdir(exist_ok=True)
    write_shards(
        Path("features"),
        backbone,
        RAW_DIR,
        images,
        backbone.image_size,
        batch_size,
        len(ORIENTATIONS),
        of_orientations,
    )
    backbone.describe(Path("features"))
    return images


@pytest.mark.usefixtures("shards_of_two")
def test_photos_in_shards_give_the_same_bytes(means: FrozenBackbone) -> None:
    write_with(means)
    of_files = checksums(Path("features"))
    shutil.rmtree("features")
    # A shard of features takes photos of two shards.
    pack_photos(per_shard=3)

    write_with(means)

    assert checksums(Path("features")) == of_files


@pytest.mark.usefixtures("shards_of_two")
def test_a_damaged_shard_of_photos_is_named_and_what_came_before_stays(
    means: FrozenBackbone,
) -> None:
    pack_photos(per_shard=2)
    shard = damage_shard(1)

    with pytest.raises(PhotoError, match=rf"^{shard}: glass/2\.png: cut off"):
        write_with(means)

    assert list(checksums(Path("features"))) == ["00000.npy"]


@pytest.mark.usefixtures("shards_of_two")
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_each_image_has_a_row_and_each_orientation_a_column(
    means: FrozenBackbone, batch_size: int
) -> None:
    images = write_with(means, batch_size)

    features = open_features(images, Path("features"))
    assert sorted(checksums(Path("features"))) == [
        "00000.npy",
        "00001.npy",
        "00002.npy",
        "SHA256SUMS",
        "features.json",
    ]
    pixels = all_pixels()
    upper, lower = pixels[:, :16].mean(axis=(1, 2)), pixels[:, 16:].mean(axis=(1, 2))
    # As received, and turned by half.
    expected = np.stack([upper, lower], axis=1)
    np.testing.assert_allclose(all_of(features), expected, rtol=1e-5)


@pytest.mark.usefixtures("workspace")
def test_features_that_are_not_finite_name_their_photo() -> None:
    photos = Manifest().photos([0, 1, 2])
    features = np.zeros((3, 2, 4), np.float32)
    check_finite(features, photos, "float32")
    features[1, 0, 2] = np.inf
    features[2] = np.nan

    with pytest.raises(InputError, match=r"^data/raw/glass/1\.png: a feature of it is not finite"):
        check_finite(features, photos, "mixed_float16")


@pytest.mark.usefixtures("shards_of_two")
def test_the_bytes_do_not_depend_on_the_shards_that_stand_there(means: FrozenBackbone) -> None:
    write_with(means)
    first = checksums(Path("features"))
    Path("features/00001.npy").write_bytes(Path("features/00000.npy").read_bytes())
    Path("features/00002.npy").write_bytes(b"half of a shard")

    write_with(means)

    assert checksums(Path("features")) == first


@pytest.mark.usefixtures("shards_of_two")
@pytest.mark.parametrize("damaged", [0, 3])
def test_a_damaged_image_is_named_and_its_shard_is_not_written(
    means: FrozenBackbone, damaged: int
) -> None:
    path = RAW_DIR / f"glass/{damaged}.png"
    path.write_bytes(path.read_bytes()[:200])

    with pytest.raises(PhotoError, match=rf"data/raw/glass/{damaged}\.png: not the photo that"):
        write_with(means)

    assert sorted(checksums(Path("features"))) == ["00000.npy"][: damaged // 2]


@pytest.mark.usefixtures("of_means")
def test_older_features_are_replaced_whole() -> None:
    FEATURES_DIR.mkdir()
    (FEATURES_DIR / "00001.npy").write_text("old")

    main(SETTINGS)

    assert sorted(checksums(FEATURES_DIR)) == ["00000.npy", "SHA256SUMS", "features.json"]


def lines_of_shards(printed: str) -> list[str]:
    return [line.split(",")[0] for line in printed.splitlines() if " of 5 images, " in line]


@pytest.mark.usefixtures("of_means", "shards_of_two")
def test_a_failed_run_goes_on_at_the_next_shard(capsys: pytest.CaptureFixture[str]) -> None:
    main(SETTINGS)
    uninterrupted = checksums(FEATURES_DIR)
    assert lines_of_shards(capsys.readouterr().out) == [
        "2 of 5 images",
        "4 of 5 images",
        "5 of 5 images",
    ]

    photo = RAW_DIR / "glass/3.png"
    whole = photo.read_bytes()
    photo.write_bytes(whole[:200])
    with pytest.raises(PhotoError, match=r"glass/3\.png"):
        main(SETTINGS)
    (first,) = UNFINISHED_DIR.glob("*/*.npy")
    inode = first.stat().st_ino
    assert lines_of_shards(capsys.readouterr().out) == ["2 of 5 images"]
    assert checksums(FEATURES_DIR) == uninterrupted, "left as they were until the end"
    photo.write_bytes(whole)
    main(SETTINGS)

    assert lines_of_shards(capsys.readouterr().out) == ["4 of 5 images", "5 of 5 images"]
    assert (FEATURES_DIR / "00000.npy").stat().st_ino == inode, "not computed anew"
    assert checksums(FEATURES_DIR) == uninterrupted
    assert [path.name for path in UNFINISHED_DIR.iterdir()] == ["lock"]


@pytest.mark.usefixtures("of_means", "shards_of_two")
def test_unfinished_shards_of_other_images_or_parameters_are_not_taken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo = RAW_DIR / "glass/3.png"
    whole = photo.read_bytes()
    photo.write_bytes(whole[:200])
    for settings in (SETTINGS, SETTINGS.model_copy(update={"batch_size": 1})):
        with pytest.raises(PhotoError, match=r"glass/3\.png"):
            main(settings)
    capsys.readouterr()
    photo.write_bytes(whole)
    # The shard that is left is of the second run, and of an image that changes now.
    assert len(list(UNFINISHED_DIR.glob("*/*.npy"))) == 1
    Image.new("RGB", (32, 32), "lime").save(RAW_DIR / "glass/0.png")
    write_manifest()

    main(SETTINGS.model_copy(update={"batch_size": 1}))

    assert lines_of_shards(capsys.readouterr().out) == [
        "2 of 5 images",
        "4 of 5 images",
        "5 of 5 images",
    ]
    open_features(Manifest())


@pytest.mark.usefixtures("of_means", "shards_of_two")
def test_unfinished_shards_of_more_images_are_not_taken() -> None:
    last = RAW_DIR / "glass/4.png"
    whole = last.read_bytes()
    last.write_bytes(whole[:200])
    with pytest.raises(PhotoError, match=r"glass/4\.png"):
        main(SETTINGS)
    for number in range(1, 5):
        (RAW_DIR / f"glass/{number}.png").unlink()
    write_manifest()

    main(SETTINGS)

    assert [file.name for file in sorted(FEATURES_DIR.glob("*.npy"))] == ["00000.npy"]
    open_features(Manifest())


# Of the shards and the parameters of these tests, as the stage is run.
PROGRAM = """\
import sys
from stages.outputs import features
features.SHARD_IMAGES = 2
from stages.features.__main__ import FeaturesParams, main, run
sys.exit(run("features", FeaturesParams, main))
"""


@pytest.mark.usefixtures("shards_of_two")
def test_a_killed_run_goes_on_at_the_next_shard() -> None:
    command = [sys.executable, "-c", PROGRAM]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as killed:
        assert killed.stdout is not None
        before = killed.stdout.readline()
        killed.send_signal(signal.SIGKILL)
    last = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert lines_of_shards(before) == ["2 of 5 images"]
    # A shard that had been written, but not printed, is not computed anew.
    assert lines_of_shards(last.stdout)[0] != "2 of 5 images"
    assert killed.returncode == -signal.SIGKILL
    interrupted = checksums(FEATURES_DIR)
    main(SETTINGS)
    assert checksums(FEATURES_DIR) == interrupted


def error_of_stage(capsys: pytest.CaptureFixture[str]) -> str:
    assert run("features", FeaturesParams, main) == 1
    assert not FEATURES_DIR.exists()
    return capsys.readouterr().err


@pytest.mark.usefixtures("of_means")
def test_an_image_that_is_gone_stops_the_stage(capsys: pytest.CaptureFixture[str]) -> None:
    (RAW_DIR / "glass/2.png").unlink()

    assert error_of_stage(capsys) == (
        "error: data/raw/glass/2.png: cannot be read (No such file or directory); "
        "run `dvc checkout` to bring the photo back\n"
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
