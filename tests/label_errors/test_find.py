"""Wrong labels planted among images that are easy to tell apart."""

import numpy as np
import numpy.typing as npt
import pytest

from stages.label_errors.find import find_label_errors, mean_by_image
from stages.outputs.predictions import Predictions

LABELS = ("glass", "metal", "paper")


def predictions_with(
    given: list[int], probabilities: npt.NDArray[np.float64], paths: list[str] | None = None
) -> Predictions:
    said = probabilities.astype(np.float32)
    return Predictions(
        labels=LABELS,
        paths=tuple(paths or [f"{number:02}.jpg" for number in range(len(given))]),
        groups=tuple(str(number) for number in range(len(given))),
        actual=np.array(given),
        predicted=said.argmax(axis=1),
        probabilities=said,
    )


def sure_of(labels: list[int]) -> npt.NDArray[np.float64]:
    """Return probabilities of 0.9 for a label of each image, and 0.05 for the two others."""
    return 0.05 + 0.85 * np.eye(3)[labels]


def test_planted_errors_are_found_with_their_true_label() -> None:
    true = [0, 1, 2] * 10
    given = true.copy()
    given[0], given[4] = 1, 2  # of glass and of metal
    said = sure_of(true)
    said[4] = [0.03, 0.9, 0.07]

    found = find_label_errors(predictions_with(given, said))

    assert found == [
        (1, "00.jpg", "metal", "glass", "0.0500"),
        (2, "04.jpg", "paper", "metal", "0.0700"),
    ]


def test_right_labels_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    labels = [0, 1, 2] * 10

    assert find_label_errors(predictions_with(labels, sure_of(labels))) == []
    assert capsys.readouterr().out == ""


def test_an_image_of_several_repeats_is_judged_once_by_their_mean() -> None:
    predictions = predictions_with(
        [0, 0, 1],
        np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.0, 1.0, 0.0]]),
        ["a.jpg", "a.jpg", "b.jpg"],
    )

    paths, given, probabilities = mean_by_image(predictions)

    assert paths == ["a.jpg", "b.jpg"]
    assert given.tolist() == [0, 1]
    expected = np.array([[0.5, 0.4, 0.1], [0, 1, 0]])
    np.testing.assert_allclose(probabilities, expected, atol=1e-7)
