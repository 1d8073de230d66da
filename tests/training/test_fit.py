"""Epochs, the best of them, and a resumed training that equals an uninterrupted one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import f1_score, log_loss

from stages.compute import determinism
from stages.params.train import TrainParams
from stages.train.log import EpochLog
from stages.training.examples import Examples
from stages.training.phases import Phase
from stages.training.reports import EpochReport, Logs
from stages.training.resume import Checkpoint, Progress, save
from tests.training.changes import changed
from waste_classifier.errors import InputError
from waste_classifier.images import load_resized

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.training import fit, resume  # noqa: E402
from stages.training.fit import BestAndResume, record, run_task, steps_per_call  # noqa: E402
from stages.training.model import build_head  # noqa: E402
from stages.training.tasks import head_task, network_task  # noqa: E402

HEAD = Phase("head", 2, 4, 0.01)
FINE_TUNE = Phase("fine_tune", 2, 4, 0.001)
EVEN = np.ones(3, np.float32)


class KilledError(Exception):
    """Stands for a kill: nothing runs after it."""


class Recorded(EpochLog):
    """What a log is told; it interrupts the training after some epochs."""

    def __init__(self, epochs: int | None = None) -> None:
        self.reports: list[EpochReport] = []
        self.replayed: list[Logs] = []
        self._epochs = epochs

    def replay(self, logs: Logs) -> None:
        self.replayed.append(logs)

    def epoch(self, report: EpochReport) -> None:
        self.reports.append(report)
        if len(self.reports) == self._epochs:
            raise KilledError


Run = Callable[..., Progress]


@pytest.fixture
def run(
    miniature: keras.Model,
    head: keras.Model,
    examples: tuple[Examples, Examples],
    settings: TrainParams,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Return what trains the miniature, as it was made, through some phases.

    Every epoch is saved: these are too short for a share of their time to be felt.
    """
    train, val = examples
    initial = miniature.get_weights()
    given = settings
    monkeypatch.setattr(fit, "MOST_SAVING", 1e9)

    def run_phases(
        phases: Sequence[Phase] = (HEAD, FINE_TUNE),
        settings: TrainParams = given,
        class_weights: npt.NDArray[np.float32] = EVEN,
        log: EpochLog | None = None,
        folder: Path = tmp_path / "new",
    ) -> Progress:
        miniature.set_weights(initial)
        # A folder of another name than `new` is taken up as it is.
        (tmp_path / "new/checkpoint.npz").unlink(missing_ok=True)
        keeper = BestAndResume(folder, log or Recorded(), settings.patience, settings.seed)
        for phase in phases[keeper.progress.phase :]:
            make: Any = head_task if phase.name == "head" else network_task
            model = head if phase.name == "head" else miniature
            task = make(phase, model, train, val, class_weights, settings)
            run_task(task, settings, keeper)
        return keeper.progress

    return run_phases


