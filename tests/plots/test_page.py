"""The page of `dvc plots`, made by the real DVC of two commits and opened in a real browser.

Twenty labels, some in Chinese and Arabic, some that would run as a script.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from ruamel.yaml import YAML

from stages import scores
from stages.drawing import BLUE, log_pictures
from stages.evaluate import charts
from stages.explore.charts import label_points
from stages.explore.images import read_images
from stages.explore.summary import images_per_label
from stages.outputs.answers import write_answers
from stages.outputs.predictions import Predictions
from stages.outputs.split import SPLITS, SplitRow
from stages.sheets import Tile, sheet
from stages.tracking import StageLive
from tests.browser import Browser, SeenPage, needs_chromium, open_browser
from tests.pipeline.workspace import REPOSITORY, commit_all, run
from tests.table_rows import manifest_row

pytestmark = needs_chromium

HOSTILE = [
    "</script><script>window.hacked = 1</script>",
    "<!--<script>window.hacked = 2",
    "<img src=x onerror='window.hacked = 3'>",
    "{refresh_tag}{plot_divs}",
]
LABELS = tuple(
    sorted([*HOSTILE, "玻璃", "زجاج", "a label of many words, as some are", *"abcdefghijklm"])
)
K = len(LABELS)
RAREST = "玻璃"  # on the map
PER_LABEL = 32  # test images: one of them is 3 %
WIDTH = 1280
NARROW = 700
#: Once all of a page is drawn.
COMPLETE = "document.body && document.body.dataset.complete"

SCRIPTS = {
    "title": "document.title",
    "heading": "document.querySelector('h1').textContent",
    "text": "document.body.innerText + [...document.querySelectorAll('svg text')]"
    ".map((text) => '\\n' + text.textContent).join('')",
    "top": "document.querySelector('h1').getBoundingClientRect().top",
    "sections": "[...document.querySelectorAll('h2')].map((each) => each.textContent)",
    "plots": "[...document.querySelectorAll('.plot')].map((each) => each.id)",
    "hacked": "String(window.hacked)",
    "scroll": "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    "wide": "[...document.querySelectorAll('body *')].filter((each) => "
    "each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)"
    ".map((each) => each.outerHTML.slice(0, 200))",
    "cut": "[...document.querySelectorAll('.plot, .plot *')].filter((each) => "
    "getComputedStyle(each).overflowX !== 'visible' && each.scrollWidth > each.clientWidth + 1)"
    ".map((each) => each.outerHTML.slice(0, 200))",
    "images": "[...document.images].map((each) => [each.closest('.plot').id, each.alt, "
    "each.naturalWidth])",
    "cells": "[...document.querySelectorAll('#plots_evaluate_custom_confusion_matrix_json "
    ".mark-rect path')].filter((each) => each.ariaLabel)"
    ".map((each) => [each.ariaLabel, getComputedStyle(each).fill])",
    "numbers": "[...document.querySelectorAll('#plots_evaluate_custom_confusion_matrix_json "
    ".mark-text text')].map((each) => each.textContent)"
    ".filter((each) => /^[^a-z]?[0-9]+%?$/.test(each))",
    "points": "[...document.querySelectorAll('#plots_explore_custom_embedding_map_json path')]"
    ".filter((each) => /split: /.test(each.ariaLabel ?? ''))"
    ".map((each) => [each.ariaLabel, each.getAttribute('fill')])",
    "rings": "[...document.querySelectorAll('#plots_explore_custom_embedding_map_json path')]"
    ".filter((each) => each.getAttribute('stroke') === 'black').map((each) => each.ariaLabel)",
    "lines": "[...document.querySelectorAll('#plots_train_custom_loss_json .mark-line path')]"
    ".map((each) => [each.getAttribute('stroke'), Number(each.getAttribute('stroke-width'))])",
    "unheaded": "[...document.querySelectorAll('.plot')].filter((each) => "
    "!each.querySelector('h3')).map((each) => each.id)",
    "charts": "[...document.querySelectorAll('[aria-roledescription=visualization]')]"
    ".map((each) => each.getAttribute('aria-label'))",
    "smallest_text": "Math.min(...[...document.querySelectorAll('svg .role-axis-label text')]"
    ".map((each) => each.getBoundingClientRect().height).filter(Boolean))",
}


def predictions(wrong: Mapping[int, int]) -> Predictions:
    """Return those of all test images, right but for some images, taken for another label."""
    actual = np.repeat(np.arange(K), PER_LABEL)
    predicted = actual.copy()
    for image, label in wrong.items():
        predicted[image] = label
    probabilities = np.full((len(actual), K), 0.2 / (K - 1), np.float32)
    probabilities[np.arange(len(actual)), predicted] = 0.8
    paths = tuple(f"{LABELS[label]}/{image}.jpg" for image, label in enumerate(actual))
    return Predictions(LABELS, paths, paths, actual, predicted, probabilities)


def picture(shade: int) -> npt.NDArray[np.uint8]:
    return np.full((40, 2000, 3), shade, np.uint8)


def write_plots(of_test: Predictions, losses: list[float]) -> None:
    """Write the plots of all stages as they do, in the current directory."""
    confusion = scores.confusion_matrix(of_test.actual, of_test.predicted, K)
    test_scores = scores.scores(confusion)
    intervals = scores.bootstrap_intervals(
        of_test.actual, of_test.predicted, of_test.groups, K, 100, 1
    )
    bins = scores.calibration(
        of_test.confidences, of_test.predicted == of_test.actual, of_test.groups, 10
    )
    wrong = int((of_test.predicted != of_test.actual).sum())
    with StageLive("evaluate") as live:
        for name, points in {
            "headline_scores": charts.headline_scores(test_scores, intervals, len(of_test.paths)),
            "confusion_matrix": charts.confusion_cells(confusion, LABELS),
            "label_scores": charts.label_bars(test_scores, intervals, LABELS),
            "mistakes": charts.mistakes(of_test),
            "reliability": charts.reliability_points(bins, 0.125),
            "precision_recall": charts.precision_recall_points(
                of_test.actual, of_test.probabilities, LABELS
            ),
        }.items():
            live.log_points(name, points)
        tiles = [Tile(picture(wrong), ["玻璃/1.jpg"])]
        log_pictures(live, {"mistakes": sheet("Mistakes", tiles, 1)})
        images = len(of_test.paths)
        write_answers(
            Path(live.plots_dir) / "predictions.csv",
            of_test,
            [b"photo"] * images,
            scores.losses(of_test.probabilities, of_test.actual),
            [0] * images,
        )
    rows = [
        SplitRow(path, LABELS[label], path, SPLITS[place % 3] if place % 4 else "test")
        for place, (path, label) in enumerate(zip(of_test.paths, of_test.actual, strict=True))
    ]
    of_path = sorted(rows)
    received = [manifest_row(row.path)._replace(label=row.label) for row in of_path]
    explored = read_images(received, of_path)
    with StageLive("explore") as live:
        live.log_points("images_per_label", label_points(images_per_label(explored)))
        live.log_points(
            "embedding_map",
            [
                {"x": place % 29, "y": place % 31, "label": row.label, "split": row.split}
                | {"path": row.path}
                for place, row in enumerate(rows)
                if row.label != RAREST or place % 8 == 0
            ],
        )
        log_pictures(live, {"examples": sheet("Examples", [Tile(picture(9), ["a"])], 1)})
    with StageLive("train") as live:
        for curve in ("loss", "accuracy", "macro_f1"):
            points = [
                {"epoch": epoch, "split": split, curve: value, "best": epoch == 1}
                for epoch, value in enumerate(losses if curve == "loss" else [0.5, 0.7, 0.6])
                for split in ("train", "val")
            ]
            live.log_points(curve, points)
        rates = [{"epoch": epoch, "learning_rate": 0.1, "best": epoch == 1} for epoch in range(3)]
        live.log_points("learning_rate", rates)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of two commits: in the first three images are wrong, in the second one is."""
    root = tmp_path_factory.mktemp("repository with blanks")
    shutil.copytree(REPOSITORY / ".dvc/plots", root / ".dvc/plots")
    shutil.copy(REPOSITORY / ".dvc/config", root / ".dvc")
    # The plots of each stage as they are, of a stage without dependencies.
    yaml = YAML(typ="safe")
    stages = yaml.load(REPOSITORY / "dvc.yaml")["stages"]
    plots = {
        name: {"cmd": "true", "plots": stage["plots"]}
        for name, stage in stages.items()
        if "plots" in stage
    }
    yaml.dump({"stages": plots}, root / "dvc.yaml")
    run(root, "git", "init", "--quiet", "--initial-branch", "main")
    (root / ".gitignore").write_text("dvc_plots*\n")
    commit_all(root, "start")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_plots(predictions({0: 5, 4: 7, 33: 0}), [3.0, 1.0, 2.0])
        commit_all(root, "first")
        write_plots(predictions({4: 7}), [3.0, 1.0, 2.5])
        commit_all(root, "second")
    return root


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(repository: Path, browser: Browser) -> dict[str, SeenPage]:
    """The page of one revision, and of two in a wide and a narrow window, as a browser sees it."""
    run(repository, "dvc", "plots", "show", "--out", "dvc_plots_one")
    run(repository, "dvc", "plots", "diff", "HEAD~1", "HEAD", "--out", "dvc_plots_two")
    return {
        name: browser.look_at(
            repository / f"dvc_plots_{name[:3]}/index.html", width, COMPLETE, SCRIPTS
        )
        for name, width in (("one", WIDTH), ("two", WIDTH), ("two, narrow", NARROW))
    }


