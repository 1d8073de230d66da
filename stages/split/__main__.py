"""Split the images of the manifest into train, val and test: data/split.csv.

Images that show the same thing form a group, and a group never straddles splits: with `group_by:
perceptual` those that are identical or nearly so, with `embedding` these and other photos of the
same object. With `none` every image is a group of its own: the plain stratified random split of the
literature, in which even identical images may straddle.

Identical images under different labels are listed in data/conflicts.csv.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from stages.outputs.conflicts import CONFLICTS_FILE, ConflictRow
from stages.outputs.duplicates import read_duplicates
from stages.outputs.manifest import MANIFEST_FILE, Manifest, numbered_labels
from stages.outputs.split import SPLIT_FILE, SPLITS, SplitName, SplitRow
from stages.outputs.tables import write_sorted, write_table
from stages.params.split import SplitParams
from stages.split.assign import TooFewGroupsError, assign_splits
from stages.split.conflicts import find_conflicts
from stages.split.groups import (
    FirstOfGroup,
    Groups,
    MixedGroups,
    group_images,
    mixed_groups,
)
from stages.stage import run
from waste_classifier.errors import InputError

#: Share of the images, above which groups of several labels are no chance.
MOST_MIXED = 0.03


def main(settings: SplitParams) -> None:
    """Read the manifest and the pairs of duplicates, write which image goes where."""
    received = Manifest()
    duplicates = read_duplicates(received)

    conflicts = find_conflicts(received)
    write_table(CONFLICTS_FILE, conflicts.values(), ConflictRow)
    if conflicts and settings.on_conflict == "fail":
        raise InputError(describe_conflicts(list(conflicts.values())))

    dropped = list(conflicts) if settings.on_conflict == "drop" else []
    labels, label_of = numbered_labels(received.texts("label"), len(received))
    label_of[dropped] = -1
    firsts = group_images(len(received), duplicates, settings.group_by, dropped)
    groups = Groups(label_of, firsts)

    splits = split_groups(groups, labels, settings)
    counts: Counter[tuple[str, SplitName]] = Counter()
    write_sorted(SPLIT_FILE, counted(split_rows(received, firsts, splits), counts), SplitRow)
    used = counts.total()
    print(format_counts(counts))
    print(
        f"{used} images in {groups.count()} groups; {len(conflicts)} "
        f"identical images under different labels, {len(dropped)} images dropped"
    )
    mixed = mixed_groups(groups)
    print(
        f"{mixed.groups} groups hold several labels, {mixed.images} images in all, {mixed.largest} "
        "in the largest"
    )
    if mixed.images > MOST_MIXED * used:
        print(f"warning: {describe_mixed(mixed, used, settings.group_by)}", file=sys.stderr)


def split_groups(
    groups: Groups, labels: Sequence[str], settings: SplitParams
) -> npt.NDArray[np.int8]:
    """Assign each group a split, as `assign_splits` does.

    Args:
        groups: of images.
        labels: names of all, which must have an image in each split.
        settings: section `split`.

    Raises:
        InputError: a label has too few images, or groups of them, to have one in each split.
    """
    images = groups.images_per_label(len(labels))
    missing = {number: len(SPLITS) for number in np.flatnonzero(images == 0).tolist()}
    try:
        splits = assign_splits(groups, settings.val, settings.test, settings.seed)
    except TooFewGroupsError as error:
        missing |= error.missing
    if missing:
        raise InputError(
            describe_missing(
                {labels[number]: (int(images[number]), count) for number, count in missing.items()},
                settings.group_by,
            )
        )
    return splits


def split_rows(
    images: Manifest, firsts: FirstOfGroup, splits: npt.NDArray[np.int8]
) -> Iterator[SplitRow]:
    """Yield the rows of the table, sorted by path: a group has the name of its first image.

    Args:
        images: of the manifest.
        firsts: of each, the first image of its group.
        splits: as of `assign_splits`.
    """
    for position, (path, label) in enumerate(
        zip(images.texts("path"), images.texts("label"), strict=True)
    ):
        first = int(firsts[position])
        if splits[first] >= 0:
            name = path if first == position else images[first].path
            yield SplitRow(path, label, name, SPLITS[splits[first]])


def counted(rows: Iterable[SplitRow], counts: Counter[tuple[str, SplitName]]) -> Iterator[SplitRow]:
    """Yield rows, and count them by label and split."""
    for row in rows:
        counts[row.label, row.split] += 1
        yield row


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


def describe_missing(missing: Mapping[str, tuple[int, int]], group_by: str) -> str:
    """Say how many images, or groups of them, labels are short of.

    Args:
        missing: images and splits without an image, by label.
        group_by: section `split`.
    """
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
        f"'{label}' ({images} images) is short by {count}"
        for label, (images, count) in sorted(missing.items())
    )
    return (
        f"{MANIFEST_FILE}: each of {', '.join(SPLITS)} needs an image of every label, but labels "
        f"have too few {unit}: {short}; add images of them{mend}, or leave the labels out"
    )


def format_counts(counts: Counter[tuple[str, SplitName]]) -> str:
    """Return a table of the images per label and split."""
    labels = sorted({label for label, _ in counts})
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
