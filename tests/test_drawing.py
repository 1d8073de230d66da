"""Fonts for labels in any script, and pictures with their checksums."""

import hashlib
import json
from io import BytesIO
from pathlib import Path

import matplotlib.font_manager
import numpy as np
import numpy.typing as npt
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.figure import Figure
from PIL import Image

from stages import drawing
from stages.drawing import families_for, log_pictures, set_fonts
from stages.explore.charts import image_sizes
from stages.explore.images import read_images
from stages.sheets import Tile, sheet
from stages.tracking import StageLive
from tests.table_rows import manifest_row


def write_font(file: Path, family: str, letters: str) -> None:
    """Write a font in which each letter is a square."""
    pen = TTGlyphPen(None)
    for place in ((0, 0), (0, 1000), (1000, 1000), (1000, 0)):
        (pen.lineTo if place != (0, 0) else pen.moveTo)(place)
    pen.closePath()
    square = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", *(f"letter{number}" for number in range(len(letters)))]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, letters), names[1:], strict=True)))
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(file)


@pytest.fixture
def fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds all fonts of the machine but for matplotlib's own."""
    directory = tmp_path / "fonts"
    directory.mkdir()
    monkeypatch.setattr(
        drawing,
        "findSystemFonts",
        lambda: matplotlib.font_manager.findSystemFonts([str(directory)]),
    )
    return directory


def pixels_of(figure: Figure) -> npt.NDArray[np.uint8]:
    file = BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.mark.usefixtures("fonts")
def test_latin_greek_cyrillic_and_arabic_need_no_further_font() -> None:
    assert families_for("Verre, Γυαλί, Стекло, زجاج 1/2") == (["DejaVu Sans"], set())


def test_as_few_fonts_as_may_be_are_taken_by_what_they_have(fonts: Path) -> None:
    write_font(fonts / "a.ttf", "One Letter", "玻")
    write_font(fonts / "b.ttf", "Two Letters", "玻璃")
    (fonts / "c.ttf").write_bytes(b"no font")

    assert families_for("glass 玻璃") == (["DejaVu Sans", "Two Letters"], set())
    assert families_for("玻璃纸") == (["DejaVu Sans", "Two Letters"], {"纸"})


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_labels_are_drawn_in_the_font_that_has_them(fonts: Path) -> None:
    write_font(fonts / "b.ttf", "Squares", "玻璃")
    white = np.full((40, 200, 3), 255, np.uint8)
    boxes = pixels_of(sheet("", [Tile(white, ["玻璃"])], 1))
    figure = sheet("", [Tile(white, ["玻璃"])], 1)

    assert set_fonts(figure) == set()

    # Squares are full of ink, a box is its outline.
    assert (pixels_of(figure) < 128).sum() > 1.5 * (boxes < 128).sum()


def test_labels_of_axes_are_drawn_so_too(fonts: Path) -> None:
    write_font(fonts / "b.ttf", "Squares", "玻璃")
    figure = image_sizes(read_images([manifest_row("玻璃/1.jpg"), manifest_row("b/1.jpg")], []))

    assert set_fonts(figure) == set()

    figure.draw_without_rendering()
    labels = figure.axes[1].get_yticklabels()
    assert [label.get_text() for label in labels] == ["b", "玻璃"]
    assert all(label.get_fontfamily() == ["DejaVu Sans", "Squares"] for label in labels)


@pytest.mark.usefixtures("fonts")
@pytest.mark.filterwarnings("error")
def test_pictures_stand_with_their_checksums_and_lacking_letters_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    white = np.full((40, 200, 3), 255, np.uint8)

    with StageLive("evaluate") as live:
        log_pictures(live, {"mistakes": sheet("Mistakes", [Tile(white, ["璃玻/1.jpg"])], 1)})

    picture = Path("plots/evaluate/images/mistakes.png").read_bytes()
    assert json.loads(Path("plots/evaluate/custom/pictures.json").read_text()) == [
        {"picture": "mistakes.png", "sha256": hashlib.sha256(picture).hexdigest()}
    ]
    assert (
        "no font here has 玻 璃, which are drawn as boxes; install one" in capsys.readouterr().out
    )
