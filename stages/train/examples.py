"""The images of one split: their files, targets, and rows of the cached features."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.manifest import RAW_DIR, ManifestRow, SplitName, SplitRow


@dataclass(frozen=True)
class Examples:
    """The images of one split."""

    paths: Sequence[Path]
    targets: npt.NDArray[np.float32]  #: (n, labels) one-hot
    features: npt.NDArray[np.float32]  #: (all images, 2, d), of a frozen backbone
    positions: npt.NDArray[np.intp]  #: (n,), which of their rows are of these images
    columns: npt.NDArray[np.bool_]  #: (d,), which of their columns the head sees

    def rows(
        self,
        images: npt.NDArray[np.int64],
        views: npt.NDArray[np.int64],
        out: npt.NDArray[np.float32] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return what the head sees of some images, each in one orientation: `(m, used)`.

        Args:
            images: `(m,)`, as positions in this split.
            views: `(m,)`, as positions in `ORIENTATIONS`.
            out: `(m, used)`, filled and returned instead of a new array.
        """
        rows = self.features.reshape(-1, self.features.shape[-1])
        numbers = self.positions[images] * self.features.shape[1] + views
        seen: npt.NDArray[np.float32]
        if self.columns.all():
            # The positions are known to be right; checking them would copy `out` once more.
            seen = rows.take(numbers, axis=0, out=out, mode="clip")
        else:
            seen = rows[numbers].compress(self.columns, axis=1, out=out)
        return seen


def examples_of(
    split: SplitName,
    rows: Sequence[SplitRow],
    labels: Sequence[str],
    manifest: Sequence[ManifestRow],
    features: npt.NDArray[np.float32],
    columns: npt.NDArray[np.bool_],
) -> Examples:
    """Return the images of one split, in the order of `rows`.

    Args:
        split: train, val or test.
        rows: the table of splits.
        labels: in the order of the model's output.
        manifest: the table of all images.
        features: `(images of the manifest, 2, d)`.
        columns: `(d,)`, which of them the head sees.
    """
    chosen = [row for row in rows if row.split == split]
    position = {row.path: number for number, row in enumerate(manifest)}
    return Examples(
        paths=[RAW_DIR / row.path for row in chosen],
        targets=np.eye(len(labels), dtype=np.float32)[[labels.index(row.label) for row in chosen]],
        features=features,
        positions=np.array([position[row.path] for row in chosen]),
        columns=columns,
    )
