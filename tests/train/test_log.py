"""Curves through dvclive: a resumed training shows those of an uninterrupted one."""

import json
from pathlib import Path

import pytest

from stages.train.checkpoint import Progress
from stages.train.fit import EpochReport
from stages.train.log import EpochLog


def report(loss: float) -> EpochReport:
    logs = {"train/loss": loss, "val/accuracy": 0.5, "val/macro_f1": 0.4, "val/loss": loss}
    return EpochReport(logs, seconds=2.0, images=20)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_epoch_is_a_row_of_each_curve(workspace: Path) -> None:
    with EpochLog([]) as log:
        log.epoch(report(0.9))
        log.epoch(report(0.5))
        log.summary(Progress(history=[report(0.9).logs, report(0.5).logs], best_epoch=1), "float32")

    assert json.loads((workspace / "plots/train/custom/loss.json").read_text()) == [
        {"epoch": 0, "split": "train", "loss": 0.9},
        {"epoch": 0, "split": "val", "loss": 0.9},
        {"epoch": 1, "split": "train", "loss": 0.5},
        {"epoch": 1, "split": "val", "loss": 0.5},
    ]
    summary = json.loads((workspace / "metrics/train.json").read_text())
    assert summary["best"] == {
        "epoch": 1,
        "val_accuracy": 0.5,
        "val_macro_f1": 0.4,
        "val_loss": 0.5,
    }
    assert summary["precision"] == "float32"


def test_a_resumed_training_replays_its_first_epochs(workspace: Path) -> None:
    with EpochLog([report(0.9).logs]) as log:
        log.epoch(report(0.5))

    assert json.loads((workspace / "plots/train/custom/loss.json").read_text()) == [
        {"epoch": 0, "split": "train", "loss": 0.9},
        {"epoch": 0, "split": "val", "loss": 0.9},
        {"epoch": 1, "split": "train", "loss": 0.5},
        {"epoch": 1, "split": "val", "loss": 0.5},
    ]


def test_speed_stays_out_of_metrics_and_plots(workspace: Path) -> None:
    with EpochLog([report(0.9).logs]) as log:
        log.epoch(report(0.5))

    speed = (workspace / "logs/train/plots/metrics/images_per_second.tsv").read_text()
    assert speed == "step\timages_per_second\n1\t10.0\n"
    outputs = (workspace / "metrics").rglob("*"), (workspace / "plots").rglob("*")
    assert not [path for paths in outputs for path in paths if "second" in path.name]
