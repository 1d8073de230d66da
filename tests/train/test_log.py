"""Curves through dvclive: a resumed training shows those of an uninterrupted one."""

import errno
import json
from pathlib import Path

import pytest

from stages.train.log import EpochLog
from stages.training.reports import EpochReport
from stages.training.resume import Progress
from waste_classifier.errors import InputError


def report(loss: float, best: bool = True) -> EpochReport:
    logs = {
        f"{split}/{name}": value
        for split in ("train", "val")
        for name, value in (("loss", loss), ("accuracy", 0.5), ("macro_f1", 0.4))
    }
    return EpochReport(logs, train_seconds=2.0, seconds=2.5, best=best)


LOSSES = [
    {"epoch": 0, "split": "train", "loss": 0.9},
    {"epoch": 0, "split": "val", "loss": 0.9},
    {"epoch": 1, "split": "train", "loss": 0.5},
    {"epoch": 1, "split": "val", "loss": 0.5},
]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_epoch_is_a_row_of_each_curve(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with EpochLog() as log:
        log.epoch(report(0.9))
        log.epoch(report(0.5, best=False))
        progress = Progress(history=[report(0.9).logs, report(0.5).logs], best_epoch=1)
        log.summary(progress, "float32", largest_difference=0.00025)

    # Which epoch was kept is known at the end.
    losses = [point | {"best": point["epoch"] == 1} for point in LOSSES]
    assert json.loads((workspace / "plots/train/custom/loss.json").read_text()) == losses
    summary = json.loads((workspace / "metrics/train.json").read_text())
    assert summary["best"] == {
        "epoch": 1,
        "val_accuracy": 0.5,
        "val_macro_f1": 0.4,
        "val_loss": 0.5,
    }
    assert summary["precision"] == "float32"
    assert summary["largest_difference"] == 0.00025
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "epoch 0:   train loss 0.9000  accuracy 0.5000  macro_f1 0.4000  "
        "val loss 0.9000  accuracy 0.5000  macro_f1 0.4000    2.50 s  best so far",
        "epoch 1:   train loss 0.5000  accuracy 0.5000  macro_f1 0.4000  "
        "val loss 0.5000  accuracy 0.5000  macro_f1 0.4000    2.50 s",
        "best epoch 1:  val loss 0.5000  accuracy 0.5000  macro_f1 0.4000; it is in data/model/",
    ]


def test_a_resumed_training_replays_its_first_epochs(workspace: Path) -> None:
    with EpochLog() as log:
        log.replay(report(0.9).logs)
        log.epoch(report(0.5))

    assert json.loads((workspace / "plots/train/custom/loss.json").read_text()) == LOSSES


def test_a_training_that_fails_leaves_the_curves_up_to_there(workspace: Path) -> None:
    with pytest.raises(ZeroDivisionError), EpochLog() as log:
        log.epoch(report(0.9))
        log.epoch(report(0.5))
        raise ZeroDivisionError

    assert json.loads((workspace / "plots/train/custom/loss.json").read_text()) == LOSSES


def test_speed_stays_out_of_metrics_and_plots(workspace: Path) -> None:
    with EpochLog() as log:
        log.replay(report(0.9).logs)
        with log.timed("preparation"):
            pass
        log.epoch(report(0.5))
        log.add_seconds("epochs", 2.5)
        log.add_seconds("epochs", 1.0)

    # The first epoch was of an earlier run.
    metrics = workspace / "logs/train/plots/metrics"
    assert (metrics / "epoch_seconds.tsv").read_text() == "step\tepoch_seconds\n1\t2.5\n"
    assert (metrics / "train_seconds.tsv").read_text() == "step\ttrain_seconds\n1\t2.0\n"
    summary = json.loads((workspace / "logs/train/metrics.json").read_text())
    assert summary["seconds"]["epochs"] == 3.5
    assert 0 <= summary["seconds"]["preparation"] < 1
    assert summary["peak_memory_mib"] > 10
    outputs = (workspace / "metrics").rglob("*"), (workspace / "plots").rglob("*")
    assert not [path for paths in outputs for path in paths if "second" in path.name]
    assert "seconds" not in (workspace / "metrics/train.json").read_text()


def test_timings_of_an_earlier_run_are_gone(workspace: Path) -> None:
    with EpochLog() as log:
        log.add_seconds("export", 1.0)
    with EpochLog():
        pass

    assert "export" not in json.loads((workspace / "logs/train/metrics.json").read_text() or "{}")


def test_curves_that_the_disk_refuses_are_one_message_and_leave_no_half(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match="plots/train: no room to write it"), EpochLog() as log:
        log.epoch(report(0.9))
        monkeypatch.setattr(log, "_write_curves", refuse)

    assert not (workspace / "plots/train").exists()
    assert not (workspace / "metrics/train.json").exists()
