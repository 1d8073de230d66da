"""Which test images are shown, and what is written above them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.drawing import BLUE, VERMILION
from stages.evaluate.sheets import (
    choose_examples,
    example_sheet,
    mistake_sheet,
)
from stages.outputs.predictions import Predictions
from waste_classifier.errors import PhotoError
from waste_classifier.images import Photo


def predictions_of(
    paths: list[str], actual: list[int], probabilities: list[list[float]]
) -> Predictions:
    array = np.array(probabilities, dtype=np.float32)
    return Predictions(
        labels=("glass", "metal"),
        paths=tuple(paths),
        groups=tuple(paths),
        actual=np.array(actual),
        predicted=array.argmax(axis=1),
        probabilities=array,
    )


def test_examples_are_drawn_from_the_seed_in_rising_order() -> None:
    assert choose_examples(100, 5, seed=1) == choose_examples(100, 5, seed=1)
    assert choose_examples(100, 5, seed=1) != choose_examples(100, 5, seed=2)
    assert choose_examples(3, 5, seed=1) == [0, 1, 2]


def test_mistakes_are_chosen_by_confidence() -> None:
    predictions = predictions_of(
        ["a", "b", "c", "d"],
        actual=[0, 0, 1, 1],
        probabilities=[[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.55, 0.45]],
    )

    assert predictions.surest_mistakes(2) == [2, 1]
    assert predictions.surest_mistakes(10) == [2, 1, 3]


def test_sheet_tells_right_from_wrong_in_words(tmp_path: Path) -> None:
    photos: dict[str, Photo] = {name: tmp_path / name for name in ("a.png", "b.png")}
    for photo in photos.values():
        Image.new("RGB", (40, 20), "white").save(str(photo))
    predictions = predictions_of(["a.png", "b.png"], [0, 0], [[0.875, 0.125], [0.25, 0.75]])

    figure = example_sheet(photos, predictions, [1, 0])

    words = [(text.get_text(), text.get_color()) for text in figure.axes[0].texts]
    assert words == [
        ("2 of 2 images, drawn at random", "black"),
        *(("b.png", VERMILION), ("wrong: metal (75%)", VERMILION), ("is glass", VERMILION)),
        *(("a.png", BLUE), ("right: glass (88%)", BLUE), ("", BLUE)),
    ]


def test_sheet_of_mistakes_says_of_how_many(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20), "white").save(tmp_path / "b.png")
    predictions = predictions_of(["a.png", "b.png"], [0, 0], [[0.875, 0.125], [0.25, 0.75]])

    title, path, *_ = mistake_sheet({"b.png": tmp_path / "b.png"}, predictions, [1]).axes[0].texts

    assert title.get_text() == "Mistakes: the most confident 1 of 1, among 2 images"
    assert path.get_text() == "b.png"


def test_sheet_without_mistakes_says_why() -> None:
    predictions = predictions_of(["a.png", "b.png"], [0, 0], [[1, 0], [1, 0]])

    figure = mistake_sheet({}, predictions, [])

    assert [text.get_text() for text in figure.axes[0].texts] == [
        "Mistakes: none, all 2 images are right"
    ]


def test_an_image_that_is_gone_is_named(tmp_path: Path) -> None:
    predictions = predictions_of(["a.png"], [0], [[1, 0]])

    with pytest.raises(PhotoError, match=r"a\.png: cannot be read"):
        example_sheet({"a.png": tmp_path / "a.png"}, predictions, [0])
