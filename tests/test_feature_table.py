"""The folder of features: opened, or refused with what mends it."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stages.errors import InputError
from stages.feature_table import feature_blocks, read_features
from tests.feature_files import write_feature_files

ARRAY = np.arange(3 * 2 * 2, dtype=np.float32).reshape(3, 2, 2)


def test_features_come_back_with_what_they_were_made_with(tmp_path: Path) -> None:
    write_feature_files(tmp_path, ARRAY, pretrained=False, image_size=96, last_stage="conv5")

    features = read_features(3, tmp_path)

    np.testing.assert_array_equal(features.array, ARRAY)
    assert not features.pretrained
    assert features.image_size == 96
    assert features.last_stage == "conv5"


def test_features_stay_in_their_file_and_as_they_are(tmp_path: Path) -> None:
    write_feature_files(tmp_path, ARRAY)

    features = read_features(3, tmp_path)

    assert isinstance(features.array, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        features.array[0, 0, 0] = 1


def test_blocks_of_features_are_named_in_order() -> None:
    assert [(block.name, block.columns) for block in feature_blocks("conv4")] == [
        ("conv3_mean", 512),
        ("conv3_std", 512),
        ("conv4_mean", 1024),
        ("conv4_std", 1024),
    ]


def test_columns_of_the_last_stage_are_its_means_and_deviations(tmp_path: Path) -> None:
    # 2 x 512 columns of conv3, then 2 x 1024 of conv4, each numbered.
    array = np.arange(3072, dtype=np.float32) + np.zeros((2, 2, 1), np.float32)
    write_feature_files(tmp_path, array, last_stage="conv4")

    last = read_features(2, tmp_path).of_last_stage

    assert last.shape == (2, 2, 2048)
    assert last[1, 1, [0, -1]].tolist() == [1024, 3071]


def test_missing_features_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"features\.json: no such file; run `dvc repro`"):
        read_features(3, tmp_path)


@pytest.mark.parametrize("bytes_left", [None, 0, 50, 150])
def test_damaged_features_are_named(tmp_path: Path, bytes_left: int | None) -> None:
    write_feature_files(tmp_path, ARRAY)
    path = tmp_path / "features.npy"
    if bytes_left is None:
        path.unlink()
    else:
        os.truncate(path, bytes_left)

    with pytest.raises(
        InputError, match=r"features\.npy: damaged or missing \(.*\); run `dvc checkout`"
    ):
        read_features(3, tmp_path)


def test_python_objects_are_not_loaded(tmp_path: Path) -> None:
    write_feature_files(tmp_path, ARRAY)
    np.save(tmp_path / "features.npy", np.array([{"any": "object"}]), allow_pickle=True)

    with pytest.raises(InputError, match=r"features\.npy: damaged or missing"):
        read_features(1, tmp_path)


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (ARRAY[:2], r"\(2, 2, 2\)"),
        (ARRAY[:, :1], r"\(3, 1, 2\)"),
        (ARRAY[:, :, 0], r"\(3, 2\)"),
    ],
)
def test_features_of_other_images_are_refused(
    tmp_path: Path, array: npt.NDArray[np.float32], shape: str
) -> None:
    write_feature_files(tmp_path, array)

    with pytest.raises(
        InputError, match=rf"expected \(3, 2, …\) for the 3 images .*, got {shape}; run `dvc repro`"
    ):
        read_features(3, tmp_path)
