"""Class weights from the number of training images per label."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from stages.params.class_weights import Scheme


def class_weights(images: Mapping[str, int], scheme: Scheme, beta: float) -> dict[str, float]:
    """Return the weight of each label; weights average 1 over the training images.

    - `balanced`: inversely proportional to the number of images, as scikit-learn's
      `compute_class_weight("balanced")`.
    - `effective_number`: inversely proportional to the effective number of images (Cui et al.
      2019, "Class-Balanced Loss Based on Effective Number of Samples", equation 2).
    - `sqrt`: inversely proportional to the square root of the number of images.
    - `none`: 1.

    Args:
        images: training images by label, 1 and more each.
        scheme: how rare labels gain weight.
        beta: of `effective_number`, 0 to below 1: 0 is as `none`, near 1 as `balanced`.
    """
    counts = np.array(list(images.values()), dtype=np.float64)
    weights = 1 / _represented_images(counts, scheme, beta)
    weights *= counts.sum() / (weights * counts).sum()
    return dict(zip(images, weights.tolist(), strict=True))


def _represented_images(
    counts: npt.NDArray[np.float64], scheme: Scheme, beta: float
) -> npt.NDArray[np.float64]:
    """Return how many images those of each label count for, up to a common factor: `(k,)`."""
    if scheme == "balanced":
        return counts
    if scheme == "sqrt":
        return np.sqrt(counts)
    if scheme == "effective_number":
        # (1 - beta**n) / (1 - beta), exact also where beta**n rounds to 1; log(0) is as it must be.
        with np.errstate(divide="ignore"):
            log_beta = np.log1p(np.float64(beta) - 1)
        return np.asarray(-np.expm1(counts * log_beta) / (1 - beta))
    return np.ones_like(counts)
