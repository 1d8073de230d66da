"""Rows of tables of which a test cares about a few cells alone."""

import hashlib
from collections.abc import Sequence

import numpy as np

from stages.outputs.manifest import ManifestColumns, ManifestRow


def manifest_row(path: str, content: str = "", phash: str = "") -> ManifestRow:
    """Return the row of an image that is like no other, but for what is said of it.

    Args:
        path: `<label>/<file name>`.
        content: of the file; images with equal content are identical.
        phash: as in the manifest.
    """
    # Digits of a checksum are far from those of another, in bits too.
    far = hashlib.sha256(path.encode()).hexdigest()[:16]
    return ManifestRow(
        path=path,
        label=path.partition("/")[0],
        width=30,
        height=20,
        bytes=1234,
        red=10.5,
        green=20.5,
        blue=30.5,
        sha256=hashlib.sha256((content or path).encode()).hexdigest(),
        phash=phash or far,
    )


def manifest_columns(paths: Sequence[str]) -> ManifestColumns:
    """Return the columns of such images, all of whose checksums and hashes are 0."""
    count = len(paths)
    return ManifestColumns(
        paths=list(paths),
        labels=[path.partition("/")[0] for path in paths],
        checksums=np.zeros((count, 32), np.uint8),
        hashes=np.zeros(count, np.uint64),
        shards=[""] * count,
        offsets=np.zeros(count, np.int64),
        sizes=np.zeros(count, np.int64),
    )
