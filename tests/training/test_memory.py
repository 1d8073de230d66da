"""Large arrays: in memory, or in a file where they are too large for it."""

import errno
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from stages.training.memory import ROWS_AT_ONCE, allocate, gather, release
from waste_classifier.errors import InputError


@pytest.mark.parametrize(("memory_mib", "in_file"), [(2, False), (1, True)])
def test_large_arrays_lie_in_a_file(memory_mib: int, in_file: bool) -> None:
    array = allocate((2, 2**20), np.uint8, memory_mib, what="images")
    array[:] = 7

    assert isinstance(array, np.memmap) is in_file
    assert array.sum() == 7 * 2 * 2**20


def test_size_counts_bytes_not_numbers() -> None:
    assert not isinstance(allocate((2**17,), np.float64, 1, what="images"), np.memmap)
    assert isinstance(allocate((2**17 + 1,), np.float64, 1, what="images"), np.memmap)


def test_an_array_of_nothing_is_no_file() -> None:
    assert allocate((0, 2, 3), np.float32, 1, what="images").shape == (0, 2, 3)


def test_the_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    array = allocate((2, 2**20), np.uint8, 1, what="images")

    assert isinstance(array, np.memmap)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_fit_on_its_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match=r"no room for 2 MiB of images .* raise train\.memory_mib"):
        allocate((2, 2**20), np.uint8, memory_mib=1, what="images")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's count of pages")
def test_an_array_in_a_file_gives_back_its_memory_and_keeps_its_content() -> None:
    def resident_mib() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return float(pages * resource.getpagesize() / 2**20)

    array = allocate((64, 2**20), np.uint8, memory_mib=1, what="images")
    array[:] = np.arange(64, dtype=np.uint8)[:, np.newaxis]
    filled = resident_mib()

    release(array[3:, :5])

    assert filled - resident_mib() > 48
    np.testing.assert_array_equal(array[:, -1], np.arange(64))


@pytest.mark.parametrize("memory_mib", [1, 1000])
def test_rows_are_gathered_from_memory_and_from_a_file_alike(memory_mib: int) -> None:
    array = allocate((3 * ROWS_AT_ONCE, 2**16), np.uint8, memory_mib, what="images")
    array[:] = np.arange(len(array), dtype=np.uint8)[:, np.newaxis]
    positions = np.arange(2 * ROWS_AT_ONCE + 1)[::-1] % 40

    rows = gather(array, positions)

    assert rows.shape == (len(positions), 2**16)
    np.testing.assert_array_equal(rows[:, -1], positions)
    rows[:] = 0
    np.testing.assert_array_equal(array[:, 0], np.arange(len(array)))


def test_an_array_in_memory_stays_as_it_is() -> None:
    array = allocate((3,), np.uint8, memory_mib=1, what="images")
    array[:] = [1, 2, 3]

    release(array[1:])

    assert array.tolist() == [1, 2, 3]
