"""The pictures of docs/results.md, from what the pipeline left in this workspace.

`python -m experiments.figures NAME` writes docs/images/NAME_learning_curves.png,
NAME_confusion_matrix.png and NAME_reliability.png, the last two of the test images or, with
`--cross-validation`, of all images. With `--leak` also leak.png: three pairs of photos of one
object, one in train and one in test, which a random split (`split.group_by: none`) has many of.
With `--overview` also overview.png, the first picture of README.md: confusion matrix, leak.png and
mistakes in one.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from stages.drawing import BLUE, VERMILION
from stages.evaluate.sheets import mistake_sheet
from stages.explore.sheets import pair_sheet
from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateRow
from stages.outputs.manifest import Manifest
from stages.outputs.predictions import PREDICTIONS_FILE, read_predictions
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.outputs.tables import read_table
from stages.stage import exit_code
from waste_classifier.errors import InputError

IMAGES_DIR = Path("docs/images")
PLOTS_DIR = Path("plots")
CURVES = ("loss", "accuracy", "macro_f1")
PAIRS = 3
MISTAKES = 6  # a line of their sheet
CONFUSION_DPI = 80
SHEET_DPI = 100  # that a pixel of a sheet is a pixel


def points_of(plot: str) -> Any:
    """Return the points of a plot.

    Raises:
        InputError: it is missing or damaged.
    """
    file = PLOTS_DIR / plot
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: can't be read ({error}); `dvc repro` makes it, of the cross-validation `dvc "
            "repro release/dvc.yaml`"
        ) from None


def learning_curves() -> Figure:
    """Draw loss, accuracy and macro F1 of train and val by epoch."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    for axes, curve in zip(figure.subplots(1, len(CURVES)), CURVES, strict=True):
        points = points_of(f"train/custom/{curve}.json")
        for split in ("train", "val"):
            of_split = [point for point in points if point["split"] == split]
            axes.plot(
                [point["epoch"] for point in of_split],
                [point[curve] for point in of_split],
                label=split,
            )
        axes.set(title=curve.replace("_", " "), xlabel="epoch")
    axes.legend(frameon=False)
    return figure


