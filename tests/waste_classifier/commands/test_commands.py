"""The command line, on files, folders and archives; `tests.classifier_folder` has what it sees."""

import csv
import io
import json
import os
import shutil
import stat
import sys
import threading
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.classifier_folder import write_classifier
from tests.waste_classifier.commands.command_line import COLOURS, make_unreadable, run, save
from waste_classifier.__main__ import main
from waste_classifier.adaptation import Adaptation
from waste_classifier.adaptation import adapt as fit_adaptation
from waste_classifier.commands.adapt import adapt, adapted_by_others, widened
from waste_classifier.commands.photos import find_photos, photos_by_label
from waste_classifier.commands.predict import predict
from waste_classifier.commands.score import of_equal_mix
from waste_classifier.commands.watch import (
    GIVEN_UP,
    SETTLED,
    arrivals,
    frames,
    seconds_to_settle,
)
from waste_classifier.decision import Decision
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.images import Readable
from waste_classifier.novelty import Novelty
from waste_classifier.shift import energy_test


def test_a_line_says_what_a_photo_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", "photos/glass.jpg") == 0

    assert capsys.readouterr().out == "photos/glass.jpg\tglass\t1.00\n"


def test_a_broken_photo_is_named_and_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", "photos") == 1

    out, err = capsys.readouterr()
    assert [line.split("\t")[:2] for line in out.splitlines()] == [
        ["photos/glass.jpg", "glass"],
        ["photos/metal.jpg", "metal"],
    ]
    assert "error: photos/broken.jpg: not an image of JPEG, PNG, WebP, BMP or GIF\n" in err
    assert "1 of 3 photos could not be read" in err


def test_the_most_probable_labels_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    save(Path("mixed.png"), (160, 140, 0))

    assert run("predict", "mixed.png", "--top", 2) == 0

    _, decision, why = capsys.readouterr().out.strip().split("\t")
    assert decision == "unsure"
    assert why.startswith("glass 0.6")
    assert "metal 0.3" in why
    assert why.endswith("below 0.90")


def test_machines_get_a_table_and_json_lines() -> None:
    assert run("predict", "photos", "--csv", "said.csv", "--jsonl", "said.jsonl") == 1

    with Path("said.csv").open(newline="") as file:
        broken, glass, metal = csv.DictReader(file)
    assert (glass["photo"], glass["decision"], glass["error"]) == ("photos/glass.jpg", "glass", "")
    assert float(glass["probability_glass"]) > 0.99
    assert broken["decision"] == ""
    assert broken["error"].startswith("photos/broken.jpg: not an image")
    documents = [json.loads(line) for line in Path("said.jsonl").read_text().splitlines()]
    assert [document["error"] is None for document in documents] == [False, True, True]
    assert documents[2]["decision"] == metal["decision"] == "metal"
    assert set(documents[2]["probabilities"]) == {"glass", "metal", "paper"}


def test_people_get_a_sheet_and_a_picture_that_says_why() -> None:
    assert run("predict", "photos", "--sheet", "sheet.png", "--explain", "why") == 1

    with Image.open("sheet.png") as sheet:
        # Two photos of 160 pixels beside each other; the first is red.
        assert sheet.width == 2 * 160 + 3 * 8
        assert np.asarray(sheet)[80, 80, 0] > 200
    assert sorted(path.name for path in Path("why").iterdir()) == [
        "00002_glass.jpg",
        "00003_metal.jpg",
    ]


