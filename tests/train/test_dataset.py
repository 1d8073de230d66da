"""Batches: which images, in which order, with what beside them."""

import errno
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy import stats

from stages.errors import InputError
from stages.train import dataset
from stages.train.dataset import Mixing
from stages.train.examples import Examples


def test_load_images_keeps_the_order_of_paths(tmp_path: Path) -> None:
    for name, colour in (("a.png", "red"), ("b.png", "lime"), ("c.png", "blue")):
        Image.new("RGB", (12, 9), colour).save(tmp_path / name)

    images = dataset.load_images(
        [tmp_path / name for name in ("c.png", "a.png", "b.png")], image_size=4, memory_mib=1
    )

    assert images.shape == (3, 4, 4, 3)
    assert images.dtype == np.uint8
    assert images[:, 0, 0].tolist() == [[0, 0, 255], [255, 0, 0], [0, 255, 0]]


@pytest.mark.parametrize(("memory_mib", "in_file"), [(2, False), (1, True)])
def test_large_arrays_lie_in_a_file(memory_mib: int, in_file: bool) -> None:
    array = dataset.allocate((2, 2**20), np.dtype(np.uint8), memory_mib)
    array[:] = 7

    assert isinstance(array, np.memmap) is in_file
    assert array.sum() == 7 * 2 * 2**20


def test_a_file_that_does_not_fit_on_its_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match=r"no room for 2 MiB of images .* raise train\.memory_mib"):
        dataset.allocate((2, 2**20), np.dtype(np.uint8), memory_mib=1)


def test_each_epoch_has_its_own_order() -> None:
    first = dataset.shuffled(100, seed=3, epoch=0)

    assert sorted(first) == list(range(100))
    assert first.tolist() == dataset.shuffled(100, seed=3, epoch=0).tolist()
    assert first.tolist() != dataset.shuffled(100, seed=3, epoch=1).tolist()
    assert first.tolist() != dataset.shuffled(100, seed=4, epoch=0).tolist()


TARGETS = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]]
TENS = np.array([[0], [10], [20], [30], [40]], np.uint8)
TENTHS = np.array([0.0, 0.1, 0.2, 0.3, 0.4], np.float32)


def test_rows_of_one_input_stand_bare() -> None:
    inputs, targets = dataset.rows([TENS], TARGETS)(np.array([1, 2]))

    assert inputs.tolist() == [[10], [20]]
    assert targets.tolist() == [[0, 1], [0, 1]]


def test_rows_follow_the_order_with_all_inputs_of_an_image() -> None:
    gather = dataset.rows([TENS, TENTHS], TARGETS, order=np.array([3, 1, 4, 0, 2]))

    (tens, tenths), targets = gather(np.array([0, 2]))

    assert tens.tolist() == [[30], [40]]
    assert tenths.tolist() == pytest.approx([0.3, 0.4])
    assert targets.tolist() == [[1, 0], [0, 1]]


def test_rows_weigh_what_their_label_weighs() -> None:
    _, _, weights = dataset.rows([TENS], TARGETS, np.array([2, 0.5], np.float32))(np.arange(5))

    assert weights.tolist() == [2, 0.5, 0.5, 2, 0.5]


def test_batches_hold_what_is_gathered_for_each_position() -> None:
    gather = dataset.rows(
        [TENS, TENTHS], TARGETS, np.array([2, 0.5], np.float32), np.array([3, 1, 4, 0, 2])
    )

    batches = list(dataset.batches(lambda _epoch: gather, [0], count=5, batch_size=2))

    assert [inputs[0].numpy().ravel().tolist() for inputs, _, _ in batches] == [
        [30, 10],
        [40, 0],
        [20],
    ]
    assert batches[0][0][1].numpy().tolist() == pytest.approx([0.3, 0.1])
    assert batches[1][1].numpy().tolist() == [[0, 1], [1, 0]]
    assert batches[2][2].numpy().tolist() == [0.5]


def test_an_incomplete_batch_can_be_dropped() -> None:
    gather = dataset.rows([TENS], TARGETS)
    batches = dataset.batches(
        lambda _epoch: gather, [0], count=5, batch_size=2, drop_remainder=True
    )

    assert [len(inputs) for inputs, _ in batches] == [2, 2]
    # Keras builds a graph of one shape.
    assert batches.element_spec[0].shape == (2, 1)


