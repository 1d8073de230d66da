"""What stands on the page where the classifier's folder has less than everything."""

from pathlib import Path
from typing import Any

import pytest

from tests.waste_classifier.page.colours import LABELS, colour_classifier
from tests.waste_classifier.page.test_decision_curve import written
from waste_classifier.classifier import Classifier
from waste_classifier.errors import InputError
from waste_classifier.page.review import Review

pytest.importorskip("gradio", reason="needs Gradio: the extra 'page'")

from waste_classifier.page.app import build


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    return colour_classifier(tmp_path / "model")


def components(page: Any, kind: str) -> list[dict[str, Any]]:
    found = page.get_config_file()["components"]
    return [each["props"] for each in found if each["type"] == kind]


def texts(page: Any) -> str:
    return " ".join(str(each.get("value")) for each in components(page, "html"))


def test_says_what_is_missing(classifier: Classifier) -> None:
    page = build(classifier)

    assert "The folder has no decision_curve.json" in texts(page)
    assert "There are no likely label errors to decide on" in texts(page)
    assert components(page, "slider") == components(page, "button") == []


def test_says_that_no_label_is_likely_wrong(classifier: Classifier, tmp_path: Path) -> None:
    page = build(classifier, Review([], tmp_path, tmp_path / "corrections.csv"))

    assert "no label is likely wrong" in texts(page)


@pytest.mark.parametrize(("purity", "shown"), [(0.5, 0.8), (0.9, 0.9), (1.0, 0.995)])
def test_the_slider_begins_at_the_purity_of_the_classifier(
    purity: float, shown: float, classifier: Classifier
) -> None:
    classifier.__dict__["decision"] = classifier.decision._replace(purity=purity)
    of_label = {"recovery": [0.9, 0.8, 0.4], "threshold": [0.5, 0.7, 0.9]}
    written(classifier.folder, labels=dict.fromkeys(LABELS, of_label))

    page = build(classifier)

    (slider,) = components(page, "slider")
    assert (slider["minimum"], slider["value"], slider["maximum"]) == (0.8, shown, 0.995)
    assert f"At purity {shown:g}: " in texts(page)


def test_says_that_costs_decide_where_they_do(classifier: Classifier) -> None:
    of_label = {"recovery": [0.9, 0.8, 0.4], "threshold": [0.5, 0.7, 0.9]}
    written(classifier.folder, labels=dict.fromkeys(LABELS, of_label))
    said = "This classifier decides by costs: the table says what thresholds would do"
    assert said not in texts(build(classifier))

    costs = classifier.decision._replace(costs=((0.0,) * 4,) * 3)
    classifier.__dict__["decision"] = costs

    assert said in texts(build(classifier))


def test_photos_of_all_people_wait_for_each_other(classifier: Classifier) -> None:
    page = build(classifier)

    # As the queue of Gradio finds what may run at once.
    waiting = {function.name: function.concurrency_id for function in page.fns.values()}

    assert waiting["answer_dropped"] == waiting["answer_camera"]


def test_a_photo_that_is_taken_meanwhile_is_answered_after(classifier: Classifier) -> None:
    events = build(classifier).get_config_file()["dependencies"]

    # Gradio would drop it, unless it is told otherwise.
    modes = {
        each["trigger_mode"] for each in events if each["targets"][0][1] in ("upload", "input")
    }
    assert modes == {"multiple", "always_last"}


def test_a_damaged_curve_is_named(classifier: Classifier) -> None:
    written(classifier.folder)

    with pytest.raises(InputError, match=r"decision_curve.json: not the decisions at each purity"):
        build(classifier)


def test_nobody_is_told_who_uses_it(classifier: Classifier) -> None:
    assert build(classifier).get_config_file()["analytics_enabled"] is False
