"""The head as it trains: mixtures by hand, and what they are the same as."""

import numpy as np
import pytest

from stages.compute import determinism
from tests.training.miniature import head_settings

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)
from keras import ops  # noqa: E402

from stages.training.mixing_head import mix, mixing_head  # noqa: E402
from stages.training.mixup import unmixed  # noqa: E402
from stages.training.model import build_head  # noqa: E402

FEATURES = np.random.default_rng(1).normal(2, 3, (3, 8)).astype(np.float32)
PARTNERS = np.array([[1, 2], [2, 0], [0, 1]], np.int32)
SHARES = np.array([[0.5, 0.25], [0.75, 1], [1, 0.5]], np.float32)


def test_rows_are_mixed_by_hand() -> None:
    rows = np.array([[8, 0], [0, 4], [16, 16]], np.float32)

    mixed = ops.convert_to_numpy(mix(rows, PARTNERS, SHARES))

    assert mixed.tolist() == [[4, 2], [14, 12], [4, 7], [0, 4], [16, 16], [8, 10]]


@pytest.mark.parametrize("units", [8, 0])
def test_a_mixture_is_what_the_head_says_of_mixed_features(units: int) -> None:
    keras.utils.set_random_seed(0)
    head = build_head(8, 2, head_settings(units=units), 0.9)

    said = mixing_head(head)([FEATURES, PARTNERS, SHARES], training=False)

    share = SHARES[..., np.newaxis]
    mixed = share * FEATURES[:, np.newaxis] + (1 - share) * FEATURES[PARTNERS]
    np.testing.assert_allclose(
        ops.convert_to_numpy(said), ops.convert_to_numpy(head(mixed.reshape(6, 8))), atol=1e-5
    )


def test_rows_seen_alone_are_what_the_head_says() -> None:
    keras.utils.set_random_seed(0)
    head = build_head(8, 2, head_settings(), 0.9)

    said = mixing_head(head)(list(unmixed(FEATURES)), training=False)

    np.testing.assert_array_equal(ops.convert_to_numpy(said), ops.convert_to_numpy(head(FEATURES)))


def test_both_have_the_same_weights() -> None:
    head = build_head(8, 2, head_settings(), 0.9)

    mixing = mixing_head(head)

    assert [id(each) for each in mixing.weights] == [id(each) for each in head.weights]


def test_each_mixture_has_its_own_dropout() -> None:
    keras.utils.set_random_seed(0)
    head = build_head(8, 2, head_settings(units=64), 0.9)
    same = np.zeros((3, 2), np.int32), np.ones((3, 2), np.float32)

    said = mixing_head(head)([FEATURES, *same], training=True)

    first, second = ops.convert_to_numpy(said).reshape(3, 2, 2).transpose(1, 0, 2)
    assert (np.abs(first - second) > 1e-6).all()
