"""Points of the plots, and the templates that draw them."""

import json
import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dvc_render.vega import VegaRenderer  # type: ignore[import-untyped]
from ruamel.yaml import YAML
from sklearn.metrics import average_precision_score

from stages.drawing import BLUE, GREEN, VERMILION
from stages.evaluate.charts import (
    confusion_cells,
    headline_scores,
    label_bars,
    mistakes,
    precision_recall_points,
    reliability_points,
)
from stages.outputs.predictions import Predictions
from stages.scores import calibration, expected_calibration_error, scores
from waste_classifier.intervals import Interval

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / ".dvc/plots"
#: Of pictures and of plots: Wong 2011, "Points of view: Color blindness".
PALETTE = (BLUE, VERMILION, GREEN, "#e69f00", "#cc79a7", "#56b4e9")
CONFUSION = np.array([[3, 1, 0], [0, 4, 0], [1, 1, 0]])
LABELS = ["glass", "metal", "trash"]


def test_confusion_has_every_cell_of_labels_in_order() -> None:
    cells = confusion_cells(CONFUSION, LABELS)

    assert [(cell["actual"], cell["predicted"], cell["images"]) for cell in cells] == [
        ("glass", "glass", 3),
        ("glass", "metal", 1),
        ("glass", "trash", 0),
        ("metal", "glass", 0),
        ("metal", "metal", 4),
        ("metal", "trash", 0),
        ("trash", "glass", 1),
        ("trash", "metal", 1),
        ("trash", "trash", 0),
    ]
    assert [cell["share"] for cell in cells] == [0.75, 0.25, 0, 0, 1, 0, 0.5, 0.5, 0]


def test_of_very_many_labels_empty_cells_are_left_out() -> None:
    cells = confusion_cells(np.eye(51, dtype=np.int64), [f"label {n:02}" for n in range(51)])

    assert [cell["actual"] for cell in cells] == [f"label {n:02}" for n in range(51)]
    assert all(cell["actual"] == cell["predicted"] for cell in cells)


def test_label_bars_have_intervals() -> None:
    interval = Interval(np.array([0.5, 0.6, 0.0]), np.array([0.9, 1.0, 0.0]))
    intervals = dict.fromkeys(("precision", "recall", "f1"), interval)

    points = label_bars(scores(CONFUSION), intervals, LABELS)

    assert len(points) == 9
    assert points[0] == {
        "label": "glass",
        "score": "precision",
        "value": 0.75,
        "low": 0.5,
        "high": 0.9,
        "images": 4,
    }
    assert points[4] == {
        "label": "metal",
        "score": "recall",
        "value": 1,
        "low": 0.6,
        "high": 1,
        "images": 4,
    }


def test_precision_recall_curve_by_hand() -> None:
    actual = np.array([0, 1, 0])
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]], dtype=np.float32)

    points = precision_recall_points(actual, probabilities, ["glass", "metal"])

    # Of glass, ranked: right, wrong, right.
    glass = [(p["recall"], p["precision"]) for p in points if p["label"] == "glass"]
    assert glass == [(0, 1), (0.5, 1), (0.5, 0.5), (1, pytest.approx(2 / 3))]
    none, *thresholds = [p["threshold"] for p in points if p["label"] == "glass"]
    assert none is None
    assert thresholds == pytest.approx([0.9, 0.6, 0.3])
    # Half of the recall is gained at precision 1, half at 2/3.
    assert points[0]["average_precision"] == pytest.approx((1 + 2 / 3) / 2)


def test_a_curve_of_very_many_points_keeps_its_ends_and_its_average_precision() -> None:
    # Ranked, right and wrong ones alternate, so that each is a corner.
    glass = np.linspace(1, 0, 5000, dtype=np.float32)
    actual = np.arange(5000) % 2

    points = precision_recall_points(actual, np.stack([glass, 1 - glass], axis=1), ["a", "b"])

    of_glass = [point for point in points if point["label"] == "a"]
    assert len(of_glass) == 1000
    assert [of_glass[i]["recall"] for i in (0, -1)] == [0, 1]
    assert of_glass[-1]["precision"] == pytest.approx(1 / 2, abs=1e-3)
    expected = average_precision_score(actual == 0, glass)
    assert of_glass[500]["average_precision"] == pytest.approx(expected)


