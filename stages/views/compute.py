"""The features of views of a batch of images; imports TensorFlow."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stages.frozen.backbone import FrozenBackbone
from stages.outputs.manifest import ReceivedPhoto
from stages.params.views import ViewsParams
from stages.views.augment import draw_view
from waste_classifier.parallel import map_in_threads


class ViewsOfBatch:
    """Draws views of images and computes their features."""

    def __init__(self, backbone: FrozenBackbone, settings: ViewsParams) -> None:
        """Take the network, which sees views, and the section `views`."""
        self._backbone = backbone
        self._settings = settings

    def __call__(
        self, batch: npt.NDArray[np.uint8], photos: Sequence[ReceivedPhoto]
    ) -> npt.NDArray[np.float32]:
        """Return the features of the views of images, `(n, views, d) float32`.

        A view follows from the seed, its number and the file of the photo alone: other photos
        beside it change nothing.

        Args:
            batch: the images, `(n, size, size, 3) uint8`, RGB.
            photos: that they are of.
        """
        of_views = [
            self._backbone.runner.features(self._views(batch, photos, number), ["received"])
            for number in range(self._settings.count)
        ]
        return np.concatenate(of_views, axis=1)

    def _views(
        self, batch: npt.NDArray[np.uint8], photos: Sequence[ReceivedPhoto], number: int
    ) -> npt.NDArray[np.uint8]:
        def view_of(position: int) -> npt.NDArray[np.uint8]:
            file = int.from_bytes(photos[position].sha256[:8], "big")
            random = np.random.default_rng([self._settings.seed, number, file])
            size = self._backbone.image_size
            return draw_view(batch[position], size, self._settings.ground, random)

        return np.stack(list(map_in_threads(view_of, range(len(batch)))))
