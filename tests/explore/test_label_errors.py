"""Wrong labels planted among images that are easy to tell apart."""

import numpy as np
import numpy.typing as npt
import pytest

from stages.explore.label_errors import find_label_errors, obstacle
from stages.outputs.split import SplitRow

LABELS = ("glass", "metal", "paper")
Images = tuple[list[SplitRow], npt.NDArray[np.float32]]


def clusters(per_label: int, planted: dict[int, str], images_per_group: int = 1) -> Images:
    """Images of three labels in turn, those of one label near one corner.

    Args:
        per_label: images.
        planted: wrong label of an image, by its position.
        images_per_group: in turn, of one label.
    """
    random = np.random.default_rng(0)
    count = 3 * per_label
    vectors = 4 * np.eye(3)[np.arange(count) % 3] + random.normal(scale=0.3, size=(count, 3))
    labels = [planted.get(i, LABELS[i % 3]) for i in range(count)]
    rows = [
        SplitRow(f"{label}/{i:03}.jpg", label, f"{i % 3}-{i // 3 // images_per_group}", "train")
        for i, label in enumerate(labels)
    ]
    return rows, vectors.astype(np.float32)


def test_planted_errors_are_found_with_their_true_label() -> None:
    # Position 0 is among glass, 40 among metal.
    rows, vectors = clusters(per_label=40, planted={0: "metal", 40: "paper"})

    found = find_label_errors(rows, vectors, seed=1)

    assert {(row.path, row.label, row.suggested_label) for row in found} == {
        ("metal/000.jpg", "metal", "glass"),
        ("paper/040.jpg", "paper", "metal"),
    }
    assert [row.rank for row in found] == [1, 2]
    qualities = [float(row.quality) for row in found]
    assert qualities == sorted(qualities)
    assert all(0 <= quality < 0.5 for quality in qualities)


def test_right_labels_are_left_alone() -> None:
    rows, vectors = clusters(per_label=20, planted={})

    assert find_label_errors(rows, vectors, seed=1) == []


def test_an_image_is_not_judged_by_others_of_its_group() -> None:
    # All photos of one object of glass stand under paper: they would vouch for each other.
    wrong: list[int] = list(range(0, 24, 3))
    rows, vectors = clusters(48, planted=dict.fromkeys(wrong, "paper"), images_per_group=8)
    vectors[wrong] = vectors[0] + 0.01 * vectors[wrong]

    found = find_label_errors(rows, vectors, seed=1)

    assert sorted(row.path for row in found) == [f"paper/{i:03}.jpg" for i in wrong]
    assert {row.suggested_label for row in found} == {"glass"}


def test_the_same_seed_finds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    rows, vectors = clusters(per_label=20, planted={0: "metal", 4: "paper", 8: "glass"})

    first = find_label_errors(rows, vectors, seed=1)

    assert len(first) == 3
    assert find_label_errors(rows, vectors, seed=1) == first
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("per_label", "images_per_group"),
    # Four images of a label, and twelve in three groups.
    [(4, 1), (12, 4)],
)
def test_labels_of_fewer_than_five_groups_are_too_few_to_judge_by(
    per_label: int, images_per_group: int
) -> None:
    rows, _ = clusters(per_label, {0: "metal"}, images_per_group)

    groups = {(row.label, row.group) for row in rows if row.label == "glass"}
    assert obstacle(rows) == f"label 'glass' has {len(groups)} groups of images, fewer than 5"


def test_one_label_has_no_errors() -> None:
    rows = [SplitRow(f"glass/{i}.jpg", "glass", str(i), "train") for i in range(10)]

    assert obstacle(rows) == "there is one label"


def test_five_groups_of_each_label_are_enough() -> None:
    rows, _ = clusters(per_label=5, planted={})

    assert obstacle(rows) == ""
