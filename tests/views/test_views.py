"""The stage from images and weights to data/views/."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.compute import determinism
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, Manifest, ManifestRow
from stages.outputs.tables import write_table
from stages.outputs.views import VIEWS_DIR, open_views
from stages.params.features import FeaturesParams
from stages.params.views import ViewsParams
from stages.views.__main__ import main, view_size
from tests.table_rows import manifest_row
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from tests.legacy_weights import write_random_weights  # noqa: E402

FEATURES = FeaturesParams(image_size=48, batch_size=2)
VIEWS = ViewsParams(seed=5, count=2, ground=0.5)
COLUMNS = np.ones(2 * 512, np.bool_)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of conv1 to conv3, in the layout of the published files."""
    path = tmp_path_factory.mktemp("weights") / "resnet50.h5"
    return write_random_weights(path, ("conv1", "conv2", "conv3"))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images, and no weights, as the current directory."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    (RAW_DIR / "glass").mkdir(parents=True)
    for number in range(3):
        pixels = random.integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(RAW_DIR / f"glass/{number}.png")
    write_manifest(["glass/0.png", "glass/1.png", "glass/2.png"])
    Path("data/backbone").mkdir()
    write_description(None)
    return tmp_path


@pytest.fixture
def workspace(photos: Path, weights_file: Path) -> Iterator[None]:
    """Those images with weights."""
    policy = keras.config.dtype_policy()
    (photos / "data/backbone/resnet50.h5").symlink_to(weights_file)
    write_description("resnet50.h5")
    yield
    keras.config.set_dtype_policy(policy)


def write_manifest(paths: list[str]) -> None:
    rows = [manifest_row(path)._replace(sha256=sha256_of(RAW_DIR / path)) for path in paths]
    write_table(MANIFEST_FILE, rows, ManifestRow)


def write_description(weights: str | None) -> None:
    Path("data/backbone/backbone.json").write_text(json.dumps({"file": weights}))


def checksums() -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VIEWS_DIR.iterdir()
    }


def read_all(count: int = 3, per_image: int = 2) -> np.ndarray:
    out = np.empty((count, per_image, 1024), np.float32)
    open_views(Manifest()).read(np.arange(count), COLUMNS, out)
    return out


@pytest.mark.usefixtures("workspace")
def test_each_view_of_each_image_has_features_and_the_same_bytes_each_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(FEATURES, VIEWS)
    first, views = checksums(), read_all()
    main(FEATURES, VIEWS)

    assert sorted(first) == ["00000.npy", "SHA256SUMS", "views.json"]
    assert checksums() == first
    assert open_views(Manifest()).per_image == 2
    # Six views, no two alike.
    assert len(np.unique(views.reshape(6, 1024), axis=0)) == 6
    assert np.isfinite(views).all()
    assert "3 images, 2 views of 32 pixels each" in capsys.readouterr().out


@pytest.mark.usefixtures("workspace")
def test_views_of_an_image_do_not_depend_on_those_beside_it() -> None:
    main(FEATURES, VIEWS)
    of_three = read_all()
    write_manifest(["glass/1.png"])
    main(FEATURES, VIEWS.model_copy(update={"count": 1}))

    np.testing.assert_allclose(read_all(1, 1)[0, 0], of_three[1, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("workspace")
def test_another_seed_draws_other_views() -> None:
    main(FEATURES, VIEWS)
    first = read_all()
    main(FEATURES, VIEWS.model_copy(update={"seed": 6}))

    assert not np.isclose(read_all(), first).all(axis=2).any()


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("none", ["count", "weights"])
def test_without_weights_or_a_number_there_are_no_views(
    none: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if none == "weights":
        write_description(None)

    main(FEATURES, VIEWS.model_copy(update={"count": 0 if none == "count" else 2}))

    assert sorted(checksums()) == ["SHA256SUMS", "views.json"]
    assert open_views(Manifest()).per_image == 0
    assert capsys.readouterr().out.startswith("no views")


@pytest.mark.usefixtures("workspace")
def test_views_of_other_images_are_refused() -> None:
    main(FEATURES, VIEWS)
    pixels = np.zeros((48, 48, 3), np.uint8)
    Image.fromarray(pixels).save(RAW_DIR / "glass/1.png")
    write_manifest(["glass/0.png", "glass/1.png", "glass/2.png"])

    with pytest.raises(InputError, match=r"data/views/00000\.npy: row 1 is not of glass/1\.png"):
        open_views(Manifest())


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("views", [-1, "2", None])
def test_a_damaged_description_is_refused(views: object) -> None:
    main(FEATURES, VIEWS.model_copy(update={"count": 0}))
    (VIEWS_DIR / "views.json").write_text(json.dumps({"views": views}))

    with pytest.raises(InputError, match=r"data/views/views\.json: damaged"):
        open_views(Manifest())


@pytest.mark.parametrize(("image_size", "expected"), [(32, 32), (64, 32), (224, 160), (384, 256)])
def test_views_are_two_thirds_as_large_in_whole_strides(image_size: int, expected: int) -> None:
    assert view_size(image_size) == expected
