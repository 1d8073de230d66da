"""Does what a map shows matter? What a label's probability loses where that is hidden.

The places that a map shows are blurred (Fong and Vedaldi 2017, "Interpretable Explanations of Black
Boxes by Meaningful Perturbation"), and as many elsewhere: the same outline, moved to where it
overlaps the first one least.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from stages.scores import resamples
from waste_classifier.classifier import Classifier

Mask = npt.NDArray[np.bool_]

#: Of the blur, as a share of the photo's side: no outline of a thing is left.
BLUR = 1 / 12


class Lost(NamedTuple):
    """What the probability of a photo's label loses where a part of the photo is hidden."""

    shown: float  #: what the map shows
    elsewhere: float  #: as much of the rest


class Comparison(NamedTuple):
    """What it loses over many photos."""

    shown: float  #: mean
    elsewhere: float  #: mean
    low: float  #: 95 % interval of the difference
    high: float
    more: float  #: share of the photos that lose more by what the map shows


def losses_of(
    classifier: Classifier,
    image: npt.NDArray[np.uint8],
    share: float,
    generator: np.random.Generator,
) -> Lost | None:
    """Return what the most probable label of a photo loses; None if its map has no place elsewhere.

    A map of one place, as of photos of 32 pixels, shows all of the photo.

    Args:
        classifier: that is asked.
        image: `(size, size, 3) uint8`, RGB, resized.
        share: of the photo, that is hidden.
        generator: that draws between places that overlap as little.
    """
    features = classifier.features(image[None])
    why = classifier.explain_seen(image, features[0], nearest=0)
    shown = strongest(why.map, share)
    if shown.all():
        return None
    hidden = np.stack([blurred(image, mask) for mask in (shown, moved(shown, generator))])
    with_all, *without = classifier.predict_features(
        np.concatenate([features, classifier.features(hidden)])
    )
    label = classifier.labels.index(why.label)
    return Lost(*(float(with_all[label] - each[label]) for each in without))


def strongest(seen: npt.NDArray[np.float32], share: float) -> Mask:
    """Return the places of a map, `(h, w)`, where it is largest: as many as a share of them."""
    count = max(1, round(share * seen.size))
    mask = np.zeros(seen.size, np.bool_)
    mask[np.argsort(-seen, axis=None, kind="stable")[:count]] = True
    return mask.reshape(seen.shape)


def moved(mask: Mask, generator: np.random.Generator) -> Mask:
    """Return the same outline elsewhere, where it overlaps the first one least.

    What leaves on one side comes in on the other, so as many places are hidden. Of several such
    moves, one is drawn.
    """
    spectrum = np.fft.fft2(mask)
    overlaps = np.rint(np.fft.ifft2(spectrum * spectrum.conj()).real).astype(int)
    moves = np.argwhere(overlaps == overlaps.min())
    down, right = moves[generator.integers(len(moves))].tolist()
    return np.roll(mask, (down, right), axis=(0, 1))


def blurred(image: npt.NDArray[np.uint8], mask: Mask) -> npt.NDArray[np.uint8]:
    """Return an image, `(size, size, 3) uint8`, of which the masked places are blurred."""
    whole = Image.fromarray(image)
    large = Image.fromarray(mask).resize(whole.size, Image.Resampling.NEAREST)
    whole.paste(whole.filter(ImageFilter.GaussianBlur(BLUR * whole.width)), mask=large)
    return np.asarray(whole)


def compare(
    lost: npt.NDArray[np.float64], groups: npt.NDArray[np.intp], draws: int, seed: int
) -> Comparison:
    """Return what photos lose on average, and the interval of the difference.

    Photos of one group show the same thing, so groups are what is drawn (cluster bootstrap).

    Args:
        lost: `(n, 2)`, rows of `Lost`.
        groups: `(n,)`, number of each photo's group, from 0 on without gaps.
        draws: resamples.
        seed: of these.
    """
    more = lost[:, 0] - lost[:, 1]
    sums, photos = np.bincount(groups, more), np.bincount(groups)
    generator = np.random.default_rng(seed)
    means = np.concatenate(
        [drawn @ sums / (drawn @ photos) for drawn in resamples(len(sums), draws, generator)]
    )
    low, high = np.quantile(means, [0.025, 0.975]).tolist()
    shown, elsewhere = lost.mean(axis=0).tolist()
    return Comparison(shown, elsewhere, low, high, float((more > 0).mean()))
