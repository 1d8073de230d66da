"""Find the pairs of images that show the same thing: data/duplicates.csv.

Perceptual hashes find identical images and nearly identical ones. The features of a pretrained
backbone also find other photos of one object; those of random weights see colour and layout, not
things, so then there are no such pairs.
"""

import sys
from collections.abc import Iterator

import numpy as np

from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateRow
from stages.outputs.features import Features, open_features
from stages.outputs.manifest import Manifest
from stages.outputs.tables import write_sorted
from stages.params.duplicates import DuplicatesParams
from stages.similarity.embedding import similar_pairs, unit_vectors
from stages.similarity.identical import identical_files
from stages.similarity.pairs import Pairs
from stages.similarity.perceptual import near_duplicate_pairs
from stages.stage import run

DECIMALS = 4


def main(settings: DuplicatesParams) -> None:
    """Read the manifest and the features, write the pairs."""
    images = Manifest()
    features = open_features(images)
    near = perceptual_pairs(images, settings.max_perceptual_distance)
    print(f"{len(near.left)} pairs of near-duplicates")
    similar = Pairs.joined([])
    if features.description.pretrained:
        similar = embedding_pairs(images, features, settings.max_embedding_distance)
        print(f"{len(similar.left)} pairs of similar images")
    else:
        print("random weights: similar images were not sought")
    write_sorted(DUPLICATES_FILE, duplicate_rows(images, near, similar), DuplicateRow)


def perceptual_pairs(images: Manifest, max_distance: int) -> Pairs:
    """Return the pairs whose perceptual hashes differ in at most `max_distance` bits."""
    hashes = np.fromiter(
        (int(digits, 16) for digits in images.texts("phash")), np.uint64, len(images)
    )
    return Pairs.joined(near_duplicate_pairs(hashes, max_distance))


def embedding_pairs(images: Manifest, features: Features, max_distance: float) -> Pairs:
    """Return the pairs whose features are at most the cosine distance `max_distance` apart.

    Of identical images, the first alone has pairs.
    """
    vectors = unit_vectors(features.of_last_stage())
    # Identical images are pairs already: of n of them, there would be n squared.
    is_first = np.ones(len(images), np.bool_)
    for _, *others in identical_files(images):
        is_first[others] = False
    # No second copy of them all.
    vectors = vectors if is_first.all() else vectors[is_first]
    pairs = Pairs.joined(similar_pairs(vectors, max_distance))
    first = np.flatnonzero(is_first)
    return Pairs.of(first[pairs.left], first[pairs.right], pairs.distance)


def duplicate_rows(images: Manifest, near: Pairs, similar: Pairs) -> Iterator[DuplicateRow]:
    """Yield the rows of the table, sorted.

    Args:
        images: of the manifest.
        near: pairs by perceptual hashes.
        similar: pairs by features.
    """
    pairs = Pairs.joined([similar, near])
    is_near = np.arange(len(pairs.left)) >= len(similar.left)
    for number in np.lexsort((is_near, pairs.right, pairs.left)).tolist():
        left, right = images[int(pairs.left[number])].path, images[int(pairs.right[number])].path
        distance = float(pairs.distance[number])
        if is_near[number]:
            yield DuplicateRow(left, right, "perceptual", int(distance))
        else:
            yield DuplicateRow(left, right, "embedding", round(distance, DECIMALS))


if __name__ == "__main__":
    sys.exit(run("duplicates", DuplicatesParams, main))