@pytest.fixture(params=["one", "two", "two, narrow"])
def page(pages: dict[str, SeenPage], request: pytest.FixtureRequest) -> SeenPage:
    return pages[request.param]


def test_nothing_is_asked_for_and_nothing_complained_of(page: SeenPage) -> None:
    assert page.messages == []
    assert page.requests == []


def test_nothing_is_wider_than_the_window_or_cut_off(page: SeenPage) -> None:
    assert page.values["wide"] == []
    assert page.values["cut"] == []
    assert page.values["scroll"] == 0


def test_twenty_labels_are_legible(pages: dict[str, SeenPage]) -> None:
    for name in ("one", "two"):
        assert pages[name].values["smallest_text"] >= 9  # pixels


def test_labels_are_text_and_do_not_run(page: SeenPage) -> None:
    assert page.values["hacked"] == "undefined"
    shown = page.values["text"].replace("\u2060", "")
    for label in HOSTILE[1:]:
        assert label in shown
    # In the plot of scores, shortened to 32 characters, of which two are of no width.
    assert f"{HOSTILE[0][:29]}…  (n = 32)" in shown
    assert "玻璃  (n = 32)" in shown
    assert "زجاج  (n = 32)" in shown


def test_results_come_first_below_title_and_revisions(pages: dict[str, SeenPage]) -> None:
    one, two = (pages[name].values for name in ("one", "two"))

    assert one["title"] == "Waste classifier: workspace"
    assert two["title"] == "Waste classifier: HEAD~1 and HEAD"
    assert one["heading"] == "Waste classifier"
    assert one["top"] < 40  # pixels
    assert "Revisions compared: HEAD~1, HEAD" in two["text"]
    assert one["sections"] == ["Results on the test images", "Training", "The images"]
    names = [
        re.sub("plots_[a-z]+_((custom|images)_)?|_(json|png|csv)$", "", each)
        for each in one["plots"]
    ]
    assert names == [
        *("headline_scores", "confusion_matrix", "label_scores", "mistakes", "mistakes"),
        *("predictions", "reliability", "precision_recall"),
        *("loss", "accuracy", "macro_f1", "learning_rate"),
        *("images_per_label", "embedding_map", "examples"),
    ]


