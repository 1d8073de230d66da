"""The report of a pull request, from a real git repository of two commits."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.report import code, main
from stages.stage import exit_code
from tests.pipeline.workspace import REPOSITORY, commit_all, run

PARAMS = "fetch:\n  source: sample\ntrain:\n  lr: {lr}\n  fine_tune:\n    epochs: 0\n"
LOCK = """
schema: '2.0'
stages:
  train:
    cmd: python -m stages.train
    params:
      params.yaml:
        train:
          lr: {lr}
          fine_tune:
            epochs: 0
"""
HOSTILE = "<img src=x>|@everyone`[a](b)"


def write(root: Path, lr: float, lock_lr: float, accuracy: float, wrong: list[str]) -> None:
    """Write what a run of the pipeline leaves in git."""
    (root / "params.yaml").write_text(PARAMS.format(lr=lr))
    (root / "dvc.lock").write_text(LOCK.format(lr=lock_lr))
    metrics = {
        "accuracy": accuracy,
        "macro_f1": 0.5,
        "accuracy_interval": {"low": accuracy - 0.1, "high": 1.0},
        "log_loss": 0.25,
        "labels": {
            "glass": {"support": 4, "recall": 0.5},
            HOSTILE: {"support": 8, "recall": accuracy},
        },
    }
    rows = [
        {"path": path, "actual": HOSTILE, "predicted": "glass", "confidence": 1} for path in wrong
    ]
    # Eight photos, each of a thing of its own.
    answers = [
        f"a/{n}.jpg,00ff,{HOSTILE},{number},0,"
        f"{'glass' if f'a/{n}.jpg' in wrong else HOSTILE},0.9,0.1\n"
        for number, n in enumerate(("1", "2", "<\u20603>", *"45678"))
    ]
    for path, content in {
        "plots/evaluate/predictions.csv": "path,sha256,label,group,fold,predicted,confidence,loss\n"
        + "".join(answers),
        "metrics/evaluate.json": json.dumps(metrics),
        "plots/evaluate/custom/mistakes.json": json.dumps(rows),
        "plots/evaluate/images/mistakes.png": str(wrong),
        "plots/explore/images/examples.png": "the same",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of two commits, the second with another learning rate."""
    root = tmp_path_factory.mktemp("repository")
    run(root, "git", "init", "--quiet", "--initial-branch", "main")
    write(root, lr=0.1, lock_lr=0.1, accuracy=0.75, wrong=["a/1.jpg", "a/2.jpg"])
    commit_all(root, "first")
    write(root, lr=0.01, lock_lr=0.01, accuracy=0.875, wrong=["a/2.jpg", "a/<\u20603>.jpg"])
    commit_all(root, "second")
    return root


@pytest.fixture(scope="module")
def lines(repository: Path) -> list[str]:
    """The lines of the report on both commits, made as the workflow does: without what draws."""
    arguments = [
        *("HEAD~1", "HEAD", "--base-name", "main", "--page", "https://ci/run/1"),
        *("--base-repository", "https://host/us", "--head-repository", "https://host/fork"),
    ]
    script = (
        "import sys, runpy\n"
        f"sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "for name in ('tensorflow', 'matplotlib', 'PIL', 'pandas', 'sklearn', 'dvclive'):\n"
        "    sys.modules[name] = None\n"
        f"sys.argv = ['report', *{arguments!r}]\n"
        "runpy.run_module('experiments.report', run_name='__main__')\n"
    )
    return run(repository, sys.executable, "-c", script).stdout.splitlines()


@pytest.fixture
def report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Path, str, str], str]:
    """Return the report on two revisions of a repository."""
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")

    def run_main(root: Path, base: str, head: str) -> str:
        monkeypatch.chdir(root)
        monkeypatch.setattr(sys, "argv", ["report", base, head])
        assert exit_code(main) == 0
        return capsys.readouterr().out

    return run_main


def commit_of(root: Path, revision: str) -> str:
    return run(root, "git", "rev-parse", revision).stdout.strip()


def test_revisions_are_named_and_the_verdict_leads(repository: Path, lines: list[str]) -> None:
    base, head = (commit_of(repository, each)[:7] for each in ("HEAD~1", "HEAD"))

    assert lines[0] == f"## <code>{head}</code> against <code>main</code> <code>{base}</code>"
    # One photo was fixed, another broke: of two such, half of all exchanges differ as much.
    assert lines[2].startswith("**Not told apart by accuracy: +0.00 points (95 % ")
    assert lines[4:6] == [
        "- Fixed: 1: <code>a/1.jpg</code> (<code>glass</code> → " + code(HOSTILE) + ")",
        "- Broken: 1: <code>a/&#60;3&#62;.jpg</code> (" + code(HOSTILE) + " → <code>glass</code>)",
    ]


