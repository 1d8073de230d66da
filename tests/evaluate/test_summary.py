"""The table of scores that ends a run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stages.evaluate.summary import print_table
from waste_classifier.errors import InputError

ROOT = Path(__file__).parents[2]

METRICS = {
    **dict.fromkeys(("accuracy", "macro_f1", "weighted_f1"), 0.75),
    **{
        f"{name}_interval": {"low": 0.5, "high": 1.0}
        for name in ("accuracy", "macro_f1", "weighted_f1")
    },
    "labels": {
        "glass": {"support": 3, "precision": 1.0, "recall": 2 / 3, "f1": 0.8},
        "cardboard": {"support": 1, "precision": 0.5, "recall": 1.0, "f1": 2 / 3},
    },
}

TABLE = """\
accuracy     0.7500  (95 % 0.5000 to 1.0000)
macro_f1     0.7500  (95 % 0.5000 to 1.0000)
weighted_f1  0.7500  (95 % 0.5000 to 1.0000)
label      precision    recall        f1   support
glass         1.0000    0.6667    0.8000         3
cardboard     0.5000    1.0000    0.6667         1
"""


def print_summary(workspace: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stages.evaluate.summary"],
        cwd=workspace,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_scores_of_the_last_run_are_a_table(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/evaluate.json").write_text(json.dumps(METRICS))

    assert print_summary(tmp_path).stdout == TABLE


def test_the_readme_shows_the_scores_of_the_committed_run() -> None:
    headlines = print_summary(ROOT).stdout.splitlines()[:3]

    assert "\n".join(headlines) in (ROOT / "README.md").read_text()


def test_without_a_run_the_message_says_what_makes_them(tmp_path: Path) -> None:
    assert print_summary(tmp_path).stderr == (
        "error: metrics/evaluate.json: no such file; run `dvc repro` to make it\n"
    )


def test_metrics_of_another_kind_are_named(tmp_path: Path) -> None:
    (tmp_path / "evaluate.json").write_text("{}")

    with pytest.raises(InputError, match="not the metrics of stage evaluate"):
        print_table(tmp_path / "evaluate.json")