def test_headline_scores_stand_with_their_intervals(pages: dict[str, SeenPage]) -> None:
    # 639 of 640 images are right; macro F1: 18 labels of 1, of 31 of 32, of 32 of 33.
    text = pages["one"].values["text"]

    assert re.search(r"0\.998 {2}\(0\.99\d to 1\.000\)", text)
    assert "accuracy" in text
    assert "macro F1" in text
    assert "ECE 0.125  (workspace)" in text
    assert "AP 1.000" in text
    assert "best: epoch 1" in text


def test_what_is_the_same_in_two_revisions_is_shown_once(pages: dict[str, SeenPage]) -> None:
    alts = [alt for _, alt, _ in pages["two"].values["images"]]

    assert sorted(alts) == ["Examples: HEAD~1 = HEAD", "Mistakes: HEAD", "Mistakes: HEAD~1"]
    assert all(width > 0 for _, _, width in pages["two"].values["images"])
    # Of accuracy, macro F1, learning rate, images per label.
    assert pages["two"].values["text"].count("HEAD~1 = HEAD") >= 4


def test_curves_that_lie_on_each_other_are_both_seen(pages: dict[str, SeenPage]) -> None:
    widths = dict(pages["two"].values["lines"])

    assert len(widths) == 2
    assert min(widths.values()) * 2 <= max(widths.values())


