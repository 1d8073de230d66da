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
from stages.outputs.manifest import MANIFEST_FILE, ManifestColumns, read_columns
from stages.outputs.tables import write_table
from stages.params.duplicates import DuplicatesParams
from stages.similarity.embedding import similar_pairs, unit_vectors
from stages.similarity.perceptual import near_duplicate_pairs
from stages.stage import run

DECIMALS = 4


def main(settings: DuplicatesParams) -> None:
    """Read the manifest and the features, write the pairs."""
    images = read_columns(MANIFEST_FILE)
    features = open_features(images)
    pairs = list(perceptual_pairs(images, settings.max_perceptual_distance))
    print(f"{len(pairs)} pairs of near-duplicates")
    if features.description.pretrained:
        similar = list(embedding_pairs(images, features, settings.max_embedding_distance))
        print(f"{len(similar)} pairs of similar images")
        pairs += similar
    else:
        print("random weights: similar images were not sought")
    write_table(DUPLICATES_FILE, pairs, DuplicateRow)


def perceptual_pairs(images: ManifestColumns, max_distance: int) -> Iterator[DuplicateRow]:
    """Yield the pairs whose perceptual hashes differ in at most `max_distance` bits."""
    for left, right, distance in near_duplicate_pairs(images.hashes, max_distance):
        yield DuplicateRow(images.paths[left], images.paths[right], "perceptual", distance)


def embedding_pairs(
    images: ManifestColumns, features: Features, max_distance: float
) -> Iterator[DuplicateRow]:
    """Yield the pairs whose features are at most the cosine distance `max_distance` apart.

    Of identical images, the first alone has pairs.
    """
    vectors = unit_vectors(features.of_last_stage())
    # Identical images are pairs already: of n of them, there would be n squared.
    first = np.sort(np.unique(images.checksums, axis=0, return_index=True)[1])
    paths = [images.paths[position] for position in first.tolist()]
    # No second copy of them all.
    vectors = vectors if len(first) == len(vectors) else vectors[first]
    for left, right, distance in similar_pairs(vectors, max_distance):
        yield DuplicateRow(paths[left], paths[right], "embedding", round(distance, DECIMALS))


if __name__ == "__main__":
    sys.exit(run("duplicates", DuplicatesParams, main))
