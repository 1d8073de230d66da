"""The nearest training photos, and their thumbnails."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from waste_classifier.errors import InputError
from waste_classifier.training_photos import TrainingPhotos, thumbnail, write_thumbnails


@pytest.fixture
def file(tmp_path: Path) -> Path:
    places = np.array([[0, 0], [3, 4], [1, 0]], np.float32)
    photos = TrainingPhotos(
        np.array(["a.jpg", "b.jpg", "c.jpg"]), np.array(["glass", "metal", "glass"]), places, None
    )
    photos.save(tmp_path / "training_photos.npz")
    return tmp_path / "training_photos.npz"


def test_the_nearest_come_first_with_their_distance(file: Path) -> None:
    nearest = TrainingPhotos.load(file).nearest(np.array([0, 0], np.float32), 2)

    assert [(each.path, each.label, each.distance) for each in nearest] == [
        ("a.jpg", "glass", 0),
        ("c.jpg", "glass", 1),
    ]
    assert nearest[0].thumbnail is None


def test_thumbnails_are_those_of_the_photos(file: Path) -> None:
    colours = ["red", "green", "blue"]
    small = [thumbnail(Image.new("RGB", (400, 200), colour)) for colour in colours]
    write_thumbnails(file.with_name("training_photos.zip"), small)

    nearest = TrainingPhotos.load(file).nearest(np.array([3, 4], np.float32), 1)

    (picture,) = [each.thumbnail for each in nearest]
    assert picture is not None
    assert picture.size == (96, 48)
    pixel = picture.getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert pixel[1] > 100 > pixel[0]


def test_equal_thumbnails_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_thumbnails(tmp_path / name, [Image.new("RGB", (20, 20), "red")])

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_damaged_files_are_refused(file: Path) -> None:
    file.with_name("training_photos.zip").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"training_photos\.zip: can't be read"):
        TrainingPhotos.load(file).nearest(np.array([0, 0], np.float32), 1)

    file.write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"training_photos\.npz: can't be read"):
        TrainingPhotos.load(file)
