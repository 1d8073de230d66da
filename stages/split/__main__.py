"""Split the images of the manifest into train, val and test: data/split.csv.

Images that show the same thing form a group, and a group never straddles splits: with `group_by:
perceptual` those that are identical or nearly so, with `embedding` these and other photos of the
same object. With `none` every image is a group of its own: the plain stratified random split of the
literature, in which even identical images may straddle.

Identical images under different labels are listed in data/conflicts.csv.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
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
    SplitName,
    SplitRow,
    write_sorted,
    write_table,
)
from stages.near_duplicates import near_duplicate_pairs
from stages.split.assign import TooFewGroupsError, assign_splits
from stages.split.duplicates import find_conflicts, group_images
from stages.split.images import Images, first_identical, read_images

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
    received = read_images(MANIFEST_FILE)
    if not received.paths:
        raise InputError(f"{MANIFEST_FILE}: no images; check section 'fetch' of params.yaml")

    images = received.sorted()
    conflicts = find_conflicts(images, first_identical(images).tolist())
    write_table(CONFLICTS_FILE, conflicts.values(), ConflictRow)
    if conflicts and settings.on_conflict == "fail":
        raise InputError(describe_conflicts(list(conflicts.values())))
    if conflicts and settings.on_conflict == "drop":
        images = images.without(conflicts.keys())

    groups = group_images(len(images.paths), find_pairs(images, received.paths, settings))
    splits = split_images(images.labels, groups, settings, seed, sorted(set(received.labels)))
    names = (images.paths[group] for group in groups)
    columns = zip(images.paths, images.labels, names, splits, strict=True)
    write_sorted(SPLIT_FILE, (SplitRow(*cells) for cells in columns), SplitRow)
    print(format_counts(images.labels, splits))
    dropped = len(received.paths) - len(images.paths)
    print(
        f"{len(images.paths)} images in {len(np.unique(groups))} groups; {len(conflicts)} "
        f"identical images under different labels, {dropped} images dropped"
    )


def find_pairs(
    images: Images, received: Sequence[str], settings: SplitParams
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of images that show the same thing, as positions in `images`.

    Args:
        images: those to be split.
        received: paths of all of the manifest, in its order.
        settings: section `split`.

    Raises:
        InputError: embeddings are asked for, but the backbone has random weights.
    """
    if settings.group_by == "none":
        return
    # Identical files have equal hashes.
    for left, right, _ in near_duplicate_pairs(images.hashes, settings.max_distance):
        yield left, right
    if settings.group_by == "perceptual":
        return
    features = read_features(len(received))
    if not features.pretrained:
        raise InputError(
            "params.yaml: split.group_by is embedding, which needs pretrained weights: set "
            "backbone.weights to imagenet or to a file, or split.group_by to perceptual"
        )
    vectors = vectors_of(images.paths, received, features)
    for left, right, _ in similar_pairs(vectors, settings.max_embedding_distance):
        yield left, right


def split_images(
    image_labels: Sequence[str],
    groups: npt.NDArray[np.intp],
    settings: SplitParams,
    seed: int,
    labels: Sequence[str],
) -> list[SplitName]:
    """Assign each image a split.

    Args:
        image_labels: label of each image.
        groups: of each image, as a number.
        settings: section `split`.
        seed: of the assignment.
        labels: all that must have an image in each split.

    Raises:
        InputError: a label has too few images, or groups of them, to have one in each split.
    """
    missing = {label: len(SPLITS) for label in sorted(set(labels) - set(image_labels))}
    try:
        splits = assign_splits(image_labels, groups, settings.val, settings.test, seed)
    except TooFewGroupsError as error:
        missing |= error.missing
    if missing:
        raise InputError(describe_missing(missing, image_labels, settings.group_by))
    return splits


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


def format_counts(image_labels: Sequence[str], splits: Sequence[SplitName]) -> str:
    """Return a table of the images per label and split."""
    counts = Counter(zip(image_labels, splits, strict=True))
    labels = sorted(set(image_labels))
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
