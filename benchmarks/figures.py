"""The pictures of docs/results.md, from what the pipeline left in this workspace.

`python -m benchmarks.figures NAME` writes docs/images/NAME_learning_curves.png and
NAME_confusion_matrix.png; with `--leak` also leak.png: three pairs of photos of one object, one in
train and one in test, which a random split has many of.
"""

import argparse
import json
import shutil
from pathlib import Path

from matplotlib.figure import Figure

from stages.embedding import similar_pairs, unit_vectors
from stages.explore.sheets import pair_sheet
from stages.explore.summary import DuplicatePair
from stages.feature_table import read_features
from stages.manifest import MANIFEST_FILE, RAW_DIR, SPLIT_FILE, ManifestRow, SplitRow, read_table

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


def leaking_pairs(max_distance: float) -> list[DuplicatePair]:
    """Return pairs of similar photos of one label, one in train and one in test, of three labels.

    Nearest first, but identical copies; each of another label.
    """
    manifest = read_table(MANIFEST_FILE, ManifestRow)
    split_of = {row.path: row.split for row in read_table(SPLIT_FILE, SplitRow)}
    vectors = unit_vectors(read_features(len(manifest)).of_last_stage)
    chosen: dict[str, DuplicatePair] = {}
    for left, right, distance in sorted(
        similar_pairs(vectors, max_distance), key=lambda pair: pair[2]
    ):
        rows = (manifest[left], manifest[right])
        splits = {split_of.get(row.path) for row in rows}
        if splits == {"train", "test"} and rows[0].label == rows[1].label:
            pair = DuplicatePair(round(distance, 3), rows[0].path, rows[1].path)
            chosen.setdefault(rows[0].label, pair)
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
        split_of = {row.path: row.split for row in read_table(SPLIT_FILE, SplitRow)}
        pairs = leaking_pairs(max_distance=0.25)
        title = "One object, in train and in test"
        pair_sheet(RAW_DIR, pairs, split_of, title).savefig(IMAGES_DIR / "leak.png", dpi=100)


if __name__ == "__main__":
    main()
