"""Points of the plots, and the templates that draw them."""

import json
import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dvc_render.vega import VegaRenderer  # type: ignore[import-untyped]
from ruamel.yaml import YAML

from stages.evaluate.charts import (
    confusion_cells,
    confusion_figure,
    label_bars,
    precision_recall_points,
)
from stages.evaluate.scores import Interval, scores

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / ".dvc/plots"
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
    }
    assert points[4] == {"label": "metal", "score": "recall", "value": 1, "low": 0.6, "high": 1}


def test_precision_recall_curve_by_hand() -> None:
    actual = np.array([0, 1, 0])
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]], dtype=np.float32)

    points = precision_recall_points(actual, probabilities, ["glass", "metal"])

    # Of glass, ranked: right, wrong, right.
    glass = [(p["recall"], p["precision"]) for p in points if p["label"] == "glass"]
    assert glass == [(0, 1), (0.5, 1), (0.5, 0.5), (1, pytest.approx(2 / 3))]


def test_confusion_figure_shows_zeros() -> None:
    figure = confusion_figure(CONFUSION, LABELS)

    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[:3] == ["3\n75%", "1\n25%", "0\n0%"]
    assert len(texts) == 9


def test_dvc_fills_the_confusion_template_with_all_cells() -> None:
    cells = [{**cell, "rev": "workspace"} for cell in confusion_cells(CONFUSION, LABELS)]

    spec = VegaRenderer(
        cells,
        "confusion",
        template="confusion_matrix",
        template_dir=str(TEMPLATES),
        x="predicted",
        y="actual",
        title="Confusion",
    ).get_filled_template()

    assert len(spec["data"]["values"]) == 9
    # No aggregation between data and cells that could drop a label.
    assert "transform" not in json.dumps(spec)
    assert "DVC_METRIC" not in json.dumps(spec)


def stage_plots() -> list[tuple[str, dict[str, Any]]]:
    """Path and properties of each plot that a stage of dvc.yaml declares."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].values()
    return [
        (path, properties)
        for stage in stages
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


def test_page_of_plots_loads_nothing() -> None:
    page = (TEMPLATES / "page.html").read_text(encoding="utf-8")

    assert page.count("{plot_divs}") == 1
    assert "{scripts}" not in page  # where DVC puts Vega from a CDN
    assert not re.search("<(script|link)[^>]+(src|href)=", page)
    assert {"vega", "vegaLite", "vegaEmbed"} <= set(re.findall(r"\|\|self\)\.(\w+)=", page))


def test_dvc_is_told_of_the_page() -> None:
    config = ConfigParser()
    config.read(ROOT / ".dvc/config")

    assert (ROOT / ".dvc" / config["plots"]["html_template"]).samefile(TEMPLATES / "page.html")
