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

import numpy as np
import numpy.typing as npt

from stages.outputs.conflicts import CONFLICTS_FILE, ConflictRow
from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateRow
from stages.outputs.manifest import MANIFEST_FILE, read_columns
from stages.outputs.split import SPLIT_FILE, SPLITS, SplitName, SplitRow
from stages.outputs.tables import iterate_table, write_sorted, write_table
from stages.params.split import SplitParams
from stages.split.assign import TooFewGroupsError, assign_splits
from stages.split.conflicts import find_conflicts
from stages.split.groups import MixedGroups, group_images, mixed_groups, name_groups
from stages.stage import run
from waste_classifier.errors import InputError

#: Share of the images, above which groups of several labels are no chance.
MOST_MIXED = 0.03


def main(settings: SplitParams) -> None:
    """Read the manifest and the pairs of duplicates, write which image goes where."""
    received = read_columns(MANIFEST_FILE)
    duplicates = iterate_table(DUPLICATES_FILE, DuplicateRow)

    conflicts = find_conflicts(received)
    write_table(CONFLICTS_FILE, conflicts.values(), ConflictRow)
    if conflicts and settings.on_conflict == "fail":
        raise InputError(describe_conflicts(list(conflicts.values())))

    # Of all images received, so that two stay together that one dropped between them connects.
    groups_received = group_images(received, duplicates, settings.group_by)
    dropped = conflicts.keys() if settings.on_conflict == "drop" else set()
    kept = [number for number in range(len(received.paths)) if number not in dropped]
    paths = [received.paths[number] for number in kept]
    labels = [received.labels[number] for number in kept]
    groups = groups_received[kept]

    splits = split_images(labels, groups, settings, sorted(set(received.labels)))
    columns = zip(paths, labels, name_groups(paths, groups), splits, strict=True)
    write_sorted(SPLIT_FILE, (SplitRow(*cells) for cells in columns), SplitRow)
    print(format_counts(labels, splits))
    print(
        f"{len(paths)} images in {len(np.unique(groups))} groups; {len(conflicts)} "
        f"identical images under different labels, {len(dropped)} images dropped"
    )
    mixed = mixed_groups(labels, groups)
    print(
        f"{mixed.groups} groups hold several labels, {mixed.images} images in all, {mixed.largest} "
        "in the largest"
    )
    if mixed.images > MOST_MIXED * len(paths):
        print(f"warning: {describe_mixed(mixed, len(paths), settings.group_by)}", file=sys.stderr)


def split_images(
    image_labels: Sequence[str],
    groups: npt.NDArray[np.intp],
    settings: SplitParams,
    labels: Sequence[str],
) -> list[SplitName]:
    """Assign each image a split.

    Args:
        image_labels: label of each image.
        groups: of each image, as a number.
        settings: section `split`.
        labels: all that must have an image in each split.

    Raises:
        InputError: a label has too few images, or groups of them, to have one in each split.
    """
    missing = {label: len(SPLITS) for label in sorted(set(labels) - set(image_labels))}
    try:
        splits = assign_splits(image_labels, groups, settings.val, settings.test, settings.seed)
    except TooFewGroupsError as error:
        missing |= error.missing
    if missing:
        raise InputError(describe_missing(missing, image_labels, settings.group_by))
    return splits


def describe_mixed(mixed: MixedGroups, images: int, group_by: str) -> str:
    """Say that things of different labels are taken for one, and how to mend it.

    Args:
        mixed: groups of several labels.
        images: that were given a split.
        group_by: section `split`.
    """
    embedding = "duplicates.max_embedding_distance or " if group_by == "embedding" else ""
    return (
        f"{mixed.images} of {images} images stand in groups of several labels, as if they showed "
        "one thing (small things on a plain ground do, to a perceptual hash); look at the "
        f"pairs in plots/explore/images and lower {embedding}duplicates.max_perceptual_distance"
    )


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
    """Say how many images, or groups of them, labels are short of.

    Args:
        missing: splits without an image, by label.
        labels: label of each image that remained.
        group_by: section `split`.
    """
    images = Counter(labels)
    unit, mend = {
        "none": ("images", ""),
        "perceptual": (
            "groups of near-duplicates",
            ", lower duplicates.max_perceptual_distance where images that differ are taken for one",
        ),
        "embedding": (
            "groups of images of one object",
            ", lower duplicates.max_embedding_distance where objects that differ are taken for one",
        ),
    }[group_by]
    short = ", ".join(
        f"'{label}' ({images[label]} images) is short by {count}"
        for label, count in sorted(missing.items())
    )
    return (
        f"{MANIFEST_FILE}: each of {', '.join(SPLITS)} needs an image of every label, but labels "
        f"have too few {unit}: {short}; add images of them{mend}, or leave the labels out"
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
    sys.exit(run("split", SplitParams, main))
