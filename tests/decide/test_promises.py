"""Whether thresholds keep what they promise, by simulation."""

import numpy as np
import numpy.typing as npt
import pytest

from stages.decide.thresholds import fit_thresholds
from waste_classifier.decision import Decision, always_decide

PLAIN = always_decide(("glass", "metal"))._replace(purity=0.9, confidence=0.95)


def said(*probabilities: float) -> npt.NDArray[np.float64]:
    return np.array([(each, 1 - each) for each in probabilities])


def drawn(
    random: np.random.Generator, things: int, photos: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp], list[str]]:
    """Return honest probabilities of things, each seen in some photos that all say the same."""
    glass = random.beta(6, 0.35, things)
    glass = np.where(random.random(things) < 0.5, glass, 1 - glass)
    actual = (random.random(things) >= glass).astype(np.intp)
    groups = np.repeat(np.arange(things), photos).astype(str).tolist()
    return said(*np.repeat(glass, photos)), np.repeat(actual, photos), groups


@pytest.mark.parametrize("photos", [1, 3])
def test_promises_are_kept_in_19_of_20_draws(photos: int) -> None:
    promise = PLAIN._replace(purity=0.98)
    random = np.random.default_rng(1)
    calibrated, actual, _ = drawn(random, 200_000, 1)
    predicted = calibrated.argmax(axis=1)
    broken = made = 0
    for _ in range(150):
        fitted = fit_thresholds(promise, *drawn(random, 800, photos))
        for label, threshold in enumerate(fitted):
            if threshold is not None:
                in_bin = (predicted == label) & (calibrated[:, label] >= threshold)
                made += 1
                broken += (actual[in_bin] == label).mean() < promise.purity

    assert made > 100
    assert broken / made <= 0.07


def test_a_bin_that_is_half_a_point_too_impure_everywhere_is_seldom_promised() -> None:
    # Nothing of a probability tells the right ones apart, so that each threshold is another chance.
    promise = PLAIN._replace(purity=0.98)
    random = np.random.default_rng(3)
    promised = 0
    for _ in range(200):
        calibrated = said(*np.sort(random.uniform(0.5, 1, 300))[::-1])
        actual = (random.random(300) >= 0.975).astype(np.intp)
        groups = np.arange(300).astype(str).tolist()
        promised += fit_thresholds(promise, calibrated, actual, groups)[0] is not None

    assert promised <= 0.05 * 200


def test_a_decision_of_the_thresholds_is_as_pure_on_the_photos_themselves() -> None:
    calibrated, actual, groups = drawn(np.random.default_rng(2), 2000, 1)
    promise: Decision = PLAIN._replace(purity=0.98)

    decided = promise._replace(
        thresholds=fit_thresholds(promise, calibrated, actual, groups)
    ).decide(calibrated)

    for label in range(2):
        in_bin = decided == label
        assert in_bin.sum() > 100
        assert (actual[in_bin] == label).mean() >= 0.98
