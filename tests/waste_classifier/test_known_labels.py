"""Relative Mahalanobis distances: worked out by hand, and kept in a file."""

from pathlib import Path

import numpy as np
import pytest

from waste_classifier.errors import InputError
from waste_classifier.known_labels import KnownLabels


def floats(*values: object) -> np.ndarray:
    return np.array(values, np.float32)


#: Labels at (2, 0) and (-2, 0), of deviation 1 within and of (2, 1) over all.
KNOWN = KnownLabels(
    label_means=floats([2, 0], [-2, 0]),
    whitening_within=floats([1, 0], [0, 1]),
    mean=floats(0, 0),
    whitening_overall=floats([0.5, 0], [0, 1]),
    usual=np.asarray(-1, np.float32),
    limit=np.asarray(1, np.float32),
)


def test_what_is_far_from_the_labels_alone_is_told_from_what_is_far_from_all() -> None:
    hidden = floats([2, 0], [0, 0], [0, 9], [3, 0])

    # On a label: 0 - 1. Between both: 4 - 0. Away from all of them: 4 + 81 - 81. Beyond: 1 - 2.25.
    np.testing.assert_allclose(KNOWN.relative_distances(hidden), [-1, 4, 4, -1.25])
    # -1 is usual, and 1 the limit.
    np.testing.assert_allclose(KNOWN.distances(hidden), [0, 2.5, 2.5, -0.125])


def test_a_file_gives_back_what_was_written_with_equal_bytes(tmp_path: Path) -> None:
    KNOWN.save(tmp_path / "a.npz")
    KNOWN.save(tmp_path / "b.npz")

    again = KnownLabels.load(tmp_path / "a.npz")

    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    for name, array in KNOWN._asdict().items():
        np.testing.assert_array_equal(getattr(again, name), array)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": floats(0)},
        {"whitening_within": floats(1, 1)},
        {"limit": np.asarray(-1, np.float32)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, np.ndarray], tmp_path: Path) -> None:
    KNOWN._replace(**change).save(tmp_path / "known_labels.npz")

    with pytest.raises(InputError, match=r"known_labels\.npz: can't be read .*bring the folder"):
        KnownLabels.load(tmp_path / "known_labels.npz")
