"""Distances to the training photos: worked out by hand, and kept in a file."""

from pathlib import Path

import numpy as np
import pytest

from waste_classifier.errors import InputError
from waste_classifier.novelty import Novelty


def floats(*values: object) -> np.ndarray:
    return np.array(values, np.float32)


#: Of three features, two of them components; labels at (2, 0) and (-2, 0).
NOVELTY = Novelty(
    mean=floats(1, 0, 0),
    scale=floats(1, 2, 1),
    components=floats([1, 0], [0, 1], [0, 0]),
    whitening=floats([2, 0], [0, 1]),
    label_means=floats([2, 0], [-2, 0]),
    usual=floats([1, 1], [4, 1]),
    limit=np.float32(2) * np.ones((), np.float32),
)


def test_a_distance_is_to_the_nearest_label_and_from_what_components_leave_out() -> None:
    features = floats([2, 0, 0], [0, 0, 0], [2, 4, 1], [1, 0, 0])

    distances = NOVELTY.distances(features)

    # On a label mean each; then 2 beside the first mean and a rest of 1: sqrt((4 + 1) / 2) / 2;
    # then half-way: 4 by the first label, and 4 / 4 by the second, whose photos differ more.
    expected = [0, 0, (5 / 2) ** 0.5 / 2, (1 / 2) ** 0.5 / 2]
    np.testing.assert_allclose(distances, expected, atol=1e-6)
    np.testing.assert_allclose(NOVELTY.coordinates(features)[2], [2, 2])


def test_each_part_is_in_units_of_what_is_usual_of_it() -> None:
    # A squared distance of 4 to the one mean where 4 is usual, and a rest of 9 where 9 is.
    novelty = NOVELTY._replace(
        label_means=floats([2, 0]), usual=floats([4, 9]), limit=np.ones((), np.float32)
    )

    distances = novelty.distances(floats([2, 4, 3]))

    np.testing.assert_allclose(distances, [1])


def test_a_file_gives_back_what_was_written_with_equal_bytes(tmp_path: Path) -> None:
    NOVELTY.save(tmp_path / "a.npz")
    NOVELTY.save(tmp_path / "b.npz")

    again = Novelty.load(tmp_path / "a.npz")

    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    for name, array in NOVELTY._asdict().items():
        np.testing.assert_array_equal(getattr(again, name), array)


@pytest.mark.parametrize("change", [{"usual": floats(1, 1)}, {"mean": floats(1, 0)}])
def test_arrays_that_do_not_fit_are_refused(change: dict[str, np.ndarray], tmp_path: Path) -> None:
    NOVELTY._replace(**change).save(tmp_path / "novelty.npz")

    with pytest.raises(InputError, match=r"novelty\.npz: can't be read .*bring the folder back"):
        Novelty.load(tmp_path / "novelty.npz")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "novelty.npz").write_bytes(b"no archive")

    with pytest.raises(InputError, match=r"novelty\.npz: can't be read"):
        Novelty.load(tmp_path / "novelty.npz")
