"""Scores by which a training reports its epochs."""

import keras
import numpy as np
import numpy.typing as npt

from stages.training.reports import Logs


def metrics() -> list[keras.metrics.Metric]:
    """Return new metrics, each with the name that it has in the logs."""
    return [
        keras.metrics.CategoricalAccuracy(name="accuracy"),
        keras.metrics.F1Score(average="macro", name="macro_f1"),
    ]


def scores(
    targets: npt.NDArray[np.float32],
    probabilities: npt.NDArray[np.float32],
    losses: npt.NDArray[np.float32],
) -> Logs:
    """Return loss and metrics of an epoch by their names, as Keras's `fit` logs them.

    Args:
        targets: `(n, labels)`, one-hot.
        probabilities: `(n, labels)`, of the network.
        losses: `(n,)`, times their weights; the metrics count every row alike.
    """
    logs = {"loss": float(losses.mean(dtype=np.float64))}
    for metric in metrics():
        metric.update_state(targets, probabilities)
        logs[metric.name] = float(metric.result())
    return logs