def test_archives_are_looked_into(capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile("photos.zip", "w") as archive:
        archive.write("photos/glass.jpg", "a/glass.jpg")
        archive.writestr("__MACOSX/a/glass.jpg", "hidden by a system")
        archive.writestr("a/readme.txt", "not looked at")

    assert run("predict", "photos.zip") == 0

    assert capsys.readouterr().out == "photos.zip/a/glass.jpg\tglass\t1.00\n"


def test_a_member_larger_than_it_says_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.jpg", bytes(257 * 2**20))

    assert run("predict", "bomb.zip") == 1

    assert "bomb.zip/bomb.jpg: more than 256 MiB when unpacked" in capsys.readouterr().err


def test_a_name_can_not_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    save(Path("\x1b[31mred.png"), COLOURS["glass"])

    assert run("predict", "\x1b[31mred.png") == 0
    assert run("predict", "gone\x1b[31m.jpg") == 1

    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\\x1b[31mred.png\tglass" in out
    assert "error: gone\\x1b[31m.jpg: no such file or folder" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "gone.jpg"], "gone.jpg: no such file or folder"),
        (["predict", "empty"], "empty: no photos found"),
        (["predict", "photos", "--csv", "gone/said.csv"], "gone/said.csv: can't be written"),
        (["predict", "photos", "--sheet", "sheet.doc"], "sheet.doc: no kind of picture"),
        (["score", "gone"], "gone: no such folder"),
        (["score", "photos"], "photos: no folder with photos in it"),
        (["score", "others"], "others: has folders wood, but the labels of the classifier are"),
        (["watch", "gone"], "gone: no such folder"),
        (["adapt", "photos", "--output", "photos"], "photos: is there already"),
        (["adapt", "photos", "--output", "new"], "photos: 2 photos that can be read, but 50"),
    ],
)
def test_a_mistake_is_one_message(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    save(Path("others/wood/0.png"), COLOURS["glass"])

    assert run(*arguments) == 1

    errors = capsys.readouterr().err
    assert f"error: {message}" in errors
    assert not Path("new").exists()


def test_without_a_classifier_it_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "photos"]) == 1

    assert "no classifier in data/classifier or data/model" in capsys.readouterr().err


def test_the_classifier_that_the_pipelines_made_is_taken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("data").mkdir()
    write_classifier(Path("data/classifier"))

    assert main(["predict", "photos/glass.jpg"]) == 0

    assert "glass" in capsys.readouterr().out


