"""Which classifier the page shows, and when it says that this is unsure."""

from pathlib import Path

import numpy as np
import pytest

from tests.waste_classifier.page.colours import colour_classifier
from waste_classifier.adaptation import Adaptation
from waste_classifier.classifier import Classifier
from waste_classifier.page.header import header_html, when_unsure


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    return colour_classifier(tmp_path / "a<b")


def test_names_the_classifier(classifier: Classifier, tmp_path: Path) -> None:
    html = header_html(classifier)

    assert f"{tmp_path}/a&lt;b" in html
    assert "3 labels apart (cardboard, glass, metal) at 8 x 8 pixels" in html


def test_says_when_it_is_unsure(classifier: Classifier) -> None:
    purity = "a purity of 0.9 can't be promised"
    unlike = "a photo is unlike the training photos"
    assert when_unsure(classifier) == f"It is unsure where {purity}, or where {unlike}."

    classifier.__dict__["novelty"] = None
    assert when_unsure(classifier) == f"It is unsure where {purity}."

    costs = classifier.decision._replace(costs=((0.0,) * 4,) * 3)
    classifier.__dict__["decision"] = costs
    assert when_unsure(classifier) == "It is unsure where to leave a photo costs less."


def test_promises_nothing_on_a_line_that_it_was_adapted_to(classifier: Classifier) -> None:
    ones = np.ones(6, np.float32)
    Adaptation(ones, 0 * ones).save(classifier.folder / "adaptation.npz")
    classifier.__dict__["novelty"] = None

    assert when_unsure(classifier) == (
        "It is unsure where a probability is below its threshold, which promises no purity on this "
        "line."
    )

    costs = classifier.decision._replace(costs=((0.0,) * 4,) * 3)
    classifier.__dict__["decision"] = costs
    assert when_unsure(classifier) == "It is unsure where to leave a photo costs less."


def test_says_that_it_always_decides(classifier: Classifier) -> None:
    for name in ("decision.json", "novelty.npz"):
        (classifier.folder / name).unlink()

    assert when_unsure(classifier) == "It always decides: it is never unsure."
