"""Show the images before training: metrics/explore.json, plots/explore, data/label_errors.csv.

For people; nothing depends on it. Where the backbone has random weights, its features say too
little of what a photo shows: then no similar pairs and no label errors are sought.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from stages import errors, params
from stages.embedding import vectors_of
from stages.errors import InputError
from stages.feature_table import read_features
from stages.images import load_resized, map_in_threads
from stages.manifest import (
    CONFLICTS_FILE,
    LABEL_ERRORS_FILE,
    MANIFEST_FILE,
    RAW_DIR,
    SPLIT_FILE,
    ConflictRow,
    LabelErrorRow,
    ManifestRow,
    SplitRow,
    labels_of,
    read_table,
    write_table,
)

COLOUR_SIZE = 32  # pixels, width and height at which mean colours are measured


class ExploreParams(params.Params):
    """Section `explore` of params.yaml."""

    seed: Annotated[int, Field(ge=0, le=params.SEED_MAX)]
    examples_per_label: Annotated[int, Field(ge=1, le=20)]
    max_distance: Annotated[int, Field(ge=0, le=16)]
    max_embedding_distance: Annotated[float, Field(ge=0, le=1)]
    duplicate_pairs: Annotated[int, Field(ge=1, le=200)]
    map_images: Annotated[int, Field(ge=10, le=20_000)]
    label_errors: Annotated[int, Field(ge=1, le=200)]


def main() -> None:
    """Read the tables and the images, write metrics and plots."""
    settings = params.load_section("explore", ExploreParams)
    received = read_table(MANIFEST_FILE, ManifestRow)
    rows = read_table(SPLIT_FILE, SplitRow)
    conflicts = read_table(CONFLICTS_FILE, ConflictRow)
    check_tables(received, rows)

    features = read_features(len(received))

    # Matplotlib, scikit-learn and dvclive take seconds to import.
    from stages.explore import charts, sheets
    from stages.explore.embedding_map import choose_evenly, embedding_map
    from stages.explore.label_errors import find_label_errors
    from stages.explore.summary import find_pairs, find_similar_pairs, summarise
    from stages.tracking import StageLive

    vectors = vectors_of([row.path for row in rows], [row.path for row in received], features)
    colours = mean_colours(RAW_DIR, received)
    pairs = find_pairs(received, settings.max_distance)
    similar = (
        find_similar_pairs(rows, vectors, settings.max_embedding_distance)
        if features.pretrained
        else []
    )
    label_errors = find_label_errors(rows, vectors, settings.seed) if features.pretrained else []
    write_table(LABEL_ERRORS_FILE, label_errors, LabelErrorRow)

    metrics = summarise(received, rows, conflicts, pairs, similar, label_errors)
    examples = choose_examples(rows, settings.examples_per_label)
    mapped = choose_evenly(len(rows), settings.map_images)
    points = embedding_map([rows[i] for i in mapped], vectors[mapped], settings.seed)
    labels = [row.label for row in received]
    split_of = {row.path: row.split for row in rows}
    shown = settings.duplicate_pairs
    with StageLive("explore") as live:
        for name, value in metrics.items():
            live.log_metric(name, value, plot=False)
        # dvc.yaml says how these are drawn.
        live.log_plot("images_per_label", charts.images_per_label(rows), x="images", y="label")
        live.log_plot("embedding_map", points, x="x", y="y")
        for name, figure in (
            ("image_sizes", charts.image_sizes(received)),
            ("brightness_and_colour", charts.brightness_and_colour(labels, colours)),
            ("examples", sheets.example_sheet(RAW_DIR, examples)),
            (
                "near_duplicates",
                sheets.pair_sheet(
                    RAW_DIR, pairs[:shown], split_of, "Near-duplicates, nearest first"
                ),
            ),
            (
                "similar_pairs",
                sheets.pair_sheet(
                    RAW_DIR, similar[-shown:], split_of, "Similar images, the least similar"
                ),
            ),
            (
                "label_errors",
                sheets.label_error_sheet(RAW_DIR, label_errors[: settings.label_errors]),
            ),
        ):
            live.log_image(f"{name}.png", figure)
    for name, value in metrics.items():
        print(f"{name:45} {value:.6g}")
    if not features.pretrained:
        print("random weights: neither similar pairs nor label errors were sought")


def check_tables(received: Sequence[ManifestRow], rows: Sequence[SplitRow]) -> None:
    """Check that there are images, and that the tables belong together.

    Raises:
        InputError: a table has no rows, or the split has an image that the manifest has not.
    """
    for path, table in ((MANIFEST_FILE, received), (SPLIT_FILE, rows)):
        if not table:
            raise InputError(f"{path}: no images; run `dvc repro` to make the table anew")
    unknown = {row.path for row in rows} - {row.path for row in received}
    if unknown:
        raise InputError(
            f"{SPLIT_FILE}: {min(unknown)} is not in {MANIFEST_FILE}; run `dvc repro` to make "
            "the tables anew"
        )


def mean_colours(directory: Path, received: Sequence[ManifestRow]) -> npt.NDArray[np.float64]:
    """Return the mean red, green and blue of each image, `(n, 3) float64`, 0 to 255.

    Raises:
        InputError: an image is missing or can't be decoded.
    """
    paths = [directory / row.path for row in received]
    return np.array(list(map_in_threads(_mean_colour, paths)))


def _mean_colour(path: Path) -> npt.NDArray[np.float64]:
    return np.asarray(load_resized(path, COLOUR_SIZE).mean(axis=(0, 1)))


def choose_examples(rows: Sequence[SplitRow], per_label: int) -> dict[str, list[str]]:
    """Return for each label the paths of `per_label` images, spread evenly over the sorted paths.

    Of a label with fewer images, all.
    """
    examples = {}
    for label in labels_of(rows):
        paths = sorted(row.path for row in rows if row.label == label)
        count = min(per_label, len(paths))
        examples[label] = [paths[i * len(paths) // count] for i in range(count)]
    return examples


if __name__ == "__main__":
    sys.exit(errors.run(main))