def probabilities(model: keras.Model, examples: Examples) -> npt.NDArray[np.float32]:
    pixels = np.stack([load_resized(path, 32) for path in examples.photos])
    return np.asarray(model(pixels.astype(np.float32), training=False))


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
        # In the middle of the second, and at the end of all.
        ([HEAD, FINE_TUNE], 0, [3, 4]),
        ([Phase("scratch", 2, 4, 0.01)], 0, [1]),
    ],
)
def test_resumed_after_any_epoch_it_ends_as_if_never_stopped(
    run: Run,
    miniature: keras.Model,
    settings: TrainParams,
    tmp_path: Path,
    phases: list[Phase],
    frozen_views: int,
    interruptions: list[int],
) -> None:
    settings = changed(settings, fine_tune__frozen_views=frozen_views)
    progress = run(phases, settings)
    expected = miniature.get_weights()

    for finished in interruptions:
        folder = tmp_path / f"after-{finished}"
        with pytest.raises(KilledError):
            run(phases, settings, log=Recorded(finished), folder=folder)
        log = Recorded()
        resumed = run(phases, settings, log=log, folder=folder)

        assert log.replayed == progress.history[:finished]
        assert [report.logs for report in log.reports] == progress.history[finished:]
        assert resumed == progress
        for ours, theirs in zip(miniature.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_saving_takes_a_small_share_of_the_time_and_what_was_not_saved_is_trained_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = [Phase("head", 8, 4, 0.01)]
    progress = run(phases)
    # By this clock an epoch takes 8 seconds, and a checkpoint one: that is 5 % of 20.
    clock = SimpleNamespace(now=100.0)
    saved: list[int] = []

    def slow_save(folder: Path, checkpoint: Checkpoint) -> None:
        saved.append(len(checkpoint.progress.history))
        clock.now += 1
        save(folder, checkpoint)

    class Timed(Recorded):
        def epoch(self, report: EpochReport) -> None:
            clock.now += 8
            super().epoch(report)

    monkeypatch.setattr(fit, "MOST_SAVING", 0.05)
    monkeypatch.setattr(fit, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(resume, "save", slow_save)

    with pytest.raises(KilledError):
        run(phases, log=Timed(6), folder=tmp_path / "state")
    log = Recorded()
    resumed = run(phases, log=log, folder=tmp_path / "state")

    assert saved[:2] == [1, 4]
    assert log.replayed == progress.history[:4]
    assert len(log.reports) == 4
    assert resumed == progress


def test_the_same_seed_gives_the_same_epochs_and_another_seed_others(
    run: Run, settings: TrainParams
) -> None:
    first = run([HEAD], changed(settings, seed=5))
    second = run([HEAD], changed(settings, seed=5))
    other = run([HEAD], changed(settings, seed=6))

    assert first.history == second.history
    assert first.history != other.history


def test_the_best_epoch_is_kept(
    run: Run, miniature: keras.Model, examples: tuple[Examples, Examples]
) -> None:
    # The first phase learns these colours; such a rate in the second destroys what it learnt.
    progress = run([Phase("head", 8, 4, 0.1), Phase("head", 2, 4, 1000.0)])

    best = progress.history[progress.best_epoch]
    assert best["val/loss"] == min(logs["val/loss"] for logs in progress.history)
    assert progress.best_epoch < 8
    _, val = examples
    actual = val.targets.argmax(axis=1)
    of_best = probabilities(miniature, val)
    assert best["val/loss"] == pytest.approx(log_loss(actual, of_best), rel=1e-4)
    expected = f1_score(actual, of_best.argmax(axis=1), average="macro", zero_division=0)
    assert best["val/macro_f1"] == pytest.approx(expected)


def test_the_best_epoch_is_that_of_the_lowest_loss_not_of_the_highest_score() -> None:
    progress = Progress()
    losses_and_scores = [(0.5, 0.9), (0.4, 0.8), (0.4, 0.95), (0.45, 0.99)]

    better = [
        record(progress, {"train/loss": 0.1, "val/loss": loss, "val/macro_f1": score})
        for loss, score in losses_and_scores
    ]

    assert better == [True, True, False, False]
    assert progress.best_epoch == 1
    assert progress.epochs_without_better == 2
    assert progress.phase_epoch == 4
    assert [logs["val/loss"] for logs in progress.history] == [0.5, 0.4, 0.4, 0.45]


@pytest.mark.parametrize("loss", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["train/loss", "val/loss"])
def test_a_loss_that_is_no_number_is_no_epoch(name: str, loss: float) -> None:
    progress = Progress(history=[{"val/loss": 0.5}], best_epoch=0)

    with pytest.raises(
        InputError,
        match=rf"{name} became {loss} in epoch 1; lower train\.lr or train\.fine_tune\.lr",
    ):
        record(progress, {"train/loss": 0.1, "val/loss": 0.1} | {name: loss})

    assert progress == Progress(history=[{"val/loss": 0.5}], best_epoch=0)


def test_after_patience_the_next_phase_starts_and_a_resumed_one_trains_no_more(
    run: Run, settings: TrainParams, tmp_path: Path
) -> None:
    settings = changed(settings, patience=2, warmup_epochs=0)
    # So small a rate changes nothing: the first epoch of all is the best.
    phases = [Phase("head", 9, 4, 1e-12), Phase("fine_tune", 1, 4, 1e-12)]
    whole = Recorded()
    progress = run(phases, settings, log=whole)

    # After this epoch the patience of the head is at its end.
    with pytest.raises(KilledError):
        run(phases, settings, log=Recorded(3), folder=tmp_path / "state")
    log = Recorded()
    resumed = run(phases, settings, log=log, folder=tmp_path / "state")

    assert len(whole.reports) == 4
    assert len(log.reports) == 1
    assert resumed.history == progress.history


def test_a_phase_ends_after_epochs_without_a_better_one(run: Run, settings: TrainParams) -> None:
    settings = changed(settings, patience=2, warmup_epochs=0)

    progress = run([Phase("head", 9, 4, 1e-12)], settings)

    assert progress.best_epoch == 0
    assert len(progress.history) == 3


def test_several_calls_of_several_steps_train_as_one_step_at_a_time(
    run: Run, miniature: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fourteen images: two calls of seven steps.
    phases = [Phase("fine_tune", 2, 1, 0.001)]
    progress = run(phases)
    in_calls = miniature.get_weights()

    monkeypatch.setattr(fit, "MOST_STEPS_OF_BACKBONE", 1)
    one_by_one = run(phases)

    assert progress.history == one_by_one.history
    for ours, theirs in zip(in_calls, miniature.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_head_alone_changes_in_its_phase(run: Run, miniature: keras.Model) -> None:
    before = {layer.name: layer.get_weights() for layer in miniature.layers}

    run([HEAD])

    changed_layers = {
        layer.name
        for layer in miniature.layers
        for ours, theirs in zip(layer.get_weights(), before[layer.name], strict=True)
        if layer.name not in ("feature_dropout", "dropout") and not np.array_equal(ours, theirs)
    }
    assert changed_layers == {"hidden", "logits"}


def test_weights_of_layers_decay_but_biases_and_batch_norm_do_not(
    run: Run, miniature: keras.Model, settings: TrainParams
) -> None:
    # Without weight in the loss nothing is learnt: what is left is decay.
    settings = changed(settings, weight_decay=0.5, warmup_epochs=0)
    before = {variable.path: variable.numpy() for variable in miniature.trainable_variables}
    statistics = [
        variable for variable in miniature.non_trainable_variables if "moving" in variable.path
    ]
    moving = [variable.numpy() for variable in statistics]

    run([Phase("scratch", 1, 14, 0.1)], settings, class_weights=0 * EVEN)

    for variable in miniature.trainable_variables:
        # One step at the highest rate.
        share = 1 - 0.1 * 0.5 if variable.path.endswith("kernel") else 1
        np.testing.assert_allclose(variable.numpy(), share * before[variable.path], rtol=1e-5)
    assert any(
        not np.array_equal(variable.numpy(), old)
        for variable, old in zip(statistics, moving, strict=True)
    )


def test_logs_are_train_and_val_scores_and_the_learning_rate(run: Run) -> None:
    log = Recorded()

    run(log=log)

    assert sorted(log.reports[0].logs) == [
        "learning_rate",
        "train/accuracy",
        "train/loss",
        "train/macro_f1",
        "val/accuracy",
        "val/loss",
        "val/macro_f1",
    ]
    # Warm-up ends with the first epoch of each phase, and the rate with the second.
    rates = [report.logs["learning_rate"] for report in log.reports]
    assert rates == pytest.approx([0.01, 0, 0.001, 0], abs=1e-9)
    assert all(0 < report.train_seconds < report.seconds for report in log.reports)


@pytest.mark.parametrize("phase", [Phase("head", 2, 4, 0.1), Phase("scratch", 2, 4, 0.1)])
def test_class_weights_change_what_is_learnt(
    run: Run, miniature: keras.Model, examples: tuple[Examples, Examples], phase: Phase
) -> None:
    train, _ = examples
    shares = []
    for weight in (0.01, 100):
        run([phase], class_weights=np.array([1, 1, weight], np.float32))
        shares.append(probabilities(miniature, train)[:, 2].mean())

    assert shares[1] > shares[0] + 0.1


def test_a_loss_that_is_no_number_stops_with_advice(run: Run) -> None:
    with pytest.raises(InputError, match=r"loss became nan in epoch 0; lower train\.lr"):
        run(class_weights=np.array([np.nan, 1, 1], np.float32))


def test_in_mixed_float16_a_checkpoint_has_what_a_training_starts_with(
    settings: TrainParams, examples: tuple[Examples, Examples]
) -> None:
    train, val = examples
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        head = build_head(train.features.shape[-1], 3, settings.head, 0.9)
        task = head_task(HEAD, head, train, val, EVEN, settings)
        fit.compile_model(task, settings)
        assert type(task.model.optimizer).__name__ == "LossScaleOptimizer"
        shapes = [variable.shape for variable in task.model.optimizer.variables]

        fit.fit_epochs(task, range(1), [])

        assert [variable.shape for variable in task.model.optimizer.variables] == shapes
    finally:
        keras.config.set_dtype_policy(before)
