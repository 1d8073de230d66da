"""How pictures are drawn: one palette, and fonts that have the letters of labels and file names.

The palette is Okabe and Ito's, whose colours the colour-blind tell apart, less the yellow, which is
faint on white (https://jfly.uni-koeln.de/color). The templates in .dvc/plots use the same.
"""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager, get_font
from matplotlib.text import Text

from stages.tracking import StageLive
from waste_classifier.checksum import sha256_of

BLUE = "#0072b2"
VERMILION = "#d55e00"
GREEN = "#009e73"

FIRST_FAMILY = "DejaVu Sans"  # comes with matplotlib; has Latin, Greek, Cyrillic, Arabic
# Of these every letter is a box.
LAST_RESORT = "LastResort"

# A dollar sign in a label or a file name is itself, not the start of a formula.
matplotlib.rcParams["text.parse_math"] = False


def log_pictures(live: StageLive, pictures: Mapping[str, Figure]) -> None:
    """Write figures by their names, and a plot of their checksums.

    By these the page of `dvc plots diff` tells which pictures are the same in two revisions: a page
    that is opened from a file may not read the pictures themselves.
    """
    lacking = {letter for figure in pictures.values() for letter in set_fonts(figure)}
    if lacking:
        print(
            f"pictures: no font here has {' '.join(sorted(lacking))}, which are drawn as boxes; "
            "install one, such as Noto Sans CJK for Chinese, and force this stage to run again"
        )
    checksums = []
    for name, figure in pictures.items():
        file = Path(live.plots_dir) / "images" / f"{name}.png"
        with warnings.catch_warnings():
            # Said above, once for all letters.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            live.log_image(file.name, figure)
        checksums.append({"picture": file.name, "sha256": sha256_of(file)})
    live.log_points("pictures", checksums)


def set_fonts(figure: Figure) -> set[str]:
    """Give all texts of a figure the fonts that their letters need.

    Returns:
        The letters that no font of this machine has. They are drawn as boxes.
    """
    axes_of_figure = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    ticks = [label.get_text() for axis in axes_of_figure for label in axis.get_ticklabels()]
    texts = [found for found in figure.findobj(Text) if isinstance(found, Text)]
    words = [text.get_text() for text in texts]
    families, lacking = families_for(set("".join([*words, *ticks])))
    if len(families) > 1:
        for text in texts:
            text.set_fontfamily(families)
        for axis in axes_of_figure:
            axis.set_tick_params(labelfontfamily=families)
    return lacking


def families_for(letters: Iterable[str]) -> tuple[list[str], set[str]]:
    """Return the families of fonts that have some letters, and those that none has.

    As few families as may be, each found on this machine; always the same.
    """
    families = [FIRST_FAMILY]
    lacking = _lacking(letters, fontManager.findfont(FIRST_FAMILY))
    # Not those that matplotlib knows: it does not look for new ones.
    candidates = sorted(findSystemFonts()) if lacking else []
    while candidates:
        best = min(candidates, key=lambda file: len(_lacking(lacking, file)))
        if _lacking(lacking, best) == lacking:
            break
        lacking = _lacking(lacking, best)
        fontManager.addfont(best)
        families.append(get_font(best).family_name)
    return families, lacking


def _lacking(letters: Iterable[str], font: str) -> set[str]:
    """Return the letters that a font lacks; all, where it can't be read."""
    wanted = {letter for letter in letters if letter.isprintable() and not letter.isspace()}
    if LAST_RESORT in Path(font).name:
        return wanted
    try:
        return {letter for letter in wanted if not get_font(font).get_char_index(ord(letter))}
    except (OSError, RuntimeError):
        return wanted
