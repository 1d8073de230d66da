"""Images whose perceptual hashes differ in few bits."""

from collections.abc import Iterator
from math import ceil

import numpy as np
import numpy.typing as npt

from stages.similarity.pairs import Pairs

HASH_BITS = 64
#: Hashes are compared part by part: as many as make up a part, and how many parts there are at
#: most. Memory is that of the hashes and of a part.
PART_HASHES = 2**14
MOST_PARTS = 64
SAMPLED_PER_PART = 256


def near_duplicate_pairs(hashes: npt.NDArray[np.uint64], max_distance: int) -> Iterator[Pairs]:
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
    is_first = np.ones(len(hashes), np.bool_)
    for positions in _parts(hashes, ~np.uint64(0)):
        _, first, inverse = np.unique(hashes[positions], return_index=True, return_inverse=True)
        of_each = positions[first[inverse]]
        equal = of_each != positions
        is_first[positions[equal]] = False
        if equal.any():
            yield Pairs.of(of_each[equal], positions[equal], np.zeros(np.count_nonzero(equal)))
    yield from _near_distinct(hashes, is_first, max_distance)


def _near_distinct(
    hashes: npt.NDArray[np.uint64], distinct: npt.NDArray[np.bool_], max_distance: int
) -> Iterator[Pairs]:
    """Yield batches of near pairs of those hashes that `distinct` says are.

    The bits are cut into `max_distance + 1` chunks. Two hashes that differ in at most
    `max_distance` bits are equal in at least one chunk (pigeonhole principle), so only hashes
    that agree in a chunk are compared (multi-index hashing, Norouzi et al. 2012).
    """
    chunks = _chunk_masks(max_distance + 1)
    for number, chunk in enumerate(chunks):
        for part in _parts(hashes, chunk, distinct):
            positions = part[np.argsort(hashes[part] & chunk, kind="stable")]
            ordered = hashes[positions]
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
                if near.any():
                    left, right = positions[start[near]], positions[start[near] + shift]
                    yield Pairs.of(left, right, distance[near])


def _parts(
    hashes: npt.NDArray[np.uint64], mask: np.uint64, chosen: npt.NDArray[np.bool_] | None = None
) -> Iterator[npt.NDArray[np.intp]]:
    """Yield positions of the chosen hashes, rising, those that agree in `mask` in one part.

    Args:
        hashes: `(n,)`.
        mask: bits that count.
        chosen: `(n,)`, which of the hashes; None: all.
    """
    count = min(MOST_PARTS, ceil(len(hashes) / PART_HASHES))
    step = max(1, len(hashes) // (SAMPLED_PER_PART * MOST_PARTS))
    sample = np.sort(hashes[::step] & mask)
    bounds = sample[[len(sample) * part // count for part in range(1, count)]]
    part_of = np.empty(len(hashes), np.uint8)
    for start in range(0, len(hashes), PART_HASHES):
        some = slice(start, start + PART_HASHES)
        part_of[some] = np.searchsorted(bounds, hashes[some] & mask, side="right")
        if chosen is not None:
            part_of[some][~chosen[some]] = MOST_PARTS
    for part in range(count):
        yield np.flatnonzero(part_of == part)


def _chunk_masks(count: int) -> list[np.uint64]:
    """Return `count` masks that share out the bits of a hash: every bit is in one of them."""
    masks = [sum(1 << bit for bit in range(start, HASH_BITS, count)) for start in range(count)]
    return [np.uint64(mask) for mask in masks]
