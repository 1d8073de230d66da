"""The training itself: phases of epochs, the best epoch kept, resumable after every epoch."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from stages.errors import InputError
from stages.train.checkpoint import Checkpoint, Progress, Weights
from stages.train.examples import Examples
from stages.train.feed import Feed, Phase, prepare
from stages.train.model import DROPOUTS
from stages.train.params import TrainParams

# In one call from Python: a second at most, on a CPU at 224 pixels.
MOST_STEPS_OF_HEAD = 64
MOST_STEPS_OF_BACKBONE = 8

Logs = dict[str, float]


@dataclass(frozen=True)
class EpochReport:
    """What one epoch gave; `seconds` are of its training part, without validation."""

    logs: Logs  #: train/…, val/… and learning_rate
    seconds: float
    images: int


def plan_phases(settings: TrainParams, pretrained: bool) -> list[Phase]:
    """Return the phases: head then fine-tuning for pretrained weights, one phase for random ones.

    A phase of no epochs is left out.
    """
    batch_size = settings.batch_size
    if pretrained:
        phases = [
            Phase("head", settings.head_epochs, settings.head_batch_size, settings.lr, None),
            Phase(
                "fine_tune",
                settings.fine_tune_epochs,
                batch_size,
                settings.fine_tune_lr,
                settings.fine_tune_from,
            ),
        ]
    else:
        phases = [Phase("scratch", settings.scratch_epochs, batch_size, settings.lr, None)]
    return [phase for phase in phases if phase.epochs > 0]


def fit(
    model: keras.Model,
    phases: list[Phase],
    train: Examples,
    val: Examples,
    class_weights: npt.NDArray[np.float32],
    settings: TrainParams,
    seed: int,
    checkpoint: Checkpoint | None,
    on_epoch: Callable[[EpochReport], None],
    save: Callable[[Checkpoint], None],
    verbose: int,
) -> Progress:
    """Train `model` in place and leave the weights of the best epoch in it.

    The best epoch is the one of lowest validation loss: among some hundred images a score moves in
    steps and by chance, so that the highest of many epochs is one of luck. A phase starts from the
    best weights so far.

    Args:
        model: as `build_model` returns it, with restored weights.
        phases: at least one, in order; what one trains, the next trains too.
        train: images that the model learns from.
        val: images that the best epoch is chosen by.
        class_weights: `(labels,) float32`, weight in the loss, in the order of the model's output.
        settings: section `train` of params.yaml.
        seed: order of images, augmentation, mixing and dropout follow from it.
        checkpoint: where to go on, or None to start.
        on_epoch: called after each epoch.
        save: called after each epoch with what resuming needs.
        verbose: as of `keras.Model.fit`.

    Returns:
        The finished progress.
    """
    progress = checkpoint.progress if checkpoint else Progress()

    for index in range(progress.phase, len(phases)):
        phase = phases[index]
        feed = prepare(model, phase, train, val, class_weights, settings, seed)
        optimizer = _compile(feed, phase, settings)
        best_weights = feed.model.get_weights()
        if checkpoint:
            feed.model.set_weights(checkpoint.weights)
            for variable, value in zip(optimizer.variables, checkpoint.optimizer, strict=True):
                variable.assign(value)
            best_weights = checkpoint.best_weights
            checkpoint = None

        if progress.epochs_without_better < settings.patience:
            done = len(progress.history)
            best_weights = _train_phase(
                feed,
                range(done, done - progress.phase_epoch + phase.epochs),
                patience=settings.patience,
                progress=progress,
                best_weights=best_weights,
                begin=lambda epoch: _reset_dropout(model, seed, epoch),
                on_epoch=on_epoch,
                save=save,
                verbose=verbose,
            )
        feed.model.set_weights(best_weights)
        progress.phase, progress.phase_epoch, progress.epochs_without_better = index + 1, 0, 0
    return progress


def _compile(feed: Feed, phase: Phase, settings: TrainParams) -> keras.optimizers.Optimizer:
    model = feed.model
    steps = feed.steps_per_epoch
    warmup_steps = round(min(settings.warmup_epochs, phase.epochs) * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else phase.learning_rate,
        decay_steps=max(1, phase.epochs * steps - warmup_steps),
        warmup_target=phase.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay)
    # Decay is for kernels: biases and BatchNorm's scale and shift are not what overfits.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=[
            keras.metrics.CategoricalAccuracy(name="accuracy"),
            keras.metrics.F1Score(average="macro", name="macro_f1"),
        ],
        steps_per_execution=steps_per_call(phase, steps),
        # XLA made training slower on a CPU, and its sums are not those of the ops it fuses.
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model.optimizer


def _train_phase(
    feed: Feed,
    epochs: range,
    *,
    patience: int,
    progress: Progress,
    best_weights: Weights,
    begin: Callable[[int], None],
    on_epoch: Callable[[EpochReport], None],
    save: Callable[[Checkpoint], None],
    verbose: int,
) -> Weights:
    """Run the epochs that a phase still has, and return the best weights so far."""
    model = feed.model

    def end(report: EpochReport) -> None:
        nonlocal best_weights
        _record(progress, report.logs)
        if progress.epochs_without_better == 0:
            best_weights = model.get_weights()
        of_optimizer = [variable.numpy() for variable in model.optimizer.variables]
        save(Checkpoint(progress, model.get_weights(), of_optimizer, best_weights))
        on_epoch(report)
        model.stop_training = progress.epochs_without_better >= patience

    run_epochs(feed, epochs, begin, end, verbose)
    return best_weights


def steps_per_call(phase: Phase, steps: int) -> int:
    """Return how many of the steps of an epoch run in one call from Python.

    Calling each alone takes time that steps of milliseconds notice; Ctrl-C waits for the end of a
    call, which steps of the backbone make long. It divides `steps`, so that no call reaches into
    the next epoch.
    """
    most = MOST_STEPS_OF_HEAD if phase.name == "head" else MOST_STEPS_OF_BACKBONE
    return next(number for number in range(most, 0, -1) if steps % number == 0)


def run_epochs(
    feed: Feed,
    epochs: range,
    begin: Callable[[int], None],
    end: Callable[[EpochReport], None],
    verbose: int,
) -> None:
    """Train and validate some epochs, or fewer where `end` sets `stop_training` of the model.

    Args:
        feed: with a compiled model.
        epochs: counted over all phases; may be none.
        begin: called before each epoch.
        end: called after each epoch and its validation.
        verbose: as of `keras.Model.fit`.
    """
    if not epochs:
        return
    started = seconds = 0.0

    def on_epoch_begin(epoch: int, _logs: object) -> None:
        nonlocal started
        begin(epoch)
        started = time.perf_counter()

    def on_test_begin(_logs: object) -> None:
        nonlocal seconds
        seconds = time.perf_counter() - started

    def on_epoch_end(_epoch: int, keras_logs: Logs) -> None:
        logs = {name: float(value) for name, value in keras_logs.items()}
        named = {
            f"val/{name.removeprefix('val_')}"
            if name.startswith("val_")
            else f"train/{name}": value
            for name, value in logs.items()
        }
        named["learning_rate"] = float(feed.model.optimizer.learning_rate)
        end(EpochReport(named, seconds, feed.images_per_epoch))

    feed.model.fit(
        feed.train_batches(epochs),
        steps_per_epoch=feed.steps_per_epoch,
        shuffle=False,  # they are in order of the epoch
        initial_epoch=epochs.start,
        epochs=epochs.stop,
        # Class weights are for learning: the validation loss counts every image alike.
        validation_data=feed.val_batches,
        callbacks=[
            # Before what `end` prints: by itself it would come last, and end its line after that.
            *([keras.callbacks.ProgbarLogger()] if verbose else []),
            keras.callbacks.LambdaCallback(
                on_epoch_begin=on_epoch_begin,
                on_epoch_end=on_epoch_end,
                on_test_begin=on_test_begin,
            ),
        ],
        verbose=verbose,
    )


def _record(progress: Progress, logs: Logs) -> None:
    """Append the logs of an epoch and note whether it is the best so far."""
    for name in ("train/loss", "val/loss"):
        if not np.isfinite(logs[name]):
            raise InputError(
                f"params.yaml: train: {name} became {logs[name]} in epoch {len(progress.history)}; "
                "lower train.lr or train.fine_tune_lr"
            )
    best = progress.history[progress.best_epoch] if progress.best_epoch >= 0 else None
    progress.history.append(logs)
    progress.phase_epoch += 1
    if best is None or logs["val/loss"] < best["val/loss"]:
        progress.best_epoch = len(progress.history) - 1
        progress.epochs_without_better = 0
    else:
        progress.epochs_without_better += 1


def _reset_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Make the random state of dropout follow from seed and epoch alone."""
    for number, layer in enumerate(layer for layer in model.layers if layer.name in DROPOUTS):
        if layer.rate > 0:
            state = np.random.SeedSequence([seed, epoch, 2, number]).generate_state(2)
            layer.seed_generator.state.assign(state)
