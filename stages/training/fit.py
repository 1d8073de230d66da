"""The epochs of a task: where the best one is kept, and an interrupted training goes on."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from stages.params.train import TrainParams
from stages.training import resume
from stages.training.batches import batches
from stages.training.epoch_bar import EpochBar
from stages.training.metrics import metrics
from stages.training.model import DROPOUTS
from stages.training.optimizer import AdamW
from stages.training.phases import Phase
from stages.training.replicas import Replicas, check_share, lost_machines_explained
from stages.training.replicated import fit_replicated, replicated
from stages.training.reports import EpochReport, Logs, TrainingLog
from stages.training.resume import Checkpoint, Progress
from stages.training.tasks import Task
from waste_classifier.errors import InputError

# In one call from Python: a second at most, on a CPU at 224 pixels.
MOST_STEPS_OF_HEAD = 64
MOST_STEPS_OF_BACKBONE = 8
# Saving a checkpoint takes at most this share of the time.
MOST_SAVING = 0.02


class BestAndResume(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, and after an epoch all that resuming needs.

    The best epoch is the one of lowest validation loss: among some hundred images a score moves in
    steps and by chance, so that the highest of many epochs is one of luck. Without val images it is
    the last, which the schedule of the learning rate ends in. A phase starts from the best weights
    so far.
    """

    def __init__(self, folder: Path | None, log: TrainingLog, patience: int, seed: int) -> None:
        """Take up the checkpoint in `folder`, if there is one.

        Args:
            folder: of the checkpoint; None: this machine writes none, another one does.
            log: told of each epoch.
            patience: epochs of a phase without a lower validation loss before it ends.
            seed: of the training; dropout follows from it.
        """
        super().__init__()
        self._folder = folder
        self._log = log
        self._patience = patience
        self._seed = seed
        self._resumed = resume.load(folder) if folder else None
        self.progress = Progress()
        self._best_weights: resume.Weights = []
        self._learning_rate: Callable[[], tf.Tensor]
        self._started = 0.0
        self._train_seconds: float | None = None
        self._saved = 0.0
        self._saving_seconds = 0.0
        if self._resumed:
            self.go_on_after(self._resumed.progress)

    def go_on_after(self, progress: Progress) -> None:
        """Take up a training whose phases so far ran elsewhere."""
        self.progress = progress
        for logs in progress.history:
            self._log.replay(logs)

    def begin_phase(self, model: keras.Model) -> None:
        """Give a compiled model the weights to start from."""
        # Op by op, a schedule takes several milliseconds, as long as a fifth of a step of the head.
        self._learning_rate = tf.function(lambda: model.optimizer.learning_rate)
        self._best_weights = model.get_weights()
        if self._resumed:
            self._start(model, self._resumed)
            self._resumed = None

    def follow_chief(self, model: keras.Model, replicas: Replicas) -> None:
        """Give a compiled model on every machine what it starts from on the chief."""
        if not replicas.machines.several:
            return
        content = BytesIO()
        resume.write(content, self._checkpoint(model))
        started = resume.read(BytesIO(replicas.of_chief(content.getvalue())))
        self.progress = started.progress
        self._start(model, started)

    def epochs_left(self, phase: Phase) -> range:
        """Return the epochs that a phase still has, counted over all phases."""
        done = len(self.progress.history)
        if self.progress.epochs_without_better >= self._patience:
            return range(done, done)
        return range(done, done - self.progress.phase_epoch + phase.epochs)

    def end_phase(self, model: keras.Model) -> None:
        """Give the model the best weights."""
        model.set_weights(self._best_weights)
        self.progress.phase += 1
        self.progress.phase_epoch = self.progress.epochs_without_better = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Make the random state of dropout follow from seed and epoch alone."""
        dropouts = [layer for layer in self.model._flatten_layers() if layer.name in DROPOUTS]
        for number, layer in enumerate(dropouts):
            if layer.rate > 0:
                state = np.random.SeedSequence([self._seed, epoch, 2, number]).generate_state(2)
                layer.seed_generator.state.assign(state)
        self._started = time.perf_counter()

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Note how long the training part of the epoch took."""
        self._train_seconds = time.perf_counter() - self._started

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Record the epoch; keep its weights if it is the best so far.

        Raises:
            InputError: the loss is no number, or the disk is full.
        """
        named = name_logs(logs or {}, float(self._learning_rate()))
        best = record(self.progress, named)
        if best:
            self._best_weights = self.model.get_weights()
        self._save_if_due()
        seconds = time.perf_counter() - self._started
        train_seconds = seconds if self._train_seconds is None else self._train_seconds
        self._log.epoch(EpochReport(named, train_seconds, seconds, best))
        self.model.stop_training = self.progress.epochs_without_better >= self._patience

    def _start(self, model: keras.Model, checkpoint: Checkpoint) -> None:
        model.set_weights(checkpoint.weights)
        for variable, value in zip(model.optimizer.variables, checkpoint.optimizer, strict=True):
            variable.assign(value)
        self._best_weights = checkpoint.best_weights

    def _checkpoint(self, model: keras.Model) -> Checkpoint:
        optimizer = [variable.numpy() for variable in model.optimizer.variables]
        return Checkpoint(self.progress, model.get_weights(), optimizer, self._best_weights)

    def _save_if_due(self) -> None:
        if self._folder is None:
            return
        now = time.perf_counter()
        if self._saved and now - self._saved < self._saving_seconds / MOST_SAVING:
            return
        resume.save(self._folder, self._checkpoint(self.model))
        self._saved = time.perf_counter()
        self._saving_seconds = self._saved - now


def run_task(task: Task, settings: TrainParams, keeper: BestAndResume) -> None:
    """Train the epochs that a task still has, and leave the best weights in its model.

    Args:
        task: a phase made ready.
        settings: section `train`.
        keeper: of the best epoch.
    """
    compile_model(task, settings)
    keeper.begin_phase(task.model)
    # The bar is closed before the keeper has the line of the epoch printed.
    callbacks = [EpochBar(task.steps_per_epoch), keeper]
    fit_epochs(task, keeper.epochs_left(task.phase), callbacks)
    keeper.end_phase(task.model)


def run_task_replicated(
    task: Task, settings: TrainParams, keeper: BestAndResume, replicas: Replicas
) -> None:
    """Train on several devices as `run_task` does on one.

    Raises:
        InputError: a batch can't be shared out evenly, or another machine is gone.
    """
    check_share(task.phase, task.batch_size, replicas.count)
    with lost_machines_explained(replicas.machines):
        with replicas.strategy.scope():
            copied = replace(task, model=replicated(task.model))
            compile_model(copied, settings)
        keeper.begin_phase(copied.model)
        keeper.follow_chief(copied.model, replicas)
        callbacks = [EpochBar(task.steps_per_epoch), keeper]
        fit_replicated(copied, keeper.epochs_left(task.phase), callbacks, replicas)
        keeper.end_phase(copied.model)
    task.model.set_weights(copied.model.get_weights())


def fit_epochs(task: Task, epochs: range, callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Train some epochs, or fewer where a callback stops them, and validate where val images are.

    Args:
        task: with a compiled model.
        epochs: counted over all phases; may be none.
        callbacks: of Keras.
    """
    if not epochs:
        return
    task.model.fit(
        batches(task.train_rows, epochs, task.batch_size, drop_remainder=True),
        steps_per_epoch=task.steps_per_epoch,
        shuffle=False,  # they are in order of the epoch
        initial_epoch=epochs.start,
        epochs=epochs.stop,
        # Class weights are for learning: the validation loss counts every image alike.
        validation_data=batches(task.val_rows, [0], task.batch_size)
        if len(task.val_rows)
        else None,
        callbacks=list(callbacks),
        verbose=0,
    )


