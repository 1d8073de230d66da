"""Sheets of photos of one colour each, by the pixels and words on them."""

from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.figure import Figure
from PIL import Image

from stages.sheets import Tile, sheet, shortened, thumbnails
from waste_classifier.errors import PhotoError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def plain(width: int, height: int, colour: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def drawn(figure: Figure) -> npt.NDArray[np.uint8]:
    """Return the pixels of a figure as a file of it would have them."""
    file = BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def box_of(pixels: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> tuple[int, ...]:
    """Return left, top, width and height of what has a colour, all of which must have it."""
    rows, columns = np.nonzero((pixels == colour).all(axis=2))
    width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
    assert len(rows) == width * height
    return int(columns.min()), int(rows.min()), int(width), int(height)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_tiles_stand_line_by_line_pixel_by_pixel() -> None:
    tiles = [Tile(plain(30, 20, colour), []) for colour in (RED, GREEN, BLUE)]

    pixels = drawn(sheet("", tiles, columns=2))

    left, top, *size = box_of(pixels, RED)
    assert size == [30, 20]
    # A margin of eight pixels at both sides of each.
    assert box_of(pixels, GREEN) == (left + 46, top, 30, 20)
    assert box_of(pixels, BLUE) == (left, top + 36, 30, 20)


def test_words_stand_below_the_title_and_above_their_tile() -> None:
    tiles = [
        Tile(plain(90, 20, RED), ["a/1.jpg", "rather b?"], "green"),
        Tile(plain(90, 20, BLUE), ["a/2.jpg"]),
    ]

    figure = sheet("Likely errors", tiles, columns=5)

    assert words(figure) == ["Likely errors", "a/1.jpg", "rather b?", "a/2.jpg"]
    title, first, second, other = figure.axes[0].texts
    assert [text.get_color() for text in (first, second, other)] == ["green", "green", "black"]
    left, top, _, _ = box_of(drawn(figure), RED)
    assert title.get_position()[1] < first.get_position()[1]
    assert first.get_position() == (left, top - 24)
    assert second.get_position() == (left, top - 12)
    # All tiles of a line stand at one height, whatever is written above them.
    assert box_of(drawn(figure), BLUE)[1] == top


def test_a_smaller_tile_leaves_its_place_white() -> None:
    tiles = [Tile(plain(30, 20, RED), []), Tile(plain(10, 10, BLUE), [])]

    pixels = drawn(sheet("", tiles, columns=1))

    left, top, *_ = box_of(pixels, RED)
    assert box_of(pixels, BLUE) == (left, top + 36, 10, 10)


def test_without_tiles_the_title_says_why() -> None:
    figure = sheet("Near-duplicates", [], 4, "none found")

    assert words(figure) == ["Near-duplicates: none found"]
    assert drawn(figure).shape[0] > 0


def test_a_dollar_sign_is_no_formula() -> None:
    import stages.drawing  # noqa: F401  (which every stage that draws imports)

    figure = sheet("$_$", [Tile(plain(90, 20, RED), ["$_$/1.jpg"])], columns=1)

    assert box_of(drawn(figure), RED)[2:] == (90, 20)


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("glass/1.jpg", 52, "…ass/1.jpg"),  # ten characters
        ("glass/1.jpg", 60, "glass/1.jpg"),
        ("glass/1.jpg", 0, "…g"),
        ("", 0, ""),
        ("玻璃/1.jpg", 52, "玻璃/1.jpg"),  # of two characters each as wide as two
        ("玻璃玻璃.jpg", 52, "…玻璃.jpg"),
    ],
)
def test_long_words_lose_their_beginning(text: str, width: float, expected: str) -> None:
    assert shortened(text, width) == expected


def test_thumbnails_keep_the_aspect_ratio_and_the_order(tmp_path: Path) -> None:
    Image.new("RGB", (200, 100), "red").save(tmp_path / "wide.png")
    Image.new("RGB", (10, 20), "blue").save(tmp_path / "high.png")

    wide, high, again = thumbnails(
        [tmp_path / name for name in ("wide.png", "high.png", "wide.png")], size=96
    )

    assert wide.shape == high.shape == (96, 96, 3)
    assert box_of(wide, RED) == (0, 24, 96, 48)
    assert box_of(high, BLUE) == (24, 0, 48, 96)
    assert wide[0, 0].tolist() == high[0, 0].tolist() == list(WHITE)
    np.testing.assert_array_equal(again, wide)


def test_of_a_strip_a_line_is_seen(tmp_path: Path) -> None:
    Image.new("RGB", (1000, 3), "red").save(tmp_path / "strip.png")

    (pixels,) = thumbnails([tmp_path / "strip.png"], 96)

    assert (pixels == [255, 0, 0]).all(axis=2).sum() == 96


@pytest.mark.parametrize("content", [None, b"no image"])
def test_a_photo_that_is_gone_or_damaged_is_named(tmp_path: Path, content: bytes | None) -> None:
    Image.new("RGB", (20, 10), "red").save(tmp_path / "1.png")
    if content is not None:
        (tmp_path / "2.png").write_bytes(content)

    with pytest.raises(PhotoError, match=rf"{tmp_path}/2\.png: "):
        thumbnails([tmp_path / "1.png", tmp_path / "2.png"], size=96)
