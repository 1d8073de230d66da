"""Rows of tables of which a test cares about a few cells alone."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from stages.outputs.manifest import Manifest, ManifestRow
from stages.outputs.tables import write_sorted


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


def written_manifest(folder: Path, rows: Iterable[ManifestRow]) -> Manifest:
    """Write a manifest of some rows, sorted by path, and return it."""
    write_sorted(folder / "manifest.csv", rows, ManifestRow)
    return Manifest(folder / "manifest.csv")
