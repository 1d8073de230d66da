"""Batches: which images, in which order, with what beside them."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.errors import InputError
from stages.train import dataset


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


def test_batches_follow_the_order_with_the_draws_of_each_image() -> None:
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    targets = np.eye(5, dtype=np.float32)
    draws = np.array([[0.0], [0.1], [0.2], [0.3], [0.4]], np.float32)

    batches = list(
        dataset.batches(images, targets, np.array([3, 1, 4, 0, 2]), batch_size=2, draws=draws)
    )

    assert [batch[0][0].numpy().ravel().tolist() for batch in batches] == [[3, 1], [4, 0], [2]]
    assert batches[0][0][1].numpy().ravel().tolist() == pytest.approx([0.3, 0.1])
    assert batches[1][1].numpy().argmax(axis=1).tolist() == [4, 0]


def test_an_incomplete_batch_can_be_dropped() -> None:
    images = np.zeros((5, 1, 1, 1), np.uint8)
    targets = np.zeros((5, 2), np.float32)

    batches = dataset.batches(images, targets, np.arange(5), batch_size=2, drop_remainder=True)

    assert [len(inputs) for inputs, _ in batches] == [2, 2]
