"""The map of the images: neighbours in the features are neighbours on it."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.neighbors import KNeighborsClassifier

from stages.explore.embedding_map import choose_mapped, embedding_map
from stages.outputs.split import SplitRow


def rows_of(labels: list[str]) -> list[SplitRow]:
    return [
        SplitRow(f"{label}/{number}.jpg", label, str(number), "train")
        for number, label in enumerate(labels)
    ]


def clusters(per_label: int) -> tuple[list[SplitRow], npt.NDArray[np.float32]]:
    """Images of three labels, those of one label in one direction."""
    random = np.random.default_rng(0)
    labels = ["glass", "metal", "paper"] * per_label
    centres = 5 * np.eye(50)[[len(label) + ord(label[0]) % 7 for label in labels]]
    vectors = centres + random.normal(size=(len(labels), 50))
    return rows_of(labels), vectors.astype(np.float32)


@pytest.mark.parametrize(
    ("count", "chosen"), [(9, [*range(9)]), (5, [0, 2, 6, 7, 8]), (3, [2, 7, 8]), (2, [2, 8])]
)
def test_images_of_test_are_on_the_map_before_others(count: int, chosen: list[int]) -> None:
    in_test = np.isin(np.arange(9), [2, 7, 8])

    # Of the six others (0, 1, 3, 4, 5, 6) two are 0 and 6.
    assert choose_mapped(in_test, count).tolist() == chosen


def test_images_alike_lie_together() -> None:
    rows, vectors = clusters(per_label=15)

    points = embedding_map(rows, vectors, seed=1)

    places = [[point["x"], point["y"]] for point in points]
    labels = [row.label for row in rows]
    neighbours = KNeighborsClassifier(5).fit(places, labels)
    assert neighbours.score(places, labels) == 1
    assert [(point["label"], point["split"], point["path"]) for point in points] == [
        (row.label, row.split, row.path) for row in rows
    ]


def test_the_map_follows_from_the_seed() -> None:
    rows, vectors = clusters(per_label=5)

    assert embedding_map(rows, vectors, seed=1) == embedding_map(rows, vectors, seed=1)


@pytest.mark.parametrize("images", [1, 2, 3])
def test_too_few_images_for_a_map_lie_in_a_row(images: int) -> None:
    rows = rows_of(["glass"] * images)

    points = embedding_map(rows, np.ones((images, 5), np.float32), seed=1)

    assert [(point["x"], point["y"]) for point in points] == [(i, 0) for i in range(images)]


@pytest.mark.parametrize("vectors", [np.ones((9, 5)), np.ones((9, 0))])
def test_images_that_nothing_tells_apart_lie_in_a_row(vectors: npt.NDArray[np.float64]) -> None:
    points = embedding_map(rows_of(["glass"] * 9), vectors.astype(np.float32), seed=1)

    assert [(point["x"], point["y"]) for point in points] == [(i, 0) for i in range(9)]


def test_equal_images_among_others_do_no_harm() -> None:
    vectors = np.zeros((40, 5), np.float32)
    vectors[0, 0] = 1

    assert len(embedding_map(rows_of(["glass"] * 40), vectors, seed=1)) == 40


@pytest.mark.parametrize("columns", [2, 5])
def test_four_images_are_enough_for_a_map(columns: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(4, columns)).astype(np.float32)

    points = embedding_map(rows_of(["glass"] * 4), vectors, seed=1)

    assert len({(point["x"], point["y"]) for point in points}) == 4
