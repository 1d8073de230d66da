"""Mixed rows of cached features: worked out by hand, and drawn from what they should be."""

import numpy as np
import pytest
from scipy import stats

from stages.compute import determinism
from stages.training.examples import Examples

determinism.configure()

from stages.training import mixup  # noqa: E402  (after the set-up, which Keras reads)
from stages.training.batches import shuffled  # noqa: E402
from stages.training.mixup import (  # noqa: E402
    MixedFeatures,
    Mixing,
    draw_mixing,
    next_rows,
    unmixed,
)


@pytest.fixture
def three_images() -> Examples:
    """Three images of two labels; feature 0 is 10 x image + orientation, feature 1 is 1."""
    numbers = 10 * np.arange(3)[:, np.newaxis] + np.arange(2)
    features = np.stack([numbers, np.ones_like(numbers)], axis=2).astype(np.float32)
    return Examples(
        photos=["0", "1", "2"],  # nothing reads them
        targets=np.array([[1, 0], [0, 1], [0, 1]], np.float32),
        features=features,
    )


def rows_of(
    examples: Examples, class_weights: list[float], mixing: Mixing, monkeypatch: pytest.MonkeyPatch
) -> MixedFeatures:
    """Return rows whose chance is known; what the chance is like, other tests look at."""
    monkeypatch.setattr(mixup, "draw_mixing", lambda *_: mixing)
    weights = np.array(class_weights, np.float32)
    return MixedFeatures(examples, weights, [0, 1], 0.0, 0.4, mixing.shares.shape[1], seed=3)