def reliability(of: str) -> Figure:
    """Draw how often the model is right when it is that sure, with 95 % intervals.

    Args:
        of: folder of plots, evaluate or cross_validation.
    """
    bins = points_of(f"{of}/custom/reliability.json")
    confidences = [each["confidence"] for each in bins]
    accuracies = np.array([each["accuracy"] for each in bins])
    below = accuracies - [each["accuracy_low"] for each in bins]
    above = [each["accuracy_high"] for each in bins] - accuracies
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    axes.errorbar(confidences, accuracies, [below, above], fmt="o", color=BLUE)
    axes.set(title="Reliability", xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    return figure


def confusion_matrix(of: str) -> Figure:
    """Draw the confusion matrix as the page of plots does: blue is right, vermilion wrong.

    Args:
        of: folder of plots, evaluate or cross_validation.
    """
    cells = points_of(f"{of}/custom/confusion_matrix.json")
    labels = list(dict.fromkeys(cell["actual"] for cell in cells))
    figure = Figure(
        figsize=(1.6 + 0.7 * len(labels), 1.2 + 0.6 * len(labels)), layout="constrained"
    )
    axes = figure.subplots()
    # A power makes 3 % visible.
    strength = [
        cell["share"] ** 0.4 * (1 if cell["actual"] == cell["predicted"] else -1) for cell in cells
    ]
    colours = LinearSegmentedColormap.from_list("wrong to right", [VERMILION, "white", BLUE])
    axes.imshow(np.reshape(strength, (len(labels), -1)), cmap=colours, vmin=-1, vmax=1)
    for cell, of_cell in zip(cells, strength, strict=True):
        if cell["images"]:
            axes.text(
                labels.index(cell["predicted"]),
                labels.index(cell["actual"]),
                f"{cell['images']}\n{cell['share']:.0%}",
                ha="center",
                va="center",
                color="white" if abs(of_cell) > 0.6 else "black",
            )
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    scored = "Test images" if of == "evaluate" else "Images, cross-validated"
    axes.set(title=f"{scored}: share of the actual label", xlabel="predicted", ylabel="actual")
    return figure


def leaking_pairs(
    duplicates: Sequence[DuplicateRow], images: Mapping[str, SplitRow]
) -> list[DuplicateRow]:
    """Return pairs of similar photos, one in train and one in test, each of another label.

    Args:
        duplicates: pairs of similar photos; the nearest of each label is taken.
        images: those that were not dropped, by path.
    """
    chosen: dict[str, DuplicateRow] = {}
    similar = (pair for pair in duplicates if pair.kind == "embedding")
    for pair in sorted(similar, key=lambda pair: pair.distance):
        rows = [images[path] for path in (pair.path, pair.other_path) if path in images]
        labels = {row.label for row in rows}
        if {row.split for row in rows} == {"train", "test"} and len(labels) == 1:
            chosen.setdefault(labels.pop(), pair)
    return list(chosen.values())[:PAIRS]


def pixels_of(figure: Figure, dpi: float) -> Image.Image:
    """Return a figure as an image."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return Image.open(file).convert("RGB")


def overview() -> Image.Image:
    """Return one picture: how often which label is taken for which, the leak, and the mistakes."""
    predictions = read_predictions(PREDICTIONS_FILE, "test")
    photos = Manifest().photos_by_path(predictions.paths, PREDICTIONS_FILE)
    mistakes = predictions.surest_mistakes(MISTAKES)
    scored = pixels_of(confusion_matrix("evaluate"), CONFUSION_DPI)
    pairs = Image.open(IMAGES_DIR / "leak.png").convert("RGB")
    wrong = pixels_of(mistake_sheet(photos, predictions, mistakes), SHEET_DPI)
    width = max(scored.width + pairs.width, wrong.width)
    height = max(scored.height, pairs.height)
    whole = Image.new("RGB", (width, height + wrong.height), "white")
    whole.paste(scored, (0, (height - scored.height) // 2))
    whole.paste(pairs, (width - pairs.width, (height - pairs.height) // 2))
    whole.paste(wrong, ((width - wrong.width) // 2, height))
    return whole


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.figures", description=__doc__.splitlines()[0]
    )
    parser.add_argument("name", help="of the protocol, first part of the files' names")
    parser.add_argument(
        "--cross-validation", action="store_true", help="draw what the cross-validation says"
    )
    parser.add_argument("--leak", action="store_true", help="also draw pairs that straddle")
    parser.add_argument("--overview", action="store_true", help="also draw README's first picture")
    arguments = parser.parse_args()
    IMAGES_DIR.mkdir(parents=True, exist_ok=True)
    learning_curves().savefig(IMAGES_DIR / f"{arguments.name}_learning_curves.png", dpi=80)
    of = "cross_validation" if arguments.cross_validation else "evaluate"
    confusion_matrix(of).savefig(
        IMAGES_DIR / f"{arguments.name}_confusion_matrix.png", dpi=CONFUSION_DPI
    )
    reliability(of).savefig(IMAGES_DIR / f"{arguments.name}_reliability.png", dpi=80)
    if arguments.leak:
        images = {row.path: row for row in read_table(SPLIT_FILE, SplitRow)}
        pairs = leaking_pairs(read_table(DUPLICATES_FILE, DuplicateRow), images)
        split_of = {path: row.split for path, row in images.items()}
        title = "One object, in train and in test"
        photos = Manifest().photos_by_path(list(images), SPLIT_FILE)
        leak = pair_sheet(photos, pairs, split_of, title)
        leak.savefig(IMAGES_DIR / "leak.png", dpi=SHEET_DPI)
    if arguments.overview:
        overview().save(IMAGES_DIR / "overview.png", optimize=True)


if __name__ == "__main__":
    sys.exit(exit_code(main))
