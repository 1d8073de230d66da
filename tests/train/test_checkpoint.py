"""State of an unfinished training: kept whole, found again, never taken for another's."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.errors import InputError
from stages.train.checkpoint import (
    Checkpoint,
    Progress,
    delete,
    delete_others,
    fingerprint,
    load,
    only_trainer,
    save,
)

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


def test_nothing_saved_is_nothing_to_resume(tmp_path: Path) -> None:
    assert load(tmp_path / "state") is None


def test_a_half_written_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    save(tmp_path, CHECKPOINT)
    (tmp_path / "checkpoint.tmp").write_bytes(b"PK half of it")

    loaded = load(tmp_path)

    assert loaded is not None
    assert loaded.progress == CHECKPOINT.progress


def test_delete_leaves_nothing(tmp_path: Path) -> None:
    save(tmp_path / "state", CHECKPOINT)
    delete(tmp_path / "state")
    assert not (tmp_path / "state").exists()


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


def test_a_full_disk_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "state", CHECKPOINT)
    before = (tmp_path / "state/checkpoint.npz").read_bytes()

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        InputError, match=r"can't be written \(No space left on device\); make room"
    ):
        save(tmp_path / "state", CHECKPOINT)

    assert [path.name for path in (tmp_path / "state").iterdir()] == ["checkpoint.npz"]
    assert (tmp_path / "state/checkpoint.npz").read_bytes() == before


def test_only_the_checkpoint_of_this_training_is_kept(tmp_path: Path) -> None:
    for name in ("this", "given_up"):
        save(tmp_path / name, CHECKPOINT)
    (tmp_path / "lock").touch()

    delete_others(tmp_path / "this")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "this"]


def test_fingerprint_covers_settings_names_and_contents(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("1")
    second.write_text("2")
    name = fingerprint("lr=1", [first, second])

    assert name == fingerprint("lr=1", [second, first])
    assert name != fingerprint("lr=2", [first, second])
    assert name != fingerprint("lr=1", [first])
    second.write_text("3")
    assert name != fingerprint("lr=1", [first, second])


def start(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_second_trainer_is_refused(tmp_path: Path) -> None:
    second = (
        "from pathlib import Path\n"
        "from stages.train.checkpoint import only_trainer\n"
        f"with only_trainer(Path({str(tmp_path)!r})): print('trains')\n"
    )
    with only_trainer(tmp_path):
        refused = start(second)
    allowed = start(second)

    assert refused.returncode != 0
    assert "another training runs in this workspace" in refused.stderr
    assert allowed.stdout == "trains\n"


def test_the_refusal_is_an_input_error(tmp_path: Path) -> None:
    with (
        only_trainer(tmp_path),
        pytest.raises(InputError, match="another training runs"),
        only_trainer(tmp_path),
    ):
        pass
