"""A sheet of the photos that one model has right and another wrong."""

from pathlib import Path

from experiments.verdict import Verdict
from stages.drawing import BLUE, VERMILION, set_fonts
from stages.outputs.manifest import MANIFEST_FILE, Manifest
from stages.sheets import Tile, sheet, thumbnails
from waste_classifier.errors import InputError

SIZE = 144  # pixels, width and height of a photo
COLUMNS = 6
MOST = 60  # of each side


def draw_changed(verdict: Verdict, file: Path) -> None:
    """Draw the photos that changed sides: first those that were fixed, then those that broke.

    Args:
        verdict: on two models.
        file: picture, in a format of Matplotlib's.

    Raises:
        InputError: the photos are not here, or the disk refuses the file.
    """
    changed = [
        (colour, title, old, new)
        for colour, title, pairs in (
            (BLUE, "fixed", verdict.fixed[:MOST]),
            (VERMILION, "broken", verdict.broken[:MOST]),
        )
        for old, new in pairs
    ]
    paths = [new.path for *_, new in changed]
    photos = Manifest().photos_by_path(paths, MANIFEST_FILE)
    pixels = thumbnails([photos[path] for path in paths], SIZE)
    tiles = [
        Tile(each, [new.path, f"{title}: {old.predicted}", f"-> {new.predicted}"], colour)
        for each, (colour, title, old, new) in zip(pixels, changed, strict=True)
    ]
    title = (
        f"{len(verdict.fixed)} fixed, {len(verdict.broken)} broken: {verdict.base.name} to "
        f"{verdict.head.name}"
    )
    figure = sheet(title, tiles, COLUMNS)
    set_fonts(figure)
    try:
        figure.savefig(file)
    except ValueError:
        raise InputError(f"{file}: no kind of picture; end its name with .png or .jpg") from None
