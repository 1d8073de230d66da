"""Rows of cached features, two by two mixed: what the head trains on.

Mixing what hidden layers return, not pixels, is manifold mixup (Verma et al. 2019, "Manifold Mixup:
Better Representations by Interpolating Hidden States").
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.training.batches import Positions, shuffled
from stages.training.examples import Examples
from stages.training.memory import release
from waste_classifier.orientations import ORIENTATIONS


class Mixing(NamedTuple):
    """What one epoch is made of; all but the order have a value for each image."""

    order: Positions  #: of the images
    seen: Positions  #: in which of its orientations or views it is seen
    partners: Positions  #: the image that it is mixed with, as a position
    shares: npt.NDArray[np.float32]  #: of the image in the mix; the rest is the partner's


class MixedFeatures:
    """Rows of mixed features, mixed targets, and their weights in the loss."""

    def __init__(
        self,
        examples: Examples,
        class_weights: npt.NDArray[np.float32],
        orientations: Sequence[int],
        view_share: float,
        mixup: float,
        seed: int,
    ) -> None:
        """Take what all epochs follow from.

        Args:
            examples: images of one split.
            class_weights: `(labels,) float32`.
            orientations: positions in `ORIENTATIONS`, to choose from.
            view_share: how often a view is seen instead, where there are views.
            mixup: as of `draw_mixing`.
            seed: of the training.
        """
        self._rows = examples.features.reshape(-1, examples.features.shape[-1])
        self._held = examples.features.shape[1]
        self._targets = examples.targets
        self._class_weights = class_weights
        views = range(len(ORIENTATIONS), self._held)
        draw = partial(draw_mixing, len(examples), orientations, views, view_share, mixup, seed)
        self._mixing = lru_cache(maxsize=1)(draw)

    def __len__(self) -> int:
        """Return how many rows an epoch has."""
        return len(self._targets)

    def batch(self, epoch: int, positions: Positions) -> Any:
        """Return `(inputs, targets, weights)`."""
        mixing = self._mixing(epoch)
        first = mixing.order[positions]
        second = mixing.partners[first]
        share = mixing.shares[first, np.newaxis]
        inputs = self._seen(first, mixing)
        inputs *= share
        partners = self._seen(second, mixing)
        partners *= 1 - share
        inputs += partners
        targets = share * self._targets[first] + (1 - share) * self._targets[second]
        return inputs, targets, targets @ self._class_weights

    def _seen(self, images: Positions, mixing: Mixing) -> npt.NDArray[np.float32]:
        numbers = images * self._held + mixing.seen[images]
        seen: npt.NDArray[np.float32] = self._rows.take(numbers, axis=0)
        release(self._rows)
        return seen


def draw_mixing(
    count: int,
    orientations: Sequence[int],
    views: Sequence[int],
    view_share: float,
    mixup: float,
    seed: int,
    epoch: int,
) -> Mixing:
    """Draw what one epoch is made of, from seed and epoch alone.

    Args:
        count: images.
        orientations: to choose from.
        views: to choose from instead; may be none.
        view_share: how often that is done.
        mixup: alpha of the Beta distribution that shares are drawn from (Zhang et al. 2018,
            "mixup: Beyond Empirical Risk Minimization"); 0: no mixing.
        seed: of the training.
        epoch: counted over all phases.
    """
    # The third number keeps these apart from the order of images, drawn from the same two.
    random = np.random.default_rng([seed, epoch, 3])
    chosen = random.choice(np.asarray(orientations, np.int64), count)
    partners = random.permutation(count)
    shares = random.beta(mixup, mixup, count) if mixup else np.ones(count)
    if views:
        instead = random.random(count) < view_share
        chosen = np.where(instead, random.choice(np.asarray(views, np.int64), count), chosen)
    return Mixing(shuffled(count, seed, epoch), chosen, partners, shares.astype(np.float32))
