"""The tracker of a stage: where it writes, and what it needs of git."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stages.tracking import StageLive
from waste_classifier.errors import InputError


def test_a_repository_without_a_commit_is_said_to_need_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, check=True)

    with pytest.raises(InputError, match="git: Empty git repo; dvclive needs a commit"):
        StageLive("train")


def test_metrics_and_plots_stand_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with StageLive("train") as live:
        live.log_metric("accuracy", 0.5, plot=False)
        live.log_plot("loss", [{"epoch": 0, "loss": 1.0}], x="epoch", y="loss")

    assert Path("metrics/train.json").exists()
    assert Path("plots/train/custom/loss.json").exists()


def test_no_text_of_a_plot_ends_the_script_that_it_stands_in_or_is_a_placeholder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with StageLive("evaluate") as live:
        live.log_points(
            "mistakes", [{"path": "</script>{refresh_tag}", "confidence": 0.5, "none": None}]
        )

    text = Path("plots/evaluate/custom/mistakes.json").read_text(encoding="utf-8")
    assert json.loads(text) == [
        {"path": "<\u2060/script>{\u2060refresh_tag}", "confidence": 0.5, "none": None}
    ]
