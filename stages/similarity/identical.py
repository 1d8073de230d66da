"""Images whose files are the same, byte by byte."""

from collections import defaultdict

import numpy as np

from stages.outputs.manifest import Manifest

HEX_DIGITS = 16  # of a checksum, that fit an unsigned integer of 64 bits


def identical_files(images: Manifest) -> list[list[int]]:
    """Return the positions of images whose files are identical: lists of two and more, rising.

    Memory does not grow with images that are like no other but for 16 bytes each.
    """
    beginnings = (int(digits[:HEX_DIGITS], 16) for digits in images.texts("sha256"))
    numbers = np.fromiter(beginnings, np.uint64, len(images))
    ordered = np.sort(numbers)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    del ordered
    # Where checksums begin alike, the rest of them decides.
    positions = defaultdict[str, list[int]](list)
    for position in np.flatnonzero(np.isin(numbers, repeated)).tolist():
        positions[images[position].sha256].append(position)
    return [alike for alike in positions.values() if len(alike) > 1]
