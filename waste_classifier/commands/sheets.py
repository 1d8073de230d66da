"""Pictures of photos and what is said of them."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from math import ceil

from PIL import Image, ImageDraw, ImageFont

from waste_classifier.classifier import Answer
from waste_classifier.commands.progress import say
from waste_classifier.explanation import Explanation, overlay

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

#: On one sheet.
MOST_PHOTOS = 200
#: Where the system has them: they have letters that Pillow's own font, which comes first, lacks.
FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-zenhei.ttc",
    "Arial Unicode.ttf",
)
#: Of no font: what is drawn in its place is what a font draws for each letter that it lacks.
NO_LETTER = "\uffff"
_COLUMNS = 6
_MARGIN = 8
_TEXT = 34
_FONT_SIZE = 13
_SIDE = 320
_NEAREST = 120
_SURE, _UNSURE = "#0072b2", "#b34700"


def contact_sheet(shown: Sequence[tuple[Image.Image, Answer]]) -> Image.Image:
    """Return photos in rows, each with its decision below.

    Args:
        shown: photos of one size, at least one.
    """
    side = shown[0][0].width
    columns = min(_COLUMNS, len(shown))
    step, height = side + _MARGIN, side + _TEXT + _MARGIN
    sheet = Image.new(
        "RGB", (columns * step + _MARGIN, ceil(len(shown) / columns) * height + _MARGIN), "white"
    )
    draw = ImageDraw.Draw(sheet)
    for number, (photo, answer) in enumerate(shown):
        left = _MARGIN + number % columns * step
        top = _MARGIN + number // columns * height
        sheet.paste(photo, (left, top))
        _write(draw, left, top + side + 2, side, answer)
    return sheet


def explanation_sheet(photo: Image.Image, explanation: Explanation) -> Image.Image:
    """Return a photo, the same under its map, and the nearest training photos with their labels."""
    small = photo.copy()
    small.thumbnail((_SIDE, _SIDE))
    nearest = explanation.nearest
    width = max(2 * small.width + 3 * _MARGIN, len(nearest) * (_NEAREST + _MARGIN) + _MARGIN)
    top_of_nearest = small.height + _TEXT + 2 * _MARGIN
    height = top_of_nearest + (_NEAREST + _TEXT + _MARGIN if nearest else 0)
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    sheet.paste(small, (_MARGIN, _MARGIN))
    sheet.paste(overlay(small, explanation.map), (small.width + 2 * _MARGIN, _MARGIN))
    below = small.height + _MARGIN + 2
    _write(draw, _MARGIN, below, width - 2 * _MARGIN, explanation.answer)
    for number, neighbour in enumerate(nearest):
        left = _MARGIN + number * (_NEAREST + _MARGIN)
        if neighbour.thumbnail is not None:
            picture = neighbour.thumbnail.copy()
            picture.thumbnail((_NEAREST, _NEAREST))
            sheet.paste(picture, (left, top_of_nearest))
        below = top_of_nearest + _NEAREST + 2
        _write_line(draw, left, below, _NEAREST, neighbour.label, "black")
    return sheet


def say_boxes(texts: Iterable[str]) -> None:
    """Say on standard error which letters of some texts are drawn as boxes, if any."""
    letters = {letter for text in texts for letter in _lacking(_font(text), text)}
    if letters:
        say(
            f"pictures: no font here has {' '.join(sorted(letters))}, which are drawn as boxes; "
            "install one, such as Noto Sans CJK for Chinese",
            sys.stderr,
        )


def _write(draw: ImageDraw.ImageDraw, left: int, top: int, width: int, answer: Answer) -> None:
    colour = _SURE if answer.is_sure else _UNSURE
    said = answer.decision
    if answer.is_sure:
        said += f" {answer.probabilities[answer.decision]:.2f}"
    _write_line(draw, left, top, width, said, colour)
    if answer.reason:
        _write_line(draw, left, top + _FONT_SIZE + 3, width, answer.reason, "#555555")


def _write_line(
    draw: ImageDraw.ImageDraw, left: int, top: int, width: int, text: str, colour: str
) -> None:
    font = _font(text)
    draw.text((left, top), _fitting(text, width, font), fill=colour, font=font)


def _font(text: str) -> Font:
    """Return the first font that has all letters of a text, or as many as any has."""
    return min(_fonts(FONTS), key=lambda font: len(_lacking(font, text)))


@cache
def _fonts(names: tuple[str, ...]) -> list[Font]:
    """Return Pillow's own font, and those of some that the system has."""
    fonts: list[Font] = [ImageFont.load_default(_FONT_SIZE)]
    for name in names:
        with suppress(OSError):
            fonts.append(ImageFont.truetype(name, _FONT_SIZE))
    return fonts


def _lacking(font: Font, text: str) -> set[str]:
    return {
        letter
        for letter in set(text)
        if letter.isprintable() and not letter.isspace() and _lacks(font, letter)
    }


@cache
def _lacks(font: Font, letter: str) -> bool:
    drawn, box = (font.getmask(each) for each in (letter, NO_LETTER))
    return drawn.size == box.size and bytes(drawn) == bytes(box)


def _fitting(text: str, width: int, font: Font) -> str:
    """Return a text, cut off where it is wider than so many pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
