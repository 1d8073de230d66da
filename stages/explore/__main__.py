"""Show the images before training: metrics/explore.json and plots/explore.

For people; nothing depends on it.
"""

import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from stages.drawing import log_pictures
from stages.explore import charts, sheets
from stages.explore.components import tell_apart
from stages.explore.embedding_map import choose_mapped, embedding_map
from stages.explore.images import read_images
from stages.explore.summary import images_per_label, nearest_first, summarise
from stages.outputs.conflicts import CONFLICTS_FILE, ConflictRow
from stages.outputs.duplicates import DuplicateColumns, read_duplicates
from stages.outputs.features import Features, open_features
from stages.outputs.manifest import MANIFEST_FILE, Manifest, check_rows
from stages.outputs.split import SPLIT_FILE, SPLITS, SplitRow, iterate_split
from stages.outputs.stored_rows import StoredRows
from stages.outputs.suspects import SUSPECTS_FILE, SuspectRow
from stages.outputs.tables import read_table
from stages.params.explore import ExploreParams
from stages.progress import waiting
from stages.similarity.identical import identical_files
from stages.stage import run
from stages.tracking import StageLive
from waste_classifier.evenly import evenly

#: That the map's components follow from, beside those shown: more of them move no point that one
#: could tell.
FITTED_IMAGES = 5000
RANDOM_WEIGHTS = "not sought, since the backbone has random weights"


def main(settings: ExploreParams) -> None:
    """Read the tables and the features, write metrics and plots."""
    received = Manifest()
    images = read_images(received, iterate_split())
    check_rows(SPLIT_FILE, used_positions(images))
    duplicates = read_duplicates(received)
    conflicts = read_table(CONFLICTS_FILE, ConflictRow)
    suspects = read_table(SUSPECTS_FILE, SuspectRow)
    received.positions_of([suspect.path for suspect in suspects], SUSPECTS_FILE)
    features = open_features(received)

    points, alike = map_points(images, features, settings)
    copies = sum(len(identical) - 1 for identical in identical_files(received))
    metrics = summarise(images, duplicates, copies, len(conflicts), len(suspects))
    pretrained = features.description.pretrained
    # Before anything is written, since an image may be gone.
    pictures = {
        **draw_sheets(received, images, duplicates, suspects, pretrained, settings),
        "image_sizes": charts.image_sizes(images),
        "brightness_and_colour": charts.brightness_and_colour(images),
    }

    with StageLive("explore") as live:
        for name, value in metrics.items():
            live.log_metric(name, value, plot=False)
        live.log_points("images_per_label", charts.label_points(images_per_label(images)))
        live.log_points("embedding_map", points)
        log_pictures(live, pictures)
    for name, value in metrics.items():
        print(f"{name:45} {value:.6g}")
    if alike:
        print(f"warning: no map: {alike}", file=sys.stderr)
    if not pretrained:
        print("random weights: no similar pairs were sought")


def used_positions(images: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Return the positions of the images that were not dropped, rising."""
    return np.flatnonzero(images["split"].notna())


def map_points(
    images: pd.DataFrame, features: Features, settings: ExploreParams
) -> tuple[list[dict[str, str | float]], str]:
    """Return the points of the map of images, and why it does not tell them apart, if so."""
    used = used_positions(images)
    in_test = (images["split"] == "test").to_numpy()
    mapped = choose_mapped(in_test[used], settings.map_images)
    split = StoredRows(SPLIT_FILE, SplitRow)
    rows = [split[number] for number in mapped.tolist()]
    sample = np.union1d(evenly(len(images), FITTED_IMAGES), used[mapped])
    # Several threads of so little work mostly spin while they wait: slower where others work too.
    with threadpool_limits(1):
        components, alike = tell_apart(features, sample, used, used[mapped], settings.seed)
        with waiting(f"map of {len(rows)} images"):
            return embedding_map(rows, components, settings.seed), alike


def draw_sheets(
    received: Manifest,
    images: pd.DataFrame,
    duplicates: DuplicateColumns,
    suspects: Sequence[SuspectRow],
    pretrained: bool,
    settings: ExploreParams,
) -> dict[str, Figure]:
    """Return sheets of examples of each label, of pairs, and of images likely damaged.

    Raises:
        InputError: an image is missing, damaged, or another one than was received.
    """
    near = nearest_first(duplicates, "perceptual")[: settings.duplicate_pairs]
    similar = nearest_first(duplicates, "embedding")[-settings.duplicate_pairs :]
    near_rows, similar_rows = (
        [duplicates.row(number, received) for number in pairs.tolist()] for pairs in (near, similar)
    )
    examples = choose_examples(received, images, settings.examples_per_label)
    of_pairs = [path for pair in (*near_rows, *similar_rows) for path in pair[:2]]
    drawn = [path for paths in examples.values() for path in paths]
    drawn += [*of_pairs, *(suspect.path for suspect in suspects)]
    photos = received.photos_by_path(drawn, MANIFEST_FILE)
    splits = images["split"].iloc[received.positions_of(of_pairs, MANIFEST_FILE)]
    split_of = {
        path: split for path, split in zip(of_pairs, splits, strict=True) if split in SPLITS
    }
    return {
        "examples": sheets.example_sheet(photos, examples),
        "near_duplicates": sheets.pair_sheet(
            photos,
            near_rows,
            split_of,
            "Near-duplicates, nearest first",
            "none within duplicates.max_perceptual_distance",
        ),
        "similar_pairs": sheets.pair_sheet(
            photos,
            similar_rows,
            split_of,
            "Similar images, the least similar",
            "none within duplicates.max_embedding_distance" if pretrained else RANDOM_WEIGHTS,
        ),
        "suspects": sheets.suspect_sheet(photos, suspects),
    }


def choose_examples(
    received: Manifest, images: pd.DataFrame, per_label: int
) -> dict[str, list[str]]:
    """Return for each label the paths of `per_label` images, spread evenly over the sorted paths.

    Of a label with fewer images, all.
    """
    examples = {}
    for label in images["label"].cat.categories:
        of_label = np.flatnonzero((images["label"] == label) & images["split"].notna())
        chosen = of_label[evenly(len(of_label), per_label)].tolist()
        if chosen:
            examples[label] = [received[position].path for position in chosen]
    return examples


if __name__ == "__main__":
    sys.exit(run("explore", ExploreParams, main))
