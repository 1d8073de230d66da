"""Image files -> shards of features, through the frozen backbone."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.compute.cluster import (
    OfPhotos,
    Read,
    as_it_is,
    cluster_address,
    connected,
    spread,
)
from stages.compute.precision import Precision
from stages.frozen.backbone import FrozenBackbone
from stages.outputs.features import (
    holds_shard,
    shard_file,
    shard_ranges,
    shard_type,
    write_checksums,
    write_shard,
)
from stages.outputs.manifest import Manifest, ReceivedPhoto
from stages.progress import progress, say
from stages.resnet50.layout import BackboneStage
from stages.resnet50.weights import LayerWeights
from waste_classifier.errors import InputError
from waste_classifier.images import resized_batches

#: Of resized images `(n, size, size, 3) uint8` and their photos: features, `(n, seen, d) float32`.
Compute = Callable[[npt.NDArray[np.uint8], Sequence[ReceivedPhoto]], npt.NDArray[np.float32]]
#: Of a backbone: what computes features with it. Can be pickled.
MakeCompute = Callable[[FrozenBackbone], Compute]
#: Rows of the manifest that are missing, and their photos.
Missing = tuple["ShardRows", Sequence[ReceivedPhoto]]


class ShardRows(NamedTuple):
    """A shard that is to be computed."""

    file: Path
    rows: range  #: of the manifest


class Batches(NamedTuple):
    """How photos are put together for forward passes: the same wherever a shard is computed."""

    image_size: int  #: pixels, width and height that images are resized to
    batch_size: int  #: images per forward pass; no batch reaches over the end of a shard


def write_shards(
    folder: Path,
    backbone: FrozenBackbone,
    raw: Path,
    images: Manifest,
    image_size: int,
    batch_size: int,
    seen: int,
    make_compute: MakeCompute,
) -> None:
    """Write the features of all images to a folder, shard by shard; memory does not grow with them.

    Where there is a cluster, its nodes compute them, as they come; else this machine does.

    Args:
        folder: shards that stand there, of the same images, are left as they are.
        backbone: that they are of.
        raw: folder that the paths of images are relative to.
        images: of the manifest.
        image_size: pixels, width and height that they are resized to.
        batch_size: images per forward pass; no batch reaches over the end of a shard.
        seen: how often each image is seen.
        make_compute: gives what makes features of a batch of images.

    Raises:
        InputError: an image can't be decoded, a feature is not finite, the disk is full, or the
            cluster can't be used.
    """
    count = len(images)
    missing = [
        ShardRows(file, rows)
        for number, rows in enumerate(shard_ranges(count))
        if not holds_shard(
            file := shard_file(folder, number),
            images.checksums(rows),
            backbone.columns,
            seen,
        )
    ]
    batches = Batches(image_size, batch_size)
    done = before = count - sum(len(shard.rows) for shard in missing)
    with progress("features", count, "images", done) as bar:
        started = time.perf_counter()
        photos = ((shard, list(images.photos(shard.rows, raw))) for shard in missing)
        for shard, features in computed(photos, backbone, batches, make_compute, bar.update):
            content = np.empty(len(shard.rows), shard_type(backbone.columns, seen))
            content["sha256"] = images.checksums(shard.rows)
            content["features"] = features
            write_shard(shard.file, content)
            done += len(shard.rows)
            speed = (done - before) / (time.perf_counter() - started)
            say(f"{done} of {count} images, {speed:.1f} images/s")
    remove_shards_beyond(folder, count)
    write_checksums(folder)


def remove_shards_beyond(folder: Path, count: int) -> None:
    """Delete shards that an interrupted run on more images than `count` has left."""
    wanted = {shard_file(folder, number) for number in range(len(shard_ranges(count)))}
    for file in folder.glob("*.npy"):
        if file not in wanted:
            file.unlink()


def computed(
    missing: Iterable[Missing],
    backbone: FrozenBackbone,
    batches: Batches,
    make_compute: MakeCompute,
    count: Callable[[int], object],
) -> Iterator[tuple[ShardRows, npt.NDArray[np.float32]]]:
    """Yield shards and their features, `(n, seen, d) float32`, in the order in which they are done.

    Args:
        missing: shards and their photos.
        backbone: that the features are of.
        batches: that photos are put together in.
        make_compute: as of `write_shards`.
        count: told how many images more are done.

    Raises:
        InputError: as of `write_shards`.
    """
    address = cluster_address()
    if address is None:
        compute = make_compute(backbone)
        for shard, photos in missing:
            yield shard, features_of(backbone, compute, batches, photos, as_it_is, count)
        return
    parts = (backbone.image_size, backbone.weights, backbone.last_stage, backbone.precision)
    with connected(address):
        make = partial(of_same_backbone, *parts, batches, make_compute)
        for shard, features in spread(make, missing):
            count(len(features))
            yield shard, features


def of_same_backbone(
    image_size: int,
    weights: LayerWeights,
    last_stage: BackboneStage,
    precision: Precision,
    batches: Batches,
    make_compute: MakeCompute,
) -> OfPhotos:
    """Return what computes the features of photos, in another process than the driver's.

    Args:
        image_size: of the driver's backbone, as are the next three.
        weights: empty: random ones.
        last_stage: of ResNet50.
        precision: that the driver's hardware computes natively: all compute in it.
        batches: that photos are put together in.
        make_compute: as of `write_shards`.
    """
    backbone = FrozenBackbone.build(image_size, weights, last_stage, precision)
    return partial(features_of, backbone, make_compute(backbone), batches)


def features_of(
    backbone: FrozenBackbone,
    compute: Compute,
    batches: Batches,
    photos: Sequence[ReceivedPhoto],
    read: Read,
    count: Callable[[int], object] | None = None,
) -> npt.NDArray[np.float32]:
    """Return the features of photos, `(n, seen, d) float32`.

    Args:
        backbone: that they are of.
        compute: makes features of a batch of images.
        batches: that photos are put together in.
        photos: in order.
        read: how a photo is read.
        count: told how many images more are done.

    Raises:
        InputError: a photo can't be decoded, or a feature is not finite.
    """
    images = [read(photo) for photo in photos]
    of_batches: list[npt.NDArray[np.float32]] = []
    first = 0
    for batch in resized_batches(images, batches.image_size, batches.batch_size, max_pixels=None):
        of_batch = photos[first : first + len(batch)]
        features = compute(batch, of_batch)
        check_finite(features, of_batch, backbone.precision)
        of_batches.append(features)
        first += len(batch)
        if count is not None:
            count(len(batch))
    return np.concatenate(of_batches)


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
