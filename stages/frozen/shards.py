"""Image files -> shards of features, through the frozen backbone."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.compute.precision import Precision
from stages.frozen.backbone import FrozenBackbone
from stages.outputs.features import holds_shard, shard_file, shard_ranges, shard_type, write_shard
from stages.outputs.manifest import ManifestColumns, ReceivedPhoto
from stages.progress import progress, say
from waste_classifier.errors import InputError
from waste_classifier.images import resized_batches

#: Of resized images `(n, size, size, 3) uint8` and their photos: features, `(n, seen, d) float32`.
Compute = Callable[[npt.NDArray[np.uint8], Sequence[ReceivedPhoto]], npt.NDArray[np.float32]]


def write_shards(
    folder: Path,
    backbone: FrozenBackbone,
    raw: Path,
    images: ManifestColumns,
    image_size: int,
    batch_size: int,
    seen: int,
    compute: Compute,
) -> None:
    """Write the features of all images to a folder, shard by shard; memory does not grow with them.

    Args:
        folder: shards that stand there, of the same images, are left as they are.
        backbone: that they are of.
        raw: folder that the paths of images are relative to.
        images: of the manifest.
        image_size: pixels, width and height that they are resized to.
        batch_size: images per forward pass; no batch reaches over the end of a shard.
        seen: how often each image is seen.
        compute: makes features of a batch of images.

    Raises:
        InputError: an image can't be decoded, a feature is not finite, or the disk is full.
    """
    count = len(images.paths)
    unfinished = [
        (file, rows)
        for number, rows in enumerate(shard_ranges(count))
        if not holds_shard(
            file := shard_file(folder, number),
            images.checksums[rows.start : rows.stop],
            backbone.columns,
            seen,
        )
    ]
    done = count - sum(len(rows) for _, rows in unfinished)
    with progress("features", count, "images", done) as bar:
        for file, rows in unfinished:
            started = time.perf_counter()
            shard = np.empty(len(rows), shard_type(backbone.columns, seen))
            shard["sha256"] = images.checksums[rows.start : rows.stop]
            photos = images.photos(rows, raw)
            first = 0
            for batch in resized_batches(photos, image_size, batch_size, max_pixels=None):
                of_batch = photos[first : first + len(batch)]
                features = compute(batch, of_batch)
                check_finite(features, of_batch, backbone.precision)
                shard["features"][first : first + len(batch)] = features
                first += len(batch)
                bar.update(len(batch))
            write_shard(file, shard)
            speed = len(rows) / (time.perf_counter() - started)
            say(f"{rows.stop} of {count} images, {speed:.1f} images/s")


def check_finite(
    features: npt.NDArray[np.float32], photos: Sequence[ReceivedPhoto], precision: Precision
) -> None:
    """Check that features are numbers that can be computed with.

    Args:
        features: `(n, orientations, d)`.
        photos: that they are of.
        precision: that they were computed in.

    Raises:
        InputError: one is not finite; the message names the first photo of such a one.
    """
    bad = np.flatnonzero(~np.isfinite(features).all(axis=(1, 2)))
    if bad.size:
        raise InputError(
            f"{photos[bad[0]]}: a feature of it is not finite, computed in {precision}: these "
            "weights give numbers too large; set backbone.weights to others"
        )
