"""How many planted duplicates `split.group_by: embedding` finds.

Makes changed copies of photos of the workspace (mirrored, upside down, turned by half, compressed,
cropped, brighter, darker), computes their features as stage features does, and says which share of
them it links with its original: within `duplicates.max_embedding_distance`, or other distances, or
by perceptual hash within `duplicates.max_perceptual_distance`. The yardstick is the share that
`split.group_by: perceptual` finds; the spread is that over the kinds of copies.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageOps

from benchmarks.measure import significant, spread, whole_number
from stages.compute import determinism
from stages.outputs.backbone import read_weights_file
from stages.outputs.features import FEATURES_DIR, Description, Features, open_features
from stages.outputs.manifest import Manifest
from stages.params.duplicates import DuplicatesParams
from stages.params.reading import load_section
from stages.resnet50.layout import columns_of_last_stage
from stages.similarity.embedding import unit_vectors
from stages.stage import exit_code
from waste_classifier.errors import InputError
from waste_classifier.evenly import evenly
from waste_classifier.images import Photo, decode, resized_batches
from waste_classifier.orientations import ORIENTATIONS

CROPPED_SHARE = 0.95
JPEG_QUALITY = 30
BRIGHTER, DARKER = 1.2, 0.8
BATCH_SIZE = 32
OTHER_DISTANCES = (0.10, 0.15, 0.20, 0.25, 0.30, 0.35)


class Distances(NamedTuple):
    """How far planted copies of one kind are from their originals, one value per photo."""

    embedding: npt.NDArray[np.float32]  #: cosine distance
    perceptual: npt.NDArray[np.int64]  #: bits


def main() -> None:
    """Plant the copies in a temporary folder, measure their distances and print the shares."""
    arguments = parse_arguments()
    settings = load_section("duplicates", DuplicatesParams)
    images = Manifest()
    features = open_features(images)
    if not features.description.pretrained:
        raise InputError(
            f"{FEATURES_DIR}: made with random weights, which group nothing; set backbone.weights "
            "to imagenet or to a file and run `dvc repro`"
        )
    chosen = evenly(len(images), arguments.images)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        planted = plant(images.photos(chosen), Path(temporary))
        distances = measure(planted, chosen, images, features)
    print(f"{len(chosen)} photos, {len(planted)} copies of each")
    print_kinds(distances, settings)
    print_distances(distances, settings.max_perceptual_distance)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.planted_duplicates", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument(
        "--images", type=whole_number(1), default=60, help="photos to copy (default 60)"
    )
    return parser.parse_args()


def crop(image: Image.Image) -> Image.Image:
    """Return the middle of an image, 95 % of its width and height."""
    width, height = (round(CROPPED_SHARE * side) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "turned by half": lambda image: image.transpose(Image.Transpose.ROTATE_180),
    f"JPEG quality {JPEG_QUALITY}": lambda image: image,
    "cropped to 95 %": crop,
    "brightness +20 %": lambda image: ImageEnhance.Brightness(image).enhance(BRIGHTER),
    "brightness -20 %": lambda image: ImageEnhance.Brightness(image).enhance(DARKER),
}


def plant(photos: Sequence[Photo], directory: Path) -> dict[str, list[Path]]:
    """Write the changed copies of images, and return their files by kind.

    All but the compressed ones are PNG, so that nothing else changes.
    """
    planted: dict[str, list[Path]] = {kind: [] for kind in CHANGES}
    for number, photo in enumerate(photos):
        image = decode(photo, max_pixels=None)
        for position, (kind, change) in enumerate(CHANGES.items()):
            compressed = kind.startswith("JPEG")
            path = directory / f"{number}_{position}.{'jpg' if compressed else 'png'}"
            if compressed:
                change(image).save(path, quality=JPEG_QUALITY)
            else:
                change(image).save(path)
            planted[kind].append(path)
    return planted


def measure(
    planted: Mapping[str, Sequence[Path]],
    chosen: npt.NDArray[np.int64],
    images: Manifest,
    features: Features,
) -> dict[str, Distances]:
    """Return how far planted copies are from their originals, by kind.

    Args:
        planted: image files by kind, in the order of `chosen`.
        chosen: positions of the originals in the manifest.
        images: of the manifest.
        features: of these.
    """
    paths = [path for of_kind in planted.values() for path in of_kind]
    copies = compute_features(paths, features.description)
    vectors = unit_vectors(chain(features.of_last_stage(), [copies]))
    originals = vectors[chosen]
    distances = {}
    for number, (kind, of_kind) in enumerate(planted.items()):
        first = len(images) + number * len(chosen)
        cosine = 1 - np.sum(originals * vectors[first : first + len(chosen)], axis=1)
        hashes = np.array(
            [int(str(imagehash.phash(decode(path))), 16) for path in of_kind], dtype=np.uint64
        )
        of_originals = np.array([int(images[each].phash, 16) for each in chosen], np.uint64)
        bits = np.bitwise_count(hashes ^ of_originals).astype(int)
        distances[kind] = Distances(cosine, bits)
    return distances


def compute_features(paths: Sequence[Path], description: Description) -> npt.NDArray[np.float32]:
    """Return the columns of features that are compared, of image files: `(n, orientations, d)`.

    They are made as those of the workspace were.

    Raises:
        InputError: those were made with other weights, or in another precision.
    """
    determinism.configure()
    from stages.frozen.backbone import FrozenBackbone

    backbone = FrozenBackbone.restore(read_weights_file(), description.image_size)
    if (backbone.last_stage, backbone.precision) != (description.last_stage, description.precision):
        raise InputError(
            f"{FEATURES_DIR}: made with other weights than data/backbone has, or on another kind "
            "of machine; run `dvc repro --force features`"
        )
    columns = columns_of_last_stage(backbone.last_stage)
    batches = resized_batches(paths, backbone.image_size, BATCH_SIZE)
    return np.concatenate(
        [backbone.runner.features(batch, ORIENTATIONS)[:, :, -columns:] for batch in batches]
    )


def found(of_kind: Distances, max_embedding_distance: float, max_perceptual_distance: int) -> float:
    """Return the share that `group_by: embedding` links with its original, by either distance."""
    near = of_kind.perceptual <= max_perceptual_distance
    return float(np.mean(near | (of_kind.embedding <= max_embedding_distance)))


def print_kinds(distances: Mapping[str, Distances], settings: DuplicatesParams) -> None:
    """Print the share found of each kind and of all, by perceptual hash alone and by embedding."""
    shares = {
        kind: (
            float(np.mean(of_kind.perceptual <= settings.max_perceptual_distance)),
            found(of_kind, settings.max_embedding_distance, settings.max_perceptual_distance),
        )
        for kind, of_kind in distances.items()
    }
    print(f"{'':20}{'perceptual':>12}{'embedding':>12}   cosine distance to the original")
    for kind, (perceptual, embedding) in shares.items():
        print(
            f"{kind:20}{perceptual:>12.1%}{embedding:>12.1%}   "
            f"{spread(distances[kind].embedding.tolist())}"
        )
    # Kinds have the same number of copies, so the mean of shares is the share of all.
    perceptual, embedding = np.mean(list(shares.values()), axis=0)
    print(f"{'all':20}{perceptual:>12.1%}{embedding:>12.1%}")
    least, most = (choose(share for _, share in shares.values()) for choose in (min, max))
    print(
        f"found {embedding:.1%} ({least:.1%} to {most:.1%} by kind) "
        f"at duplicates.max_embedding_distance {settings.max_embedding_distance} "
        f"and duplicates.max_perceptual_distance {settings.max_perceptual_distance}"
    )
    ratio = significant(embedding / perceptual) if perceptual else "unknown, it found none"
    print(f"ratio {ratio}  embedding / perceptual")


def print_distances(distances: Mapping[str, Distances], max_perceptual_distance: int) -> None:
    """Print the shares found at other cosine distances, a column for each."""
    print(f"{'at cosine distance':20}" + "".join(f"{each:>8.2f}" for each in OTHER_DISTANCES))
    shares = {
        kind: [found(of_kind, each, max_perceptual_distance) for each in OTHER_DISTANCES]
        for kind, of_kind in distances.items()
    }
    shares["all"] = np.mean(list(shares.values()), axis=0).tolist()
    for kind, of_kind in shares.items():
        print(f"{kind:20}" + "".join(f"{share:>8.1%}" for share in of_kind))


if __name__ == "__main__":
    sys.exit(exit_code(main))
