"""Temperature and thresholds: worked out by hand, against SciPy, and by simulation."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binomtest

from stages.decide import thresholds
from stages.decide.thresholds import (
    fit_temperature,
    fit_thresholds,
    least_share,
    mix_weights,
    unseen_log_loss,
)
from stages.outputs.predictions import Predictions
from waste_classifier.decision import Decision, always_decide

LABELS = ("glass", "metal")
PLAIN = always_decide(LABELS)._replace(purity=0.9, confidence=0.95)


@pytest.mark.parametrize(("right", "trials"), [(149, 149), (10, 12), (1, 30)])
def test_the_least_share_is_clopper_and_pearsons(right: int, trials: int) -> None:
    expected = binomtest(right, trials, alternative="greater").proportion_ci(0.95, "exact")

    assert least_share(right / trials, trials, 0.95) == pytest.approx(expected.low)


def test_nothing_right_promises_nothing() -> None:
    assert least_share(0.0, 5, 0.95) == 0


def test_148_faultless_things_do_not_show_a_purity_of_98_percent_but_149_do() -> None:
    # 0.98^149 is the first power below 0.05.
    assert least_share(1.0, 148, 0.95) < 0.98 <= least_share(1.0, 149, 0.95)


def said(*probabilities: float) -> npt.NDArray[np.float64]:
    return np.array([(each, 1 - each) for each in probabilities])


def test_a_threshold_lets_in_as_many_as_keep_the_promise() -> None:
    # Forty right ones, then four wrong ones: with all of these, 0.9 is not shown.
    calibrated = said(*np.linspace(0.99, 0.8, 40), 0.7, 0.69, 0.68, 0.67)
    actual = np.array([0] * 40 + [1] * 4)
    groups = [str(number) for number in range(44)]

    glass, metal = fit_thresholds(PLAIN, calibrated, actual, groups)

    # Of 41 with one mistake the bound is 0.889.
    assert glass == pytest.approx(0.8)
    assert metal is None


def test_ten_photos_of_one_thing_say_as_much_as_one() -> None:
    calibrated = said(*np.full(40, 0.9))
    actual = np.zeros(40, int)

    of_forty_things = fit_thresholds(PLAIN, calibrated, actual, [str(n) for n in range(40)])
    of_four_things = fit_thresholds(PLAIN, calibrated, actual, [str(n // 10) for n in range(40)])

    assert of_forty_things[0] == 0.9
    assert of_four_things[0] is None


def test_a_thing_of_ten_photos_is_one_mistake() -> None:
    # 60 of 61 things are right, which shows 0.925; of the 70 photos 60 are.
    calibrated = said(*np.full(70, 0.9))
    actual = np.array([0] * 60 + [1] * 10)
    groups = [*(str(number) for number in range(60)), *["thing"] * 10]

    assert fit_thresholds(PLAIN, calibrated, actual, groups)[0] == 0.9


def test_photos_of_one_thing_need_not_stand_together() -> None:
    # Five things of two photos each, so that five trials count, whatever lies between their photos.
    calibrated = said(*np.linspace(0.99, 0.9, 10))
    actual = np.zeros(10, int)
    # The bound of five faultless things is 0.549, of ten 0.741.
    promise = PLAIN._replace(purity=0.6)

    assert fit_thresholds(promise, calibrated, actual, list("abcdeabcde"))[0] is None
    assert fit_thresholds(promise, calibrated, actual, list("aabbccddee"))[0] is None
    assert fit_thresholds(promise, calibrated, actual, list("abcdefghij"))[0] == 0.9


def test_photos_of_one_probability_are_let_in_together() -> None:
    calibrated = said(*np.full(30, 0.9), *np.full(10, 0.9))
    actual = np.array([0] * 30 + [1] * 10)

    assert fit_thresholds(PLAIN, calibrated, actual, [str(n) for n in range(40)])[0] is None


def test_in_a_mix_with_more_of_another_label_a_bin_is_less_pure() -> None:
    calibrated = said(*np.linspace(0.99, 0.8, 200))
    actual = np.zeros(200, int)
    # Every 25th is metal.
    actual[24::25] = 1
    groups = [str(number) for number in range(200)]
    mostly_metal = PLAIN._replace(mix=(0.2, 0.8))

    assert fit_thresholds(PLAIN, calibrated, actual, groups)[0] is not None
    # There each counts 1.6 and glass 0.4: 192 of 200 become 0.857.
    assert mix_weights(mostly_metal, np.array([0, 1])).tolist() == pytest.approx([0.4, 1.6])
    assert fit_thresholds(mostly_metal, calibrated, actual, groups)[0] is None


def test_a_mix_is_weighed_by_the_shares_in_the_photos_themselves() -> None:
    # Three of four are glass, whatever the data has.
    mixed = PLAIN._replace(mix=(0.2, 0.8))
    actual = np.array([0, 0, 0, 1])

    weights = mix_weights(mixed, actual)

    # Glass counts 0.2 / 0.75, metal 0.8 / 0.25.
    assert weights.tolist() == pytest.approx([4 / 15, 4 / 15, 4 / 15, 3.2])
    assert np.bincount(actual, weights).tolist() == pytest.approx([0.2 * 4, 0.8 * 4])
    assert mix_weights(PLAIN, actual).tolist() == [1, 1, 1, 1]


def test_the_temperature_that_made_probabilities_too_sure_is_found() -> None:
    random = np.random.default_rng(0)
    honest = random.uniform(0.05, 0.95, 20_000)
    actual = (random.random(20_000) > honest).astype(int)
    # Logits twice as large.
    sure = honest**2 / (honest**2 + (1 - honest) ** 2)

    temperature = fit_temperature(PLAIN, said(*sure), actual)

    assert temperature == pytest.approx(2, rel=0.05)


def test_in_no_repeat_has_a_fold_a_say_in_its_own_temperature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each photo is answered for twice; folds 2 and 3 are of the second repeat.
    known = Predictions(
        labels=LABELS,
        paths=tuple(f"{number}.jpg" for number in range(10) for _ in range(2)),
        groups=tuple(str(number) for number in range(10) for _ in range(2)),
        actual=np.zeros(20, int),
        predicted=np.zeros(20, int),
        probabilities=said(*np.full(20, 0.6)).astype(np.float32),
        folds=(0, 2) * 5 + (1, 3) * 5,
    )
    rows: list[int] = []

    def remember(_: Decision, probabilities: npt.NDArray[np.float32], __: object) -> float:
        rows.append(len(probabilities))
        return 1.0

    monkeypatch.setattr(thresholds, "fit_temperature", remember)
    unseen_log_loss(PLAIN, known)

    # Both answers to the five photos of the other fold.
    assert rows == [10] * 4


def test_the_log_loss_of_a_fold_is_at_the_temperature_of_the_others() -> None:
    # Ten photos a fold, all said to be glass with 0.6: eight of the first are, nine of the second.
    actual = np.array([0] * 8 + [1] * 2 + [0] * 9 + [1])
    known = Predictions(
        labels=LABELS,
        paths=tuple(f"{number}.jpg" for number in range(20)),
        groups=tuple(str(number) for number in range(20)),
        actual=actual,
        predicted=np.zeros(20, int),
        probabilities=said(*np.full(20, 0.6)).astype(np.float32),
        folds=(0,) * 10 + (1,) * 10,
    )

    # The best temperature of a fold says what share is glass, which the other one is judged by.
    first = 0.8 * np.log(0.9) + 0.2 * np.log(0.1)
    second = 0.9 * np.log(0.8) + 0.1 * np.log(0.2)
    assert unseen_log_loss(PLAIN, known) == pytest.approx(-(first + second) / 2, rel=1e-4)
