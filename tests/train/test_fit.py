"""Phases, the best epoch, and a resumed training that equals an uninterrupted one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import f1_score, log_loss

from stages.errors import InputError
from stages.images import load_resized
from stages.train.checkpoint import Checkpoint, Progress
from stages.train.examples import Examples
from stages.train.feed import Phase
from stages.train.fit import EpochReport, fit, plan_phases, steps_per_call
from stages.train.params import TrainParams

HEAD = Phase("head", 2, 4, 0.01, None)
FINE_TUNE = Phase("fine_tune", 2, 4, 0.001, "conv4_block6")
EVEN = np.ones(3, np.float32)


@pytest.fixture
def run(
    miniature: keras.Model, examples: tuple[Examples, Examples], settings: TrainParams
) -> Callable[..., tuple[Progress, list[EpochReport], list[Checkpoint]]]:
    """Fit the miniature, as it was made, with the given changes to the arguments."""
    train, val = examples
    initial = miniature.get_weights()

    def fit_model(**changes: Any) -> tuple[Progress, list[EpochReport], list[Checkpoint]]:
        miniature.set_weights(initial)
        reports: list[EpochReport] = []
        checkpoints: list[Checkpoint] = []

        def save(checkpoint: Checkpoint) -> None:
            progress = replace(checkpoint.progress, history=list(checkpoint.progress.history))
            checkpoints.append(replace(checkpoint, progress=progress))

        arguments = {
            "phases": [HEAD, FINE_TUNE],
            "train": train,
            "val": val,
            "class_weights": EVEN,
            "settings": settings,
            "seed": 5,
            "checkpoint": None,
            "on_epoch": reports.append,
            "save": save,
            "verbose": 0,
        }
        progress = fit(miniature, **{**arguments, **changes})
        return progress, reports, checkpoints

    return fit_model


def probabilities(model: keras.Model, examples: Examples) -> npt.NDArray[np.float32]:
    pixels = np.stack([load_resized(path, 32) for path in examples.paths])
    return np.asarray(model(pixels.astype(np.float32), training=False))


def test_pretrained_weights_train_in_two_phases(settings: TrainParams) -> None:
    settings = settings.model_copy(update={"head_batch_size": 64})

    assert plan_phases(settings, pretrained=True) == [
        Phase("head", epochs=2, batch_size=64, learning_rate=0.01, first_tuned=None),
        Phase("fine_tune", epochs=1, batch_size=4, learning_rate=0.001, first_tuned="conv4_block6"),
    ]


def test_random_weights_train_in_one_phase(settings: TrainParams) -> None:
    assert plan_phases(settings, pretrained=False) == [
        Phase("scratch", epochs=3, batch_size=4, learning_rate=0.01, first_tuned=None)
    ]


@pytest.mark.parametrize(
    ("changes", "names"),
    [({"fine_tune_epochs": 0}, ["head"]), ({"head_epochs": 0}, ["fine_tune"])],
)
def test_a_phase_without_epochs_is_left_out(
    settings: TrainParams, changes: dict[str, int], names: list[str]
) -> None:
    phases = plan_phases(settings.model_copy(update=changes), pretrained=True)

    assert [phase.name for phase in phases] == names


@pytest.mark.parametrize(
    ("phase", "steps", "expected"),
    [
        (HEAD, 31, 31),
        (HEAD, 200, 50),
        (FINE_TUNE, 3, 3),
        (FINE_TUNE, 126, 7),
        (FINE_TUNE, 64, 8),
        (FINE_TUNE, 13, 1),
    ],
)
def test_calls_of_several_steps_end_with_the_epoch(phase: Phase, steps: int, expected: int) -> None:
    assert steps_per_call(phase, steps) == expected


@pytest.mark.parametrize(
    ("phases", "frozen_views", "interruptions"),
    [
        # In the middle of the first phase, and at its end.
        ([HEAD, FINE_TUNE], 2, [1, 2]),
        # In the middle of the second.
        ([HEAD, FINE_TUNE], 0, [3]),
        ([Phase("scratch", 2, 4, 0.01, None)], 0, [1]),
    ],
)
def test_resumed_after_any_epoch_it_ends_as_if_never_stopped(
    run: Callable[..., Any],
    miniature: keras.Model,
    settings: TrainParams,
    phases: list[Phase],
    frozen_views: int,
    interruptions: list[int],
) -> None:
    settings = settings.model_copy(update={"frozen_views": frozen_views})
    progress, _, checkpoints = run(phases=phases, settings=settings)
    expected = miniature.get_weights()

    for finished in interruptions:
        resumed, reports, _ = run(
            phases=phases, settings=settings, checkpoint=checkpoints[finished - 1]
        )

        assert len(reports) == len(checkpoints) - finished
        assert resumed.history == progress.history
        for ours, theirs in zip(miniature.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_same_seed_gives_the_same_epochs_and_another_seed_others(
    run: Callable[..., Any],
) -> None:
    first, _, _ = run(seed=5)
    second, _, _ = run(seed=5)
    other, _, _ = run(seed=6)

    assert first.history == second.history
    assert first.history != other.history


def test_the_best_epoch_is_kept(
    run: Callable[..., Any], miniature: keras.Model, examples: tuple[Examples, Examples]
) -> None:
    # The first phase learns these colours; such a rate in the second destroys what it learnt.
    phases = [Phase("head", 8, 4, 0.1, None), Phase("head", 2, 4, 1000.0, None)]
    progress, _, _ = run(phases=phases)

    best = progress.history[progress.best_epoch]
    assert best["val/loss"] == min(logs["val/loss"] for logs in progress.history)
    assert progress.best_epoch < 8
    _, val = examples
    actual = val.targets.argmax(axis=1)
    of_best = probabilities(miniature, val)
    assert best["val/loss"] == pytest.approx(log_loss(actual, of_best), rel=1e-4)
    expected = f1_score(actual, of_best.argmax(axis=1), average="macro", zero_division=0)
    assert best["val/macro_f1"] == pytest.approx(expected)


def test_the_best_epoch_is_that_of_the_lowest_loss_not_of_the_highest_score(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the two epochs of the head; what they are trained to is not of interest here.
    scores = iter([(0.5, 0.9), (0.4, 0.8)])

    def evaluate(_model: keras.Model, **_options: Any) -> dict[str, float]:
        loss, macro_f1 = next(scores)
        return {"loss": loss, "accuracy": 0.9, "macro_f1": macro_f1}

    monkeypatch.setattr(keras.Model, "evaluate", evaluate)
    progress, _, _ = run(phases=[HEAD])

    assert progress.best_epoch == 1


def test_after_patience_the_next_phase_starts_and_a_resumed_one_trains_no_more(
    run: Callable[..., Any], settings: TrainParams
) -> None:
    settings = settings.model_copy(update={"patience": 2, "warmup_epochs": 0})
    phases = [Phase("head", 9, 4, 1e-12, None), Phase("fine_tune", 1, 4, 1e-12, "conv4_block6")]
    progress, _, checkpoints = run(settings=settings, phases=phases)

    # The first checkpoint after which the patience of the head is at its end.
    resumed, reports, _ = run(settings=settings, phases=phases, checkpoint=checkpoints[2])

    assert len(checkpoints) == 4
    assert len(reports) == 1
    assert resumed.history == progress.history


def test_several_calls_of_several_steps_train_as_one_step_at_a_time(
    run: Callable[..., Any], miniature: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fourteen images: two calls of seven steps.
    phases = [Phase("fine_tune", 2, 1, 0.001, "conv4_block6")]
    progress, _, _ = run(phases=phases)
    in_calls = miniature.get_weights()

    monkeypatch.setattr("stages.train.fit.MOST_STEPS_OF_BACKBONE", 1)
    one_by_one, _, _ = run(phases=phases)

    assert progress.history == one_by_one.history
    for ours, theirs in zip(in_calls, miniature.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_each_report_starts_a_line_of_its_own_below_a_progress_bar(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run(phases=[HEAD], on_epoch=lambda _report: print("epoch of ours", flush=True), verbose=1)

    lines = capsys.readouterr().out.split("\n")
    assert lines.count("epoch of ours") == 2


def test_the_head_alone_changes_in_its_phase(
    run: Callable[..., Any], miniature: keras.Model
) -> None:
    before = {layer.name: layer.get_weights() for layer in miniature.layers}

    run(phases=[HEAD])

    changed = {
        layer.name
        for layer in miniature.layers
        for ours, theirs in zip(layer.get_weights(), before[layer.name], strict=True)
        if layer.name not in ("feature_dropout", "dropout") and not np.array_equal(ours, theirs)
    }
    assert changed == {"hidden", "logits"}


def test_logs_are_train_and_val_scores_and_the_learning_rate(run: Callable[..., Any]) -> None:
    _, reports, _ = run()

    assert sorted(reports[0].logs) == [
        "learning_rate",
        "train/accuracy",
        "train/loss",
        "train/macro_f1",
        "val/accuracy",
        "val/loss",
        "val/macro_f1",
    ]
    # Three whole batches of four out of fourteen images; warm-up ends with the first epoch of each
    # phase, and the rate with the second.
    assert reports[0].images == 12
    rates = [report.logs["learning_rate"] for report in reports]
    assert rates == pytest.approx([0.01, 0, 0.001, 0], abs=1e-9)


def test_a_phase_ends_after_epochs_without_a_better_one(
    run: Callable[..., Any], settings: TrainParams
) -> None:
    # So small a rate changes nothing: the first epoch of all is the best.
    settings = settings.model_copy(update={"patience": 2, "warmup_epochs": 0})
    progress, _, _ = run(settings=settings, phases=[Phase("head", 9, 4, 1e-12, None)])

    assert progress.best_epoch == 0
    assert len(progress.history) == 3


@pytest.mark.parametrize(
    "phase", [Phase("head", 2, 4, 0.1, None), Phase("scratch", 2, 4, 0.1, None)]
)
def test_class_weights_change_what_is_learnt(
    run: Callable[..., Any],
    miniature: keras.Model,
    examples: tuple[Examples, Examples],
    phase: Phase,
) -> None:
    train, _ = examples
    shares = []
    for weight in (0.01, 100):
        run(phases=[phase], class_weights=np.array([1, 1, weight], np.float32))
        shares.append(probabilities(miniature, train)[:, 2].mean())

    assert shares[1] > shares[0] + 0.1


def test_a_loss_that_is_no_number_stops_with_advice(run: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match=r"loss became nan in epoch 0; lower train\.lr"):
        run(class_weights=np.array([np.nan, 1, 1], np.float32))
