"""Which images show the same thing, and which identical images contradict each other."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from stages.manifest import ConflictRow, ManifestRow


def find_conflicts(rows: Sequence[ManifestRow]) -> list[ConflictRow]:
    """Return the images of which an identical file (same SHA-256) stands under another label."""
    labels = defaultdict(set)
    for row in rows:
        labels[row.sha256].add(row.label)
    return [
        ConflictRow(row.path, row.label, row.sha256) for row in rows if len(labels[row.sha256]) > 1
    ]


def group_near_duplicates(
    rows: Sequence[ManifestRow], pairs: Iterable[tuple[int, int]]
) -> list[str]:
    """Return the group of each image: the path of the first image of the group.

    Images are linked if their files are identical (same SHA-256) or they are one of the `pairs`;
    a group is all images that links connect, directly or by way of others (single linkage). So no
    pair can end up in two groups.

    Args:
        rows: sorted by path.
        pairs: positions in `rows` of images that show the same thing.
    """
    first_with: dict[str, int] = {}
    links = [
        (first_with.setdefault(row.sha256, position), position) for position, row in enumerate(rows)
    ]
    links += pairs
    return [rows[first].path for first in _connected_components(len(rows), links)]


def _connected_components(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """Return for each of `count` nodes the lowest node that links connect it to (union-find)."""
    parents = list(range(count))

    def root(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for left, right in links:
        lower, upper = sorted((root(left), root(right)))
        parents[upper] = lower
    return [root(node) for node in range(count)]
