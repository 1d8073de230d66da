"""Which identical images contradict each other."""

from stages.outputs.conflicts import ConflictRow
from stages.outputs.manifest import Manifest
from stages.similarity.identical import identical_files


def find_conflicts(images: Manifest) -> dict[int, ConflictRow]:
    """Return the images of which an identical file stands under another label, by position.

    Args:
        images: all of them, sorted by path.
    """
    conflicts: dict[int, ConflictRow] = {}
    for positions in identical_files(images):
        rows = [images[position] for position in positions]
        if len({row.label for row in rows}) > 1:
            conflicts |= {
                position: ConflictRow(row.path, row.label, row.sha256)
                for position, row in zip(positions, rows, strict=True)
            }
    return conflicts
