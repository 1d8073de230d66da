"""The numbers of a data set: how many images of what, how large, how often twice."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from stages.outputs.duplicates import DuplicateColumns, DuplicateKind
from stages.outputs.split import SPLITS


def nearest_first(duplicates: DuplicateColumns, kind: DuplicateKind) -> npt.NDArray[np.intp]:
    """Return the positions of the pairs of one kind, nearest first, of equal distance in order."""
    wanted = duplicates.is_perceptual == (kind == "perceptual")
    of_kind = np.flatnonzero(wanted)
    return of_kind[np.argsort(duplicates.distance[of_kind], kind="stable")]


def images_per_label(images: pd.DataFrame) -> pd.DataFrame:
    """Return how many images that were not dropped there are, a row per label, a column per split.

    Args:
        images: as of `read_images`.
    """
    counts = pd.crosstab(images["label"], images["split"])
    return counts.reindex(columns=list(SPLITS), fill_value=0)


def summarise(
    images: pd.DataFrame,
    duplicates: DuplicateColumns,
    identical_copies: int,
    conflicts: int,
    suspects: int,
) -> dict[str, float]:
    """Return the metrics of a data set; `/` in a name stands for one level of nesting.

    Args:
        images: as of `read_images`.
        duplicates: pairs of these that show the same thing.
        identical_copies: how many are copies of others.
        conflicts: how many are identical with one under another label.
        suspects: of how many the files are likely damaged.
    """
    counts = images_per_label(images)
    by_label = counts.sum(axis="columns")
    near, similar = duplicates.is_perceptual, ~duplicates.is_perceptual
    across_splits = _differ(images["split"], duplicates)
    across_labels = _differ(images["label"], duplicates)
    metrics: dict[str, float] = {
        "images/received": len(images),
        "images/dropped": int(images["split"].isna().sum()),
        "images/used": int(images["split"].notna().sum()),
        "images/suspect": suspects,
        "labels": len(by_label),
        "imbalance_ratio": float(by_label.max() / by_label.min()),
        "duplicates/identical_copies": identical_copies,
        "duplicates/identical_under_different_labels": conflicts,
        "duplicates/near_pairs": int(near.sum()),
        "duplicates/near_pairs_across_splits": int((near & across_splits).sum()),
        "similar/pairs": int(similar.sum()),
        "similar/pairs_across_splits": int((similar & across_splits).sum()),
        "similar/pairs_across_labels": int((similar & across_labels).sum()),
        "groups": int(images["is_first_of_group"].sum()),
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


def _differ(of_images: "pd.Series[str]", duplicates: DuplicateColumns) -> npt.NDArray[np.bool_]:
    """Return whether the two images of each pair differ in a category, which both have.

    An image that was given no split was dropped: it is on neither side.
    """
    codes = of_images.cat.codes.to_numpy()
    left, right = codes[duplicates.left], codes[duplicates.right]
    return np.asarray((left != right) & (left >= 0) & (right >= 0))
