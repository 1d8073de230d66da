"""Images whose perceptual hashes differ in few bits."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

HASH_BITS = 64


def near_duplicate_pairs(
    hashes: npt.NDArray[np.uint64], max_distance: int
) -> Iterator[tuple[int, int, int]]:
    """Yield pairs of images with hashes that differ in at most `max_distance` bits, each once.

    Of images with equal hashes, each is paired with the first of them only, and the first alone
    with images of other hashes: a thousand blank images make a thousand pairs, not half a million,
    and are connected all the same.

    Args:
        hashes: `(n,) uint64`, any order.
        max_distance: bits, 0 to 63.

    Yields:
        Positions in `hashes` of two images, the lower first, and their distance in bits.
    """
    distinct, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    for position, first_position in enumerate(first[inverse].tolist()):
        if position != first_position:
            yield first_position, position, 0
    for left, right, distances in _near_distinct(distinct, max_distance):
        ends = np.sort(np.stack([first[left], first[right]], axis=1), axis=1)
        for (lower, upper), distance in zip(ends.tolist(), distances.tolist(), strict=True):
            yield lower, upper, distance


def _near_distinct(
    hashes: npt.NDArray[np.uint64], max_distance: int
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.uint8]]]:
    """Yield batches of near pairs of distinct hashes: positions, positions, distances.

    The bits are cut into `max_distance + 1` chunks. Two hashes that differ in at most
    `max_distance` bits are equal in at least one chunk (pigeonhole principle), so only hashes
    that agree in a chunk are compared (multi-index hashing, Norouzi et al. 2012).
    """
    chunks = _chunk_masks(max_distance + 1)
    for number, chunk in enumerate(chunks):
        order = np.argsort(hashes & chunk, kind="stable")
        ordered = hashes[order]
        keys = ordered & chunk
        # Hashes with equal keys are neighbours now: compare each with the next, then with the
        # one after that, and so on, as long as their keys are equal.
        start = np.arange(len(ordered))
        for shift in range(1, len(ordered)):
            start = start[: np.searchsorted(start, len(ordered) - shift)]
            start = start[keys[start] == keys[start + shift]]
            if not start.size:
                break
            difference = ordered[start] ^ ordered[start + shift]
            distance = np.bitwise_count(difference)
            near = distance <= max_distance
            for earlier in chunks[:number]:
                near[near] = (difference[near] & earlier) != 0  # else found by that chunk
            yield order[start[near]], order[start[near] + shift], distance[near]


def _chunk_masks(count: int) -> list[np.uint64]:
    """Return `count` masks that share out the bits of a hash: every bit is in one of them."""
    masks = [sum(1 << bit for bit in range(start, HASH_BITS, count)) for start in range(count)]
    return [np.uint64(mask) for mask in masks]
