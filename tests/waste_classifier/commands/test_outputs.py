"""What `predict` writes replaces nothing but its like, and what it can't write it says at once."""

import csv
import json
import os
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.waste_classifier.commands.command_line import COLOURS, run, save
from waste_classifier.classifier import Classifier
from waste_classifier.commands.outputs import explanations
from waste_classifier.commands.photos import find_photos, results
from waste_classifier.errors import PhotoError


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # As a shell puts the names of photos where `photos/*.jpg` stands.
        (
            ["--sheet", "photos/glass.jpg", "photos/metal.jpg"],
            "photos/glass.jpg: is there, and not a picture of `predict`; move it away",
        ),
        (
            ["--csv", "photos/glass.jpg", "photos/metal.jpg"],
            "photos/glass.jpg: is there, and not a table of `predict`; move it away",
        ),
        (
            ["--jsonl", "photos/glass.jpg", "photos/metal.jpg"],
            "photos/glass.jpg: is there, and not a file of JSON lines of `predict`; move it away",
        ),
        (
            ["--explain", "photos/glass.jpg", "photos/metal.jpg"],
            "photos/glass.jpg: is a file; name a folder for --explain",
        ),
        (
            ["photos/glass.jpg", "--csv", "photos/../photos/glass.jpg"],
            "photos/../photos/glass.jpg: named for --csv, but also to be decided on; name another",
        ),
        (
            ["link.jpg", "--sheet", "photos/glass.jpg"],
            "photos/glass.jpg: named for --sheet, but also to be decided on; name another file",
        ),
        (
            ["photos", "--explain", "photos"],
            "photos: named for --explain, but also to be decided on; name another folder",
        ),
        (
            ["photos", "--sheet", "photos/sheet.png"],
            "photos/sheet.png: named for --sheet, but in photos, whose pictures are decided on",
        ),
        (
            [".", "--explain", "why"],
            "why: named for --explain, but in ., whose pictures are decided on; name a place",
        ),
        (
            ["photos", "--csv", "photos/notes.txt"],
            "photos/notes.txt: is there, and not a table of `predict`; move it away",
        ),
        (["photos", "--csv", "photos/inner"], "photos/inner: is a folder; name a file"),
        (
            ["photos", "--csv", "said", "--jsonl", "photos/../said"],
            "said: named for two outputs, --csv and --jsonl; give each its own file",
        ),
        (
            ["photos", "--jsonl", "said.png", "--sheet", "said.png"],
            "said.png: named for two outputs, --jsonl and --sheet; give each its own file",
        ),
        (["photos", "--csv", "a" * 300], f"{'a' * 300}: can't be "),
        (["photos", "--explain", "a" * 300], f"{'a' * 300}: can't be "),
    ],
)
def test_what_is_no_output_of_before_stays(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos/inner").mkdir()
    Path("link.jpg").symlink_to("photos/glass.jpg")
    before = contents(Path())

    assert run("predict", *arguments) == 1

    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"error: {message}")
    assert contents(Path()) == before


@pytest.mark.parametrize("end", ["jpg", "png", "webp"])
def test_the_same_command_again_writes_the_same(end: str) -> None:
    outputs = ["--csv", "said.csv", "--jsonl", "said.jsonl", "--sheet", f"sheet.{end}"]
    outputs += ["--explain", "why"]
    assert run("predict", "photos", *outputs) == 1
    before = contents(Path())

    # What else is there does not become larger.
    assert run("predict", "photos/glass.jpg", *outputs) == 0
    assert contents(Path("why")) == {
        Path("why/00001_glass.jpg"): before[Path("why/00002_glass.jpg")]
    }
    assert run("predict", "photos", *outputs) == 1

    assert contents(Path()) == before


def test_a_table_that_a_spreadsheet_has_saved_is_one() -> None:
    Path("said.csv").write_text("\ufeffphoto;decision;reason\r\n", encoding="utf-8")

    assert run("predict", "photos/glass.jpg", "--csv", "said.csv") == 0

    assert Path("said.csv").read_text().startswith("photo,decision,reason,")


