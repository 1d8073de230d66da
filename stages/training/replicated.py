"""Epochs on several devices, by the mathematics of one: a loop of `tf.distribute`'s `Strategy.run`.

The batch is the one of a single device, shared out evenly. Gradients are summed over the devices,
BatchNorm that trains takes its statistics of the whole batch, and dropout drops what it would drop
on one device. Sums in another order differ in their last bits.
"""

import json
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.training.augment import Augmentation
from stages.training.batches import Positions, Rows, batches
from stages.training.metrics import scores
from stages.training.replicas import Replicas
from stages.training.tasks import Task

Step = Any  #: takes a batch of each device here, returns what all of them say, and the targets


class ReplicaDropout(keras.layers.Dropout):
    """Dropout that drops of a share of a batch what it would drop there of the whole batch."""

    def __init__(self, rate: float, **options: Any) -> None:
        """Take how much is dropped; `options` go to `keras.layers.Dropout`."""
        super().__init__(rate, **options)
        if rate > 0:
            # All replicas draw the same. Keras's own state does not say who counts the draws.
            self.seed_generator.state = keras.Variable(
                self.seed_generator.state.numpy(),
                dtype=self.seed_generator.state.dtype,
                trainable=False,
                aggregation="only_first_replica",
                name="seed_generator_state",
            )

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the inputs, in training with some of them dropped and the rest scaled up."""
        if not training or self.rate == 0:
            return inputs
        context = tf.distribute.get_replica_context()
        rows = tf.shape(inputs)[0]
        whole = tf.ones([rows * context.num_replicas_in_sync, *inputs.shape[1:]], inputs.dtype)
        kept = keras.random.dropout(whole, self.rate, seed=self.seed_generator)
        first = rows * context.replica_id_in_sync_group
        return inputs * kept[first : first + rows]


class SharedRows:
    """Rows in batches, of each of which this machine's replicas see their shares, one by one."""

    def __init__(self, rows: Rows, batch_size: int, steps: int, replicas: Replicas) -> None:
        """Take what is shared out.

        Args:
            rows: of an epoch.
            batch_size: rows of a batch, over all machines; replicas divide it.
            steps: batches of an epoch; the last one, where rows are missing, has the last again.
            replicas: that see them.
        """
        self._rows = rows
        self._batch_size = batch_size
        self._steps = steps
        self._here = batch_size // len(replicas.machines.addresses)
        self._first = self._here * replicas.machines.index
        self.share = batch_size // replicas.count

    def __len__(self) -> int:
        """Return how many rows an epoch has on this machine."""
        return self._steps * self._here

    def batch(self, epoch: int, positions: Positions) -> Any:
        """Return what the rows of all machines have at some positions of this one's."""
        step, within = np.divmod(positions, self._here)
        of_all = step * self._batch_size + self._first + within
        return self._rows.batch(epoch, np.minimum(of_all, len(self._rows) - 1))


def replicated(model: keras.Model) -> keras.Model:
    """Return a copy of a model for the strategy in whose scope it is called, with its weights.

    BatchNorm that trains does so on the statistics of the whole batch; those of a share would be
    of fewer images, and depend on the number of devices.
    """
    copied = keras.models.clone_model(model, clone_function=_replicated_layer, recursive=True)
    copied.set_weights(model.get_weights())
    return copied


def _replicated_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, Augmentation):  # which has no weights
        return layer
    config = layer.get_config()
    if isinstance(layer, keras.layers.Dropout):
        return ReplicaDropout.from_config(config)
    if isinstance(layer, keras.layers.BatchNormalization):
        config["synchronized"] = True
    return type(layer).from_config(config)


def fit_replicated(
    task: Task,
    epochs: range,
    callbacks: Sequence[keras.callbacks.Callback],
    replicas: Replicas,
) -> None:
    """Train as `fit_epochs` does, with the same logs.

    Args:
        task: with a model as `replicated` returns it, compiled.
        epochs: counted over all phases; may be none.
        callbacks: of Keras; of their events those of epochs, steps and the start of validation.
        replicas: of the model.
    """
    if not epochs:
        return
    model = task.model
    train_rows = SharedRows(task.train_rows, task.batch_size, task.steps_per_epoch, replicas)
    steps = -(-len(task.val_rows) // task.batch_size)
    val_rows = SharedRows(task.val_rows, task.batch_size, steps, replicas)
    train_step, val_step = make_steps(model, replicas)
    for callback in callbacks:
        callback.set_model(model)
    model.stop_training = False
    for epoch in epochs:
        for callback in callbacks:
            callback.on_epoch_begin(epoch)
        seen = run_steps(train_step, train_rows, epoch, replicas, callbacks)
        logs = scores(*seen)
        if len(task.val_rows):
            for callback in callbacks:
                callback.on_test_begin()
            seen = run_steps(val_step, val_rows, 0, replicas)
            of_val = scores(*(values[: len(task.val_rows)] for values in seen))
            logs |= {f"val_{name}": value for name, value in of_val.items()}
        # Another kind of processor may round otherwise, and take another epoch for the best.
        logs = json.loads(replicas.of_chief(json.dumps(logs).encode()))
        for callback in callbacks:
            callback.on_epoch_end(epoch, logs)
        if model.stop_training:
            return


def make_steps(model: keras.Model, replicas: Replicas) -> tuple[Step, Step]:
    """Return what trains on a batch, and what validates on one.

    Each takes the shares of this machine's replicas, and returns targets, probabilities and
    weighted losses of the whole batch, in its order.
    """

    def train(inputs: Any, targets: tf.Tensor, weights: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            said = model(inputs, training=True)
            losses = weights * model.loss.call(targets, said)
            # Summed over the replicas, whose shares are equal, it is the mean over the batch.
            loss = model.optimizer.scale_loss(tf.reduce_mean(losses) / replicas.count)
        gradients = tape.gradient(loss, model.trainable_weights)
        # The optimizer sums them over the replicas.
        model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return gather(targets, said, losses)

    def validate(inputs: Any, targets: tf.Tensor) -> Any:
        said = model(inputs, training=False)
        return gather(targets, said, model.loss.call(targets, said))

    def gather(*values: tf.Tensor) -> Any:
        # What merely came in has no device yet, which gathering wants to know.
        placed = [tf.identity(each) for each in values]
        return tf.distribute.get_replica_context().all_gather(placed, axis=0)

    def step(of_replica: Any) -> Step:
        @tf.function(autograph=False)  # type: ignore[untyped-decorator]
        def on_all(shares: Any) -> Any:
            return replicas.strategy.run(of_replica, args=shares)

        return on_all

    return step(train), step(validate)


def run_steps(
    step: Step,
    rows: SharedRows,
    epoch: int,
    replicas: Replicas,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> list[npt.NDArray[np.float32]]:
    """Run the steps of an epoch; return targets, probabilities and losses of all its rows.

    Args:
        step: as `make_steps` returns it.
        rows: of this machine.
        epoch: counted over all phases.
        replicas: that run it.
        callbacks: told of each step.
    """
    # Held by this name too: what it loads from is let go of together with it.
    shares = batches(rows, [epoch], rows.share, drop_remainder=True)
    distributed = replicas.strategy.distribute_datasets_from_function(lambda _: shares)
    seen: list[Any] = []
    for number, batch in enumerate(distributed):
        local = [replicas.strategy.experimental_local_results(each)[0] for each in step(batch)]
        seen.append([values.numpy() for values in local])
        for callback in callbacks:
            callback.on_train_batch_end(number)
    return [np.concatenate(column) for column in zip(*seen, strict=True)]
