"""Why: where in a photo a label is seen, and which training photos it looks like."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from waste_classifier.head import Head

if TYPE_CHECKING:
    from waste_classifier.classifier import Answer
    from waste_classifier.training_photos import Neighbour

#: From cold to hot: colours of a map, for shares of its largest value.
_COLOURS = np.array(
    [(48, 18, 59), (70, 134, 251), (26, 228, 182), (164, 252, 60), (251, 126, 33), (122, 4, 3)],
    np.float32,
)
_OPACITY = 0.55
#: Below the square root of a deviation, as the network has it.
EPSILON = 1e-5


class Explanation(NamedTuple):
    """Why the classifier says what it says of one photo."""

    answer: "Answer"
    label: str  #: that the map is of
    map: npt.NDArray[np.float32]  #: `(h, w)`, 0 to 1: where the photo speaks for the label
    nearest: "list[Neighbour]"  #: training photos, nearest first


def class_activation_map(
    head: Head,
    features: npt.NDArray[np.float32],
    activations: npt.NDArray[np.float32],
    label: int,
    factor: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Return where in an image a label is seen, `(h, w) float32` from 0 to 1.

    Grad-CAM (Selvaraju et al. 2017) at the output of the last stage. The head sees the mean and the
    standard deviation of each channel, and what speaks through the latter has a gradient of mean 0
    over the image, which an average would drop: so activations are multiplied by their own
    gradients, place by place (HiResCAM: Draelos and Carin 2020). Both are known in closed form.

    Args:
        head: of the classifier.
        features: `(d,)`, of the image as received: those of the last stage stand last, means before
            standard deviations.
        activations: `(h, w, c)`, output of the last stage.
        label: position of the label.
        factor: `(d,)`, what the features of the network were multiplied by, where the head sees
            adapted ones.
    """
    channels = activations.shape[-1]
    slopes = _slopes(head, features, label) * (1 if factor is None else factor)
    of_mean, of_deviation = slopes[-2 * channels : -channels], slopes[-channels:]
    mean = activations.mean(axis=(0, 1))
    deviation = np.sqrt(activations.var(axis=(0, 1)) + EPSILON)
    gradients = of_mean + of_deviation * (activations - mean) / deviation
    seen = np.maximum((gradients * activations).sum(axis=-1), 0)
    largest = seen.max()
    return np.asarray(seen / largest if largest > 0 else seen, np.float32)


def _slopes(head: Head, features: npt.NDArray[np.float32], label: int) -> npt.NDArray[Any]:
    """Return the derivatives of a label's logit with respect to the features, `(d,)`."""
    of_label = head.logits.kernel[:, label]
    if head.hidden is None:
        return of_label
    before = head.hidden(features[None])[0]
    return head.hidden.kernel @ np.where(before > 0, of_label, np.float32(0))


def overlay(photo: Image.Image, seen: npt.NDArray[np.float32]) -> Image.Image:
    """Return a photo with a map laid over it, in its size.

    Args:
        photo: RGB.
        seen: `(h, w)`, 0 to 1.
    """
    large = Image.fromarray(np.asarray(seen * 255, np.uint8)).resize(
        photo.size, Image.Resampling.BICUBIC
    )
    share = np.asarray(large, np.float32) / 255
    place = share * (len(_COLOURS) - 1)
    below = np.minimum(place.astype(np.intp), len(_COLOURS) - 2)
    part = (place - below)[..., None]
    colours = _COLOURS[below] * (1 - part) + _COLOURS[below + 1] * part
    mixed = np.asarray(photo, np.float32) * (1 - _OPACITY) + colours * _OPACITY
    return Image.fromarray(mixed.astype(np.uint8))
