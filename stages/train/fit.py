"""The training itself: phases of epochs, the best epoch kept, resumable after every epoch."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from stages.errors import InputError
from stages.train.checkpoint import Checkpoint, Progress
from stages.train.examples import Examples
from stages.train.feed import Feed, Phase, prepare
from stages.train.model import DROPOUTS
from stages.train.params import TrainParams

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

    The best epoch is the one of highest validation macro F1, among equals of lowest validation
    loss. A phase starts from the best weights so far.

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

        while (
            progress.phase_epoch < phase.epochs
            and progress.epochs_without_better < settings.patience
        ):
            epoch = len(progress.history)
            _reset_dropout(model, seed, epoch)
            report = _run_epoch(feed, epoch, verbose)
            _record(progress, report.logs)
            if progress.epochs_without_better == 0:
                best_weights = feed.model.get_weights()
            save(
                Checkpoint(
                    progress,
                    feed.model.get_weights(),
                    [variable.numpy() for variable in optimizer.variables],
                    best_weights,
                )
            )
            on_epoch(report)

        feed.model.set_weights(best_weights)
        progress.phase, progress.phase_epoch, progress.epochs_without_better = index + 1, 0, 0
    return progress


def _compile(feed: Feed, phase: Phase, settings: TrainParams) -> keras.optimizers.Optimizer:
    model = feed.model
    steps = feed.images_per_epoch // feed.batch_size
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
        # XLA made training slower on a CPU, and its sums are not those of the ops it fuses.
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model.optimizer


def _run_epoch(feed: Feed, epoch: int, verbose: int) -> EpochReport:
    model = feed.model
    start = time.perf_counter()
    history = model.fit(
        feed.train_batches(epoch),
        initial_epoch=epoch,
        epochs=epoch + 1,
        shuffle=False,
        verbose=verbose,
    )
    seconds = time.perf_counter() - start
    # Class weights are for learning: the validation loss counts every image alike.
    val_logs = model.evaluate(feed.val_batches, return_dict=True, verbose=0)
    logs = {f"train/{name}": values[-1] for name, values in history.history.items()}
    logs |= {f"val/{name}": value for name, value in val_logs.items()}
    logs["learning_rate"] = float(model.optimizer.learning_rate)
    return EpochReport(
        {name: float(value) for name, value in logs.items()}, seconds, feed.images_per_epoch
    )


def _record(progress: Progress, logs: Logs) -> None:
    """Append the logs of an epoch and note whether it is the best so far."""
    if not np.isfinite([logs["train/loss"], logs["val/loss"]]).all():
        raise InputError(
            f"params.yaml: train: the loss became {logs['train/loss']} in epoch "
            f"{len(progress.history)}; lower train.lr or train.fine_tune_lr"
        )
    best = progress.history[progress.best_epoch] if progress.best_epoch >= 0 else None
    progress.history.append(logs)
    progress.phase_epoch += 1
    if best is None or _score(logs) > _score(best):
        progress.best_epoch = len(progress.history) - 1
        progress.epochs_without_better = 0
    else:
        progress.epochs_without_better += 1


def _score(logs: Logs) -> tuple[float, float]:
    return logs["val/macro_f1"], -logs["val/loss"]


def _reset_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Make the random state of dropout follow from seed and epoch alone."""
    for number, layer in enumerate(layer for layer in model.layers if layer.name in DROPOUTS):
        if layer.rate > 0:
            state = np.random.SeedSequence([seed, epoch, 2, number]).generate_state(2)
            layer.seed_generator.state.assign(state)
