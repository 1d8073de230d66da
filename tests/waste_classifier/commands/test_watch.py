"""`watch` at the edges: many photos, entries that are none, frames in pieces."""

import io
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFile

from tests.waste_classifier.commands.command_line import COLOURS, run, save
from waste_classifier.commands.watch import (
    AGAIN,
    START,
    arrivals,
    end_of_jpeg,
    frames,
    inodes,
    versions,
)


def intake() -> Path:
    folder = Path("intake")
    folder.mkdir()
    return folder


def test_photos_that_are_known_are_looked_at_about_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = intake()
    for number in range(20):
        shutil.copy("photos/glass.jpg", folder / f"{number:02}.jpg")
    looked_at: list[str] = []
    stat = Path.stat

    def counted(path: Path, **named: Any) -> os.stat_result:
        looked_at.append(path.name)
        return stat(path, **named)

    coming = arrivals(folder, versions(folder, inodes(folder)))
    next(coming)
    monkeypatch.setattr(Path, "stat", counted)
    began = time.monotonic()
    while time.monotonic() < began + 2.5 * AGAIN:
        assert next(coming) is None

    assert 1 <= looked_at.count("00.jpg") <= 3


def test_a_photo_that_is_written_anew_is_there_within_about_a_second() -> None:
    folder = intake()
    file = folder / "latest.bmp"
    save(file, COLOURS["glass"])
    coming = arrivals(folder, versions(folder, inodes(folder)))
    assert next(coming) is None

    save(file, COLOURS["metal"])
    began = time.monotonic()

    assert next(each for each in coming if each) == file
    assert time.monotonic() < began + AGAIN + 1


def test_a_photo_that_takes_the_place_of_another_is_there_at_once() -> None:
    folder = intake()
    shutil.copy("photos/glass.jpg", folder / "latest.jpg")
    coming = arrivals(folder, versions(folder, inodes(folder)))
    assert next(coming) is None

    Path("photos/metal.jpg").replace(folder / "latest.jpg")

    assert next(coming) == folder / "latest.jpg"


def test_a_photo_that_leaves_and_comes_back_is_there_again() -> None:
    folder = intake()
    shutil.copy("photos/glass.jpg", folder / "1.jpg")
    coming = arrivals(folder, versions(folder, inodes(folder)))
    assert next(coming) is None

    (folder / "1.jpg").rename("1.jpg")
    assert next(coming) is None
    Path("1.jpg").rename(folder / "1.jpg")

    assert next(coming) == folder / "1.jpg"


def test_an_entry_that_can_not_be_looked_at_ends_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = intake()
    (folder / "l.jpg").symlink_to("l.jpg")
    coming = arrivals(folder, versions(folder, inodes(folder)))
    assert next(coming) is None

    (folder / "m.jpg").symlink_to("m.jpg")
    shutil.copy("photos/glass.jpg", folder / "new.jpg")

    assert next(coming) == folder / "new.jpg"
    assert capsys.readouterr().err == ""


def test_a_photo_that_memory_is_too_small_for_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (30, 10), COLOURS["glass"]).save("large.jpg")
    stream = Path("large.jpg").read_bytes() + Path("photos/metal.jpg").read_bytes()
    load = ImageFile.ImageFile.load

    def of_small_ones(image: ImageFile.ImageFile) -> Any:
        if image.width == 30:
            raise MemoryError
        return load(image)

    class Standard:
        buffer = io.BytesIO(stream)

    monkeypatch.setattr(sys, "stdin", Standard())
    monkeypatch.setattr(ImageFile.ImageFile, "load", of_small_ones)

    assert run("watch", "-") == 1

    out, err = capsys.readouterr()
    assert out.startswith("frame 2\tmetal\t")
    assert "error: frame 1: no memory for its pixels" in err


def test_a_kind_that_is_not_looked_at_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    folder = intake()
    (folder / "there.already").touch()
    coming = arrivals(folder, {})
    next(coming)

    # Folders are no photos of another kind, and what systems hide is none of the user's.
    for name in ("2.HEIC", "1.heic", "scan", ".hidden.tif"):
        (folder / name).touch()
    (folder / "inner.tif").mkdir()
    next(coming)
    (folder / "3.heic").touch()
    next(coming)

    said = sorted(capsys.readouterr().err.splitlines())
    photos = "photos are .jpg, .jpeg, .png, .webp, .bmp, .gif"
    assert said == [
        f"not looked at: 1.heic, nor what else is .heic; {photos}",
        f"not looked at: scan, nor what else is without an extension; {photos}",
    ]


def test_where_a_jpeg_ends_is_looked_for_once() -> None:
    content = Path("photos/glass.jpg").read_bytes()
    place = len(START)
    for there in range(place, len(content)):
        end, further = end_of_jpeg(content[:there], place)
        assert end is None
        # But for a marker and a length that are not all there.
        assert further >= max(place, there - 3)
        place = further

    assert end_of_jpeg(content, place) == (len(content), len(content))


def test_a_large_frame_takes_time_by_its_size() -> None:
    photo = Path("photos/glass.jpg").read_bytes()

    def seconds(mebibytes: int) -> float:
        # Packed pixels, where 0 follows each 255.
        frame = photo[:-2] + (b"\xff\x00" + bytes(30)) * (mebibytes * 2**15) + photo[-2:]
        began = time.process_time()
        (found,) = frames(io.BytesIO(frame))
        assert found.read_bytes() == frame
        return time.process_time() - began

    # Were all looked at again with each piece, the larger one would take 64 times as long.
    assert seconds(8) < 32 * seconds(1)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_frames_may_come_in_pieces_of_any_size(size: int) -> None:
    photos = [Path(f"photos/{name}.jpg").read_bytes() for name in ("glass", "metal")]
    cut = photos[0][:-30]
    stream = b"\xffnoise\xd8\xff" + photos[0] + b"\x00\xff" + photos[1] + cut + photos[1] + cut

    class Pieces(io.BytesIO):
        def read1(self, _: int | None = None, /) -> bytes:
            return self.read(size)

    found = [frame.read_bytes() for frame in frames(Pieces(stream))]

    assert found == [photos[0], photos[1], cut, photos[1], cut]
