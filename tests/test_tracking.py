"""The tracker of a stage: where it writes, and what it needs of git."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stages.outputs.whole import whole_text
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


def test_a_file_that_the_disk_refuses_leaves_no_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = tmp_path / "answers.csv"
    refused.mkdir()

    with (
        pytest.raises(InputError, match=r"answers\.csv: can't be written"),
        StageLive("evaluate") as live,
    ):
        live.log_metric("accuracy", 0.5, plot=False)
        live.log_points("mistakes", [{"path": "a/1.jpg"}])
        with whole_text(refused) as opened:
            opened.write("whole")

    assert not Path("metrics/evaluate.json").exists()
    assert not Path("plots/evaluate").exists()


def test_a_mistake_in_the_parameters_keeps_what_was_tracked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError, match="lower"), StageLive("train") as live:
        live.log_points("loss", [{"epoch": 0, "loss": 1.0}])
        raise InputError("the loss became nan; lower train.lr")

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
