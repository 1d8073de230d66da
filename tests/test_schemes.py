import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from stages.params.class_weights import Scheme
from stages.schemes import class_weights

TRASHNET = {
    "cardboard": 403,
    "glass": 501,
    "metal": 410,
    "paper": 594,
    "plastic": 482,
    "trash": 137,
}
SCHEMES: tuple[Scheme, ...] = ("balanced", "effective_number", "sqrt", "none")

counts = st.lists(st.integers(1, 100_000), min_size=1, max_size=12).map(
    lambda values: {f"label_{i:02}": count for i, count in enumerate(values)}
)
betas = st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 0.999, 1 - 2**-53]))


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = np.repeat(list(TRASHNET), list(TRASHNET.values()))

    weights = class_weights(TRASHNET, "balanced", beta=0)

    expected = compute_class_weight("balanced", classes=np.array(list(TRASHNET)), y=labels)
    assert list(weights) == list(TRASHNET)
    assert list(weights.values()) == pytest.approx(expected.tolist())


def test_square_roots_by_hand() -> None:
    # 1/sqrt(16) : 1/sqrt(4) = 1 : 2, and 16 w + 4 * 2 w = 20.
    assert class_weights({"a": 16, "b": 4}, "sqrt", beta=0) == pytest.approx(
        {"a": 20 / 24, "b": 40 / 24}
    )


def test_effective_numbers_by_hand() -> None:
    # Effective numbers of 1 and 2 images: 1 and (1 - 0.25) / 0.5 = 1.5; w + 2 * w / 1.5 = 3.
    assert class_weights({"a": 1, "b": 2}, "effective_number", beta=0.5) == pytest.approx(
        {"a": 9 / 7, "b": 6 / 7}
    )


def test_none_weighs_all_images_alike() -> None:
    assert class_weights(TRASHNET, "none", beta=0) == dict.fromkeys(TRASHNET, 1.0)


def test_beta_leads_from_no_weights_to_balanced_ones() -> None:
    balanced = class_weights(TRASHNET, "balanced", beta=0)

    assert class_weights(TRASHNET, "effective_number", beta=0) == pytest.approx(
        dict.fromkeys(TRASHNET, 1.0)
    )
    assert class_weights(TRASHNET, "effective_number", beta=1 - 2**-53) == pytest.approx(balanced)


@given(counts, st.sampled_from(SCHEMES), betas)
def test_weights_average_one_over_the_images(
    images: dict[str, int], scheme: Scheme, beta: float
) -> None:
    weights = class_weights(images, scheme, beta)

    total = sum(weights[label] * count for label, count in images.items())
    assert total / sum(images.values()) == pytest.approx(1)


@given(counts, st.sampled_from(SCHEMES), betas)
def test_a_rarer_label_never_weighs_less(
    images: dict[str, int], scheme: Scheme, beta: float
) -> None:
    weights = class_weights(images, scheme, beta)

    from_rarest = [weights[label] for label in sorted(images, key=lambda label: images[label])]
    assert all(rare >= frequent * (1 - 1e-12) for rare, frequent in itertools.pairwise(from_rarest))
    assert all(weight > 0 for weight in from_rarest)
