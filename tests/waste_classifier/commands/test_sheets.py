"""Letters on sheets are those of the labels, not boxes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFont

from tests import classifier_folder
from tests.waste_classifier.commands.command_line import COLOURS, save
from waste_classifier.__main__ import main
from waste_classifier.classifier import Answer
from waste_classifier.commands.sheets import contact_sheet

FONTS = "waste_classifier.commands.sheets.FONTS"


def shown(label: str) -> npt.NDArray[np.uint8]:
    """Return the sheet of one photo."""
    answer = Answer(label, "", label, 1.0, {label: 1.0}, None, None)
    return np.asarray(contact_sheet([(Image.new("RGB", (160, 160)), answer)]))


def predict(labels: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide on photos by a classifier of other labels, with pictures."""
    monkeypatch.setattr(classifier_folder, "LABELS", tuple(labels))
    classifier_folder.write_classifier(Path("other"))
    save(Path("red.png"), COLOURS["glass"])
    outputs = ["--sheet", "sheet.png", "--explain", "why"]
    assert main(["predict", "--model", "other", "red.png", "red.png", *outputs]) == 0


@pytest.mark.parametrize(("label", "other"), [("ł", "ż"), ("δ", "μ"), ("Ж", "Я")])
def test_letters_are_told_apart(label: str, other: str) -> None:
    try:
        ImageFont.truetype("DejaVuSans.ttf", 13)
    except OSError:
        pytest.skip("no DejaVu Sans")

    assert (shown(f"s{label}") != shown(f"s{other}")).any()


def test_a_label_of_plain_letters_looks_the_same_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = shown("glass")
    monkeypatch.setattr(FONTS, ())

    np.testing.assert_array_equal(shown("glass"), here)


def test_letters_that_no_font_has_are_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FONTS, ("no such font.ttf",))

    predict(["szkło", "metal", "纸"], monkeypatch)

    assert capsys.readouterr().err == (
        "pictures: no font here has ł 纸, which are drawn as boxes; install one, such as Noto Sans "
        "CJK for Chinese\n"
    )


def test_of_plain_letters_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(["glass", "scrap metal", "paper"], monkeypatch)

    assert capsys.readouterr().err == ""
