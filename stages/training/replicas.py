"""Several devices that train as one: of this machine, or of several; imports TensorFlow.

Each has a replica of the network, and sees an equal share of each batch.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from stages.compute.precision import Precision
from stages.progress import say
from stages.training.deadline import ended_after
from stages.training.machines import VARIABLE, Machines
from stages.training.phases import Phase
from waste_classifier.errors import InputError
from waste_classifier.parallel import available_cores

#: Of what is sent at once.
CHUNK_BYTES = 2**22
#: For other machines to come, which start a few minutes apart at most.
WAITING_SECONDS = 600.0
#: What is raised where a machine is gone, by which of its connections is noticed first.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


@dataclass(frozen=True)
class Replicas:
    """Replicas of a network, one on each device."""

    strategy: tf.distribute.Strategy
    machines: Machines

    @property
    def count(self) -> int:
        """On all machines."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def here(self) -> int:
        """On this machine."""
        return self.count // len(self.machines.addresses)

    def agree(self, work: str) -> None:
        """Wait until every machine has come to some point of the same work.

        Raises:
            InputError: this one does other work than the chief, or another one is gone.
        """
        with lost_machines_explained(self.machines):
            of_chief = self.of_chief(work.encode()).decode()
        if work != of_chief:
            raise InputError(
                f"machine {self.machines.index} of {len(self.machines.addresses)}: parameters, "
                "data, code, libraries or kind of processor are not those of the chief; bring all "
                "machines to the same commit and data (`dvc pull`), or let them share one folder"
            )

    def of_chief(self, content: bytes) -> bytes:
        """Return what the chief gives; every machine calls it at the same point of a training.

        Args:
            content: of the chief; that of others is not used.
        """
        if not self.machines.several:
            return content
        length = self._of_chief(np.frombuffer(np.int64(len(content)).tobytes(), np.float32))
        size = int(np.frombuffer(length.tobytes(), np.int64)[0])
        padded = bytearray(-(-size // 4) * 4)
        if self.machines.is_chief:
            padded[:size] = content
        values = np.frombuffer(padded, np.float32)
        step = CHUNK_BYTES // 4
        for start in range(0, len(values), step):
            values[start : start + step] = self._of_chief(values[start : start + step])
        return bytes(padded[:size])

    def _of_chief(self, values: np.ndarray) -> np.ndarray:
        # Gathered and not summed: bytes that are taken for numbers stay as they are.
        gathered = _gather(self.strategy, tf.constant(values))
        return np.asarray(self.strategy.experimental_local_results(gathered)[0][0])


@tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
def _gather(strategy: tf.distribute.Strategy, values: tf.Tensor) -> tf.Tensor:
    def of_replica(values: tf.Tensor) -> tf.Tensor:
        return tf.distribute.get_replica_context().all_gather(values[tf.newaxis], axis=0)

    return strategy.run(of_replica, args=(values,))


def open_replicas(
    devices: int, machines: Machines, phases: Sequence[Phase], precision: Precision
) -> Replicas | None:
    """Set TensorFlow up for several devices, before it computes anything; None for one.

    Where there are GPUs, devices are GPUs. Where there are none, they are parts of the processor,
    which are no faster together: they let a training on several devices be tried.

    Args:
        devices: of each machine.
        machines: that train together.
        phases: of the training; the head trains on one device.
        precision: in which blocks of the backbone train.

    Raises:
        InputError: the machine has fewer devices, they can't share a batch evenly or don't train
            in this precision, or other machines can't be reached.
    """
    check_devices(devices, machines)
    if devices == 1 and not machines.several:
        return None
    if all(phase.name == "head" for phase in phases):
        say("the head trains on one device: its features are cached")
        return None
    check_share(phases[-1], phases[-1].batch_size, devices * len(machines.addresses))
    if precision == "mixed_float16":
        raise InputError(
            "params.yaml: train.precision: mixed_float16, which this machine takes for auto too, "
            "trains on one device alone: Keras's scaling of the loss fails on several; set it to "
            "float32 or mixed_bfloat16, or train.devices to 1"
        )
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        tf.config.set_visible_devices(gpus[:devices], "GPU")
    elif devices > 1:
        (processor,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * devices
        tf.config.set_logical_device_configuration(processor, parts)
    if machines.several:
        say(f"waiting for {len(machines.addresses)} machines to train together")
        too_late = (
            f"error: machine {machines.index} of {len(machines.addresses)}: not all machines of "
            f"{VARIABLE} ({', '.join(machines.addresses)}) have come within {WAITING_SECONDS:.0f} "
            "s; see what they say, and start all of them within that time"
        )
        with ended_after(WAITING_SECONDS, too_late), lost_machines_explained(machines):
            strategy: tf.distribute.Strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        # The strategy reads it too, whatever stands in it.
        os.environ.pop(VARIABLE, None)
        kind = "GPU" if gpus else "CPU"
        strategy = tf.distribute.MirroredStrategy([f"{kind}:{n}" for n in range(devices)])
    replicas = Replicas(strategy, machines)
    head = "the head trains on one device, " if phases[0].name == "head" else ""
    say(f"{head}{phases[-1].name} on {replicas.count}")
    return replicas


def check_devices(devices: int, machines: Machines) -> None:
    """Check that this machine has so many devices.

    Raises:
        InputError: it has fewer.
    """
    gpus = len(tf.config.list_physical_devices("GPU"))
    # TensorFlow's strategy for several machines takes the processor of each as one device.
    cores = 1 if machines.several else available_cores()
    if devices > (gpus or cores):
        has = f"{gpus} GPUs" if gpus else f"no GPU and {available_cores()} processor cores"
        if not gpus and machines.several:
            has += ", of which several machines that train together take one device each"
        raise InputError(
            f"params.yaml: train.devices is {devices}, but this machine has {has}; set it to "
            f"{gpus or cores} or lower"
        )


def check_share(phase: Phase, batch_size: int, devices: int) -> None:
    """Check that devices can share a batch of a phase evenly.

    Args:
        phase: whose batches are meant to be larger where there are too few training images.
        batch_size: of these batches.
        devices: of all machines.

    Raises:
        InputError: they can't.
    """
    if batch_size % devices:
        few = "" if batch_size == phase.batch_size else ", all training images that there are,"
        raise InputError(
            f"params.yaml: train.{phase.name}.batch_size: {devices} devices can't share a batch of "
            f"{batch_size} images{few} evenly; set it to a multiple of {devices} that is no more "
            "than the training images, or train on fewer devices"
        )


@contextmanager
def lost_machines_explained(machines: Machines) -> Iterator[None]:
    """Turn what TensorFlow raises where another machine is gone into one message.

    Raises:
        InputError: it is.
    """
    try:
        yield
    except LOST as error:
        if not machines.several:
            raise
        raise InputError(
            f"machine {machines.index} of {len(machines.addresses)}: another machine of this "
            "training has ended or can't be reached; see what it says, then start all of them "
            f"again: they go on after the last epoch that was saved ({_first_line(error)})"
        ) from None


def _first_line(error: tf.errors.OpError) -> str:
    lines = [line.strip() for line in str(error.message).splitlines() if line.strip()]
    told = [line for line in lines if "aborted" in line.lower()] or lines
    return told[0] if told else type(error).__name__
