"""Trains the miniature on several devices: `python -m tests.training.on_several_devices CASE FILE`.

A program of its own, since TensorFlow is set up for several devices once in a process. TF_CONFIG
says whether other machines train too. Writes the weights and the logs of each epoch to FILE, an
.npz.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from stages.compute import determinism

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)
import numpy as np  # noqa: E402

from stages.params.train import TrainParams  # noqa: E402
from stages.train.log import Unlogged  # noqa: E402
from stages.training import fit  # noqa: E402
from stages.training import replicas as replicas_module  # noqa: E402
from stages.training.fit import BestAndResume, run_task, run_task_replicated  # noqa: E402
from stages.training.machines import read_machines  # noqa: E402
from stages.training.phases import Phase  # noqa: E402
from stages.training.replicas import Replicas, open_replicas  # noqa: E402
from stages.training.reports import EpochReport  # noqa: E402
from stages.training.tasks import network_task  # noqa: E402
from tests.training.changes import changed  # noqa: E402
from tests.training.miniature import (  # noqa: E402
    build_miniature,
    make_examples,
    small_settings,
)

# Fourteen images: three batches of four, two being left out, and a val batch of four and of two.
FINE_TUNE = Phase("fine_tune", 1, 4, 0.001)
SCRATCH = Phase("scratch", 1, 4, 0.001)
CLASS_WEIGHTS = np.array([1, 2, 4], np.float32)
SETTINGS = changed(small_settings(), label_smoothing=0.1, warmup_epochs=0)


class KilledError(Exception):
    """Stands for a kill: nothing runs after it."""


class Printed(Unlogged):
    """A log that prints its epochs, and interrupts the training after some."""

    def __init__(self, last: int | None = None) -> None:
        self._last = last
        self._epochs = 0

    def epoch(self, report: EpochReport) -> None:
        self._epochs += 1
        print(f"epoch {report.logs}", flush=True)
        if self._epochs == self._last:
            raise KilledError


class Training:
    """The miniature, which trains from the same weights each time."""

    def __init__(self, settings: TrainParams, folder: Path) -> None:
        self.settings = settings
        self.network = build_miniature(settings)
        self.examples = make_examples(self.network, folder)
        self._initial = self.network.get_weights()

    def forget_head(self) -> None:
        """Start from other weights of the head."""
        head = self.network.get_layer("logits")
        head.set_weights([weight + 1 for weight in head.get_weights()])
        self._initial = self.network.get_weights()

    def run(
        self,
        phase: Phase,
        replicas: Replicas | None,
        state: Path | None = None,
        last: int | None = None,
    ) -> dict[str, np.ndarray]:
        """Return the weights by their names, and the logs as JSON."""
        self.network.set_weights(self._initial)
        keeper = BestAndResume(state, Printed(last), self.settings.patience, self.settings.seed)
        task = network_task(phase, self.network, *self.examples, CLASS_WEIGHTS, self.settings)
        if replicas is None:
            run_task(task, self.settings, keeper)
        else:
            run_task_replicated(task, self.settings, keeper, replicas)
        return self.weights() | {"logs": np.array(json.dumps(keeper.progress.history))}

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights by their names."""
        return {weight.path: weight.numpy() for weight in self.network.weights}


def plain_descent(schedule: keras.optimizers.schedules.LearningRateSchedule, **_: float) -> object:
    """Return an optimizer that magnifies nothing: AdamW takes a rounding error for a gradient."""
    return keras.optimizers.SGD(schedule)


def main(case: str, file: Path) -> None:
    """Train as a case says."""
    phase = FINE_TUNE if case in ("fine_tune", "resume", "machines") else SCRATCH
    if case == "alone":
        replicas_module.WAITING_SECONDS = 5.0
    machines = read_machines(os.environ)
    devices = 1 if machines.several else 2
    replicas = open_replicas(devices, machines, [phase], "float32")
    settings = SETTINGS
    if case in ("scratch", "augmented"):
        setattr(fit, "AdamW", plain_descent)  # noqa: B010  (no attribute that it exports)
    if case == "augmented":
        phase = Phase("fine_tune", 1, 4, 1e-5)
        settings = changed(settings, fine_tune__frozen_views=0)
    fit.MOST_SAVING = 1e9
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        training = Training(settings, Path(folder))
        if case == "resume":
            phase = Phase("fine_tune", 3, 4, 0.001)
            state = Path(folder) / "state"
            results["whole"] = training.run(phase, replicas)
            try:
                training.run(phase, replicas, state, last=2)
            except KilledError:
                results["resumed"] = training.run(phase, replicas, state)
        elif case == "machines":
            # The head trains on the chief alone, which tells the others of it.
            if not machines.is_chief:
                training.forget_head()
            results["several"] = training.run(phase, replicas)
        elif case == "endless":
            # Its patience would end it.
            training.settings = changed(settings, patience=1000)
            training.run(Phase("scratch", 1000, 4, 1e-6), replicas)
        else:
            results["initial"] = training.weights()
            results["one"] = training.run(phase, None)
            results["several"] = training.run(phase, replicas)
    arrays = {f"{run}:{name}": a for run, of_run in results.items() for name, a in of_run.items()}
    np.savez(file, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
