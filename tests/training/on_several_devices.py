"""Trains the miniature on several devices, as one of the cases below, and writes to a folder.

A program of its own, since TensorFlow is set up for several devices once in a process. TF_CONFIG
says whether other machines train too. Each training writes its weights and logs, an .npz.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from stages.compute import determinism

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)
import numpy as np  # noqa: E402

from stages.params.train import TrainParams  # noqa: E402
from stages.training import fit  # noqa: E402
from stages.training import replicas as replicas_module  # noqa: E402
from stages.training.fit import BestAndResume, run_task, run_task_replicated  # noqa: E402
from stages.training.machines import read_machines  # noqa: E402
from stages.training.phases import Phase  # noqa: E402
from stages.training.replicas import Replicas, open_replicas  # noqa: E402
from stages.training.reports import EpochReport, Unlogged  # noqa: E402
from stages.training.tasks import network_task  # noqa: E402
from tests.training.changes import changed  # noqa: E402
from tests.training.miniature import (  # noqa: E402
    build_miniature,
    make_examples,
    small_settings,
)

# Fourteen images: three batches of four, two being left out, and a val batch of four and of two.
FINE_TUNE = Phase("fine_tune", 1, 4, 0.001)
CLASS_WEIGHTS = np.array([1, 2, 4], np.float32)
SETTINGS = changed(small_settings(), label_smoothing=0.1, warmup_epochs=0)


class Printed(Unlogged):
    """A log that prints a line for each epoch."""

    def epoch(self, report: EpochReport) -> None:
        print(f"epoch {report.logs}", flush=True)


class Training:
    """The miniature, which trains from the same weights each time."""

    def __init__(self, photos: Path, folder: Path) -> None:
        self._folder = folder
        self._network = build_miniature(SETTINGS)
        self._examples = make_examples(self._network, photos)
        self._initial = self._network.get_weights()

    def run(
        self,
        name: str,
        phase: Phase,
        replicas: Replicas | None,
        settings: TrainParams = SETTINGS,
        state: Path | None = None,
    ) -> None:
        """Train, and write weights and logs to the file of a name."""
        self._network.set_weights(self._initial)
        keeper = BestAndResume(state, Printed(), settings.patience, settings.seed)
        task = network_task(phase, self._network, *self._examples, CLASS_WEIGHTS, settings)
        if replicas is None:
            run_task(task, settings, keeper)
        else:
            run_task_replicated(task, settings, keeper, replicas)
        self.write(name, logs=np.array(json.dumps(keeper.progress.history)))

    def write(self, name: str, **more: Any) -> None:
        """Write the weights, by their names."""
        weights = {weight.path: weight.numpy() for weight in self._network.weights}
        np.savez(self._folder / f"{name}.npz", allow_pickle=False, **weights, **more)

    def forget_head(self) -> None:
        """Start from other weights of the head."""
        head = self._network.get_layer("logits")
        head.set_weights([weight + 1 for weight in head.get_weights()])
        self._initial = self._network.get_weights()


def plain_descent(schedule: keras.optimizers.schedules.LearningRateSchedule, **_: float) -> object:
    """Return an optimizer that magnifies nothing: AdamW takes a rounding error for a gradient."""
    return keras.optimizers.SGD(schedule)


def compare(training: Training, replicas: Replicas) -> None:
    """Train in three ways, on one device and on several."""
    training.write("initial")
    for name, phase, frozen_views in (
        ("fine_tune", FINE_TUNE, 2),
        ("augmented", Phase("fine_tune", 1, 4, 1e-5), 0),
        ("scratch", Phase("scratch", 1, 4, 0.001), 0),
    ):
        if name == "augmented":
            setattr(fit, "AdamW", plain_descent)  # noqa: B010  (no attribute that it exports)
        settings = changed(SETTINGS, fine_tune__frozen_views=frozen_views)
        training.run(f"{name}-one", phase, None, settings)
        training.run(f"{name}-several", phase, replicas, settings)


def resume(training: Training, replicas: Replicas, folder: Path) -> None:
    """Train without a checkpoint, once; then from the one that is there, whose epochs are saved."""
    phase = Phase("fine_tune", 3, 4, 0.001)
    if not (folder / "whole.npz").exists():
        training.run("whole", phase, replicas)
    print("again", flush=True)
    training.run("resumed", phase, replicas, state=folder)


def machines(training: Training, replicas: Replicas) -> None:
    """Train from the head of the chief, then on and on."""
    if not replicas.machines.is_chief:
        training.forget_head()
    training.run(f"machine-{replicas.machines.index}", FINE_TUNE, replicas)
    print("again", flush=True)
    endless = changed(SETTINGS, patience=10**6)
    training.run("endless", Phase("fine_tune", 10**6, 4, 1e-6), replicas, endless)


def main(case: str, folder: Path) -> None:
    """Train as a case says."""
    if case == "alone":
        replicas_module.WAITING_SECONDS = 5.0
    fit.MOST_SAVING = 1e9
    trained_on = read_machines(os.environ)
    devices = 1 if trained_on.several else 2
    replicas = open_replicas(devices, trained_on, [FINE_TUNE], "float32")
    assert replicas is not None
    with tempfile.TemporaryDirectory() as photos:
        training = Training(Path(photos), folder)
        match case:
            case "compare":
                compare(training, replicas)
            case "resume":
                resume(training, replicas, folder)
            case "machines":
                machines(training, replicas)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
