"""What is found in files, folders and archives; what can't be looked into stops no other."""

import csv
import os
import shutil
import sys
import threading
import zipfile
from collections import Counter
from io import TextIOWrapper
from pathlib import Path

import pytest

from tests.waste_classifier.commands.command_line import COLOURS, make_unreadable, run, save
from tests.waste_classifier.pipes import piped
from waste_classifier import __main__, images
from waste_classifier.commands.adapt import enough
from waste_classifier.commands.photos import find_photos
from waste_classifier.errors import PhotoError
from waste_classifier.images import Readable


def write_archive(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.write("photos/glass.jpg", "glass.jpg")


def test_what_can_not_be_looked_into_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    make_unreadable(Path("deep"))
    shutil.copy("photos/metal.jpg", "deep/metal.jpg")
    write_archive(Path("cut.zip"))
    Path("cut.zip").write_bytes(Path("cut.zip").read_bytes()[:-30])
    write_archive(Path("torn.zip"))
    whole = Path("torn.zip").read_bytes()
    # The list of all files, within the archive.
    Path("torn.zip").write_bytes(whole.replace(b"PK\x01\x02", b"torn"))

    assert run("predict", "cut.zip", "torn.zip", "deep", "photos/glass.jpg", "--csv", "said") == 1

    out, err = capsys.readouterr()
    assert [line.split("\t")[:2] for line in out.splitlines()] == [
        ["deep/metal.jpg", "metal"],
        ["photos/glass.jpg", "glass"],
    ]
    cut, torn, deep, count = err.splitlines()
    assert cut == "error: cut.zip: not a whole zip archive; copy it again"
    assert torn == "error: torn.zip: not a whole zip archive; copy it again"
    assert deep.startswith("error: deep/bbb")
    assert deep.endswith(
        "b: can't be read (File name too long); let this user read it, or leave it out"
    )
    assert count == "3 of 5 photos could not be read"
    with Path("said").open(newline="") as file:
        rows = {row["photo"][:20]: row["error"] for row in csv.DictReader(file)}
    assert rows["cut.zip"] == "cut.zip: not a whole zip archive; copy it again"
    assert rows["photos/glass.jpg"] == ""


def test_folders_of_labels_are_scored_without_what_can_not_be_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(Path("line/metal/0.png"), COLOURS["metal"])
    make_unreadable(Path("line/glass"))
    make_unreadable(Path("line/wood"))

    assert run("score", "line") == 1

    out, err = capsys.readouterr()
    assert [line[:18] for line in err.splitlines()] == ["error: line/glass/", "error: line/wood/b"]
    assert "coverage: 1.000 (" in out


def test_a_line_is_adapted_to_without_what_can_not_be_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(60):
        save(Path(f"line/{number:02}.jpg"), (number, 200, number))
    make_unreadable(Path("line/deep"))

    assert run("adapt", "line", "--output", "adapted") == 1

    out, err = capsys.readouterr()
    assert out.startswith("60 photos\n")
    assert err.startswith("error: line/deep/bbb")
    assert Path("adapted/adaptation.npz").exists()


def test_what_can_not_be_read_is_said_of_very_many_photos_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("waste_classifier.commands.adapt.MOST_PHOTOS", 2)
    make_unreadable(Path("photos/deep"))

    chosen = [each.name.partition("/bbb")[0] for each in enough(list(find_photos(["photos"])))]

    assert chosen[2:] == ["photos/deep"]
    assert capsys.readouterr().err == "2 of 3 photos, evenly chosen\n"


def test_a_photo_with_an_archive_behind_it_is_a_photo(capsys: pytest.CaptureFixture[str]) -> None:
    write_archive(Path("inner.zip"))
    content = Path("photos/metal.jpg").read_bytes() + Path("inner.zip").read_bytes()
    for name in ("moving.JPG", ".hidden.jpg", "unnamed"):
        Path(name).write_bytes(content)

    assert run("predict", "moving.JPG", ".hidden.jpg", "unnamed") == 0

    assert [line.split("\t")[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["moving.JPG", "metal"],
        [".hidden.jpg", "metal"],
        ["unnamed/glass.jpg", "glass"],
    ]


def test_what_is_named_an_archive_and_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("page.ZIP").write_text("<html>")
    Path("empty").mkdir()

    assert run("predict", "page.ZIP", "empty", "--csv", "said.csv") == 1

    assert capsys.readouterr().err.splitlines() == [
        "error: page.ZIP: not a whole zip archive; copy it again",
        "error: page.ZIP, empty: no photos found",
    ]
    # No photo, no table in the place of one of before.
    assert not Path("said.csv").exists()


def test_pipes_in_a_folder_are_not_waited_for() -> None:
    os.mkfifo("photos/camera.jpg")
    Path("photos/linked.jpg").symlink_to("camera.jpg")
    Path("photos/dangling.jpg").symlink_to("gone.jpg")
    left_out: Counter[str] = Counter()

    found = [each.name for each in find_photos(["photos"], left_out)]

    names = ("broken", "dangling", "glass", "metal")
    assert found == [f"photos/{name}.jpg" for name in names]
    assert +left_out == {"pipe or device": 2, ".txt": 1}


def test_what_has_no_photos_is_said_where_others_have_some(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("empty").mkdir()
    zipfile.ZipFile("empty.zip", "w").close()

    assert run("predict", "empty", "photos/glass.jpg", "empty.zip") == 1

    out, err = capsys.readouterr()
    assert out == "photos/glass.jpg\tglass\t1.00\n"
    assert err.splitlines() == [
        "error: empty: no photos found",
        "error: empty.zip: no photos found",
        "2 of 3 photos could not be read",
    ]


def test_where_none_has_photos_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    zipfile.ZipFile("empty.zip", "w").close()

    assert run("predict", "empty", "empty.zip", "--csv", "said.csv") == 1

    assert capsys.readouterr().err == "error: empty, empty.zip: no photos found\n"
    assert not Path("said.csv").exists()


def test_a_photo_that_comes_through_a_pipe_is_explained_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with piped(Path("photos/glass.jpg").read_bytes()) as path:
        assert run("predict", path, "--explain", "why") == 0

    assert capsys.readouterr().out == f"{path}\tglass\t1.00\n"
    assert [picture.name[:6] for picture in Path("why").iterdir()] == ["00001_"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty file"), (b"no photo", "not an image of JPEG, PNG, WebP, BMP or GIF")],
)
def test_what_comes_through_a_pipe_and_is_no_photo_is_said(
    content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with piped(content) as path:
        assert run("predict", path) == 1

    assert f"error: {path}: {message}\n" in capsys.readouterr().err


def test_a_named_pipe_is_read_once_and_asked_twice() -> None:
    os.mkfifo("camera")
    content = Path("photos/glass.jpg").read_bytes()
    writing = threading.Thread(target=Path("camera").write_bytes, args=[content], daemon=True)
    writing.start()

    (found,) = find_photos(["camera"])

    writing.join(10)
    assert isinstance(found.photo, Readable)
    assert [found.photo.read_bytes() for _ in range(2)] == [content] * 2
    assert str(found.photo) == "camera"


def test_a_pipe_that_goes_on_for_ever_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waste_classifier.commands.photos.MOST_BYTES", 2**20)
    os.mkfifo("camera")

    def write() -> None:
        with Path("camera").open("wb", buffering=0) as camera, pytest.raises(BrokenPipeError):
            while True:
                camera.write(bytes(2**16))

    writing = threading.Thread(target=write, daemon=True)
    writing.start()

    (found,) = find_photos(["camera"])

    writing.join(10)
    assert isinstance(found.photo, Readable)
    with pytest.raises(PhotoError, match=r"^camera: more than 1 MiB$"):
        found.photo.read_bytes()


@pytest.mark.parametrize(
    "command", [["predict", "line"], ["score", "line"], ["watch", "-"], ["adapt", "line"]]
)
def test_larger_photos_are_accepted_by_an_option(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Of 20 x 10 pixels.
    for number in range(50):
        save(Path(f"line/glass/{number:02}.jpg"), (number, 200, number))
    options = ["--output", "adapted"] if command[0] == "adapt" else []

    def code(limit: int) -> int:
        with Path("line/glass/00.jpg").open("rb") as stream, monkeypatch.context() as patched:
            patched.setattr(sys, "stdin", TextIOWrapper(stream))
            return run(*command, *options, "--max-pixels", limit)

    assert code(199) == 1
    name = "frame 1" if command[0] == "watch" else "line/glass/00.jpg"
    message = "20 x 10 pixels, more than the limit of 199; accept it by --max-pixels"
    assert f"error: {name}: {message}\n" in capsys.readouterr().err
    assert code(200) == 0


def test_the_limit_of_the_command_line_is_that_of_photos() -> None:
    assert __main__.MAX_PIXELS == images.MAX_PIXELS


def test_a_table_says_of_a_large_photo_nothing_of_options() -> None:
    arguments = ["--csv", "said.csv", "--explain", "why", "--max-pixels", 199]
    assert run("predict", "photos/glass.jpg", *arguments) == 1

    with Path("said.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["error"] == "photos/glass.jpg: 20 x 10 pixels, more than the limit of 199"
