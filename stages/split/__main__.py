"""Split the images of the manifest into train, val and test: data/split.csv.

Images that show the same thing form a group, and a group never straddles splits: with `group_by:
perceptual` those that are identical or nearly so, with `embedding` these and other photos of the
same object. With `none` every image is a group of its own: the plain stratified random split of the
literature, in which even identical images may straddle.

Identical images under different labels are listed in data/conflicts.csv.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from stages import errors, params
from stages.embedding import similar_pairs, vectors_of
from stages.errors import InputError
from stages.feature_table import read_features
from stages.manifest import (
    CONFLICTS_FILE,
    MANIFEST_FILE,
    SPLIT_FILE,
    SPLITS,
    ConflictRow,
    ManifestRow,
    SplitRow,
    labels_of,
    read_table,
    write_table,
)
from stages.near_duplicates import near_duplicate_pairs, perceptual_hashes
from stages.split.assign import TooFewGroupsError, assign_splits
from stages.split.duplicates import find_conflicts, group_near_duplicates

Share = Annotated[float, Field(gt=0, lt=1)]


class SplitParams(params.Params):
    """Section `split` of params.yaml."""

    val: Share
    test: Share
    group_by: Literal["perceptual", "embedding", "none"]
    max_distance: Annotated[int, Field(ge=0, le=16)]
    max_embedding_distance: Annotated[float, Field(ge=0, le=1)]
    on_conflict: Literal["drop", "fail", "keep"]

    @field_validator("test")
    @classmethod
    def _leaves_images_for_train(cls, test: float, info: ValidationInfo) -> float:
        if test + info.data.get("val", 0) >= 1:
            raise ValueError("val and test leave nothing for train; their sum must be below 1")
        return test


def main() -> None:
    """Read the manifest, write which image goes where."""
    settings = params.load_section("split", SplitParams)
    seed = params.load_seed()
    received = read_table(MANIFEST_FILE, ManifestRow)
    if not received:
        raise InputError(f"{MANIFEST_FILE}: no images; check section 'fetch' of params.yaml")

    conflicts = find_conflicts(received)
    write_table(CONFLICTS_FILE, conflicts, ConflictRow)
    if conflicts and settings.on_conflict == "fail":
        raise InputError(describe_conflicts(conflicts))
    dropped = {row.path for row in conflicts} if settings.on_conflict == "drop" else set()
    images = [row for row in sorted(received) if row.path not in dropped]

    pairs = find_pairs(images, received, settings)
    rows = split_images(images, pairs, settings, seed, labels_of(received))
    write_table(SPLIT_FILE, rows, SplitRow)
    print(format_counts(rows))
    print(
        f"{len(rows)} images in {len({row.group for row in rows})} groups; {len(conflicts)} "
        f"identical images under different labels, {len(dropped)} images dropped"
    )


def find_pairs(
    images: Sequence[ManifestRow], received: Sequence[ManifestRow], settings: SplitParams
) -> list[tuple[int, int]]:
    """Return the pairs of images that show the same thing, as positions in `images`.

    Args:
        images: those to be split.
        received: all of the manifest, in its order.
        settings: section `split`.

    Raises:
        InputError: embeddings are asked for, but the backbone has random weights.
    """
    if settings.group_by == "none":
        return []
    near = near_duplicate_pairs(perceptual_hashes(images), settings.max_distance)
    pairs = [(left, right) for left, right, _ in near]
    if settings.group_by == "perceptual":
        return pairs
    features = read_features(len(received))
    if not features.pretrained:
        raise InputError(
            "params.yaml: split.group_by is embedding, which needs pretrained weights: set "
            "backbone.weights to imagenet or to a file, or split.group_by to perceptual"
        )
    vectors = vectors_of(images, received, features)
    similar = similar_pairs(vectors, settings.max_embedding_distance)
    return pairs + [(left, right) for left, right, _ in similar]


def split_images(
    images: Sequence[ManifestRow],
    pairs: Sequence[tuple[int, int]],
    settings: SplitParams,
    seed: int,
    labels: Sequence[str],
) -> list[SplitRow]:
    """Group the images and assign each a split.

    Args:
        images: sorted by path.
        pairs: positions in `images` of those that show the same thing.
        settings: section `split`.
        seed: of the assignment.
        labels: all that must have an image in each split.

    Raises:
        InputError: a label has too few images, or groups of them, to have one in each split.
    """
    if settings.group_by == "none":
        groups = [row.path for row in images]
    else:
        groups = group_near_duplicates(images, pairs)
    image_labels = [row.label for row in images]
    missing = {label: len(SPLITS) for label in sorted(set(labels) - set(image_labels))}
    try:
        splits = assign_splits(image_labels, groups, settings.val, settings.test, seed)
    except TooFewGroupsError as error:
        missing |= error.missing
    if missing:
        raise InputError(describe_missing(missing, image_labels, settings.group_by))
    return [
        SplitRow(row.path, row.label, group, split)
        for row, group, split in zip(images, groups, splits, strict=True)
    ]


def describe_conflicts(conflicts: Sequence[ConflictRow]) -> str:
    """Say which identical images stand under different labels, and how to mend it."""
    paths: dict[str, list[str]] = defaultdict(list)
    for row in conflicts:
        paths[row.sha256].append(row.path)
    shown = ", ".join(" = ".join(identical) for identical in paths.values())
    return (
        f"{MANIFEST_FILE}: {len(conflicts)} identical images stand under different labels: {shown}"
        "; remove the wrong ones from the source, or set split.on_conflict to drop or keep"
    )


def describe_missing(missing: dict[str, int], labels: Sequence[str], group_by: str) -> str:
    """Say how many images, or groups of near-duplicates, labels are short of.

    Args:
        missing: splits without an image, by label.
        labels: label of each image that remained.
        group_by: section `split`.
    """
    images = Counter(labels)
    unit = "images" if group_by == "none" else "groups of near-duplicates"
    short = ", ".join(
        f"'{label}' ({images[label]} images) is short by {count}"
        for label, count in sorted(missing.items())
    )
    return (
        f"{MANIFEST_FILE}: each of {', '.join(SPLITS)} needs an image of every label, but labels "
        f"have too few {unit}: {short}; add images of them or leave the labels out"
    )


def format_counts(rows: Sequence[SplitRow]) -> str:
    """Return a table of the images per label and split."""
    counts = Counter((row.label, row.split) for row in rows)
    labels = labels_of(rows)
    table = [["label", *SPLITS, "all"]]
    for label in labels:
        numbers = [counts[label, split] for split in SPLITS]
        table.append([label, *map(str, numbers), str(sum(numbers))])
    totals = [sum(counts[label, split] for label in labels) for split in SPLITS]
    table.append(["all", *map(str, totals), str(sum(totals))])
    width = max(len(line[0]) for line in table)
    return "\n".join(
        f"{name:{width}}" + "".join(f"{cell:>8}" for cell in cells) for name, *cells in table
    )


if __name__ == "__main__":
    sys.exit(errors.run(main))
