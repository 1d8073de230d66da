"""Another line's features are brought to the mean and scale of the training photos."""

from pathlib import Path

import numpy as np
import pytest

from waste_classifier.adaptation import Adaptation, adapt
from waste_classifier.errors import InputError


def test_adapted_features_have_the_mean_and_scale_of_the_training_photos() -> None:
    features = np.random.default_rng(0).normal([5, -1], [2, 0.5], (1000, 2)).astype(np.float32)

    adapted = adapt(features, np.array([1.0, 2.0]), np.array([3.0, 4.0]))(features)

    np.testing.assert_allclose(adapted.mean(axis=0), [1, 2], atol=1e-4)
    np.testing.assert_allclose(adapted.std(axis=0), [3, 4], rtol=1e-4)


def test_a_feature_that_never_varies_is_shifted_alone() -> None:
    adaptation = adapt(np.full((3, 1), 7.0), np.array([1.0]), np.array([2.0]))

    np.testing.assert_allclose(adaptation(np.array([[7.0], [8.0]], np.float32)), [[1], [2]])


def test_nor_does_one_whose_values_differ_by_rounding_alone() -> None:
    # The deviation of a channel that is never active; of 50 such values NumPy's own is about 1e-10.
    silent = np.full((50, 1), np.sqrt(np.float32(1e-5)))

    adaptation = adapt(silent, np.array([0.0]), np.array([0.1]))

    assert adaptation.factor.tolist() == [1]


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    Adaptation(np.array([2], np.float32), np.array([3], np.float32)).save(tmp_path / "a.npz")

    again = Adaptation.load(tmp_path / "a.npz")

    assert again(np.array([1], np.float32)).tolist() == [5]


def test_a_file_of_unequal_arrays_is_refused(tmp_path: Path) -> None:
    Adaptation(np.ones(2, np.float32), np.ones(1, np.float32)).save(tmp_path / "a.npz")

    with pytest.raises(InputError, match=r"a\.npz: can't be read"):
        Adaptation.load(tmp_path / "a.npz")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"")

    with pytest.raises(InputError, match=r"a\.npz: can't be read"):
        Adaptation.load(tmp_path / "a.npz")
