"""The numbers of a data set: how many images of what, how large, how often twice."""

from collections.abc import Sequence

import pandas as pd

from stages.outputs.conflicts import ConflictRow
from stages.outputs.duplicates import DuplicateKind, DuplicateRow
from stages.outputs.manifest import ManifestRow, labels_of
from stages.outputs.split import SPLITS, SplitRow
from stages.outputs.suspects import SuspectRow


def nearest_first(duplicates: Sequence[DuplicateRow], kind: DuplicateKind) -> list[DuplicateRow]:
    """Return the pairs of one kind, nearest first, of equal distance by their paths."""
    pairs = [pair for pair in duplicates if pair.kind == kind]
    return sorted(pairs, key=lambda pair: (pair.distance, pair))


def summarise(
    received: Sequence[ManifestRow],
    rows: Sequence[SplitRow],
    conflicts: Sequence[ConflictRow],
    duplicates: Sequence[DuplicateRow],
    suspects: Sequence[SuspectRow],
) -> dict[str, float]:
    """Return the metrics of a data set; `/` in a name stands for one level of nesting.

    Args:
        received: all images.
        rows: those that were given a split.
        conflicts: identical images under different labels.
        duplicates: pairs of images, of those received, that show the same thing.
        suspects: images whose files are likely damaged.
    """
    images = pd.DataFrame(received, columns=ManifestRow._fields)
    used = pd.DataFrame(rows, columns=SplitRow._fields)
    pairs = _pairs(duplicates, images, used)
    counts = pd.crosstab(used["label"], used["split"]).reindex(
        index=labels_of(rows), columns=list(SPLITS), fill_value=0
    )
    by_label = counts.sum(axis="columns")
    near, similar = (pairs[pairs["kind"] == kind] for kind in ("perceptual", "embedding"))
    metrics: dict[str, float] = {
        "images/received": len(images),
        "images/dropped": len(images) - len(used),
        "images/used": len(used),
        "images/suspect": len(suspects),
        "labels": len(by_label),
        "imbalance_ratio": float(by_label.max() / by_label.min()),
        "duplicates/identical_copies": int(images["sha256"].duplicated().sum()),
        "duplicates/identical_under_different_labels": len(conflicts),
        "duplicates/near_pairs": len(near),
        "duplicates/near_pairs_across_splits": int(near["across_splits"].sum()),
        "similar/pairs": len(similar),
        "similar/pairs_across_splits": int(similar["across_splits"].sum()),
        "similar/pairs_across_labels": int(similar["across_labels"].sum()),
        "groups": int(used["group"].nunique()),
    }
    sizes = images[["width", "height", "bytes"]].agg(["min", "median", "max"])
    for name in sizes:
        for statistic, value in sizes[name].items():
            number = float(value)
            metrics[f"{name}/{statistic}"] = number if statistic == "median" else int(number)
    for split in SPLITS:
        metrics[f"splits/{split}"] = int(counts[split].sum())
    for label in counts.index:
        for split in SPLITS:
            metrics[f"per_label/{label}/{split}"] = int(counts.loc[label, split])
    return metrics


def _pairs(
    duplicates: Sequence[DuplicateRow], images: pd.DataFrame, used: pd.DataFrame
) -> pd.DataFrame:
    """Return the pairs, and whether the two images of each differ in split or in label.

    An image that was given no split was dropped: it is on neither side.
    """
    pairs = pd.DataFrame(duplicates, columns=DuplicateRow._fields)
    label_of = images.set_index("path")["label"]
    split_of = used.set_index("path")["split"]
    splits = pairs[["path", "other_path"]].apply(lambda column: column.map(split_of))
    labels = pairs[["path", "other_path"]].apply(lambda column: column.map(label_of))
    pairs["across_splits"] = splits.notna().all(axis="columns") & (
        splits["path"] != splits["other_path"]
    )
    pairs["across_labels"] = labels["path"] != labels["other_path"]
    return pairs
