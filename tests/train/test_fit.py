"""Phases, the best epoch, and a resumed training that equals an uninterrupted one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score

from stages.errors import InputError
from stages.train.checkpoint import Checkpoint, Progress
from stages.train.fit import EpochReport, Images, Phase, fit, plan_phases
from stages.train.model import STAGE_ENDS
from stages.train.params import TrainParams

SETTINGS = TrainParams.model_validate(
    {
        "image_size": 32,
        "batch_size": 4,
        "head_epochs": 2,
        "fine_tune_epochs": 1,
        "fine_tune_from": "conv5",
        "frozen_views": 2,
        "lr": 0.01,
        "fine_tune_lr": 0.001,
        "warmup_epochs": 1,
        "weight_decay": 0.0001,
        "dropout": 0.2,
        "label_smoothing": 0.0,
        "patience": 10,
        "batch_norm_momentum": 0.9,
        "precision": "float32",
        "memory_mib": 100,
        "augment": {
            "horizontal_flip": True,
            "vertical_flip": False,
            "rotation": 0.0,
            "zoom": 0.1,
            "translation": 0.1,
            "brightness": 0.1,
            "contrast": 0.1,
            "saturation": 0.1,
        },
    }
)
TWO_PHASES = [Phase("head", 2, 0.01, None), Phase("fine_tune", 2, 0.001, "conv3")]
EVEN = {0: 1.0, 1: 1.0, 2: 1.0}


def coloured_images(count: int, seed: int) -> Images:
    """Three labels: mostly red, green or blue noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pixels = random.integers(0, 100, (count, 32, 32, 3))
    pixels[np.arange(count), :, :, labels] += 120
    return Images(pixels.astype(np.uint8), np.eye(3, dtype=np.float32)[labels])


TRAIN, VAL = coloured_images(14, seed=0), coloured_images(6, seed=1)


@pytest.fixture
def model() -> keras.Model:
    """A miniature with the layer names that `fit` relies on: ResNet50 would take minutes here."""
    keras.utils.set_random_seed(0)
    images = keras.Input((32, 32, 3), name="images")
    features = keras.layers.Rescaling(1 / 255, name="centre")(images)
    features = keras.layers.Conv2D(4, 3, strides=2, name="conv1_conv")(features)
    features = keras.layers.BatchNormalization(name="conv1_bn")(features)
    features = keras.layers.MaxPooling2D(name="pool1_pool")(features)
    for end in (STAGE_ENDS[stage] for stage in ("conv2", "conv3", "conv4")):
        features = keras.layers.Conv2D(4, 1, activation="relu", name=end)(features)
    features = keras.layers.Conv2D(8, 1, name="conv5_block1_1_conv")(features)
    features = keras.layers.GlobalAveragePooling2D(name="avg_pool")(features)
    features = keras.layers.Dropout(0.2, name="dropout")(features)
    probabilities = keras.layers.Dense(3, "softmax", name="logits")(features)
    return keras.Model(images, probabilities)


@pytest.fixture
def run(model: keras.Model) -> Callable[..., tuple[Progress, list[EpochReport], list[Checkpoint]]]:
    """Fit the model with the given changes to the arguments; conv1 to conv4 count as restored."""
    restored = frozenset(
        layer.name for layer in model.layers if layer.name.startswith(("conv1", "conv2", "conv3"))
    ) | {STAGE_ENDS["conv4"]}
    initial = model.get_weights()

    def fit_model(**changes: Any) -> tuple[Progress, list[EpochReport], list[Checkpoint]]:
        model.set_weights(initial)
        reports: list[EpochReport] = []
        checkpoints: list[Checkpoint] = []

        def save(checkpoint: Checkpoint) -> None:
            progress = replace(checkpoint.progress, history=list(checkpoint.progress.history))
            checkpoints.append(replace(checkpoint, progress=progress))

        arguments = {
            "phases": TWO_PHASES,
            "train": TRAIN,
            "val": VAL,
            "class_weight": EVEN,
            "restored": restored,
            "settings": SETTINGS,
            "seed": 5,
            "checkpoint": None,
            "on_epoch": reports.append,
            "save": save,
            "verbose": 0,
        }
        progress = fit(model, **{**arguments, **changes})
        return progress, reports, checkpoints

    return fit_model