def test_the_scores_that_matter_follow(lines: list[str]) -> None:
    start = next(i for i, line in enumerate(lines) if line.startswith("| on the test images |"))

    assert lines[start].endswith("| change | verdict |")
    assert lines[start + 2 : start + 8] == [
        "| accuracy | 0.750 (0.650 to 1.000) | 0.875 (0.775 to 1.000) | +0.125 | not told apart |",
        "| macro F1 | 0.500 | 0.500 | +0.000 | not told apart |",
        "| log loss | 0.250 | 0.250 | +0.000 | not told apart |",
        "| calibration error | — | — | — |  |",
        # The rarest label has the lowest recall too.
        "| recall of <code>glass</code> (rarest, lowest) | 0.500 of 4 images | 0.500 of 4 images "
        "| +0.000 |  |",
        "",
    ]


def test_names_are_text(lines: list[str]) -> None:
    (line,) = [line for line in lines if line.startswith("- Fixed")]

    assert not set("<>@`[]") & set(line.replace("<code>", "").replace("</code>", ""))


def test_changed_parameters_are_shown(lines: list[str]) -> None:
    assert "| <code>train.lr</code> | <code>0.1</code> | <code>0.01</code> |" in lines
    assert not any("epochs" in line for line in lines)


def test_changed_pictures_stand_side_by_side(repository: Path, lines: list[str]) -> None:
    path = "plots/evaluate/images/mistakes.png"
    base, head = commit_of(repository, "HEAD~1"), commit_of(repository, "HEAD")

    assert (
        f'| <img src="https://host/us/raw/{base}/{path}" width="400"> '
        f'| <img src="https://host/fork/raw/{head}/{path}" width="400"> |'
    ) in lines
    assert not any("examples.png" in line for line in lines)
    assert lines[-1].startswith(
        "All plots of both: download `plots` from [this run](https://ci/run/1)"
    )


def test_results_of_other_parameters_are_said_to_be(
    repository: Path, report: Callable[[Path, str, str], str]
) -> None:
    assert "WARNING" not in report(repository, "HEAD~1", "HEAD")

    write(repository, lr=0.2, lock_lr=0.01, accuracy=0.875, wrong=[])
    commit_all(repository, "params.yaml alone")
    printed = report(repository, "HEAD~1", "HEAD")
    run(repository, "git", "reset", "--quiet", "--hard", "HEAD~1")

    assert (
        "`dvc.lock` has other values of <code>train.lr</code>. Run `dvc repro dvc.yaml`" in printed
    )


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metrics/evaluate.json", "[1, 2]", r"metrics/evaluate\.json: no metrics by name; run"),
        ("metrics/evaluate.json", '{"labels": {"a": 1}}', "not of this version of the project"),
        ("dvc.lock", "a", r"dvc\.lock: no lock of DVC; run `dvc repro`"),
        ("dvc.lock", "stages: {train: 3}", r"dvc\.lock: no lock of DVC; run `dvc repro`"),
    ],
)
def test_files_of_another_shape_are_named(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    content: str,
    message: str,
) -> None:
    (repository / file).write_text(content)
    commit_all(repository, "another shape")
    monkeypatch.chdir(repository)
    monkeypatch.setattr(sys, "argv", ["report", "HEAD~1", "HEAD"])

    code_of_process = exit_code(main)
    run(repository, "git", "reset", "--quiet", "--hard", "HEAD~1")

    assert code_of_process == 1
    assert re.search(message, capsys.readouterr().err)


def test_a_revision_that_git_does_not_know_is_named(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    monkeypatch.setattr(sys, "argv", ["report", "HEAD", "nonsense"])

    # As verdict does; 2 is for a command line that can't be read.
    assert exit_code(main) == 1

    assert capsys.readouterr().err == (
        "error: nonsense: neither a revision of git nor a DVC experiment (dvc exp list --all)\n"
    )


def test_results_of_other_code_are_said_to_be(
    tmp_path: Path, report: Callable[[Path, str, str], str]
) -> None:
    run(tmp_path, "git", "init", "--quiet")
    run(tmp_path, "dvc", "init", "--quiet")
    (tmp_path / "code.py").write_text("print(1)\n")
    stage = {"cmd": f"{sys.executable} code.py", "deps": ["code.py"]}
    (tmp_path / "dvc.yaml").write_text(json.dumps({"stages": {"train": stage}}))
    run(tmp_path, "dvc", "repro")
    commit_all(tmp_path, "results of this code")
    current = report(tmp_path, "HEAD", "HEAD")
    (tmp_path / "code.py").write_text("print(2)\n")
    commit_all(tmp_path, "code alone")

    stale = report(tmp_path, "HEAD~1", "HEAD")

    assert "WARNING" not in current
    assert "code, parameters or data of <code>train</code> have changed since. Run" in stale