def compile_model(task: Task, settings: TrainParams) -> None:
    """Give the model of a task its optimizer, its loss, and where val images are its metrics."""
    phase, steps = task.phase, task.steps_per_epoch
    warmup_steps = round(min(settings.warmup_epochs, phase.epochs) * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else phase.learning_rate,
        decay_steps=max(1, phase.epochs * steps - warmup_steps),
        warmup_target=phase.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    optimizer = AdamW(schedule, weight_decay=settings.weight_decay)
    # Decay is for kernels: biases and BatchNorm's scale and shift are not what overfits.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    task.model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        # Scores on mixed and augmented images alone say little, and take a twentieth of the time.
        metrics=metrics() if len(task.val_rows) else [],
        steps_per_execution=steps_per_call(phase, steps),
        # XLA made training slower on a CPU, and its sums are not those of the ops it fuses.
        jit_compile=False,
    )
    # In mixed_float16 Keras wraps it in one that scales losses, whose variables resuming needs too.
    task.model.optimizer.build(task.model.trainable_variables)


def steps_per_call(phase: Phase, steps: int) -> int:
    """Return how many of the steps of an epoch run in one call from Python.

    Calling each alone takes time that steps of milliseconds notice; Ctrl-C waits for the end of a
    call, which steps of the backbone make long. It divides `steps`, so that no call reaches into
    the next epoch.
    """
    most = MOST_STEPS_OF_HEAD if phase.name == "head" else MOST_STEPS_OF_BACKBONE
    return next(number for number in range(most, 0, -1) if steps % number == 0)


def name_logs(logs: Logs, learning_rate: float) -> Logs:
    """Return Keras's logs of an epoch as `train/…`, `val/…` and `learning_rate`."""
    named = {
        f"val/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}": value
        for name, value in logs.items()
    }
    return {name: float(value) for name, value in named.items()} | {"learning_rate": learning_rate}


def record(progress: Progress, logs: Logs) -> bool:
    """Append the logs of an epoch and return whether it is the best so far.

    Raises:
        InputError: the loss is no number.
    """
    for name in ("train/loss", "val/loss"):
        if not np.isfinite(logs.get(name, 0)):
            raise InputError(
                f"params.yaml: train: {name} became {logs[name]} in epoch {len(progress.history)}; "
                "lower train.lr or train.fine_tune.lr"
            )
    best = progress.history[progress.best_epoch] if progress.best_epoch >= 0 else None
    progress.history.append(logs)
    progress.phase_epoch += 1
    is_best = best is None or "val/loss" not in logs or logs["val/loss"] < best["val/loss"]
    if is_best:
        progress.best_epoch = len(progress.history) - 1
        progress.epochs_without_better = 0
    else:
        progress.epochs_without_better += 1
    return is_best
