"""A search that nobody watches: trials that fail, spaces that can't be tried, studies of before."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from experiments import search
from stages.cross_validate.held_out import Recipe
from tests.training.conftest import project, settings, workspace
from waste_classifier.errors import InputError

pytest.importorskip("optuna", reason="needs Optuna: the extra 'search'")

from tests.experiments.test_search import SPACE, answer_with, inputs, run

if TYPE_CHECKING:
    import optuna

__all__ = ["inputs", "project", "settings", "workspace"]

DIVERGED = "params.yaml: train: train/loss became nan in epoch 1; lower train.lr"


def score_without(failing: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each trial have a loss at once, but for some whose loss is no number."""

    def scored(task: search.Task, trial: "optuna.Trial") -> float:
        if trial.number in failing:
            raise InputError(DIVERGED)
        # As if it had been trained in full.
        np.save(task.predictions_file(trial.number), np.full((len(task.rows), 3), 1 / 3))
        return 1 + float(trial.params.get("train.lr", 0))

    monkeypatch.setattr(search, "score", scored)


def test_a_trial_whose_loss_is_no_number_is_told_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    score_without({1}, monkeypatch)

    run(monkeypatch, "--trials", "3")

    printed = capsys.readouterr().out
    starts = [line[:16] for line in printed.splitlines() if line.startswith("trial ")]
    assert starts == ["trial 0: log los", "trial 1: failed ", "trial 2: log los"]
    assert f"trial 1: failed ({DIVERGED})  train.lr=" in printed
    assert "best:" in printed


def test_a_loss_of_held_out_photos_that_is_no_number_is_a_failure_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(
        _collection: object,
        _rows: object,
        held_out: npt.NDArray[np.bool_],
        _recipe: object,
        state: Path,
    ) -> npt.NDArray[np.float32]:
        state.mkdir()
        return np.full((int(held_out.sum()), 3), np.nan, np.float32)

    for module in ("held_out", "scoring"):
        monkeypatch.setattr(f"stages.cross_validate.{module}.score_fold", nothing)

    with pytest.raises(InputError, match=r"space\.yaml: none of the trainings has a loss; narrow"):
        run(monkeypatch, "--trials", "2")

    assert "trial 1: failed (the log loss of fold 0 became nan)" in capsys.readouterr().out


def test_a_finalist_whose_loss_is_no_number_is_told_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def chance(recipe: Recipe) -> float:
        is_default = recipe.settings.lr == 0.01
        return 0.5 if is_default or recipe.phases[0].epochs == 1 else float("nan")

    answer_with(chance, monkeypatch)

    run(monkeypatch, "--trials", "2")

    printed = capsys.readouterr().out
    assert "trial 0 in full: log loss 0.6931" in printed
    assert "trial 1 in full: failed (the log loss became nan)" in printed
    assert printed.endswith("params.yaml is the best of them\n")


def test_params_yaml_is_tried_again_once_what_failed_is_mended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    score_without({0}, monkeypatch)
    run(monkeypatch, "--trials", "2")
    assert "params.yaml itself was not scored" in capsys.readouterr().out

    score_without(set(), monkeypatch)
    run(monkeypatch, "--trials", "3")

    printed = capsys.readouterr().out
    (again,) = [line for line in printed.splitlines() if line.startswith("trial 2: ")]
    assert again.endswith("train.lr=0.01 train.head.units=8")
    assert "was not scored" not in printed


def test_where_all_trials_fail_the_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    score_without(set(range(1, 100)), monkeypatch)

    with pytest.raises(
        InputError, match=rf"10 trials in a row failed, the last one so: {DIVERGED}"
    ):
        run(monkeypatch, "--trials", "50")


@pytest.mark.parametrize("space", ["{low: 0, high: 9}", "{choices: [2, 0]}"])
def test_an_end_of_the_space_where_nothing_trains_is_refused_before_the_first_trial(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], space: str
) -> None:
    Path("space.yaml").write_text(f"train.head.epochs: {space}")
    score_without(set(), monkeypatch)

    with pytest.raises(InputError, match=r"space\.yaml: train\.head\.epochs: 0: .*nothing trains"):
        run(monkeypatch)

    assert "trial" not in capsys.readouterr().out


def test_a_search_of_another_space_keeps_the_studies_of_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    score_without(set(), monkeypatch)
    run(monkeypatch, "--trials", "2")
    Path("space.yaml").write_text("train.lr: {low: 1e-3, high: 1e-1}\n")
    run(monkeypatch, "--trials", "2")
    Path("space.yaml").write_text(SPACE)
    capsys.readouterr()

    run(monkeypatch, "--trials", "2")

    assert "trial " not in capsys.readouterr().out.split("best:")[0]


def test_another_share_of_the_epochs_is_another_study(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    score_without(set(), monkeypatch)
    run(monkeypatch, "--trials", "1", "--share", "0.5")
    capsys.readouterr()

    run(monkeypatch, "--trials", "1", "--share", "0.6")

    assert "trial 0: log loss" in capsys.readouterr().out


def test_the_code_of_the_search_is_part_of_what_a_study_is_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score_without(set(), monkeypatch)
    assert [file.name for file in search.CODE] == ["search.py", "space.py"]
    code = tmp_path / "search.py"
    monkeypatch.setattr(search, "CODE", [code])
    code.write_text("one way")
    run(monkeypatch, "--trials", "1")
    code.write_text("another way")
    capsys.readouterr()

    run(monkeypatch, "--trials", "1")

    assert "trial 0: log loss" in capsys.readouterr().out
