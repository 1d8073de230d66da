"""What the head trains on: cached features of images, and how each is mixed with others.

What is mixed are the sums of the head's first layer, not pixels: manifold mixup (Verma et al. 2019,
"Manifold Mixup: Better Representations by Interpolating Hidden States"). The layer is linear, so
that this is the layer of mixed features; but computed once, it serves several mixtures of an image,
which cost next to nothing and make a step more of a mean, as several draws of dropout do (Inoue
2019, "Multi-Sample Dropout for Accelerated Training and Better Generalization").
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stages.training.batches import Positions, shuffled
from stages.training.examples import Examples
from stages.training.memory import gather
from waste_classifier.orientations import ORIENTATIONS

Partners = npt.NDArray[np.int32]
Shares = npt.NDArray[np.float32]


class Mixing(NamedTuple):
    """What one epoch is made of; all but the order have a row for each image."""

    order: Positions  #: of the images
    seen: Positions  #: in which of its orientations or views it is seen
    shares: Shares  #: `(n, mixes)`, of the image in its mixtures; the rest is the partner's


class MixedFeatures:
    """Rows of features, with whom they are mixed; mixed targets, and their weights in the loss."""

    def __init__(
        self,
        examples: Examples,
        class_weights: npt.NDArray[np.float32],
        orientations: Sequence[int],
        view_share: float,
        mixup: float,
        mixes: int,
        seed: int,
    ) -> None:
        """Take what all epochs follow from.

        Args:
            examples: images of one split.
            class_weights: `(labels,) float32`.
            orientations: positions in `ORIENTATIONS`, to choose from.
            view_share: how often a view is seen instead, where there are views.
            mixup: as of `draw_mixing`.
            mixes: mixtures of each image.
            seed: of the training.
        """
        self._rows = examples.features.reshape(-1, examples.features.shape[-1])
        self._held = examples.features.shape[1]
        self._targets = examples.targets
        self._class_weights = class_weights
        views = range(len(ORIENTATIONS), self._held)
        draw = partial(
            draw_mixing, len(examples), orientations, views, view_share, mixup, mixes, seed
        )
        self._mixing = lru_cache(maxsize=1)(draw)

    def __len__(self) -> int:
        """Return how many rows an epoch has."""
        return len(self._targets)

    def batch(self, epoch: int, positions: Positions) -> Any:
        """Return `(inputs, targets, weights)`.

        The inputs are `(features, partners, shares)`: `(m, used)`, and `(m, mixes)` as
        `mixing_head` takes them. Targets, `(m x mixes, labels)`, and their weights, `(m x mixes,)`,
        have a row for each mixture, those of one image after another.
        """
        mixing = self._mixing(epoch)
        images = mixing.order[positions]
        shares = mixing.shares[images]
        partners = next_rows(*shares.shape)
        own = self._targets[images]
        share = shares[..., np.newaxis]
        mixed = share * own[:, np.newaxis] + (1 - share) * own[partners]
        targets = mixed.reshape(-1, mixed.shape[-1])
        inputs = self._seen(images, mixing), partners, shares
        return inputs, targets, targets @ self._class_weights

    def _seen(self, images: Positions, mixing: Mixing) -> npt.NDArray[np.float32]:
        numbers = images * self._held + mixing.seen[images]
        return gather(self._rows, numbers)


def next_rows(count: int, mixes: int) -> Partners:
    """Return with which rows of a batch each of its rows is mixed, `(count, mixes)`: the next ones.

    Rows stand in the random order of the epoch. After the last one comes the first, so that a batch
    of fewer rows mixes some with themselves.
    """
    following = np.arange(count)[:, np.newaxis] + 1 + np.arange(mixes)
    return (following % count).astype(np.int32)


def unmixed(features: npt.NDArray[np.float32]) -> tuple[Any, Partners, Shares]:
    """Return features as inputs of `mixing_head` of which each row is seen alone.

    Args:
        features: `(n, used)`.
    """
    return features, np.zeros((len(features), 1), np.int32), np.ones((len(features), 1), np.float32)


def draw_mixing(
    count: int,
    orientations: Sequence[int],
    views: Sequence[int],
    view_share: float,
    mixup: float,
    mixes: int,
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
        mixes: mixtures of each image.
        seed: of the training.
        epoch: counted over all phases.
    """
    # The third number keeps these apart from the order of images, drawn from the same two.
    random = np.random.default_rng([seed, epoch, 3])
    chosen = random.choice(np.asarray(orientations, np.int64), count)
    shape = (count, mixes)
    shares = random.beta(mixup, mixup, shape) if mixup else np.ones(shape)
    if views:
        instead = random.random(count) < view_share
        chosen = np.where(instead, random.choice(np.asarray(views, np.int64), count), chosen)
    return Mixing(shuffled(count, seed, epoch), chosen, shares.astype(np.float32))
