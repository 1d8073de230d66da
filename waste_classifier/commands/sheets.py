"""Pictures of photos and what is said of them."""

from collections.abc import Sequence
from math import ceil

from PIL import Image, ImageDraw, ImageFont

from waste_classifier.classifier import Answer
from waste_classifier.explanation import Explanation, overlay

#: On one sheet.
MOST_PHOTOS = 200
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
        draw.text(
            (left, top_of_nearest + _NEAREST + 2),
            _fitting(neighbour.label, _NEAREST),
            fill="black",
            font=_font(),
        )
    return sheet


def _write(draw: ImageDraw.ImageDraw, left: int, top: int, width: int, answer: Answer) -> None:
    colour = _SURE if answer.is_sure else _UNSURE
    said = answer.decision
    if answer.is_sure:
        said += f" {answer.probabilities[answer.decision]:.2f}"
    draw.text((left, top), _fitting(said, width), fill=colour, font=_font())
    if answer.reason:
        draw.text(
            (left, top + _FONT_SIZE + 3),
            _fitting(answer.reason, width),
            fill="#555555",
            font=_font(),
        )


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_FONT_SIZE)


def _fitting(text: str, width: int) -> str:
    """Return a text, cut off where it is wider than so many pixels."""
    font = _font()
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
