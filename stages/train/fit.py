"""The training itself: phases of epochs, the best epoch kept, resumable after every epoch."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from stages.errors import InputError
from stages.manifest import SplitName, SplitRow
from stages.train import dataset
from stages.train.augment import DRAWS_PER_IMAGE, Augmentation, draw
from stages.train.checkpoint import Checkpoint, Progress
from stages.train.model import set_trainable, split_at_frozen
from stages.train.params import BackboneStage, TrainParams

Logs = dict[str, float]


@dataclass(frozen=True)
class Phase:
    """A run of epochs in which the same layers train."""

    name: str
    epochs: int
    learning_rate: float  #: the highest of its schedule
    fine_tune_from: BackboneStage | None  #: first restored stage that trains; None: none does


@dataclass(frozen=True)
class Images:
    """Images of one split in memory and their labels."""

    pixels: npt.NDArray[np.uint8]  #: (n, size, size, 3) RGB
    targets: npt.NDArray[np.float32]  #: (n, labels) one-hot


@dataclass(frozen=True)
class EpochReport:
    """What one epoch gave; `seconds` are of its training part, without validation."""

    logs: Logs  #: train/…, val/… and learning_rate
    seconds: float
    images: int


def load_split(
    rows: Sequence[SplitRow],
    split: SplitName,
    directory: Path,
    labels: Sequence[str],
    settings: TrainParams,
) -> Images:
    """Load the images of one split, in the order of `rows`."""
    chosen = [row for row in rows if row.split == split]
    paths = [directory / row.path for row in chosen]
    positions = [labels.index(row.label) for row in chosen]
    return Images(
        dataset.load_images(paths, settings.image_size, settings.memory_mib),
        np.eye(len(labels), dtype=np.float32)[positions],
    )


def plan_phases(settings: TrainParams, pretrained: bool) -> list[Phase]:
    """Return the phases: head then fine-tuning for pretrained weights, one phase for random ones.

    A phase of no epochs is left out.
    """
    if pretrained:
        phases = [
            Phase("head", settings.head_epochs, settings.lr, None),
            Phase(
                "fine_tune",
                settings.fine_tune_epochs,
                settings.fine_tune_lr,
                settings.fine_tune_from,
            ),
        ]
    else:
        epochs = settings.head_epochs + settings.fine_tune_epochs
        phases = [Phase("all", epochs, settings.lr, None)]
    return [phase for phase in phases if phase.epochs > 0]


def fit(
    model: keras.Model,
    phases: list[Phase],
    train: Images,
    val: Images,
    class_weight: Mapping[int, float],
    restored: frozenset[str],
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
        phases: at least one, in order.
        train: images that the model learns from.
        val: images that the best epoch is chosen by.
        class_weight: weight in the loss per label, by its position in the model's output.
        restored: names of the layers whose weights were restored.
        settings: section `train` of params.yaml.
        seed: order of images, augmentation and dropout follow from it.
        checkpoint: where to go on, or None to start.
        on_epoch: called after each epoch.
        save: called after each epoch with what resuming needs.
        verbose: as of `keras.Model.fit`.

    Returns:
        The finished progress.
    """
    progress = checkpoint.progress if checkpoint else Progress()
    best_weights = checkpoint.best_weights if checkpoint else model.get_weights()
    optimizer_weights = checkpoint.optimizer if checkpoint else None
    if checkpoint:
        model.set_weights(checkpoint.weights)

    for index in range(progress.phase, len(phases)):
        phase = phases[index]
        set_trainable(model, restored, phase.fine_tune_from)
        prepared = _prepare(model, train, val, settings, seed)
        optimizer = _compile(prepared, phase, settings)
        if optimizer_weights:
            for variable, value in zip(optimizer.variables, optimizer_weights, strict=True):
                variable.assign(value)
            optimizer_weights = None

        while (
            progress.phase_epoch < phase.epochs
            and progress.epochs_without_better < settings.patience
        ):
            epoch = len(progress.history)
            _reset_dropout(model, seed, epoch)
            report = _run_epoch(prepared, epoch, class_weight, verbose)
            _record(progress, report.logs)
            if progress.epochs_without_better == 0:
                best_weights = model.get_weights()
            save(
                Checkpoint(
                    progress,
                    model.get_weights(),
                    [variable.numpy() for variable in optimizer.variables],
                    best_weights,
                )
            )
            on_epoch(report)

        model.set_weights(best_weights)
        progress.phase, progress.phase_epoch, progress.epochs_without_better = index + 1, 0, 0
    return progress


