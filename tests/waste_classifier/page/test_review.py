"""The review of likely label errors: what is shown, and what a decision writes."""

import fcntl
import hashlib
import os
import re
import shutil
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from tests.waste_classifier.page.colours import save_photo
from waste_classifier.corrections import read_corrections
from waste_classifier.errors import InputError
from waste_classifier.images import MAX_PIXELS
from waste_classifier.page.review import Review
from waste_classifier.shards import find_photo

TABLE = (
    "rank,path,label,suggested_label,quality\n"
    "1,glass/b.png,glass,metal,0.02\n"
    "2,glass/a.png,glass,metal,0.05\n"
    "3,metal/c.png,metal,a<b,0.3\n"
)


@pytest.fixture
def review(tmp_path: Path) -> Review:
    for name in ("glass/a.png", "glass/b.png", "metal/c.png"):
        save_photo(tmp_path / "raw" / name, "red")
    (tmp_path / "label_errors.csv").write_text(TABLE)
    found = Review.load(
        tmp_path / "label_errors.csv", tmp_path / "raw", tmp_path / "corrections.csv"
    )
    assert found is not None
    return found


def texts(html: str) -> list[str]:
    return [text for text in re.split(r"<[^>]*>", html) if text]


def test_shows_the_photo_beside_both_labels(review: Review) -> None:
    html = review.html(2)

    assert 'alt="The photo metal/c.png"' in html
    assert texts(html) == [
        *("3 of 3", "0 decided", "metal/c.png"),
        *("Stands under", "metal", "Suggested", "a&lt;b"),
        *("Probability that it stands right", "0.3", "Decision", "none yet"),
    ]


def test_a_decision_is_written_at_once_and_leads_to_the_next(review: Review) -> None:
    red = hashlib.sha256((review.photos / "glass/a.png").read_bytes()).hexdigest()

    assert review.first() == 0
    assert review.decide(0, accept=True, seen=None) == 1
    assert review.corrections.read_text() == (
        f"path,sha256,from,to\nglass/b.png,{red},glass,metal\n"
    )
    assert review.decide(1, accept=False, seen=None) == 2
    assert review.corrections.read_text() == (
        f"path,sha256,from,to\nglass/a.png,{red},glass,glass\nglass/b.png,{red},glass,metal\n"
    )
    assert texts(review.html(0))[1::9] == ["2 decided", "is metal"]
    assert texts(review.html(1))[-1] == "stays glass"


def test_the_next_without_a_decision_may_come_before(review: Review) -> None:
    review.decide(2, accept=True, seen=None)
    assert review.first() == 0
    assert review.decide(1, accept=True, seen=None) == 0
    # All have one: it stays where it is.
    assert review.decide(0, accept=True, seen=None) == 0
    assert review.first() == 2


def test_a_decision_can_be_changed(review: Review) -> None:
    review.decide(0, accept=True, seen=None)
    assert review.decided(0) == "metal"
    review.decide(0, accept=False, seen="metal")

    assert [each.to_label for each in read_corrections(review.corrections).values()] == ["glass"]
    assert review.decided(0) == "glass"


@pytest.mark.parametrize("seen", [None, "glass"])
def test_what_somebody_decided_meanwhile_is_not_reversed(review: Review, seen: str | None) -> None:
    assert review.decided(0) is None
    review.decide(0, accept=True, seen=None)
    table = review.corrections.read_bytes()

    message = re.escape("glass/b.png: somebody decided meanwhile; look again")
    with pytest.raises(InputError, match=f"^{message}$"):
        review.decide(0, accept=False, seen=seen)

    assert review.corrections.read_bytes() == table


def test_decisions_of_others_stay(review: Review) -> None:
    review.corrections.write_text("path,sha256,from,to\npaper/x.png,00,paper,metal\n")

    review.decide(0, accept=True, seen=None)

    assert list(read_corrections(review.corrections)) == ["glass/b.png", "paper/x.png"]


def test_people_who_decide_at_once_lose_nothing(review: Review) -> None:
    def is_first(position: int) -> bool:
        try:
            review.decide(position, True, None)
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(24) as people:
        first = list(people.map(is_first, [0, 1, 2] * 8))

    assert len(read_corrections(review.corrections)) == 3
    assert sum(first) == 3