def test_empty_files_and_links_may_be_written() -> None:
    Path("sheet.png").touch()
    Path("said.csv").symlink_to("tables.csv")

    assert run("predict", "photos/glass.jpg", "--sheet", "sheet.png", "--csv", "said.csv") == 0

    with Image.open("sheet.png") as sheet:
        assert sheet.width == 160 + 2 * 8
    assert Path("said.csv").is_symlink()
    assert len(Path("tables.csv").read_text().splitlines()) == 2


def test_a_photo_in_the_place_of_an_explanation_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(Path("why/00001_glass.jpg"), COLOURS["metal"])
    before = contents(Path("why"))

    assert run("predict", "photos/glass.jpg", "--explain", "why") == 1

    assert "why/00001_glass.jpg: is there, and not a picture of" in capsys.readouterr().err
    assert contents(Path("why")) == before


def test_explanations_of_before_go_with_the_last_of_now_and_nothing_else_does() -> None:
    assert run("predict", "photos", "--explain", "why") == 1
    save(Path("why/holiday.jpg"), COLOURS["metal"])
    Path("why/00009_empty.jpg").touch()
    Path("why/00009_folder.jpg").mkdir()
    Path("empty").mkdir()
    before = contents(Path("why"))

    # No photo, no change.
    assert run("predict", "empty", "--explain", "why") == 1
    assert contents(Path("why")) == before
    assert run("predict", "photos/metal.jpg", "--explain", "why") == 0

    assert sorted(path.name for path in Path("why").iterdir()) == [
        "00001_metal.jpg",
        "00009_empty.jpg",
        "00009_folder.jpg",
        "holiday.jpg",
    ]


def test_a_sheet_beside_explanations_stays() -> None:
    sheet = "why/20261127_sheet.jpg"
    assert run("predict", "photos/metal.jpg", "--sheet", sheet, "--explain", "why") == 0
    before = contents(Path("why"))

    assert run("predict", "photos/metal.jpg", "--explain", "why") == 0

    assert contents(Path("why")) == before
    assert set(before) == {Path(sheet), Path("why/00001_metal.jpg")}


def test_an_explanation_is_named_by_what_the_file_system_can_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with zipfile.ZipFile("photos.zip", "w") as archive:
        archive.write("photos/metal.jpg", "m\u00e9tal.jpg")
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")

    assert run("predict", "photos.zip", "--explain", "why") == 0

    assert [path.name for path in Path("why").iterdir()] == ["00001_mtal.jpg"]


def test_a_photo_that_comes_beside_explanations_meanwhile_stays() -> None:
    classifier = Classifier.load("classifier")

    with explanations(Path("why"), classifier):
        save(Path("why/00001_mine.jpg"), COLOURS["metal"])

    assert Path("why/00001_mine.jpg").exists()


def test_a_carriage_return_in_a_name_ends_no_row() -> None:
    Path("bad\r.jpg").write_text("no photo")
    save(Path("a\rb\n.jpg"), COLOURS["glass"])

    assert run("predict", "a\rb\n.jpg", "bad\r.jpg", "--csv", "said.csv") == 1

    with Path("said.csv").open(newline="") as file:
        good, bad = csv.DictReader(file)
    assert (good["photo"], good["decision"]) == ("a\\rb\n.jpg", "glass")
    assert bad["error"] == "bad\\r.jpg: not an image of JPEG, PNG, WebP, BMP or GIF"


def test_a_place_of_photos_that_are_not_looked_at_may_be_written() -> None:
    outputs = ["--csv", "photos/said.csv", "--explain", "photos/.why"]

    assert run("predict", "photos", *outputs) == 1
    assert run("predict", "photos", *outputs) == 1

    assert len(Path("photos/said.csv").read_text().splitlines()) == 4
    assert len(list(Path("photos/.why").iterdir())) == 2


def test_a_pipe_gets_the_table_and_stays_one() -> None:
    os.mkfifo("said.jsonl")
    got: list[str] = []

    def read() -> None:
        with Path("said.jsonl").open() as opened:
            got.extend(opened)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()

    assert run("predict", "photos", "--jsonl", "said.jsonl") == 1

    reading.join(10)
    assert Path("said.jsonl").is_fifo()
    decisions = [json.loads(line).get("decision") for line in got]
    assert decisions == [None, "glass", "metal"]


