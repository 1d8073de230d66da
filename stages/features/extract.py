"""Image files -> features, through the frozen backbone."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import keras
import numpy as np
import numpy.typing as npt

from stages.compute.precision import Precision, native_precision
from stages.outputs.features import (
    NETWORK_NAME,
    Description,
    holds_shard,
    shard_file,
    shard_ranges,
    shard_type,
    write_shard,
)
from stages.outputs.manifest import ManifestColumns, ReceivedPhoto
from stages.progress import progress, say
from stages.resnet50.folding import fold_batch_norm
from stages.resnet50.layout import BackboneStage
from stages.resnet50.network import build_backbone
from stages.resnet50.weights import LayerWeights, read_pretrained, restore
from waste_classifier.backbone import Backbone, save_network
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError
from waste_classifier.images import resized_batches
from waste_classifier.orientations import ORIENTATIONS

# Of random weights: any, but always the same.
RANDOM_WEIGHTS_SEED = 0


class FrozenBackbone(NamedTuple):
    """The backbone as it was restored, and what it takes to build it again."""

    image_size: int
    weights: LayerWeights  #: empty: random ones
    last_stage: BackboneStage  #: of ResNet50, that it ends with
    precision: Precision  #: that the hardware computes natively
    runner: Backbone  #: the network in that precision

    @property
    def pretrained(self) -> bool:
        """Whether its weights were."""
        return bool(self.weights)

    @property
    def columns(self) -> int:
        """How many features it gives of an image."""
        return self.runner.columns

    @classmethod
    def restore(cls, weights_file: Path | None, image_size: int) -> Self:
        """Build the backbone.

        Args:
            weights_file: pretrained weights, or None for random ones.
            image_size: pixels, width and height.

        Raises:
            InputError: the file is not one of ResNet50 weights.
        """
        precision = native_precision()
        weights, last_stage = read_pretrained(weights_file) if weights_file else ({}, "conv5")
        network = _network(image_size, weights, last_stage, precision)
        return cls(image_size, weights, last_stage, precision, Backbone(network))

    def save(self, file: Path) -> None:
        """Write the network in float32, whatever precision computed the features."""
        save_network(_network(self.image_size, self.weights, self.last_stage, "float32"), file)


def write_features(
    folder: Path,
    backbone: FrozenBackbone,
    raw: Path,
    images: ManifestColumns,
    batch_size: int,
) -> None:
    """Write the features of all images to a folder, shard by shard; memory does not grow with them.

    Args:
        folder: shards that stand there, of the same images, are left as they are.
        backbone: that computes them.
        raw: folder that the paths of images are relative to.
        images: of the manifest.
        batch_size: images per forward pass; no batch reaches over the end of a shard.

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
        )
    ]
    done = count - sum(len(rows) for _, rows in unfinished)
    with progress("features", count, "images", done) as bar:
        for file, rows in unfinished:
            started = time.perf_counter()
            shard = np.empty(len(rows), shard_type(backbone.columns))
            shard["sha256"] = images.checksums[rows.start : rows.stop]
            photos = images.photos(rows, raw)
            first = 0
            for batch in resized_batches(photos, backbone.image_size, batch_size, max_pixels=None):
                features = backbone.runner.features(batch, ORIENTATIONS)
                check_finite(features, photos[first : first + len(batch)], backbone.precision)
                shard["features"][first : first + len(batch)] = features
                first += len(batch)
                bar.update(len(batch))
            write_shard(file, shard)
            speed = len(rows) / (time.perf_counter() - started)
            say(f"{rows.stop} of {count} images, {speed:.1f} images/s")

    network = folder / NETWORK_NAME
    if backbone.pretrained:
        backbone.save(network)
    Description(
        pretrained=backbone.pretrained,
        image_size=backbone.image_size,
        last_stage=backbone.last_stage,
        precision=backbone.precision,
        backbone_sha256=sha256_of(network) if backbone.pretrained else None,
    ).write(folder)


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


def _network(
    image_size: int, weights: LayerWeights, last_stage: BackboneStage, precision: Precision
) -> keras.Model:
    keras.config.set_dtype_policy(precision)
    # Names of layers are numbered: equal ones make equal files.
    keras.backend.clear_session()
    keras.utils.set_random_seed(RANDOM_WEIGHTS_SEED)
    network = build_backbone(image_size, last_stage)
    restore(network, weights)
    return fold_batch_norm(network)
