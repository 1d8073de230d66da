"""Some of many, which lie evenly among them."""

import numpy as np
import numpy.typing as npt


def evenly(count: int, most: int) -> npt.NDArray[np.intp]:
    """Return positions of up to `most` of so many things, which lie evenly among them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.intp))