def test_scores_are_worked_out_by_label(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        save(Path(f"line/glass/{number}.png"), COLOURS["glass"])
    save(Path("line/metal/0.png"), COLOURS["metal"])
    save(Path("line/metal/1.png"), COLOURS["glass"])
    save(Path("line/metal/2.png"), (160, 140, 0))
    save(Path("line/wood/0.png"), COLOURS["dark"])

    assert run("score", "line") == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "no labels of the classifier, so 'unsure' is right: wood"
    of_label = {line.split()[0]: [cell.strip() for cell in line.split("  ")] for line in lines[2:6]}
    # Of four in the bin of glass three are glass, all of three; of metal one of three.
    assert any(cell.startswith("0.750") for cell in of_label["glass"])
    assert any(cell.startswith("1.000") for cell in of_label["glass"])
    assert any(cell.startswith("0.333") for cell in of_label["metal"])
    assert any(line.startswith("wood") and "1.000" in line for line in lines)
    assert any(line.startswith("coverage: 0.833") for line in lines)
    assert any(line.startswith("accuracy: 0.800") and "of these" in line for line in lines)
    assert any(line.startswith("unlike the training photos: 0.143") for line in lines)


def test_a_folder_is_of_a_label_however_its_accents_are_written() -> None:
    # As macOS writes it, and as labels have it.
    decomposed, composed = "me\u0301tal", "m\u00e9tal"
    for number, name in enumerate((decomposed, composed)):
        save(Path(f"line/{name}/{number}.png"), COLOURS["metal"])

    found = photos_by_label(Path("line"), Counter())

    assert {label: len(photos) for label, photos in found.items()} == {composed: 2}


def test_a_folder_of_the_name_of_standard_input_is_a_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(Path("-/glass.jpg"), COLOURS["glass"])

    assert run("watch", "./-", "--seconds", "0") == 0

    assert "watching" in capsys.readouterr().err


def test_another_line_becomes_the_normal(capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    for number in range(60):
        # All dark: no photo is like the training ones.
        colour = np.zeros(3, int)
        colour[number % 2] = random.integers(10, 40)
        save(Path(f"line/{number}.png"), tuple(colour.tolist()))
    before = {path: path.read_bytes() for path in Path("classifier").iterdir()}

    assert run("adapt", "line", "--output", "adapted") == 0

    out = capsys.readouterr().out
    assert "unlike the training photos: 1.000 -> 0." in out
    assert {path: path.read_bytes() for path in Path("classifier").iterdir()} == before
    assert main(["predict", "--model", "adapted", "line/0.png"]) == 0
    assert "unlike" not in capsys.readouterr().out


def test_photos_are_decided_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> None:
        time.sleep(0.5)
        save(Path("photos/new.png"), COLOURS["metal"])

    filling = threading.Thread(target=fill)
    filling.start()

    assert run("watch", "photos", "--seconds", 2) == 0

    filling.join()
    (line,) = capsys.readouterr().out.splitlines()
    name, decision, _, took = line.split("\t")
    assert (name, decision) == ("photos/new.png", "metal")
    assert took.endswith(" ms")


def test_a_stream_of_jpegs_is_decided_frame_by_frame(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = b"".join(Path(f"photos/{name}.jpg").read_bytes() for name in ("glass", "metal"))

    class Standard:
        buffer = io.BytesIO(stream)

    monkeypatch.setattr(sys, "stdin", Standard())

    assert run("watch", "-") == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["frame 1", "glass"], ["frame 2", "metal"]]


def test_a_stream_of_something_else_is_refused() -> None:
    with pytest.raises(InputError, match="standard input: no JPEG in it"):
        list(frames(io.BytesIO(b"hello")))


def test_a_reader_that_leaves_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert run("predict", "photos/glass.jpg") == 0


def test_options_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        run("predict", "photos", "--top", "0")

    assert refused.value.code == 2
    assert "'0'; expected a whole number from 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", ""],
        ["predict", "photos", "--model", ""],
        ["predict", "photos", "--csv", ""],
        ["predict", "photos", "--jsonl", ""],
        ["predict", "photos", "--sheet", ""],
        ["predict", "photos", "--explain", ""],
        ["score", ""],
        ["watch", ""],
        ["adapt", "", "--output", "new"],
        ["adapt", "photos", "--output", ""],
        ["page", "--photos", ""],
        ["page", "--label-errors", ""],
        ["page", "--corrections", ""],
        ["page", "--host", ""],
    ],
)
def test_nothing_is_no_name_of_a_folder(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        run(*arguments)

    assert refused.value.code == 2
    assert ": empty; give one, or leave the option out\n" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[Any]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    shown = capsys.readouterr().out
    assert all(name in shown for name in ("predict", "score", "watch", "adapt", "page"))


def test_files_outlive_the_reader_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert run("predict", "photos/glass.jpg", "photos/metal.jpg", "--csv", "said.csv") == 0

    assert len(Path("said.csv").read_text().splitlines()) == 3


def test_where_costs_decide_the_probability_is_that_of_the_decision(
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = json.loads(Path("classifier/decision.json").read_text())
    # To call glass metal costs nothing, and to leave it does.
    free = {label: {"glass": 1, "metal": 0, "paper": 1, "unsure": 1} for label in content["labels"]}
    Path("classifier/decision.json").write_text(json.dumps(content | {"costs": free}))
    save(Path("mixed.png"), (160, 140, 0))

    assert run("predict", "mixed.png", "--explain", "why") == 0

    # Of 10 times (160, 140, 0) / 255 the softmax is 0.69, 0.31, 0.00.
    assert capsys.readouterr().out == "mixed.png\tmetal\t0.31\n"


def test_a_long_name_is_cut_in_that_of_its_explanation() -> None:
    name = "é" * 120 + ".png"
    save(Path(name), COLOURS["glass"])

    assert run("predict", name, "--explain", "why") == 0

    (picture,) = Path("why").iterdir()
    assert picture.name == f"00001_{'é' * 100}.jpg"


def test_a_photo_that_is_written_anew_is_decided_anew(capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> None:
        for name in ("glass", "metal"):
            time.sleep(0.5)
            save(Path("photos/latest.png"), COLOURS[name])

    filling = threading.Thread(target=fill)
    filling.start()

    assert run("watch", "photos", "--seconds", 3) == 0

    filling.join()
    decisions = [line.split("\t")[:2] for line in capsys.readouterr().out.splitlines()]
    assert decisions == [["photos/latest.png", "glass"], ["photos/latest.png", "metal"]]


def test_a_folder_that_goes_away_is_named() -> None:
    Path("intake").mkdir()
    coming = arrivals(Path("intake"), {})
    assert next(coming) is None
    Path("intake").rmdir()

    with pytest.raises(InputError, match="intake: can't be read"):
        next(coming)


def test_a_jpeg_that_comes_in_pieces_is_there_with_its_end_and_once() -> None:
    content = Path("photos/glass.jpg").read_bytes()
    Path("intake").mkdir()
    coming = arrivals(Path("intake"), {})
    assert next(coming) is None
    file = Path("intake/new.jpg")

    with file.open("wb", buffering=0) as written:
        written.write(content[:100])
        assert next(coming) is None
        written.write(content[100:])
        assert next(coming) == file
    # As `cp -p` ends.
    os.utime(file, (1, 1))

    assert [next(coming) for _ in range(4)] == [None] * 4


def test_a_photo_that_comes_as_soon_as_it_watches_is_decided_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("intake").mkdir()

    def put(line: str, stream: Any = sys.stdout) -> None:
        print(line, file=stream)
        if line == "watching":
            shutil.copyfile("photos/glass.jpg", "intake/new.jpg")

    monkeypatch.setattr("waste_classifier.commands.watch.say", put)
    assert run("watch", "intake", "--seconds", 0.1) == 0

    assert capsys.readouterr().out.startswith("intake/new.jpg\tglass\t")


def test_another_jpeg_of_the_same_name_is_there_too() -> None:
    Path("intake").mkdir()
    coming = arrivals(Path("intake"), {})
    next(coming)
    for colour in ("glass", "metal"):
        content = Path(f"photos/{colour}.jpg").read_bytes()
        Path("coming").write_bytes(content)
        Path("coming").replace("intake/latest.jpg")

        assert next(each for each in coming if each) == Path("intake/latest.jpg")


def test_a_photo_written_over_one_of_the_same_size_is_there_too() -> None:
    Path("intake").mkdir()
    coming = arrivals(Path("intake"), {})
    file = Path("intake/latest.bmp")
    for colour in ("red", "lime"):
        Image.new("RGB", (20, 10), colour).save(file)
        assert next(each for each in coming if each) == file


def test_photos_that_become_whole_while_others_are_decided_on_are_there_once() -> None:
    content = Path("photos/glass.jpg").read_bytes()
    Path("intake").mkdir()
    coming = arrivals(Path("intake"), {})
    Path("intake/a.jpg").write_bytes(content)
    Path("intake/b.jpg").write_bytes(content[:100])

    first = next(coming)
    Path("intake/b.jpg").write_bytes(content)

    assert first == Path("intake/a.jpg")
    later = [next(coming) for _ in range(8)]
    assert [each for each in later if each] == [Path("intake/b.jpg")]


@pytest.mark.parametrize(
    ("behind", "seconds"), [(b"", 0.0), (bytes(16), SETTLED), (b"cut", GIVEN_UP)]
)
def test_a_jpeg_says_itself_whether_it_is_whole(behind: bytes, seconds: float) -> None:
    content = Path("photos/glass.jpg").read_bytes()
    cut = len(content) // 2 if behind == b"cut" else len(content)
    # By its content, not by its name.
    Path("x.bmp").write_bytes(content[:cut] + behind.replace(b"cut", b""))

    assert seconds_to_settle(Path("x.bmp")) == seconds
    Path("x.jpg").write_text("no JPEG")
    assert seconds_to_settle(Path("x.jpg")) == SETTLED


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (b"", GIVEN_UP),
        (b"\xff", GIVEN_UP),
        (b"\xff\xd8", GIVEN_UP),
        (bytes(2), GIVEN_UP),
        (bytes(1000), GIVEN_UP),
        (b"\xff\xd9", SETTLED),
        (b"\0\1\0", SETTLED),
        (b"BM", SETTLED),
    ],
)
def test_a_file_that_is_made_first_and_filled_later_is_waited_for(
    content: bytes, seconds: float
) -> None:
    Path("x.jpg").write_bytes(content)

    assert seconds_to_settle(Path("x.jpg")) == seconds


def test_a_jpeg_whose_writer_pauses_is_not_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    content = Path("photos/glass.jpg").read_bytes()
    Path("intake").mkdir()
    coming = arrivals(Path("intake"), {})
    file = Path("intake/new.jpg")

    with file.open("wb", buffering=0) as written:
        written.write(content[:100])
        pausing = [next(coming) for _ in range(5)]
        written.write(content[100:])
    assert pausing == [None] * 5
    assert next(each for each in coming if each) == file

    # One that never gets its end is said to be damaged in the end.
    monkeypatch.setattr("waste_classifier.commands.watch.GIVEN_UP", 0.1)
    Path("intake/cut.jpg").write_bytes(content[:100])
    assert next(each for each in coming if each) == Path("intake/cut.jpg")


def test_a_silent_stream_ends_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as camera, os.fdopen(writer, "wb", buffering=0) as sent:
        sent.write(Path("photos/glass.jpg").read_bytes())
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(camera))
        assert run("watch", "-", "--seconds", 0.5) == 0
        monkeypatch.undo()

    assert capsys.readouterr().out.startswith("frame 1\tglass\t")


