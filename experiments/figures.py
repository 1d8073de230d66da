"""The pictures of docs/results.md, from what the pipeline left in this workspace.

`python -m experiments.figures NAME` writes docs/images/NAME_learning_curves.png and
NAME_confusion_matrix.png; with `--leak` also leak.png: three pairs of photos of one object, one in
train and one in test, which a random split (`split.group_by: none`) has many of.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from stages.explore.sheets import pair_sheet
from stages.explore.summary import nearest_first
from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateRow
from stages.outputs.manifest import read_columns
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.outputs.tables import read_table
from stages.stage import exit_code

IMAGES_DIR = Path("docs/images")
PLOTS_DIR = Path("plots")
CURVES = ("loss", "accuracy", "macro_f1")
PAIRS = 3


def learning_curves() -> Figure:
    """Draw loss, accuracy and macro F1 of train and val by epoch."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    for axes, curve in zip(figure.subplots(1, len(CURVES)), CURVES, strict=True):
        points = json.loads((PLOTS_DIR / "train/custom" / f"{curve}.json").read_text())
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


def leaking_pairs(
    duplicates: Sequence[DuplicateRow], images: Mapping[str, SplitRow]
) -> list[DuplicateRow]:
    """Return pairs of similar photos, one in train and one in test, each of another label.

    Args:
        duplicates: pairs of similar photos; the nearest of each label is taken.
        images: those that were not dropped, by path.
    """
    chosen: dict[str, DuplicateRow] = {}
    for pair in nearest_first(duplicates, "embedding"):
        rows = [images[path] for path in (pair.path, pair.other_path) if path in images]
        labels = {row.label for row in rows}
        if {row.split for row in rows} == {"train", "test"} and len(labels) == 1:
            chosen.setdefault(labels.pop(), pair)
    return list(chosen.values())[:PAIRS]


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="of the protocol, first part of the files' names")
    parser.add_argument("--leak", action="store_true", help="also draw pairs that straddle")
    arguments = parser.parse_args()
    IMAGES_DIR.mkdir(parents=True, exist_ok=True)
    learning_curves().savefig(IMAGES_DIR / f"{arguments.name}_learning_curves.png", dpi=80)
    shutil.copyfile(
        PLOTS_DIR / "evaluate/images/confusion_matrix.png",
        IMAGES_DIR / f"{arguments.name}_confusion_matrix.png",
    )
    if arguments.leak:
        images = {row.path: row for row in read_table(SPLIT_FILE, SplitRow)}
        pairs = leaking_pairs(read_table(DUPLICATES_FILE, DuplicateRow), images)
        split_of = {path: row.split for path, row in images.items()}
        title = "One object, in train and in test"
        received = read_columns()
        photos = dict(zip(received.paths, received.photos(range(len(received.paths))), strict=True))
        pair_sheet(photos, pairs, split_of, title).savefig(IMAGES_DIR / "leak.png", dpi=100)


if __name__ == "__main__":
    sys.exit(exit_code(main))