def test_pretrained_weights_train_in_two_phases() -> None:
    assert plan_phases(SETTINGS, pretrained=True) == [
        Phase("head", 2, 0.01, None),
        Phase("fine_tune", 1, 0.001, "conv5"),
    ]


def test_random_weights_train_in_one_phase_of_all_epochs() -> None:
    assert plan_phases(SETTINGS, pretrained=False) == [Phase("all", 3, 0.01, None)]


def test_a_phase_without_epochs_is_left_out() -> None:
    settings = SETTINGS.model_copy(update={"fine_tune_epochs": 0})
    assert [phase.name for phase in plan_phases(settings, pretrained=True)] == ["head"]


@pytest.mark.parametrize("frozen_views", [0, 2])
def test_resumed_after_any_epoch_it_ends_as_if_never_stopped(
    run: Callable[..., Any], model: keras.Model, frozen_views: int
) -> None:
    settings = SETTINGS.model_copy(update={"frozen_views": frozen_views})
    progress, _, checkpoints = run(settings=settings)
    expected = model.get_weights()

    # In the middle of the first phase, and of the second.
    for finished, checkpoint in ((1, checkpoints[0]), (3, checkpoints[2])):
        resumed, reports, _ = run(settings=settings, checkpoint=checkpoint)

        assert len(reports) == 4 - finished
        assert resumed.history == progress.history
        for ours, theirs in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_same_seed_gives_the_same_epochs_and_another_seed_others(
    run: Callable[..., Any],
) -> None:
    first, _, _ = run(seed=5)
    second, _, _ = run(seed=5)
    other, _, _ = run(seed=6)

    assert first.history == second.history
    assert first.history != other.history


def test_the_best_epoch_is_kept(run: Callable[..., Any], model: keras.Model) -> None:
    # A high rate in the second phase makes it worse than the first.
    phases = [Phase("first", 3, 0.01, None), Phase("second", 2, 1.0, None)]
    progress, _, _ = run(phases=phases)

    best = progress.history[progress.best_epoch]
    assert best["val/macro_f1"] == max(logs["val/macro_f1"] for logs in progress.history)
    predicted = model.predict(VAL.pixels, verbose=0).argmax(axis=1)
    expected = f1_score(VAL.targets.argmax(axis=1), predicted, average="macro", zero_division=0)
    assert best["val/macro_f1"] == pytest.approx(expected)


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
    # Three whole batches of four out of fourteen images; warm-up ends with the first epoch.
    assert reports[0].images == 12
    assert reports[0].logs["learning_rate"] == pytest.approx(0.01)
    assert reports[1].logs["learning_rate"] == pytest.approx(0, abs=1e-9)


def test_a_phase_ends_after_epochs_without_a_better_one(run: Callable[..., Any]) -> None:
    # So small a rate changes nothing: the first epoch of all is the best.
    settings = SETTINGS.model_copy(update={"patience": 2, "warmup_epochs": 0})
    progress, _, _ = run(settings=settings, phases=[Phase("only", 9, 1e-12, None)])

    assert progress.best_epoch == 0
    assert len(progress.history) == 3


def test_class_weights_change_what_is_learnt(run: Callable[..., Any], model: keras.Model) -> None:
    phases = [Phase("only", 2, 0.1, None)]
    shares = []
    for weight in (0.01, 100.0):
        run(phases=phases, class_weight={**EVEN, 2: weight})
        shares.append(model.predict(TRAIN.pixels, verbose=0)[:, 2].mean())

    assert shares[1] > shares[0] + 0.1


def test_a_loss_that_is_no_number_stops_with_advice(run: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match=r"loss became nan in epoch 0; lower train\.lr"):
        run(class_weight={0: float("nan"), 1: 1.0, 2: 1.0})
