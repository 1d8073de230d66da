"""The folder of features: opened, or refused with what mends it."""

import os
import resource
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stages.outputs.documents import write_document
from stages.outputs.features import (
    SHARD_IMAGES,
    Description,
    holds_shard,
    open_features,
    shard_file,
    shard_ranges,
    shard_type,
    write_shard,
)
from stages.outputs.manifest import Manifest
from tests.feature_files import write_feature_files
from tests.table_rows import manifest_row, written_manifest
from waste_classifier.errors import InputError

#: Of three images in two orientations, two columns each.
ARRAY = np.arange(3 * 2 * 2, dtype=np.float32).reshape(3, 2, 2)


def manifest(folder: Path, count: int) -> Manifest:
    """Return a manifest of images glass/0000.jpg, glass/0001.jpg, …"""
    return written_manifest(
        folder, (manifest_row(f"glass/{number:04}.jpg") for number in range(count))
    )


@pytest.fixture
def images(tmp_path: Path) -> Manifest:
    return manifest(tmp_path, 3)


@pytest.fixture
def folder(tmp_path: Path, images: Manifest) -> Path:
    """Features of the three images."""
    write_feature_files(tmp_path / "features", images, ARRAY)
    return tmp_path / "features"


def test_features_come_back_with_what_they_were_made_with(tmp_path: Path, images: Manifest) -> None:
    write_feature_files(
        tmp_path, images, ARRAY, False, image_size=96, last_stage="conv5", backbone_sha256="ab"
    )

    features = open_features(images, tmp_path)

    assert features.description == Description(False, 96, "conv5", "float32", "ab")
    assert features.columns == 2
    np.testing.assert_array_equal(np.concatenate(list(features.blocks())), ARRAY)


def test_the_bytes_of_a_shard(tmp_path: Path, images: Manifest) -> None:
    write_feature_files(tmp_path, images, ARRAY)

    shard = np.load(tmp_path / "00000.npy")

    assert shard.dtype.names == ("sha256", "features")
    assert [row.tobytes().hex() for row in shard["sha256"]] == [
        manifest_row(path).sha256 for path in images.texts("path")
    ]
    np.testing.assert_array_equal(shard["features"], ARRAY)


def test_features_stay_in_their_file_and_as_they_are(images: Manifest, folder: Path) -> None:
    features = open_features(images, folder)

    assert isinstance(features.shards[0], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        features.shards[0]["features"][0, 0, 0] = 1


@pytest.mark.parametrize(
    ("images", "ranges"),
    [
        (1, [range(1)]),
        (256, [range(256)]),
        (600, [range(256), range(256, 512), range(512, 600)]),
    ],
)
def test_a_shard_is_of_a_fixed_range_of_images(images: int, ranges: list[range]) -> None:
    assert SHARD_IMAGES == 256
    assert shard_ranges(images) == ranges


def test_rows_are_found_in_whatever_shard_they_are(tmp_path: Path) -> None:
    count = 2 * SHARD_IMAGES + 7
    images = manifest(tmp_path, count)
    # The features of image i are i, i + 0.25, i + 0.5, i + 0.75.
    array = (np.arange(count)[:, np.newaxis] + np.arange(4) / 4).astype(np.float32)
    write_feature_files(tmp_path / "features", images, array.reshape(count, 2, 2))
    features = open_features(images, tmp_path / "features")

    wanted = np.array([count - 1, 0, SHARD_IMAGES, 5, SHARD_IMAGES, SHARD_IMAGES - 1])
    read = features.read(wanted)
    second_column = features.read(wanted, np.array([False, True]))
    given = np.empty((len(wanted), 2, 1), np.float32)

    assert [len(features.shards[number]) for number in range(3)] == [SHARD_IMAGES, SHARD_IMAGES, 7]
    assert read[:, 0, 0].tolist() == wanted.tolist()
    assert read[0].tolist() == [[518, 518.25], [518.5, 518.75]]
    np.testing.assert_array_equal(second_column, read[:, :, 1:])
    assert features.read(wanted, np.array([False, True]), out=given) is given
    np.testing.assert_array_equal(given, second_column)
    assert features.read(np.array([], np.intp)).shape == (0, 2, 2)


def test_there_may_be_more_shards_than_files_that_a_process_may_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.outputs.features.SHARD_IMAGES", 1)
    count = 300
    images = manifest(tmp_path, count)
    write_feature_files(tmp_path / "features", images, np.ones((count, 2, 2), np.float32))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count - 50, hard))
    try:
        features = open_features(images, tmp_path / "features")
        blocks = sum(1 for _ in features.blocks())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert len(features.shards) == blocks == count


def test_columns_of_the_last_stage_are_its_means_and_deviations(
    tmp_path: Path, images: Manifest
) -> None:
    # 2 x 512 columns of conv3, then 2 x 1024 of conv4, each numbered.
    array = np.arange(3072, dtype=np.float32) + np.zeros((3, 2, 1), np.float32)
    write_feature_files(tmp_path, images, array, last_stage="conv4")

    (last,) = open_features(images, tmp_path).of_last_stage()

    assert last.shape == (3, 2, 2048)
    assert last[1, 1, [0, -1]].tolist() == [1024, 3071]


