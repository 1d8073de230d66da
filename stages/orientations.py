"""The four ways of holding a photo: waste has no up, so a label holds in all of them."""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Orientation = Literal["received", "mirrored", "upside_down", "turned"]
#: As received; left and right exchanged; top and bottom exchanged; both.
ORIENTATIONS: tuple[Orientation, ...] = get_args(Orientation)


def orient(images: npt.NDArray[np.uint8], orientation: Orientation) -> npt.NDArray[np.uint8]:
    """Return images `(n, h, w, 3)` in another orientation, same shape."""
    if orientation in ("mirrored", "turned"):
        images = images[:, :, ::-1]
    return images[:, ::-1] if orientation in ("upside_down", "turned") else images
