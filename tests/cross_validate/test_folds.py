"""Which photos are scored by which training."""

import numpy as np
import pytest

from stages.cross_validate.folds import assign_folds, check_spread
from stages.outputs.split import SplitRow
from stages.params.cross_validate import CrossValidateParams
from waste_classifier.errors import InputError

#: Thirty groups of two photos each, of three labels, one of them rare.
ROWS = [
    SplitRow(f"{label}/{number:02}.jpg", label, f"{label}/{number // 2}", "train")
    for label, count in (("glass", 28), ("paper", 22), ("trash", 10))
    for number in range(count)
]


def settings(folds: int = 5, repeats: int = 1, seed: int = 1) -> CrossValidateParams:
    return CrossValidateParams(seed=seed, folds=folds, repeats=repeats)


def test_each_photo_is_in_one_fold_with_its_group() -> None:
    (folds,) = assign_folds(ROWS, settings())

    assert set(folds) == {0, 1, 2, 3, 4}
    assert (folds[0::2] == folds[1::2]).all()


def test_folds_have_labels_alike() -> None:
    (folds,) = assign_folds(ROWS, settings())

    labels = np.array([row.label for row in ROWS])
    for fold in range(5):
        # Of five groups of trash and as many folds, one each.
        assert (labels[folds == fold] == "trash").sum() == 2
        assert 4 <= (labels[folds == fold] == "glass").sum() <= 8


def test_repeats_have_folds_of_their_own_that_count_on() -> None:
    first, second = assign_folds(ROWS, settings(repeats=2))

    assert set(second) == {5, 6, 7, 8, 9}
    assert not np.array_equal(first, second - 5)
    np.testing.assert_array_equal(second - 5, assign_folds(ROWS, settings(seed=2))[0])


def test_the_largest_seed_has_a_next_one() -> None:
    folds = assign_folds(ROWS, settings(repeats=2, seed=2**32 - 1))

    np.testing.assert_array_equal(folds[1] - 5, assign_folds(ROWS, settings(seed=0))[0])


def test_a_label_of_fewer_groups_than_folds_is_named() -> None:
    with pytest.raises(
        InputError,
        match=r"cross_validate\.folds is 6, but label 'trash' has only 5 groups of images",
    ):
        assign_folds(ROWS, settings(folds=6))


def test_a_label_that_comes_into_one_fold_is_named() -> None:
    labels = ["glass", "glass", "trash", "trash"]
    check_spread(labels, np.array([0, 1, 1, 0]), 2)

    with pytest.raises(InputError, match="all images of label 'trash' came into one fold"):
        check_spread(labels, np.array([0, 1, 1, 1]), 2)
