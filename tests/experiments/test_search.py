"""A search on a small project: its trials, a kill in the middle, and what it ends with."""

import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from stages.compute import determinism
from stages.outputs.manifest import MANIFEST_FILE, read_columns
from stages.outputs.split import SPLIT_FILE, SplitRow, read_split
from stages.outputs.tables import write_table
from stages.params.train import TrainParams
from tests.small_project import write_features_with
from tests.training.changes import changed
from tests.training.conftest import project, settings, workspace
from waste_classifier.errors import InputError

determinism.configure()

from experiments import search  # noqa: E402  (after the set-up, which it reads)
from experiments.search import STATE_DIR, command_of, main  # noqa: E402

__all__ = ["project", "settings", "workspace"]

SPACE = "train.lr: {low: 1e-4, high: 1e-1, log: true}\ntrain.head.units: {choices: [4, 8]}\n"


@pytest.fixture(autouse=True)
def inputs(settings: TrainParams, workspace: Path) -> None:
    """The inputs of a training with params.yaml and a space, as the current directory."""
    write_params(changed(settings, head__epochs=2, fine_tune__epochs=0))
    (workspace / "space.yaml").write_text(SPACE)


def write_params(train: TrainParams) -> None:
    content = {
        "train": train.model_dump(),
        "class_weights": {"scheme": "balanced", "beta": 0.9},
        "cross_validate": {"seed": 1, "folds": 2, "repeats": 1},
    }
    YAML().dump(content, Path("params.yaml"))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["search", "space.yaml", *arguments])
    main()


def test_it_starts_from_params_goes_on_after_a_kill_and_prints_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scored = search.score

    def killed(task: search.Task, trial: object) -> float:
        if trial.number == 1:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return scored(task, trial)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(search, "score", killed)
        with pytest.raises(KeyboardInterrupt):
            run(patch, "--trials", "3")
    first = capsys.readouterr()
    assert first.out.startswith("trial 0: log loss ")
    assert "train.lr=0.01 train.head.units=8" in first.out
    assert "interrupted; the same command goes on" in first.err
    run(monkeypatch, "--trials", "3", "--best", "2")

    printed = capsys.readouterr().out
    lines = printed.splitlines()
    # Trial 1 was given up with the kill; the two that are left come after it.
    assert [line.split(":")[0] for line in lines if line.startswith("trial ")] == [
        "trial 2",
        "trial 3",
    ]
    commands = [line for line in lines if "dvc exp run -S train.lr=" in line]
    assert 1 <= len(commands) <= 2
    assert "accuracy" in printed or "params.yaml is the best of them" in printed
    # Asked again, there is nothing left to try.
    run(monkeypatch, "--trials", "3")
    assert "trial " not in capsys.readouterr().out.split("best:")[0]


def test_a_kill_in_the_first_trial_leaves_params_to_compare_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(task: search.Task, trial: object) -> float:  # noqa: ARG001
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(search, "score", killed)
        with pytest.raises(KeyboardInterrupt):
            run(patch, "--trials", "1")

    run(monkeypatch, "--trials", "1")

    printed = capsys.readouterr().out
    assert "trial 1: log loss" in printed
    assert "train.lr=0.01 train.head.units=8" in printed
    assert "params.yaml is the best of them" in printed


def test_the_test_split_has_no_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--trials", "2")
    before = capsys.readouterr().out
    images = read_columns(MANIFEST_FILE)
    tested = {row.path for row in read_split() if row.split == "test"}
    features = np.load("data/features/00000.npy")["features"].copy()
    features[[path in tested for path in images.paths]] += 5
    write_features_with(images, features)
    other = [
        row._replace(label="paper") if row.path in tested and row.label == "glass" else row
        for row in read_split()
    ]
    write_table(SPLIT_FILE, other, SplitRow)

    run(monkeypatch, "--trials", "2")

    assert capsys.readouterr().out == before
    # The inputs differ, so each is a study of its own.
    folders = [path for path in STATE_DIR.iterdir() if path.is_dir()]
    assert [np.load(folder / "0.npy").shape for folder in folders] == [(27, 3)] * 2


@pytest.mark.parametrize("wrong", ["fine-tuning", "random weights"])
def test_heads_on_features_are_all_that_is_searched(
    settings: TrainParams, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    if wrong == "fine-tuning":
        write_params(changed(settings, fine_tune__epochs=1))
        message = "train.fine_tune.epochs is above 0"
    else:
        images = read_columns()
        features = np.zeros((len(images.paths), 2, 1024), np.float32)
        write_features_with(images, features, pretrained=False)
        message = "backbone.weights is none"

    with pytest.raises(InputError, match=message):
        run(monkeypatch)


def test_a_command_has_each_value_as_dvc_reads_it() -> None:
    values = {"train.lr": 0.00123456789, "train.head.units": 512, "class_weights.scheme": "none"}

    assert command_of(values) == [
        *("dvc", "exp", "run", "-S", "train.lr=0.00123456789", "-S", "train.head.units=512"),
        *("-S", "class_weights.scheme=none"),
    ]
