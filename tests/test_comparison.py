"""Verdicts on models: worked out by hand, and by SciPy."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score, recall_score

from stages.comparison import (
    Answers,
    Difference,
    compare,
    divided,
    exchange_p,
    fewest_groups,
    group_sums,
    holm,
    joined_groups,
    same_groups,
)

LABELS = ["glass", "metal", "trash"]


def answers(predicted: list[int], losses: list[float] | None = None) -> Answers:
    return Answers(np.array(predicted), np.array(losses or [0.1] * len(predicted)))


def compared(
    base: Answers, head: Answers, actual: list[int], groups: list[int] | None = None
) -> dict[str, Difference]:
    of_photos = np.arange(len(actual)) if groups is None else np.array(groups)
    found = compare(base, head, np.array(actual), of_photos, LABELS, draws=2000, seed=0)
    return {each.score: each for each in found}


def test_a_model_is_not_told_apart_from_itself() -> None:
    same = answers([0, 1, 2, 2, 1, 0], [0.1, 0.9, 0.2, 3.0, 0.3, 0.4])

    found = compared(same, same, [0, 1, 2, 2, 0, 1])

    assert {each.word for each in found.values()} == {"not told apart"}
    assert {(each.difference, each.low, each.high, each.p) for each in found.values()} == {
        (0, 0, 0, 1)
    }


def test_differences_are_those_of_scikit_learn() -> None:
    actual = [0, 0, 0, 1, 1, 1, 2, 2]
    old, new = [0, 1, 0, 1, 1, 2, 0, 2], [0, 0, 0, 1, 2, 1, 2, 2]
    losses = [0.5] * 4 + [0.25] * 4

    found = compared(answers(old, losses), answers(new, losses[::-1]), actual)

    assert list(found) == [
        *("accuracy", "macro F1", "log loss"),
        *(f"recall of {label}" for label in LABELS),
    ]
    assert (found["accuracy"].base, found["accuracy"].head) == (5 / 8, 7 / 8)
    for score, predicted in (("base", old), ("head", new)):
        assert getattr(found["macro F1"], score) == pytest.approx(
            f1_score(actual, predicted, average="macro")
        )
        for label, recall in zip(
            LABELS, recall_score(actual, predicted, average=None), strict=True
        ):
            assert getattr(found[f"recall of {label}"], score) == pytest.approx(recall)
    assert found["log loss"].difference == 0


def test_twelve_photos_fixed_and_none_broken_are_better() -> None:
    # Of all 4096 exchanges two differ as much: p = 0.0005.
    found = compared(answers([1] * 12 + [0] * 8), answers([0] * 20), [0] * 20)

    assert found["accuracy"].word == "better"
    assert found["accuracy"].p < 0.005
    assert found["accuracy"].low > 0
    assert (
        compared(answers([0] * 20), answers([1] * 12 + [0] * 8), [0] * 20)["accuracy"].word
        == "worse"
    )


def test_twelve_photos_of_one_thing_are_one_piece_of_evidence() -> None:
    groups = [0] * 12 + list(range(1, 9))

    found = compared(answers([1] * 12 + [0] * 8), answers([0] * 20), [0] * 20, groups)

    # Exchanging it either way differs as much.
    assert found["accuracy"].p == 1
    assert found["accuracy"].word == "not told apart"


def test_of_a_loss_lower_is_better() -> None:
    predicted = [0] * 20
    low, high = answers(predicted, [0.1] * 20), answers(predicted, [0.2] * 20)

    assert compared(high, low, predicted)["log loss"].word == "better"
    assert compared(low, high, predicted)["log loss"].word == "worse"


def test_p_is_that_of_scipy() -> None:
    generator = np.random.default_rng(0)
    actual = np.zeros(60, np.intp)
    groups = np.arange(60) // 2
    old, new = (
        Answers((generator.random(60) < wrong).astype(np.intp), generator.random(60))
        for wrong in (0.4, 0.2)
    )
    right = [np.add.reduceat(each.predicted == 0, np.arange(0, 60, 2)) for each in (old, new)]

    sums = [group_sums(each, actual, groups, 2) for each in (old, new)]
    (p, *_) = exchange_p(sums, np.array([0, 2]), 20_000, np.random.default_rng(1), 2)
    expected = stats.permutation_test(
        right,
        lambda base, head, axis: (head - base).sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        random_state=2,
    )

    assert p == pytest.approx(expected.pvalue, abs=0.015)


def test_the_interval_is_that_of_scipy() -> None:
    generator = np.random.default_rng(3)
    actual = [0] * 200
    old, new = (
        answers((generator.random(200) < wrong).astype(int).tolist()) for wrong in (0.4, 0.2)
    )
    change = (new.predicted == 0).astype(float) - (old.predicted == 0)

    found = compared(old, new, actual)["accuracy"]
    expected = stats.bootstrap(
        (change,), np.mean, n_resamples=5000, method="percentile", random_state=4
    )

    low, high = expected.confidence_interval
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.015)
    assert found.detectable == pytest.approx(2.8016 * expected.standard_error, rel=0.05)


def test_the_interval_holds_95_of_100_differences_by_hand() -> None:
    # 60 of 400 photos fixed, 20 broken: a mean of 0.1, with the variance (0.2 - 0.1²) / 400.
    old = [1] * 60 + [0] * 340
    new = [0] * 60 + [1] * 20 + [0] * 320

    found = compared(answers(old), answers(new), [0] * 400)["accuracy"]

    assert (found.low, found.high) == pytest.approx((0.0573, 0.1427), abs=0.004)


def test_a_recall_is_told_apart_by_what_its_correction_leaves() -> None:
    # Six photos of glass fixed: 2 of 64 exchanges differ as much, twice that of two labels.
    actual = [0] * 40 + [1] * 40
    old, new = [1] * 6 + [0] * 34 + [1] * 40, [0] * 40 + [1] * 40

    found = compared(answers(old), answers(new), actual)

    assert found["recall of glass"].p == pytest.approx(2 * 2 / 64, abs=0.02)
    assert found["recall of glass"].word == "not told apart"
    assert found["recall of glass"].low == 0
    assert found["accuracy"].word == "better"
    back = compared(answers(new), answers(old), actual)["recall of glass"]
    assert (back.high, back.word) == (0, "not told apart")


def test_what_a_recall_would_show_is_of_its_correction() -> None:
    generator = np.random.default_rng(5)
    actual = np.repeat([0, 1], 200)
    old, new = (
        Answers(np.where(generator.random(400) < 0.2, 1 - actual, actual), np.ones(400))
        for _ in range(2)
    )
    change = (new.predicted == actual)[:200].astype(float) - (old.predicted == actual)[:200]

    found = compared(old, new, actual.tolist())["recall of glass"]

    # Quantiles of the normal distribution for 98.75 % and 80 %.
    errors = 2.2414 + 0.8416
    assert found.detectable == pytest.approx(errors * change.std() / np.sqrt(200), rel=0.06)


def test_a_few_groups_can_show_a_large_difference_alone() -> None:
    # Six groups that differ one way: 2 of 64 exchanges; five: 2 of 32, more than one in twenty.
    assert fewest_groups(0.05) == 6
    found = compared(answers([0] * 9 + [1]), answers([0] * 9 + [1]), [0] * 9 + [1])

    assert found["accuracy"].detectable == pytest.approx(6 / 10)
    # Two labels, corrected for: 2 of 128.
    assert found["recall of glass"].detectable == pytest.approx(7 / 9)
    assert found["recall of metal"].detectable == 1


def test_holm_by_hand() -> None:
    # The smallest times 4, the next times 3, …, none below one before it.
    corrected = holm(np.array([0.02, 0.01, 0.04, 0.03]))

    np.testing.assert_allclose(corrected, [0.06, 0.04, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]


def test_a_label_without_photos_has_no_recall() -> None:
    found = compared(answers([0, 2, 1]), answers([0, 1, 1]), [0, 1, 1])

    assert "recall of trash" not in found
    assert found["accuracy"].difference == pytest.approx(1 / 3)


def test_photos_are_joined_that_either_grouping_has_together() -> None:
    # The first has 0 and 1 in one group, the second 1 and 2.
    joined = joined_groups(np.array([0, 0, 1, 2]), np.array([5, 6, 6, 7]))

    assert joined[0] == joined[1] == joined[2] != joined[3]


def test_groups_are_the_same_whatever_their_numbers() -> None:
    assert same_groups(np.array([0, 0, 1]), np.array([7, 7, 3]))
    assert not same_groups(np.array([0, 0, 1]), np.array([0, 1, 1]))


def test_groups_that_folds_divide_are_counted_within_a_repeat() -> None:
    groups = np.array([0, 0, 1, 1, 0, 0])
    repeats = np.array([0, 0, 0, 0, 1, 1])

    # Group 1 is in two folds; group 0 is in one of each repeat.
    assert divided(groups, repeats, np.array([0, 0, 0, 1, 5, 5])) == 1
    assert divided(groups, repeats, np.array([0, 0, 1, 1, 5, 5])) == 0


def test_an_interval_without_0_is_of_a_difference_that_is_told_apart() -> None:
    # Five photos of 80 fixed, none broken: of the 32 exchanges of five, two are as large.
    actual = [0] * 80
    old, new = [1] * 5 + [0] * 75, [0] * 80

    accuracy = compared(answers(old), answers(new), actual)["accuracy"]

    assert accuracy.p == pytest.approx(2 / 32, abs=0.02)
    assert accuracy.word == "not told apart"
    assert accuracy.low == 0
    assert accuracy.high > accuracy.difference == pytest.approx(5 / 80)