def cells_of(page: SeenPage, panel: str) -> dict[tuple[str, str], tuple[int, ...]]:
    """Return the colour of each cell of a confusion matrix, by actual and predicted label."""
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    for says, colour in page.values["cells"]:
        fields = dict(part.split(": ", 1) for part in says.split("; ") if ": " in part)
        if fields.get("revision", fields.get("panel")) == panel:
            red, green, blue, *_ = map(int, re.findall(r"\d+", colour))
            found[fields["actual"], fields["predicted"]] = (red, green, blue)
    return found


def test_confusion_matrix_shows_errors_and_keeps_zeros_quiet(pages: dict[str, SeenPage]) -> None:
    cells = cells_of(pages["one"], "workspace")

    assert len(cells) == K * K
    wrong = {cell for cell, colour in cells.items() if cell[0] != cell[1] and min(colour) < 250}
    assert len(wrong) == 1
    ((actual, predicted),) = wrong
    # One of 32 images: 3 %, told from white at a glance; its number stands in it.
    assert sum(255 - channel for channel in cells[actual, predicted]) > 60
    assert sorted(set(pages["one"].values["numbers"])) == sorted(
        ["100%", "1", "3%", "31", "32", "97%"]
    )


def test_difference_of_two_confusion_matrices_is_shown(pages: dict[str, SeenPage]) -> None:
    assert len(cells_of(pages["two"], "HEAD~1")) == K * K
    change = cells_of(pages["two"], "HEAD less HEAD~1")

    # Two mistakes fewer: of two rows, the right cell and the wrong one are better, which is blue.
    better = [colour for colour in change.values() if colour != (255, 255, 255)]
    assert len(better) == 4
    assert all(red < blue for red, _, blue in better)
    assert {"+1", "\N{MINUS SIGN}1"} <= set(pages["two"].values["numbers"])


def test_wrong_test_images_are_ringed_on_the_map(pages: dict[str, SeenPage]) -> None:
    (ring,) = pages["one"].values["rings"]

    assert f"taken for {LABELS[7]}".replace("<", "<\u2060") in ring


def test_the_rarest_label_has_the_darkest_colour_on_the_map(pages: dict[str, SeenPage]) -> None:
    points = pages["one"].values["points"]

    assert len(points) > 600
    assert {fill for says, fill in points if f"label: {RAREST};" in says} == {BLUE}


def test_what_one_revision_lacks_is_said_in_its_plot(
    repository: Path, browser: Browser, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(repository, tmp_path / "copy"))
    (root / "plots/evaluate/custom/mistakes.json").write_text("[]")
    (root / "plots/explore/images/examples.png").unlink()
    run(root, "dvc", "plots", "diff", "HEAD", "--out", "dvc_plots_gone")

    seen = browser.look_at(
        root / "dvc_plots_gone/index.html",
        WIDTH,
        COMPLETE,
        {
            "said": "[...document.querySelectorAll('.plot')]"
            ".map((each) => [each.id, each.innerText])"
        },
    )

    assert seen.messages == []
    said = dict(seen.values["said"])
    assert "Nothing to show of: workspace" in said["plots_evaluate_custom_mistakes_json"]
    examples = said["plots_explore_images_examples_png"].split()
    assert examples == ["Examples", "HEAD", "Nothing", "to", "show", "of:", "workspace"]


def test_a_stage_of_ones_own_has_a_section_and_one_that_has_not_run_has_none(
    repository: Path, browser: Browser, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(repository, tmp_path / "copy"))
    (root / "speed.csv").write_text("epoch,seconds\n0,2.5\n1,2.0\n")
    with (root / "dvc.yaml").open("a") as file:
        file.write(
            "plots:\n- speed.csv:\n    x: epoch\n    y: seconds\n    title: Speed\n"
            "- plots/decide/custom/coverage.json:\n    x: coverage\n    y: accuracy\n"
            "- plots/explain/images\n"
        )
    run(root, "dvc", "plots", "show", "--out", "dvc_plots_own")

    seen = browser.look_at(
        root / "dvc_plots_own/index.html",
        WIDTH,
        COMPLETE,
        {"sections": SCRIPTS["sections"], "text": SCRIPTS["text"]},
    )

    sections = ["Results on the test images", "Training", "The images", "Other plots"]
    assert seen.values["sections"] == sections
    assert "Speed" in seen.values["text"]
    assert "Nothing to show" not in seen.values["text"]


def test_each_plot_has_a_heading_and_each_chart_a_name(pages: dict[str, SeenPage]) -> None:
    assert pages["two"].values["unheaded"] == []
    names = pages["two"].values["charts"]
    assert len(names) >= 8
    assert all(name and name != "Vega visualization" for name in names)