@dataclass(frozen=True)
class _Prepared:
    """One phase made ready: the part of the model that trains, and what it is fed."""

    model: keras.Model
    train_batches: Callable[[int], Any]  #: epoch -> tf.data.Dataset
    val_batches: Any
    images_per_epoch: int


def _prepare(
    model: keras.Model, train: Images, val: Images, settings: TrainParams, seed: int
) -> _Prepared:
    frozen, trainable = split_at_frozen(model)
    count = len(train.pixels)
    batch_size = min(settings.batch_size, count)
    images_per_epoch = count - count % batch_size

    if frozen is None or settings.frozen_views == 0:
        augmented = _augmented(model, settings)
        no_draws = np.zeros((len(val.pixels), DRAWS_PER_IMAGE), np.float32)
        return _Prepared(
            augmented,
            lambda epoch: dataset.batches(
                train.pixels,
                train.targets,
                dataset.shuffled(count, seed, epoch),
                batch_size,
                draws=draw(count, seed, epoch),
                drop_remainder=True,
            ),
            dataset.batches(
                val.pixels, val.targets, np.arange(len(val.pixels)), batch_size, draws=no_draws
            ),
            images_per_epoch,
        )

    augmented = _augmented(frozen, settings, always=True)
    views = [
        _outputs(augmented, [train.pixels, draw(count, seed, view)], settings)
        for view in range(settings.frozen_views)
    ]
    return _Prepared(
        trainable,
        lambda epoch: dataset.batches(
            views[epoch % len(views)],
            train.targets,
            dataset.shuffled(count, seed, epoch),
            batch_size,
            drop_remainder=True,
        ),
        dataset.batches(
            _outputs(frozen, [val.pixels], settings),
            val.targets,
            np.arange(len(val.pixels)),
            batch_size,
        ),
        images_per_epoch,
    )


def _augmented(model: keras.Model, settings: TrainParams, always: bool = False) -> keras.Model:
    """Return `model` behind augmentation, active in training, or `always`."""
    images = keras.Input(model.inputs[0].shape[1:], name="augmented_images")
    draws = keras.Input((DRAWS_PER_IMAGE,), name="draws")
    augmentation = Augmentation(settings.augment, name="augmentation")
    options = {"training": True} if always else {}
    return keras.Model([images, draws], model(augmentation(images, draws, **options)))


def _outputs(
    frozen: keras.Model, inputs: list[npt.NDArray[Any]], settings: TrainParams
) -> npt.NDArray[np.float16]:
    """Return the output of the frozen layers for each row of `inputs`.

    Half precision halves the memory; features after a ReLU lie well inside its range.
    """
    count = len(inputs[0])
    outputs = dataset.allocate(
        (count, *frozen.outputs[0].shape[1:]), np.dtype(np.float16), settings.memory_mib
    )
    for start in range(0, count, settings.batch_size):
        rows = slice(start, start + settings.batch_size)
        outputs[rows] = frozen.predict_on_batch([array[rows] for array in inputs])
    return outputs


def _compile(
    prepared: _Prepared, phase: Phase, settings: TrainParams
) -> keras.optimizers.Optimizer:
    model = prepared.model
    steps = prepared.images_per_epoch // min(settings.batch_size, prepared.images_per_epoch)
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


def _run_epoch(
    prepared: _Prepared, epoch: int, class_weight: Mapping[int, float], verbose: int
) -> EpochReport:
    model = prepared.model
    start = time.perf_counter()
    history = model.fit(
        prepared.train_batches(epoch),
        initial_epoch=epoch,
        epochs=epoch + 1,
        class_weight=dict(class_weight),
        shuffle=False,
        verbose=verbose,
    )
    seconds = time.perf_counter() - start
    # Class weights are for learning: the validation loss counts every image alike.
    val_logs = model.evaluate(prepared.val_batches, return_dict=True, verbose=0)
    logs = {f"train/{name}": values[-1] for name, values in history.history.items()}
    logs |= {f"val/{name}": value for name, value in val_logs.items()}
    logs["learning_rate"] = float(model.optimizer.learning_rate)
    return EpochReport(
        {name: float(value) for name, value in logs.items()}, seconds, prepared.images_per_epoch
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
    dropout = model.get_layer("dropout")
    if dropout.rate > 0:
        state = np.random.SeedSequence([seed, epoch, 2]).generate_state(2)
        dropout.seed_generator.state.assign(state)
