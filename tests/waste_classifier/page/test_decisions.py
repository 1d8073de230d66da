"""Which decision is on the photo of a path: by its checksum, and after it has moved."""

from pathlib import Path

import pytest

from tests.waste_classifier.page.colours import save_photo
from waste_classifier.checksum import sha256_of
from waste_classifier.corrections import Correction, write_corrections
from waste_classifier.page.decisions import Decisions


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos in three colours, of which the red one was received under another label."""
    for path, colour in (
        ("glass/a.png", "green"),
        ("metal/a.png", "red"),
        ("metal/b.png", "blue"),
    ):
        save_photo(tmp_path / "raw" / path, colour)
    return tmp_path / "raw"


def decisions_with(photos: Path, *rows: Correction) -> Decisions:
    write_corrections(photos.parent / "corrections.csv", rows)
    return Decisions.read(photos.parent / "corrections.csv")


def test_a_photo_that_has_moved_is_found_where_it_came(photos: Path) -> None:
    red = sha256_of(photos / "metal/a.png")
    moved = Correction("paper/a.png", red, "paper", "metal")
    decisions = decisions_with(photos, moved)

    assert decisions.find("paper/a.png", photos) == (photos / "metal/a.png", moved)
    assert decisions.find("metal/a.png", photos) == (photos / "metal/a.png", moved)
    assert decisions.are_on("metal/a.png", photos)


def test_and_where_its_name_was_taken(photos: Path) -> None:
    red = sha256_of(photos / "metal/a.png")
    name = f"metal/b_{red[:8]}.png"
    (photos / "metal/a.png").rename(photos / name)
    moved = Correction("paper/b.png", red, "paper", "metal")
    decisions = decisions_with(photos, moved)

    assert decisions.find("paper/b.png", photos) == (photos / name, moved)
    assert decisions.find(name, photos) == (photos / name, moved)
    # One of the name that the photo had has none.
    assert decisions.find("metal/b.png", photos) == (photos / "metal/b.png", None)
    assert not decisions.are_on("metal/b.png", photos)


def test_a_photo_that_took_the_place_of_one_that_moved_has_no_decision(photos: Path) -> None:
    red = sha256_of(photos / "metal/a.png")
    decisions = decisions_with(photos, Correction("glass/a.png", red, "glass", "metal"))

    assert decisions.find("glass/a.png", photos) == (photos / "glass/a.png", None)


@pytest.mark.parametrize("label", ["..", "../raw/metal", "metal/../metal", "/", ""])
def test_a_label_that_leads_elsewhere_is_not_followed(photos: Path, label: str) -> None:
    save_photo(photos.parent / "a.png", "red")
    red = sha256_of(photos / "metal/a.png")
    decisions = decisions_with(photos, Correction("paper/a.png", red, "paper", label))

    assert decisions.find("paper/a.png", photos) == (photos / "paper/a.png", None)


@pytest.mark.parametrize(
    ("path", "sha256"), [("paper/a.png", "\0" * 64), (f"paper/{'a' * 300}.png", "0" * 64)]
)
def test_a_name_that_no_file_can_have_is_not_found(photos: Path, path: str, sha256: str) -> None:
    decisions = decisions_with(photos, Correction(path, sha256, "paper", "metal"))

    assert decisions.find(path, photos) == (photos / path, None)


def test_a_photo_that_took_the_place_of_one_that_was_kept_is_to_be_decided_on(photos: Path) -> None:
    was_there = sha256_of(photos / "metal/b.png")
    decisions = decisions_with(photos, Correction("metal/a.png", was_there, "metal", "metal"))

    assert not decisions.are_on("metal/a.png", photos)
    (photos / "metal/a.png").unlink()
    assert decisions.are_on("metal/a.png", photos), "there is nothing to decide on"
