"""State of an unfinished training: kept whole, found again, taken for nothing where damaged."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.training.resume import Checkpoint, Progress, load, save
from waste_classifier.errors import InputError

CHECKPOINT = Checkpoint(
    Progress(phase=1, phase_epoch=2, history=[{"val/loss": 0.1}], best_epoch=0),
    weights=[np.arange(3, dtype=np.float32), np.ones((2, 2), np.float32)],
    optimizer=[np.array(7, np.int64)],
    best_weights=[np.zeros(3, np.float32)],
)


def test_load_returns_what_was_saved(tmp_path: Path) -> None:
    save(tmp_path / "state", CHECKPOINT)

    loaded = load(tmp_path / "state")

    assert loaded is not None
    assert loaded.progress == CHECKPOINT.progress
    for kind in ("weights", "optimizer", "best_weights"):
        for ours, theirs in zip(getattr(loaded, kind), getattr(CHECKPOINT, kind), strict=True):
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype


def test_arrays_keep_their_order_beyond_ten(tmp_path: Path) -> None:
    arrays = [np.array(number) for number in range(12)]
    save(tmp_path, replace(CHECKPOINT, weights=arrays))

    loaded = load(tmp_path)

    assert loaded is not None
    assert [array.item() for array in loaded.weights] == list(range(12))


def test_nothing_saved_is_nothing_to_resume(tmp_path: Path) -> None:
    assert load(tmp_path / "state") is None


def test_the_last_checkpoint_replaces_the_one_before(tmp_path: Path) -> None:
    save(tmp_path, CHECKPOINT)
    save(tmp_path, replace(CHECKPOINT, progress=Progress(phase=2)))

    loaded = load(tmp_path)

    assert loaded is not None
    assert loaded.progress == Progress(phase=2)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_a_half_written_checkpoint_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, CHECKPOINT)

    def killed(*_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, replace(CHECKPOINT, progress=Progress(phase=2)))

    loaded = load(tmp_path)
    assert loaded is not None
    assert loaded.progress == CHECKPOINT.progress


def test_what_a_killed_run_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished/checkpoint.npz.new").write_bytes(b"PK half of it")

    assert load(tmp_path) is None
    save(tmp_path, CHECKPOINT)

    loaded = load(tmp_path)
    assert loaded is not None
    assert loaded.progress == CHECKPOINT.progress
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_a_damaged_checkpoint_counts_as_none(
    tmp_path: Path, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "state", CHECKPOINT)
    path = tmp_path / "state/checkpoint.npz"
    content = path.read_bytes()
    path.write_bytes(content[: min(size, len(content) // 2)])

    assert load(tmp_path / "state") is None
    assert f"{path}: damaged" in capsys.readouterr().err


def test_no_damage_stops_a_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path, CHECKPOINT)
    path = tmp_path / "checkpoint.npz"
    content = np.frombuffer(path.read_bytes(), np.uint8)
    random = np.random.default_rng(0)
    found = 0
    for _ in range(1000):
        damaged = content.copy()
        damaged[random.integers(0, len(content), 4)] = random.integers(0, 256, 4)
        path.write_bytes(damaged.tobytes())
        found += load(tmp_path) is not None
    # Those that were damaged where nothing stands that counts, such as times.
    assert found < 200
    assert "the training starts anew" in capsys.readouterr().err


def test_no_bit_of_the_directory_makes_another_checkpoint(tmp_path: Path) -> None:
    save(tmp_path, CHECKPOINT)
    path = tmp_path / "checkpoint.npz"
    content = path.read_bytes()
    directory = content.index(b"PK\1\2")
    for bit in range(8 * directory, 8 * len(content), 7):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        loaded = load(tmp_path)
        if loaded is not None:
            assert loaded.progress == CHECKPOINT.progress
            for kind in ("weights", "optimizer", "best_weights"):
                ours, theirs = getattr(loaded, kind), getattr(CHECKPOINT, kind)
                assert [each.tolist() for each in ours] == [each.tolist() for each in theirs]


def test_a_full_disk_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "state", CHECKPOINT)
    before = (tmp_path / "state/checkpoint.npz").read_bytes()

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        InputError,
        match=r"checkpoint\.npz: no room to write it \(No space left on device\); free some space",
    ):
        save(tmp_path / "state", CHECKPOINT)

    assert [path.name for path in (tmp_path / "state").iterdir()] == ["checkpoint.npz"]
    assert (tmp_path / "state/checkpoint.npz").read_bytes() == before
