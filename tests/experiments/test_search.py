"""A search on a small project: its trials, a kill in the middle, and what it ends with."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stages.compute import determinism
from stages.outputs.manifest import Manifest
from stages.outputs.split import SPLIT_FILE, SplitRow, read_split
from stages.outputs.tables import write_table
from stages.params.train import TrainParams
from tests.experiments.params_file import write_params
from tests.small_project import write_features_with
from tests.training.changes import changed
from tests.training.conftest import project, settings, workspace
from waste_classifier.errors import InputError

optuna = pytest.importorskip("optuna", reason="needs Optuna: the extra 'search'")
determinism.configure()

from experiments import search  # noqa: E402  (after the set-up, which it reads)
from experiments.search import STATE_DIR, command_of, main, others_were_better  # noqa: E402
from stages.cross_validate.held_out import Recipe  # noqa: E402
from stages.training.collection import Collection  # noqa: E402

__all__ = ["project", "settings", "workspace"]

SPACE = "train.lr: {low: 1e-4, high: 1e-1, log: true}\ntrain.head.units: {choices: [4, 8]}\n"


@pytest.fixture(autouse=True)
def inputs(settings: TrainParams, workspace: Path) -> None:
    """The inputs of a training with params.yaml and a space, as the current directory."""
    write_params(changed(settings, head__epochs=2, fine_tune__epochs=0))
    (workspace / "space.yaml").write_text(SPACE)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["search", "space.yaml", *arguments])
    main()


def without_seconds(printed: str) -> list[str]:
    """Return lines without the times that folds took."""
    return [
        line.rpartition(",")[0] if " images, " in line else line for line in printed.split("\n")
    ]


def answer_with(
    chance: Callable[[Recipe], float], monkeypatch: pytest.MonkeyPatch, killed_at: int = -1
) -> list[int]:
    """Let each fold be answered at once, and return the list of the epochs of each training.

    Args:
        chance: what an answer gives the label that is right.
        monkeypatch: of the test.
        killed_at: number of the training that ends the process.
    """
    trained: list[int] = []

    def answered(
        collection: Collection,
        rows: Sequence[SplitRow],
        held_out: npt.NDArray[np.bool_],
        recipe: Recipe,
        state: Path,
    ) -> npt.NDArray[np.float32]:
        state.mkdir(exist_ok=True)
        if len(trained) == killed_at:
            raise KeyboardInterrupt
        trained.append(recipe.phases[0].epochs)
        labels = collection.contract.labels
        right = [
            labels.index(row.label) for row, is_out in zip(rows, held_out, strict=True) if is_out
        ]
        probabilities = np.full((len(right), 3), (1 - chance(recipe)) / 2, np.float32)
        probabilities[range(len(right)), right] = chance(recipe)
        return probabilities

    for module in ("held_out", "scoring"):
        monkeypatch.setattr(f"stages.cross_validate.{module}.score_fold", answered)
    return trained


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
    run(monkeypatch, "--trials", "3", "--finalists", "1")

    printed = capsys.readouterr().out
    lines = printed.splitlines()
    # Trial 1 was given up with the kill; the two that are left come after it.
    starts = [line.split(":")[0] for line in lines if line.startswith("trial ")]
    assert starts[:3] == ["trial 2", "trial 3", "trial 0 in full"]
    assert starts[3:] in (["trial 2 in full"], ["trial 3 in full"])
    commands = [line for line in lines if "dvc exp run -S train.lr=" in line]
    assert len(commands) == 2
    assert "accuracy  " in printed or "params.yaml is the best of them" in printed
    # Asked again, there is nothing left to try.
    run(monkeypatch, "--trials", "3", "--finalists", "1")
    assert "trial " not in capsys.readouterr().out.split("best:")[0]


def test_trials_train_for_a_share_of_the_epochs_and_the_best_in_full(
    settings: TrainParams, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(changed(settings, head__epochs=10, fine_tune__epochs=0))
    trained = answer_with(lambda _: 0.5, monkeypatch)

    run(monkeypatch, "--trials", "3", "--share", "0.25", "--finalists", "1")

    # Three trials of two folds; then params.yaml and the best other one.
    assert trained == [2] * 6 + [10] * 4
    assert "3 trials were short, 2 of 10 epochs each" in capsys.readouterr().out


def test_the_share_is_of_the_epochs_that_a_trial_draws(
    settings: TrainParams, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(changed(settings, head__epochs=20, fine_tune__epochs=0))
    Path("space.yaml").write_text("train.head.epochs: {choices: [4, 20]}")
    trained = answer_with(lambda _: 0.5, monkeypatch)

    run(monkeypatch, "--trials", "6", "--share", "0.5")

    assert {*trained[:12]} == {2, 10}
    # Trials of the same values have one training in full.
    assert trained[12:] == [20, 20, 4, 4]
    assert "6 trials were short, 0.5 of their epochs each" in capsys.readouterr().out


def test_the_verdict_is_of_the_trainings_in_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def chance(recipe: Recipe) -> float:
        is_default = recipe.settings.lr == 0.01
        is_short = recipe.phases[0].epochs == 1
        return 0.8 if is_default == is_short else 0.5

    answer_with(chance, monkeypatch)

    run(monkeypatch, "--trials", "2")

    # -ln 0.8 is 0.2231, -ln 0.5 is 0.6931.
    trials, _, best = capsys.readouterr().out.partition("best:\n")
    assert "trial 0: log loss 0.2231" in trials
    assert "trial 1: log loss 0.6931" in trials
    assert [line[:15] for line in best.splitlines()[:2]] == ["log loss 0.2231", "log loss 0.6931"]
    assert "train.lr=0.01 " in best.splitlines()[1]
    assert "log loss  0.6931 -> 0.2231  -0.4700" in best


def test_a_finalist_that_is_trained_is_not_trained_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        # After two trials and params.yaml in full, and one of two folds of the other finalist.
        trained = answer_with(lambda _: 0.5, patch, killed_at=7)
        with pytest.raises(KeyboardInterrupt):
            run(patch, "--trials", "2")
    assert trained == [1, 1, 1, 1, 2, 2, 2]
    trained = answer_with(lambda _: 0.5, monkeypatch)

    run(monkeypatch, "--trials", "2")

    assert trained == [2]
    assert [*STATE_DIR.glob("*/finalist-*")] == []


def test_more_finalists_are_trained_beside_those_of_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained = answer_with(lambda _: 0.5, monkeypatch)
    run(monkeypatch, "--trials", "3", "--finalists", "1")
    trained.clear()

    run(monkeypatch, "--trials", "3", "--finalists", "2")

    assert trained == [2, 2]


def test_whole_trials_are_trained_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = answer_with(lambda _: 0.5, monkeypatch)

    run(monkeypatch, "--trials", "2", "--share", "1")

    assert trained == [2, 2, 2, 2]
    printed = capsys.readouterr().out
    assert "short" not in printed
    assert printed.count("log loss 0.6931  dvc exp run") == 2


def test_a_trial_is_given_up_once_three_were_better_after_as_many_folds() -> None:
    study = optuna.create_study()
    pruned, complete = optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.COMPLETE
    study.add_trial(
        optuna.create_trial(state=complete, value=0.4, intermediate_values={0: 0.5, 1: 0.4})
    )
    study.add_trial(optuna.create_trial(state=pruned, intermediate_values={0: 0.6}))
    study.add_trial(optuna.create_trial(state=pruned, intermediate_values={0: 0.7}))
    # One that failed may run again.
    study.add_trial(
        optuna.create_trial(state=optuna.trial.TrialState.FAIL, intermediate_values={0: 0.1})
    )
    trial = study.ask()

    assert not others_were_better(trial, 0, 0.7)
    assert others_were_better(trial, 0, 0.8)
    assert not others_were_better(trial, 1, 0.8)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--share", "0", "--share takes numbers above 0, up to 1"),
        ("--share", "1.1", "--share takes numbers above 0, up to 1"),
        ("--share", "nan", "--share takes numbers above 0, up to 1"),
        ("--finalists", "0", "--trials and --finalists take whole numbers from 1"),
        ("--trials", "0", "--trials and --finalists take whole numbers from 1"),
        ("--run", "-1", "--run from 0"),
    ],
)
def test_an_option_out_of_range_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
    value: str,
    message: str,
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, option, value)

    assert message in capsys.readouterr().err


def test_a_kill_in_the_first_trial_leaves_params_to_compare_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(task: search.Task, trial: object) -> float:  # noqa: ARG001
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(search, "score", killed)
        with pytest.raises(KeyboardInterrupt):
            run(patch, "--trials", "1")
    answer_with(lambda _: 0.5, monkeypatch)

    run(monkeypatch, "--trials", "1")

    printed = capsys.readouterr().out
    assert "trial 1: log loss" in printed
    assert "train.lr=0.01 train.head.units=8" in printed
    assert "params.yaml is the best of them" in printed


def test_the_test_split_has_no_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--trials", "1")
    before = without_seconds(capsys.readouterr().out)
    images = Manifest()
    tested = {row.path for row in read_split() if row.split == "test"}
    features = np.load("data/features/00000.npy")["features"].copy()
    features[[path in tested for path in images.texts("path")]] += 5
    write_features_with(images, features)
    other = [
        row._replace(label="paper") if row.path in tested and row.label == "glass" else row
        for row in read_split()
    ]
    write_table(SPLIT_FILE, other, SplitRow)

    run(monkeypatch, "--trials", "1")

    assert without_seconds(capsys.readouterr().out) == before
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
        images = Manifest()
        features = np.zeros((len(images), 2, 1024), np.float32)
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