def test_headline_scores_have_intervals_and_say_of_how_many_images() -> None:
    interval = Interval(np.array(0.5), np.array(0.9))
    intervals = dict.fromkeys(("accuracy", "macro_f1", "weighted_f1"), interval)

    points = headline_scores(scores(CONFUSION), intervals, groups=4)

    assert [point["score"] for point in points] == ["accuracy", "macro F1", "weighted F1"]
    assert points[0] == {
        "score": "accuracy",
        "value": 0.7,
        "low": 0.5,
        "high": 0.9,
        "images": 10,
        "groups": 4,
    }


def test_mistakes_are_listed_by_file_and_words_most_confident_first() -> None:
    predictions = Predictions(
        labels=("glass", "metal"),
        paths=("a", "b", "c"),
        groups=("a", "b", "c"),
        actual=np.array([0, 0, 1]),
        predicted=np.array([1, 0, 0]),
        probabilities=np.array([[0.25, 0.75], [0.5, 0.5], [0.875, 0.125]], np.float32),
    )

    assert mistakes(predictions) == [
        {"path": "c", "actual": "metal", "predicted": "glass", "confidence": 0.875},
        {"path": "a", "actual": "glass", "predicted": "metal", "confidence": 0.75},
    ]


def test_each_point_of_the_reliability_diagram_knows_the_calibration_error() -> None:
    bins = calibration(np.array([0.5, 1.0]), np.array([True, True]), ["a", "b"], bins=2)

    points = reliability_points(bins, expected_calibration_error(bins))

    assert [(point["confidence"], point["accuracy"]) for point in points] == [(0.5, 1), (1, 1)]
    assert [point["calibration_error"] for point in points] == [0.25, 0.25]


def stage_plots() -> list[tuple[str, dict[str, Any]]]:
    """Path and properties of each plot that a stage of either pipeline declares."""
    return [
        (path, properties)
        for pipeline in ("dvc.yaml", "release/dvc.yaml")
        for stage in YAML(typ="safe").load(ROOT / pipeline)["stages"].values()
        for plot in stage.get("plots", [])
        for path, properties in plot.items()
    ]


@pytest.mark.parametrize("name", sorted(path.name for path in TEMPLATES.glob("*.json")))
def test_every_template_is_used_and_can_be_filled(name: str) -> None:
    (properties, *_) = [
        properties
        for _, properties in stage_plots()
        if properties.get("template") == name.removesuffix(".json")
    ]
    points = [{properties["x"]: 0, properties["y"]: 0, "rev": rev} for rev in ("HEAD", "workspace")]

    spec = VegaRenderer(
        points, "plot", template_dir=str(TEMPLATES), **properties
    ).get_filled_template()

    assert spec["title"]["text"] == properties["title"]
    assert "DVC_METRIC" not in json.dumps(spec)
    assert spec["config"]["range"]["category"] == list(PALETTE)
    colours = set(re.findall("#[0-9a-f]{6}", json.dumps(spec)))
    greys = {colour for colour in colours if colour[1:3] == colour[3:5] == colour[5:]}
    assert colours - greys <= set(PALETTE)


def test_page_of_plots_loads_nothing() -> None:
    page = (TEMPLATES / "page.html").read_text(encoding="utf-8")

    assert page.count("{plot_divs}") == 1
    assert "{scripts}" not in page  # where DVC puts Vega from a CDN
    assert not re.search('<(script|link)[^>]+(src|href)="(?!data:,)', page)
    assert {"vega", "vegaLite", "vegaEmbed"} <= set(re.findall(r"\|\|self\)\.(\w+)=", page))


def test_page_of_plots_is_made_of_its_parts(tmp_path: Path) -> None:
    made = Path(shutil.copytree(TEMPLATES, tmp_path / "plots")) / "page.html"

    subprocess.run(["sh", made.with_name("make_page.sh")], check=True)

    assert made.read_bytes() == (TEMPLATES / "page.html").read_bytes(), "run make_page.sh"


def test_dvc_is_told_of_the_page() -> None:
    config = ConfigParser()
    config.read(ROOT / ".dvc/config")

    assert (ROOT / ".dvc" / config["plots"]["html_template"]).samefile(TEMPLATES / "page.html")