def test_epochs_follow_one_another_each_in_its_own_order() -> None:
    orders = {3: np.array([0, 1, 2, 3, 4]), 4: np.array([4, 3, 2, 1, 0])}
    batches = dataset.batches(
        lambda epoch: dataset.rows([TENS], TARGETS, order=orders[epoch]),
        range(3, 5),
        count=5,
        batch_size=2,
    )

    seen = [inputs.numpy().ravel().tolist() for inputs, _ in batches]

    assert seen == [[0, 10], [20, 30], [40], [40, 30], [20, 10], [0]]
    # Where this is unknown, Keras warns at the end of validation that it ran out of data.
    assert len(batches) == 6


def three_images() -> Examples:
    """Three images of two labels; feature 0 is 10 x image + orientation, feature 1 is 1."""
    numbers = 10 * np.arange(3)[:, np.newaxis] + np.arange(2)
    features = np.stack([numbers, np.ones_like(numbers)], axis=2).astype(np.float32)
    return Examples(
        paths=[],
        targets=np.array([[1, 0], [0, 1], [0, 1]], np.float32),
        features=features,
        positions=np.arange(3),
        columns=np.ones(2, np.bool_),
    )


def test_mixed_rows_by_hand() -> None:
    mixing = Mixing(
        views=np.array([0, 1, 1]),
        partners=np.array([2, 0, 1]),
        shares=np.array([0.75, 0.5, 1.0], np.float32),
    )
    weights = np.array([4, 2], np.float32)
    gather = dataset.mixed_rows(three_images(), weights, np.array([1, 0, 2]), mixing, batch_size=3)

    inputs, targets, sample_weights = gather(np.array([0, 1, 2]))

    # Half of image 1, turned, which is 11, and half of image 0, which is 0; three quarters of image
    # 0 and a quarter of image 2, turned, which is 21; image 2 alone.
    # All of these are exact in binary.
    assert inputs.tolist() == [[5.5, 1], [5.25, 1], [21, 1]]
    assert targets.tolist() == [[0.5, 0.5], [0.75, 0.25], [0, 1]]
    assert sample_weights.tolist() == [3, 3.5, 2]


def test_mixed_rows_of_a_batch_stay_when_the_next_is_gathered() -> None:
    mixing = Mixing(
        views=np.zeros(3, np.int64),
        partners=np.array([1, 2, 0]),
        shares=np.full(3, 0.5, np.float32),
    )
    ones = np.ones(2, np.float32)
    gather = dataset.mixed_rows(three_images(), ones, np.arange(3), mixing, batch_size=2)

    first, _, _ = gather(np.array([0, 1]))
    second, _, _ = gather(np.array([2]))

    assert first.tolist() == [[5, 1], [15, 1]]
    assert second.tolist() == [[10, 1]]


def draw(
    count: int = 5000, mixup: float = 0.4, views: tuple[int, ...] = (0, 1), epoch: int = 0
) -> Mixing:
    return dataset.draw_mixing(count, views, mixup, seed=3, epoch=epoch)


def test_shares_are_of_the_beta_distribution() -> None:
    shares: npt.NDArray[np.float32] = draw(mixup=0.4).shares

    assert shares.dtype == np.float32
    assert stats.kstest(shares, stats.beta(0.4, 0.4).cdf).pvalue > 0.01


def test_no_mixing_leaves_each_image_whole() -> None:
    assert draw(count=10, mixup=0).shares.tolist() == [1] * 10


def test_each_image_is_the_partner_of_one() -> None:
    partners = draw(count=100).partners

    assert sorted(partners) == list(range(100))
    assert partners.tolist() != list(range(100))


def test_allowed_views_are_equally_frequent() -> None:
    views, counts = np.unique(draw(views=(0, 1)).views, return_counts=True)

    assert views.tolist() == [0, 1]
    assert stats.chisquare(counts).pvalue > 0.01


def test_mixing_follows_from_seed_and_epoch() -> None:
    first, again, next_epoch = draw(), draw(), draw(epoch=1)

    for name in Mixing._fields:
        drawn = getattr(first, name)
        np.testing.assert_array_equal(drawn, getattr(again, name))
        assert not np.array_equal(drawn, getattr(next_epoch, name))
    # Else the image that comes first would always be mixed with the one that comes second.
    assert first.partners.tolist() != dataset.shuffled(5000, seed=3, epoch=0).tolist()
