"""The two ways of holding a photo: waste has no up, so what it shows holds in both.

From the other side of a table a thing is seen turned by half. Mirrored photos are not among them:
no camera mirrors, and a network trained on ImageNet was trained to see little difference.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Orientation = Literal["received", "turned"]
#: As received, and turned by half.
ORIENTATIONS: tuple[Orientation, ...] = get_args(Orientation)


def orient(images: npt.NDArray[np.uint8], orientation: Orientation) -> npt.NDArray[np.uint8]:
    """Return images `(n, h, w, 3)` in another orientation, same shape."""
    return images[:, ::-1, ::-1] if orientation == "turned" else images