def test_mixed_rows_by_hand(three_images: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    mixing = Mixing(
        order=np.array([1, 0, 2]),
        seen=np.array([0, 1, 1]),
        shares=np.array([[0.75, 1], [0.5, 0.25], [1, 0.5]], np.float32),
    )
    rows = rows_of(three_images, [4, 2], mixing, monkeypatch)

    (features, partners, shares), targets, sample_weights = rows.batch(0, np.array([0, 1, 2]))

    # Image 1 turned, image 0 as received, image 2 turned; each with the two after it.
    assert len(rows) == 3
    assert features.tolist() == [[11, 1], [0, 1], [21, 1]]
    assert partners.tolist() == [[1, 2], [2, 0], [0, 1]]
    assert shares.tolist() == [[0.5, 0.25], [0.75, 1], [1, 0.5]]
    # Half of image 1 and half of 0, a quarter of 1 and the rest of 2; three quarters of image 0 and
    # a quarter of 2, image 0 alone; image 2 alone, half of it and half of 0.
    # All of these are exact in binary.
    assert targets.tolist() == [[0.5, 0.5], [0, 1], [0.75, 0.25], [1, 0], [0, 1], [0.5, 0.5]]
    assert sample_weights.tolist() == [3, 2, 3.5, 4, 2, 3]


def test_rows_of_a_batch_stay_when_the_next_is_made(
    three_images: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixing = Mixing(
        order=np.arange(3),
        seen=np.zeros(3, np.int64),
        shares=np.full((3, 1), 0.5, np.float32),
    )
    rows = rows_of(three_images, [1, 1], mixing, monkeypatch)

    (first, _, _), _, _ = rows.batch(0, np.array([0, 1]))
    (second, _, _), _, _ = rows.batch(0, np.array([2]))
    first *= 2

    assert second.tolist() == [[20, 1]]
    assert three_images.features[:, 0, 0].tolist() == [0, 10, 20]


def test_each_epoch_has_its_own_rows(three_images: Examples) -> None:
    rows = MixedFeatures(three_images, np.ones(2, np.float32), [0, 1], 0.0, 0.0, 1, seed=3)
    positions = np.arange(3)

    for epoch in (4, 5, 4):
        (features, _, shares), targets, _ = rows.batch(epoch, positions)
        order = shuffled(3, seed=3, epoch=epoch)
        assert (features[:, 0] // 10).tolist() == order.tolist()
        # Without mixing, a row is an image in one of its orientations.
        assert shares.tolist() == [[1]] * 3
        np.testing.assert_array_equal(targets, three_images.targets[order])


def test_partners_are_the_next_rows_and_after_the_last_the_first() -> None:
    assert next_rows(4, 2).tolist() == [[1, 2], [2, 3], [3, 0], [0, 1]]
    assert next_rows(2, 3).tolist() == [[1, 0, 1], [0, 1, 0]]
    assert next_rows(1, 2).tolist() == [[0, 0]]


def test_unmixed_rows_have_no_share_of_others() -> None:
    features = np.array([[5, 6], [7, 8]], np.float32)

    seen, partners, shares = unmixed(features)

    assert seen.tolist() == [[5, 6], [7, 8]]
    assert partners.shape == (2, 1)
    assert shares.tolist() == [[1], [1]]


def draw(
    count: int = 5000,
    mixup: float = 0.4,
    mixes: int = 1,
    orientations: tuple[int, ...] = (0, 1),
    views: tuple[int, ...] = (),
    view_share: float = 0.0,
    epoch: int = 0,
) -> Mixing:
    return draw_mixing(count, orientations, views, view_share, mixup, mixes, seed=3, epoch=epoch)


def test_shares_are_of_the_beta_distribution_and_each_mixture_has_its_own() -> None:
    shares = draw(mixup=0.4, mixes=2).shares

    assert shares.dtype == np.float32
    assert shares.shape == (5000, 2)
    assert stats.kstest(shares.ravel(), stats.beta(0.4, 0.4).cdf).pvalue > 0.01
    assert stats.pearsonr(shares[:, 0], shares[:, 1]).pvalue > 0.01


def test_no_mixing_leaves_each_image_whole() -> None:
    assert draw(count=10, mixup=0, mixes=2).shares.tolist() == [[1, 1]] * 10


def test_allowed_orientations_are_equally_frequent() -> None:
    orientations, counts = np.unique(draw(orientations=(0, 1)).seen, return_counts=True)

    assert orientations.tolist() == [0, 1]
    assert stats.chisquare(counts).pvalue > 0.01
    assert set(draw(orientations=(1,)).seen) == {1}


def test_views_are_seen_as_often_as_they_are_to_be() -> None:
    seen = draw(views=(2, 3, 4), view_share=0.6).seen

    # Two orientations share out 0.4, three views 0.6.
    _, counts = np.unique(seen, return_counts=True)
    assert stats.chisquare(counts, 5000 * np.array([0.2] * 5)).pvalue > 0.01
    assert set(draw(views=(2, 3, 4), view_share=1.0).seen) == {2, 3, 4}
    # Views that are there and not to be seen change nothing.
    np.testing.assert_array_equal(draw(views=(2, 3, 4)).seen, draw().seen)


def test_a_view_is_seen_like_an_orientation(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of two images, two orientations and a view each: 10 x image + place.
    features = (10 * np.arange(2)[:, np.newaxis] + np.arange(3))[:, :, np.newaxis]
    examples = Examples(["0", "1"], np.eye(2, dtype=np.float32), features.astype(np.float32))
    mixing = Mixing(np.array([0, 1]), np.array([2, 0]), np.ones((2, 1), np.float32))

    (seen, _, _), _, _ = rows_of(examples, [1, 1], mixing, monkeypatch).batch(0, np.array([0, 1]))

    assert seen[:, 0].tolist() == [2, 10]


def test_mixing_follows_from_seed_and_epoch() -> None:
    first, again, next_epoch = draw(), draw(), draw(epoch=1)

    for name in Mixing._fields:
        drawn = getattr(first, name)
        np.testing.assert_array_equal(drawn, getattr(again, name))
        assert not np.array_equal(drawn, getattr(next_epoch, name))
    assert first.order.tolist() == shuffled(5000, seed=3, epoch=0).tolist()
