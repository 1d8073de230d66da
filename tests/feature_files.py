"""The folders that stages features and views write, made by hand."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.outputs.features import (
    Description,
    shard_file,
    shard_ranges,
    shard_type,
    write_checksums,
    write_shard,
)
from stages.outputs.manifest import Manifest
from stages.outputs.views import write_description
from stages.resnet50.layout import BackboneStage


def write_feature_files(
    directory: Path,
    images: Manifest,
    features: npt.NDArray[np.float32],
    pretrained: bool = True,
    image_size: int = 64,
    last_stage: BackboneStage = "conv4",
    backbone_sha256: str | None = None,
) -> None:
    """Write features of all images of a manifest, `(n, orientations, d) float32`."""
    directory.mkdir(parents=True, exist_ok=True)
    Description(pretrained, image_size, last_stage, "float32", backbone_sha256).write(directory)
    for number, rows in enumerate(shard_ranges(len(images))):
        shard = np.empty(len(rows), shard_type(features.shape[2]))
        shard["sha256"] = images.checksums(rows)
        shard["features"] = features[rows.start : rows.stop]
        write_shard(shard_file(directory, number), shard)
    write_checksums(directory)


def write_view_files(directory: Path, images: Manifest, features: npt.NDArray[np.float32]) -> None:
    """Write features of views of all images of a manifest, `(n, views, d) float32`; 0: none."""
    directory.mkdir(parents=True, exist_ok=True)
    _, views, columns = features.shape
    write_description(directory, views)
    for number, rows in enumerate(shard_ranges(len(images)) if views else []):
        shard = np.empty(len(rows), shard_type(columns, views))
        shard["sha256"] = images.checksums(rows)
        shard["features"] = features[rows.start : rows.stop]
        write_shard(shard_file(directory, number), shard)
    write_checksums(directory)