def test_an_archive_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile("photos.zip", "w") as archive:
        for number in range(20):
            archive.write("photos/glass.jpg", f"{number}.jpg")
    opened: list[object] = []

    class Counted(zipfile.ZipFile):
        def __init__(self, file: Any, *arguments: Any, **named: Any) -> None:
            super().__init__(file, *arguments, **named)
            if file == Path("photos.zip"):
                opened.append(file)

    monkeypatch.setattr(zipfile, "ZipFile", Counted)
    assert run("predict", "photos.zip") == 0

    assert len(opened) == 1


def test_of_very_many_photos_of_a_line_some_are_enough(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("waste_classifier.commands.adapt.MOST_PHOTOS", 60)
    for number in range(90):
        save(Path(f"line/{number:02}.jpg"), (number, 200, number))

    assert adapt(Path("classifier"), Path("line"), Path("adapted")) == 0

    said = capsys.readouterr()
    assert "60 of 90 photos, evenly chosen" in said.err
    assert "60 photos\n" in said.out


def test_a_frame_is_there_before_the_next_one_begins() -> None:
    photo = Path("photos/glass.jpg").read_bytes()

    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as camera, os.fdopen(writer, "wb", buffering=0) as sent:
        sent.write(photo)
        first = next(frames(camera))

    assert first.read_bytes() == photo


def test_a_preview_in_a_frame_does_not_end_it() -> None:
    photo, preview = (Path(f"photos/{name}.jpg").read_bytes() for name in ("glass", "metal"))
    # In a segment of an application, as cameras write it.
    segment = b"\xff\xe1" + (len(preview) + 2).to_bytes(2, "big") + preview
    whole = photo[:2] + segment + photo[2:]

    assert [frame.read_bytes() for frame in frames(io.BytesIO(whole + photo))] == [whole, photo]


def test_what_is_not_looked_at_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("IMG_1.HEIC", "scan.jfif", ".hidden.jpg", ".Trash-1000/old.jpg"):
        (Path("mixed") / name).parent.mkdir(parents=True, exist_ok=True)
        (Path("mixed") / name).write_bytes(Path("photos/glass.jpg").read_bytes())
    Path("mixed/linked").symlink_to(Path("photos").absolute())
    shutil.copy("photos/glass.jpg", "mixed/glass.jpg")

    assert run("predict", "mixed") == 0

    said = capsys.readouterr()
    assert [line.split("\t")[0] for line in said.out.splitlines()] == ["mixed/glass.jpg"]
    assert "not looked at: 1 .heic, 1 .jfif, 1 link to a folder; photos are .jpg" in said.err


def test_where_no_photo_is_found_files_of_before_stay(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert run("predict", "photos/glass.jpg", "--csv", "said.csv") == 0
    before = Path("said.csv").read_text()

    assert run("predict", "empty", "--csv", "said.csv") == 1

    assert "empty: no photos found" in capsys.readouterr().err
    assert Path("said.csv").read_text() == before
    assert not list(Path().glob(".said*"))


def test_a_full_standard_output_is_not_blamed_on_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run("predict", "photos/glass.jpg", "--csv", "said.csv") == 1

    assert "error: standard output: no room to write" in capsys.readouterr().err
    assert not Path("said.csv").exists()


@pytest.mark.parametrize(("things", "photos_of_each"), [(60, 1), (30, 10)])
def test_photos_of_tomorrow_are_refused_about_as_often_as_is_said(
    things: int, photos_of_each: int
) -> None:
    random = np.random.default_rng(0)

    def photos(count: int) -> npt.NDArray[np.float32]:
        # Of the training photos features are standard normal; the line shifts and stretches them.
        drawn = random.normal(size=(count, 1, 200)) * np.linspace(1, 3, 200) + 5
        return drawn.astype(np.float32)

    known = Novelty(
        mean=np.zeros(200, np.float32),
        scale=np.ones(200, np.float32),
        components=np.eye(200, 8, dtype=np.float32),
        whitening=np.eye(8, dtype=np.float32),
        label_means=np.zeros((1, 8), np.float32),
        usual=np.array([[8, 192]], np.float32),
        limit=np.asarray(1.0, np.float32),
    )
    # A camera takes a thing several times, one photo after the other.
    seen = np.repeat(photos(things), photos_of_each, axis=0)
    tomorrow = photos(2000)

    wider = widened(known, adapted_by_others(seen, known))

    shift = fit_adaptation(seen.mean(axis=1), known.mean, known.scale)
    in_sample = widened(known, shift(seen))
    refused, too_many = (
        (each.distances(shift(tomorrow).mean(axis=1)) > 1).mean() for each in (wider, in_sample)
    )
    assert refused < 0.08 < too_many


@pytest.mark.parametrize(("temperature", "adapted"), [(0.5, 1.0), (1.5, 1.5)])
def test_an_adapted_classifier_is_no_surer_than_its_network(
    temperature: float, adapted: float
) -> None:
    decision = Decision.load(Path("classifier/decision.json"))
    decision._replace(temperature=temperature).save(Path("classifier/decision.json"))
    for number in range(60):
        save(Path(f"line/{number:02}.jpg"), (number, 200, number))

    assert run("adapt", "line", "--output", "adapted") == 0

    written = Decision.load(Path("adapted/decision.json"))
    assert written == decision._replace(temperature=adapted)


def test_photos_are_held_against_training_photos_of_the_same_mix() -> None:
    learned = ["glass", "metal", "glass", "paper", "glass", "metal"]

    seen, trained = of_equal_mix(["wood", "glass", "glass", "metal"], learned)

    assert seen.tolist() == [1, 2, 3]
    # Of each label one and a half times as many, where they are there.
    assert sorted(trained.tolist()) == [0, 1, 2, 4]


def test_a_single_photo_of_another_kind_can_be_told() -> None:
    random = np.random.default_rng(0)
    learned = ["glass"] * 300
    training = random.normal(size=(300, 4))

    seen, trained = of_equal_mix(["glass"], learned)

    assert energy_test(np.full((1, 4), 100.0)[seen], training[trained]) < 0.05


def test_what_stands_beside_the_folders_of_labels_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(Path("line/glass/0.png"), COLOURS["glass"])
    shutil.copy("photos/glass.jpg", "line")

    assert run("score", "line") == 0

    assert "1 beside the folders of labels" in capsys.readouterr().err


def test_an_archive_may_name_its_own_folder() -> None:
    with zipfile.ZipFile("dotted.zip", "w") as archive:
        member = zipfile.ZipInfo("./glass/1.jpg")
        archive.writestr(member, Path("photos/glass.jpg").read_bytes())

    assert [found.name for found in find_photos(["dotted.zip"])] == ["dotted.zip/./glass/1.jpg"]


def test_an_adapted_classifier_is_not_adapted_again() -> None:
    shift = Adaptation(np.ones(6, np.float32), np.zeros(6, np.float32))
    shift.save(Path("classifier/adaptation.npz"))

    with pytest.raises(InputError, match="classifier: is adapted to a line already"):
        adapt(Path("classifier"), Path("photos"), Path("adapted"))


def line_of_photos() -> None:
    for number in range(60):
        save(Path(f"line/{number:02}.jpg"), (number, 200, number))


def test_an_adapted_classifier_is_written_whole_or_not_at_all() -> None:
    line_of_photos()
    Path("classifier/link").symlink_to("nowhere")

    with pytest.raises(InputError, match="classifier/link: is no file that can be copied"):
        adapt(Path("classifier"), Path("line"), Path("adapted"))

    assert not list(Path().glob("*adapted*"))


@pytest.mark.parametrize("output", ["file/new", "gone/new"])
def test_where_nothing_can_be_written_no_photo_is_looked_at(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line_of_photos()
    Path("line/broken.jpg").write_text("no photo")
    Path("file").touch()

    assert run("adapt", "line", "--output", output) == 1

    (message,) = capsys.readouterr().err.splitlines()
    assert message.startswith(f"error: {output}: can't be written (")
    assert not Path("gone").exists()


def test_a_classifier_that_none_may_write_is_adapted() -> None:
    line_of_photos()
    Path("classifier/parts").mkdir()
    Path("classifier/parts/notes.txt").write_text("kept")
    for path in Path("classifier").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    Path("classifier").chmod(0o555)

    assert run("adapt", "line", "--output", "adapted") == 0

    written = [Path("adapted"), *Path("adapted").rglob("*")]
    # Who runs this may be the one who may write everything.
    assert all(path.stat().st_mode & stat.S_IWUSR for path in written)
    assert Path("adapted/parts/notes.txt").read_text() == "kept"
    for path in (Path("classifier"), Path("classifier/parts")):
        path.chmod(0o755)


def test_a_classifier_is_not_adapted_into_itself() -> None:
    line_of_photos()

    with pytest.raises(InputError, match="classifier/new: in the folder of the classifier"):
        adapt(Path("classifier"), Path("line"), Path("classifier/new"))


def test_files_of_one_name_in_an_archive_are_photos_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with zipfile.ZipFile("photos.zip", "w") as archive:
        archive.write("photos/glass.jpg", "1.jpg")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.write("photos/metal.jpg", "1.jpg")

    assert run("predict", "photos.zip") == 0

    decisions = [line.split("\t")[1] for line in capsys.readouterr().out.splitlines()]
    assert decisions == ["glass", "metal"]


def line_of_two_labels() -> None:
    """Of eight photos in the bin of glass six are of glass, and one of metal."""
    for number in range(6):
        save(Path(f"line/glass/{number}.png"), COLOURS["glass"])
    save(Path("line/metal/0.png"), COLOURS["metal"])
    save(Path("line/metal/1.png"), COLOURS["glass"])
    save(Path("line/wood/0.png"), COLOURS["glass"])


def test_purity_is_in_the_mix_that_the_classifier_is_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = Path("classifier/decision.json")
    Decision.load(file)._replace(mix=(0.3, 0.6, 0.1)).save(file)
    line_of_two_labels()

    assert run("score", "line") == 0

    lines = capsys.readouterr().out.splitlines()
    of_label = {line.split()[0]: line for line in lines[2:5]}
    # 0.3 of glass is all in its bin, and half of 0.6 of metal. Six photos of 0.05 and one of 0.3
    # say as much as 0.6 ** 2 / (6 * 0.05 ** 2 + 0.3 ** 2), 3.43: Wilson's interval of these.
    assert "0.500 (0.137 to 0.863)" in of_label["glass"]
    # All of what is in the bin of metal is; half of it is found, whatever the mix.
    assert "1.000 (" in of_label["metal"]
    assert "0.500 (0.095 to 0.905)" in of_label["metal"]
    assert any(line.startswith("accuracy: 0.667 (") and "of these" in line for line in lines)
    assert (
        "purity, coverage and accuracy are in the mix of the classifier: glass 0.30, metal 0.60, "
        "paper 0.10; without paper, of which no photo is here; things of no label have no share "
        "in it"
    ) in lines


def test_it_is_said_that_purity_is_in_the_mix_of_the_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line_of_two_labels()

    assert run("score", "line") == 0

    out = capsys.readouterr().out
    # Six of eight.
    assert "0.750 (" in out
    assert "purity, coverage and accuracy are in the mix of this folder\n" in out
    assert "intervals, of 95 %, are as if each photo showed another thing\n" in out
    assert "(two-sample test, as if each showed another thing: p " in out


def test_what_can_not_be_read_is_named() -> None:
    with pytest.raises(InputError, match=r"a{300}: can't be read \(File name too long\)"):
        list(find_photos(["a" * 300]))
    make_unreadable(Path("deep"))
    (found,) = find_photos(["deep"])
    assert isinstance(found.photo, Readable)
    with pytest.raises(PhotoError, match="b: can't be read"):
        found.photo.read_bytes()


def test_a_table_needs_a_name() -> None:
    with pytest.raises(InputError, match=r"\.: no name of a file"):
        predict(Path("classifier"), ["photos"], Path(), None, None, None, 1)