def test_missing_features_say_how_to_make_them(tmp_path: Path, images: Manifest) -> None:
    with pytest.raises(InputError, match=r"features\.json: no such file; run `dvc repro`"):
        open_features(images, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"pretrained": True, "unknown": 1},
        {**Description(True, 64, "conv4", "float32", None)._asdict(), "last_stage": "conv9"},
        {**Description(True, 64, "conv4", "float32", None)._asdict(), "image_size": "64"},
    ],
)
def test_a_damaged_description_is_named(
    images: Manifest, folder: Path, content: dict[str, object]
) -> None:
    write_document(folder / "features.json", content)

    with pytest.raises(InputError, match=r"features\.json: damaged \(.*\); run `dvc checkout`"):
        open_features(images, folder)


@pytest.mark.parametrize("bytes_left", [None, 0, 50, 200])
def test_damaged_features_are_named(images: Manifest, folder: Path, bytes_left: int | None) -> None:
    path = folder / "00000.npy"
    if bytes_left is None:
        path.unlink()
    else:
        os.truncate(path, bytes_left)

    with pytest.raises(
        InputError, match=r"00000\.npy: damaged or missing \(.*\); run `dvc checkout`"
    ):
        open_features(images, folder)


def test_python_objects_are_not_loaded(images: Manifest, folder: Path) -> None:
    np.save(folder / "00000.npy", np.array([{"any": "object"}]), allow_pickle=True)

    with pytest.raises(InputError, match=r"00000\.npy: damaged or missing"):
        open_features(images, folder)


@pytest.mark.parametrize(
    "other",
    [
        ARRAY,
        np.zeros(3, [("sha256", np.uint8, 32), ("features", np.float32, (1, 2))]),
        np.zeros(3, [("sha256", np.uint8, 32), ("features", np.float64, (2, 2))]),
        np.zeros(3, [("sha256", np.uint8, 32), ("features", np.float32)]),
        np.zeros((3, 1), shard_type(2)),
    ],
)
def test_what_is_no_shard_is_refused(
    images: Manifest, folder: Path, other: npt.NDArray[Any]
) -> None:
    np.save(folder / "00000.npy", other)

    with pytest.raises(
        InputError, match=r"00000\.npy: not a shard of features; run `dvc checkout`"
    ):
        open_features(images, folder)


def test_features_of_another_image_are_refused(tmp_path: Path, folder: Path) -> None:
    rows = [manifest_row(f"glass/{number:04}.jpg") for number in range(3)]
    rows[1] = rows[1]._replace(sha256="07" * 32)

    with pytest.raises(InputError) as caught:
        open_features(written_manifest(tmp_path, rows), folder)

    assert str(caught.value) == (
        f"{folder}/00000.npy: row 1 is not of glass/0001.jpg as the manifest has it; run `dvc "
        "repro` to compute the features anew"
    )


def test_features_of_fewer_images_are_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match=r"row 3 is not of glass/0003\.jpg as the manifest has"):
        open_features(manifest(tmp_path, 5), folder)


def test_features_of_more_images_are_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match=r"00000\.npy: row 1 is not of glass/0001\.jpg"):
        open_features(manifest(tmp_path, 2), folder)


@pytest.mark.parametrize("count", [SHARD_IMAGES - 1, SHARD_IMAGES])
def test_shards_of_more_images_are_refused(tmp_path: Path, count: int) -> None:
    more = manifest(tmp_path, 2 * SHARD_IMAGES)
    write_feature_files(tmp_path / "features", more, np.zeros((len(more), 2, 2), np.float32))

    with pytest.raises(InputError, match=r"; run `dvc repro` to compute t") as caught:
        open_features(manifest(tmp_path, count), tmp_path / "features")

    if count == SHARD_IMAGES:
        assert f"features of more images than the {count} of the manifest" in str(caught.value)
    else:
        assert "00000.npy: row 254 is not of glass/0254.jpg" in str(caught.value)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    more = manifest(tmp_path, SHARD_IMAGES + 1)
    write_feature_files(tmp_path / "features", more, np.zeros((len(more), 2, 2), np.float32))
    (tmp_path / "features/00001.npy").unlink()

    with pytest.raises(InputError, match=r"00001\.npy: damaged or missing"):
        open_features(more, tmp_path / "features")


def test_shards_of_different_width_are_refused(tmp_path: Path) -> None:
    more = manifest(tmp_path, SHARD_IMAGES + 1)
    for columns in (2, 3):
        array = np.zeros((len(more), 2, columns), np.float32)
        write_feature_files(tmp_path / f"of-{columns}", more, array)
    (tmp_path / "of-2/00001.npy").write_bytes((tmp_path / "of-3/00001.npy").read_bytes())

    with pytest.raises(InputError, match="of-2: shards of different width; run `dvc checkout`"):
        open_features(more, tmp_path / "of-2")


def test_a_whole_shard_is_known_by_the_checksums_of_its_images(
    images: Manifest, folder: Path
) -> None:
    file = folder / "00000.npy"

    assert holds_shard(file, images.checksums(range(len(images))), columns=2)
    assert not holds_shard(file, images.checksums(range(len(images)))[::-1], columns=2)
    assert not holds_shard(file, images.checksums(range(2)), columns=2)
    assert not holds_shard(file, images.checksums(range(len(images))), columns=3)
    assert not holds_shard(folder / "00001.npy", images.checksums(range(len(images))), columns=2)
    os.truncate(file, 200)
    assert not holds_shard(file, images.checksums(range(len(images))), columns=2)


def test_a_shard_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    file = shard_file(tmp_path, 12)
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished/00012.npy.new").write_bytes(b"of a killed run")

    write_shard(file, np.zeros(3, shard_type(2)))

    assert file.name == "00012.npy"
    assert list(tmp_path.iterdir()) == [file]
    assert np.load(file).shape == (3,)
