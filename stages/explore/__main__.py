"""Show the images before training: metrics/explore.json and plots/explore.

For people; nothing depends on it.
"""

import sys
from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from stages.drawing import log_pictures
from stages.explore import charts, sheets
from stages.explore.components import tell_apart
from stages.explore.embedding_map import choose_mapped, embedding_map
from stages.explore.summary import nearest_first, summarise
from stages.outputs.conflicts import CONFLICTS_FILE, ConflictRow
from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateRow
from stages.outputs.features import open_features
from stages.outputs.manifest import (
    MANIFEST_FILE,
    ManifestRow,
    check_rows,
    labels_of,
    read_columns,
)
from stages.outputs.split import SPLIT_FILE, SplitRow, read_split
from stages.outputs.suspects import SUSPECTS_FILE, SuspectRow
from stages.outputs.tables import read_table
from stages.params.explore import ExploreParams
from stages.progress import waiting
from stages.stage import run
from stages.tracking import StageLive
from waste_classifier.evenly import evenly

#: That the map's components follow from, beside those shown: more of them move no point that one
#: could tell.
FITTED_IMAGES = 5000
RANDOM_WEIGHTS = "not sought, since the backbone has random weights"


def main(settings: ExploreParams) -> None:
    """Read the tables and the features, write metrics and plots."""
    received = read_table(MANIFEST_FILE, ManifestRow)
    rows = read_split()
    conflicts = read_table(CONFLICTS_FILE, ConflictRow)
    duplicates = read_table(DUPLICATES_FILE, DuplicateRow)
    suspects = read_table(SUSPECTS_FILE, SuspectRow)
    images = read_columns(MANIFEST_FILE)
    check_rows(SPLIT_FILE, rows)
    positions = images.positions_of([row.path for row in rows], SPLIT_FILE)
    images.positions_of([path for pair in duplicates for path in pair[:2]], DUPLICATES_FILE)
    images.positions_of([suspect.path for suspect in suspects], SUSPECTS_FILE)
    features = open_features(images)

    pretrained = features.description.pretrained
    mapped = choose_mapped(rows, settings.map_images)
    # Several threads of so little work mostly spin while they wait: slower where others work too.
    with threadpool_limits(1):
        shown = positions[mapped]
        sample = np.union1d(evenly(len(images.paths), FITTED_IMAGES), shown)
        components, alike = tell_apart(features, sample, positions, shown, settings.seed)
        with waiting(f"map of {len(mapped)} images"):
            points = embedding_map([rows[i] for i in mapped], components, settings.seed)
    metrics = summarise(received, rows, conflicts, duplicates, suspects)
    near = nearest_first(duplicates, "perceptual")[: settings.duplicate_pairs]
    similar = nearest_first(duplicates, "embedding")[-settings.duplicate_pairs :]
    examples = choose_examples(rows, settings.examples_per_label)
    split_of = {row.path: row.split for row in rows}
    drawn = [path for paths in examples.values() for path in paths]
    drawn += [path for pair in (*near, *similar) for path in pair[:2]]
    drawn += [suspect.path for suspect in suspects]
    photos = images.photos_by_path(drawn, MANIFEST_FILE)
    # Before anything is written, since an image may be gone.
    pictures = {
        "examples": sheets.example_sheet(photos, examples),
        "near_duplicates": sheets.pair_sheet(
            photos,
            near,
            split_of,
            "Near-duplicates, nearest first",
            "none within duplicates.max_perceptual_distance",
        ),
        "similar_pairs": sheets.pair_sheet(
            photos,
            similar,
            split_of,
            "Similar images, the least similar",
            "none within duplicates.max_embedding_distance" if pretrained else RANDOM_WEIGHTS,
        ),
        "suspects": sheets.suspect_sheet(photos, suspects),
        "image_sizes": charts.image_sizes(received),
        "brightness_and_colour": charts.brightness_and_colour(received),
    }

    with StageLive("explore") as live:
        for name, value in metrics.items():
            live.log_metric(name, value, plot=False)
        live.log_points("images_per_label", charts.images_per_label(rows))
        live.log_points("embedding_map", points)
        log_pictures(live, pictures)
    for name, value in metrics.items():
        print(f"{name:45} {value:.6g}")
    if alike:
        print(f"warning: no map: {alike}", file=sys.stderr)
    if not pretrained:
        print("random weights: no similar pairs were sought")


def choose_examples(rows: Sequence[SplitRow], per_label: int) -> dict[str, list[str]]:
    """Return for each label the paths of `per_label` images, spread evenly over the sorted paths.

    Of a label with fewer images, all.
    """
    examples = {}
    for label in labels_of(rows):
        paths = sorted(row.path for row in rows if row.label == label)
        chosen = evenly(len(paths), per_label)
        examples[label] = [paths[i] for i in chosen]
    return examples


if __name__ == "__main__":
    sys.exit(run("explore", ExploreParams, main))
