"""The images of label folders: how often they can be listed, in which order, at which memory."""

import tracemalloc
import unicodedata
from pathlib import Path

import pytest

from stages.fetch.folder import list_folder
from stages.fetch.layout import ImageFiles, find_images, place_images

LABEL_FOLDERS = {
    "glass": ["2.jpg", "10.jpg", "1.jpg"],
    "glass-clear": ["1.jpg"],
    "Paper": ["b.png", "B2.png"],
}
#: `-` comes before `/`, capitals before small letters.
PATHS = [
    "Paper/B2.png",
    "Paper/b.png",
    "glass-clear/1.jpg",
    "glass/1.jpg",
    "glass/10.jpg",
    "glass/2.jpg",
]


def write(root: Path, folders: dict[str, list[str]]) -> Path:
    for label, names in folders.items():
        (root / label).mkdir(parents=True)
        for name in names:
            (root / label / name).write_text(f"{label}/{name}")
    return root


@pytest.fixture
def images(tmp_path: Path) -> ImageFiles:
    return find_images(write(tmp_path / "photos", LABEL_FOLDERS), "photos").images


def paths(images: ImageFiles) -> list[str]:
    return [image.path for image in images]


def test_images_are_listed_as_often_as_they_are_asked_for(images: ImageFiles) -> None:
    assert paths(images) == PATHS
    assert paths(images) == PATHS
    assert len(images) == 6
    assert images.labels == ["Paper", "glass-clear", "glass"]
    assert [image.source.read_text() for image in images] == PATHS


def test_two_may_list_them_at_once(images: ImageFiles) -> None:
    pairs = zip(images, images, strict=True)
    assert [(one.path, other.path) for one, other in pairs] == [(path, path) for path in PATHS]


def test_they_are_sorted_by_the_composed_name(tmp_path: Path) -> None:
    # By bytes, an e and its accent come before `z`; the composed letter comes after it.
    accented = "\u00e9.jpg"
    received = unicodedata.normalize("NFD", accented)
    assert received < "z.jpg" < accented
    root = write(tmp_path / "photos", {"glass": [received, "z.jpg"], "paper": ["1.jpg"]})

    images = find_images(root, "photos").images

    assert paths(images) == ["glass/z.jpg", f"glass/{accented}", "paper/1.jpg"]
    assert [image.received_name for image in images] == ["z.jpg", received, "1.jpg"]


def test_what_moves_comes_where_its_new_path_belongs(images: ImageFiles) -> None:
    by_path = {image.path: image for image in images}

    moved = images.with_moved(
        {
            "glass/2.jpg": by_path["glass/2.jpg"]._replace(label="Paper"),
            # It takes the name of one that leaves.
            "Paper/b.png": by_path["Paper/b.png"]._replace(label="glass", name="2.jpg"),
            "glass/1.jpg": by_path["glass/1.jpg"]._replace(label="glass-clear", name="1_ab.jpg"),
        }
    )

    expected = {
        "Paper/2.jpg": "glass/2.jpg",
        "Paper/B2.png": "Paper/B2.png",
        "glass-clear/1.jpg": "glass-clear/1.jpg",
        "glass-clear/1_ab.jpg": "glass/1.jpg",
        "glass/10.jpg": "glass/10.jpg",
        "glass/2.jpg": "Paper/b.png",
    }
    for _ in range(2):
        assert [(image.path, image.source.read_text()) for image in moved] == list(expected.items())
    assert len(moved) == 6
    # Of these, nothing has changed.
    assert paths(images) == PATHS


def test_what_was_placed_is_listed_where_it_stands(images: ImageFiles, tmp_path: Path) -> None:
    first = next(iter(images))
    moved = images.with_moved({first.path: first._replace(label="glass", name="0.png")})

    placed = place_images(moved, tmp_path / "raw", Path.rename)

    assert [(image.path, image.source.read_text()) for image in placed] == [
        ("Paper/b.png", "Paper/b.png"),
        ("glass-clear/1.jpg", "glass-clear/1.jpg"),
        ("glass/0.png", "Paper/B2.png"),
        ("glass/1.jpg", "glass/1.jpg"),
        ("glass/10.jpg", "glass/10.jpg"),
        ("glass/2.jpg", "glass/2.jpg"),
    ]
    assert {image.source.parent.parent for image in placed} == {tmp_path / "raw"}


def test_a_folder_is_listed_without_what_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("2.jpg", "1.jpg", ".hidden", "Thumbs.db"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("inner")
    (tmp_path / "loop").symlink_to("loop")

    folder = list_folder(tmp_path)

    assert folder.folders == [tmp_path / "inner", tmp_path / "link"]
    assert folder.file_count == 3
    assert folder.ignored == [".hidden", "Thumbs.db"]
    assert folder.file_names() == ["1.jpg", "2.jpg", "loop"]
    assert list(folder.file_paths()) == [tmp_path / name for name in ("1.jpg", "2.jpg", "loop")]


def peak_bytes(root: Path) -> int:
    """Return the most memory, in bytes, that finding and listing images takes."""
    tracemalloc.start()
    try:
        for image in find_images(root, "photos").images:
            assert image.source
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_labels(tmp_path: Path) -> None:
    names = [f"{number:06}.jpg" for number in range(200)]
    few = write(tmp_path / "few", {f"label{number}": names for number in range(2)})
    many = write(tmp_path / "many", {f"label{number}": names for number in range(10)})
    peak_bytes(few)  # with what is made once

    growth = peak_bytes(many) - peak_bytes(few)

    # A name alone takes some 60 bytes.
    assert growth / (8 * len(names)) < 10
