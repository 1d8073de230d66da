"""The numbers of a data set: how many images of what, how large, how often twice."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.embedding import similar_pairs
from stages.manifest import (
    SPLITS,
    ConflictRow,
    LabelErrorRow,
    ManifestRow,
    SplitRow,
    labels_of,
)
from stages.near_duplicates import near_duplicate_pairs, perceptual_hashes


class DuplicatePair(NamedTuple):
    """Two images that are identical or nearly so; pairs sort by distance, nearest first."""

    distance: float  #: bits of perceptual hashes, or cosine distance of features
    left: str  #: path
    right: str  #: path


def find_pairs(received: Sequence[ManifestRow], max_distance: int) -> list[DuplicatePair]:
    """Return the near-duplicates among the images, nearest first (`near_duplicate_pairs`)."""
    pairs = near_duplicate_pairs(perceptual_hashes(received), max_distance)
    return sorted(
        DuplicatePair(distance, *sorted((received[left].path, received[right].path)))
        for left, right, distance in pairs
    )


def find_similar_pairs(
    rows: Sequence[SplitRow], vectors: npt.NDArray[np.float32], max_distance: float
) -> list[DuplicatePair]:
    """Return the images with similar features, nearest first (`similar_pairs`)."""
    return sorted(
        DuplicatePair(round(distance, 4), *sorted((rows[left].path, rows[right].path)))
        for left, right, distance in similar_pairs(vectors, max_distance)
    )


def summarise(
    received: Sequence[ManifestRow],
    rows: Sequence[SplitRow],
    conflicts: Sequence[ConflictRow],
    pairs: Sequence[DuplicatePair],
    similar: Sequence[DuplicatePair],
    label_errors: Sequence[LabelErrorRow],
) -> dict[str, float]:
    """Return the metrics of a data set; `/` in a name stands for one level of nesting.

    Args:
        received: all images.
        rows: those that were given a split.
        conflicts: identical images under different labels.
        pairs: near-duplicates among all images.
        similar: images of similar features among `rows`.
        label_errors: images that likely stand under a wrong label.
    """
    by_label = Counter(row.label for row in rows)
    by_split = Counter(row.split for row in rows)
    by_both = Counter((row.label, row.split) for row in rows)
    metrics: dict[str, float] = {
        "images/received": len(received),
        "images/dropped": len(received) - len(rows),
        "images/used": len(rows),
        "labels": len(by_label),
        "imbalance_ratio": max(by_label.values()) / min(by_label.values()),
        "duplicates/identical_copies": len(received) - len({row.sha256 for row in received}),
        "duplicates/identical_under_different_labels": len(conflicts),
        "duplicates/near_pairs": len(pairs),
        "duplicates/near_pairs_across_splits": _across_splits(pairs, rows),
        "similar/pairs": len(similar),
        "similar/pairs_across_splits": _across_splits(similar, rows),
        "similar/pairs_across_labels": sum(
            pair.left.partition("/")[0] != pair.right.partition("/")[0] for pair in similar
        ),
        "label_errors": len(label_errors),
        "groups": len({row.group for row in rows}),
    }
    for name in ("width", "height", "bytes"):
        values = [getattr(row, name) for row in received]
        metrics[f"{name}/min"] = min(values)
        metrics[f"{name}/median"] = float(np.median(values))
        metrics[f"{name}/max"] = max(values)
    for split in SPLITS:
        metrics[f"splits/{split}"] = by_split[split]
    for label in labels_of(rows):
        for split in SPLITS:
            metrics[f"per_label/{label}/{split}"] = by_both[label, split]
    return metrics


def _across_splits(pairs: Sequence[DuplicatePair], rows: Sequence[SplitRow]) -> int:
    split_of = {row.path: row.split for row in rows}
    ends = [(split_of.get(pair.left), split_of.get(pair.right)) for pair in pairs]
    return sum(left != right for left, right in ends if left and right)