def test_a_device_is_written_to(capsys: pytest.CaptureFixture[str]) -> None:
    # Another one than /dev/full, which would be lost where this fails.
    try:
        os.mknod("full", 0o20666, os.makedev(1, 7))
        Path("full").open("wb").close()
    except OSError:
        pytest.skip("this user can't make devices")

    assert run("predict", "photos/glass.jpg", "--csv", "full") == 1

    assert "error: full: can't be written (No space left on device); " in capsys.readouterr().err
    assert Path("full").is_char_device()


def test_a_table_on_the_standard_output_has_no_lines_in_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    # Not the one in /dev, which would be lost where this fails.
    Path("stdout").symlink_to("/proc/self/fd/1")
    if not Path("stdout").exists():
        pytest.skip("no /proc")
    print("of before")

    assert run("predict", "photos/glass.jpg", "--csv", "stdout") == 0

    before, *rows = capfd.readouterr().out.splitlines()
    assert before == "of before"
    assert [row["decision"] for row in csv.DictReader(rows)] == ["glass"]
    assert Path("stdout").is_symlink()


def test_a_reader_that_leaves_a_table_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo("said.csv")
    leaving = threading.Thread(target=lambda: Path("said.csv").open().close(), daemon=True)
    leaving.start()
    # What is dropped then is this one's.
    with Path("dropped").open("w") as dropped:
        monkeypatch.setattr(sys, "stdout", dropped)
        assert run("predict", *["photos/glass.jpg"] * 100, "--csv", "said.csv") == 0
        monkeypatch.undo()

    leaving.join(10)


def test_a_sheet_that_can_not_be_written_is_said_before_photos_are_decided_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("predict", "photos", "--sheet", "gone/sheet.png", "--csv", "said.csv") == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: gone/sheet.png: can't be written (No such file or directory); ")
    assert not list(Path().glob("*said*"))


def test_where_no_photo_can_be_read_a_sheet_of_before_stays() -> None:
    assert run("predict", "photos/glass.jpg", "--sheet", "sheet.png") == 0
    before = Path("sheet.png").read_bytes()

    assert run("predict", "photos/broken.jpg", "--sheet", "sheet.png") == 1

    assert Path("sheet.png").read_bytes() == before
    assert not list(Path().glob(".sheet*"))


def test_a_photo_that_leaves_before_it_is_explained_takes_no_table_along(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def put(line: str, stream: Any = None) -> None:
        print(line, file=stream)
        if line.startswith("photos/glass.jpg\t"):
            Path("photos/glass.jpg").unlink()

    monkeypatch.setattr("waste_classifier.commands.predict.say", put)
    photos = ["photos/glass.jpg", "photos/metal.jpg"]

    assert run("predict", *photos, "--csv", "said.csv", "--explain", "why") == 1

    err = capsys.readouterr().err
    assert "error: photos/glass.jpg: cannot be read (No such file or directory)\n" in err
    assert "1 of 2 photos could not be read\n" in err
    with Path("said.csv").open(newline="") as file:
        assert [row["decision"] for row in csv.DictReader(file)] == ["glass", "metal"]
    assert [path.name for path in Path("why").iterdir()] == ["00002_metal.jpg"]


def test_an_explanation_of_a_photo_that_has_changed_is_none() -> None:
    classifier = Classifier.load("classifier")
    (result,) = results(classifier, find_photos(["photos/glass.jpg"]))
    Path("photos/glass.jpg").write_text("no photo any more")

    with (
        explanations(Path("why"), classifier) as write,
        pytest.raises(PhotoError, match=r"photos/glass\.jpg: not an image"),
    ):
        write(result)


def test_a_picture_is_what_its_name_says() -> None:
    for end, kind in (("jpg", "JPEG"), ("png", "PNG"), ("WEBP", "WEBP")):
        assert run("predict", "photos/glass.jpg", "--sheet", f"sheet.{end}") == 0
        with Image.open(f"sheet.{end}") as sheet:
            assert sheet.format == kind
            assert np.asarray(sheet.convert("RGB"))[80, 80, 0] > 200