def test_decisions_of_two_pages_on_one_table_wait_for_each_other(review: Review) -> None:
    # As another process that has read the table, and is about to write it.
    other = os.open(review.corrections.parent, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    here = threading.Thread(target=review.decide, args=(0, True, None))
    here.start()
    here.join(0.5)
    assert here.is_alive()
    review.corrections.write_text("path,sha256,from,to\npaper/x.png,00,paper,metal\n")
    os.close(other)
    here.join()

    assert list(read_corrections(review.corrections)) == ["glass/b.png", "paper/x.png"]


def test_a_photo_is_shown_however_large(review: Review) -> None:
    high = MAX_PIXELS // 10_000 + 1
    Image.new("1", (10_000, high)).save(review.photos / "glass/b.png")

    assert 'alt="The photo glass/b.png"' in review.html(0)


def test_a_decision_on_another_photo_of_the_name_does_not_hold(review: Review) -> None:
    review.decide(0, accept=True, seen=None)
    save_photo(review.photos / "glass/b.png", "blue")

    assert texts(review.html(0))[-1] == "was on another photo of this name; decide again"


def test_a_missing_photo_is_named_and_not_decided_on(review: Review) -> None:
    (review.photos / "glass/b.png").unlink()

    assert "glass/b.png: cannot be read (No such file or directory)" in review.html(0)
    with pytest.raises(InputError, match=r"glass/b.png: cannot be read .*; bring the photos back"):
        review.decide(0, accept=True, seen=None)
    assert not review.corrections.exists()


def test_the_pipelines_tables_are_found(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Review.load(None, None, Path("corrections.csv")) is None

    (tmp_path / "data").mkdir()
    (tmp_path / "label_errors.csv").rename("data/label_errors.csv")
    review.photos.rename("data/raw")
    found = Review.load(None, None, Path("corrections.csv"))

    assert found is not None
    assert found.errors == review.errors
    assert "none yet" in found.html(0)


def test_photos_that_are_not_there_are_named(review: Review, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none: no such folder; give that of the photos"):
        Review.load(tmp_path / "label_errors.csv", tmp_path / "none", review.corrections)


def test_where_nothing_was_asked_for_missing_photos_are_shown_as_missing(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy("label_errors.csv", "data/label_errors.csv")

    found = Review.load(None, None, Path("corrections.csv"))

    assert found is not None
    message = "data/raw: no such folder; give that of the photos (--photos)"
    assert message in texts(found.html(found.first()))
    with pytest.raises(InputError, match=re.escape(message)):
        found.decide(0, accept=True, seen=None)
    assert not Path("corrections.csv").exists()
    for label_errors, photos in ((Path("data/label_errors.csv"), None), (None, Path("data/raw"))):
        with pytest.raises(InputError, match=re.escape(message)):
            Review.load(label_errors, photos, Path("corrections.csv"))

    # They may come while the page is open.
    review.photos.rename("data/raw")
    assert message not in found.html(0)


def test_another_table_in_the_place_of_corrections_is_refused_at_the_start(
    review: Review, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="not a table with the columns"):
        Review.load(tmp_path / "label_errors.csv", review.photos, tmp_path / "label_errors.csv")


def pack(photos: Path) -> None:
    """Replace the folder of photos by one with a shard for each label."""
    with tarfile.open(photos.with_name("0.tar"), "w") as glass:
        glass.add(photos / "glass/a.png", "glass/a.png")
        glass.add(photos / "glass/b.png", "glass/b.png")
    with tarfile.open(photos.with_name("1.tar"), "w") as metal:
        metal.add(photos / "metal/c.png", "metal/c.png")
    shutil.rmtree(photos)
    photos.mkdir()
    for name in ("0.tar", "1.tar"):
        photos.with_name(name).rename(photos / name)


def test_photos_may_stand_in_shards(review: Review) -> None:
    of_files = review.html(2)
    red = hashlib.sha256((review.photos / "glass/a.png").read_bytes()).hexdigest()
    pack(review.photos)

    assert review.html(2) == of_files
    assert review.decide(0, accept=True, seen=None) == 1
    assert read_corrections(review.corrections)["glass/b.png"].sha256 == red
    assert texts(review.html(0))[-1] == "is metal"


def test_a_damaged_shard_is_named_and_not_decided_on(review: Review) -> None:
    pack(review.photos)
    review.decide(0, accept=True, seen=None)
    (review.photos / "0.tar").write_bytes(b"no tar file")

    html = review.html(0)
    assert "0.tar: not a tar file that can be read" in html
    assert texts(html)[-1] == "was on another photo of this name; decide again"
    with pytest.raises(InputError, match=r"0\.tar: not a tar file that can be read"):
        review.decide(1, accept=True, seen=None)


def test_a_photo_of_a_shard_is_looked_up_once_until_the_shard_changes(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(review.photos)
    review.decide(0, accept=False, seen=None)
    asked: list[str] = []

    def counted(folder: Path, name: str) -> object:
        asked.append(name)
        return find_photo(folder, name)

    monkeypatch.setattr("waste_classifier.page.decisions.find_photo", counted)
    first = review.html(0)
    assert review.html(0) == first
    assert asked == []

    os.utime(review.photos / "0.tar", (1, 1))
    assert review.html(0) == first

    assert "glass/b.png" in asked
