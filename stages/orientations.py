"""The two ways of holding a photo that the model sees: waste has no up, so a label holds in both.

A thing on a table is seen turned by half from the other side of it. No camera mirrors, and networks
trained on ImageNet return nearly the same for a mirrored photo, which is what they were trained to.
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
