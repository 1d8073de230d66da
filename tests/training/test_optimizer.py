"""The optimizer moves weights as Keras's own does."""

import numpy as np

from stages.compute import determinism

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.training.optimizer import AdamW  # noqa: E402


def moved(optimizer: keras.optimizers.Optimizer) -> list[list[float]]:
    """Return what a kernel and a bias are after some steps of known gradients."""
    random = np.random.default_rng(0)
    kernel = keras.Variable(random.normal(size=(3, 2)).astype(np.float32), name="kernel")
    bias = keras.Variable(random.normal(size=2).astype(np.float32), name="bias")
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build([kernel, bias])
    for _ in range(5):
        gradients = [
            keras.ops.convert_to_tensor(random.normal(size=variable.shape).astype(np.float32))
            for variable in (kernel, bias)
        ]
        optimizer.apply(gradients)
    return [np.asarray(variable).ravel().tolist() for variable in (kernel, bias)]


def test_weights_move_as_with_keras() -> None:
    schedule = keras.optimizers.schedules.CosineDecay(0.1, decay_steps=10)

    ours = moved(AdamW(schedule, weight_decay=0.3))
    theirs = moved(keras.optimizers.AdamW(schedule, weight_decay=0.3))

    for of_ours, of_theirs in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(of_ours, of_theirs, rtol=1e-5, atol=1e-6)


def test_the_first_step_by_hand() -> None:
    weight = keras.Variable(np.array([1.0, -2.0], np.float32))
    optimizer = AdamW(0.1, weight_decay=0.0)
    optimizer.build([weight])

    optimizer.apply([keras.ops.convert_to_tensor(np.array([0.5, -3.0], np.float32))])

    # Of the first gradient, its size is divided away: each weight moves by the rate.
    np.testing.assert_allclose(np.asarray(weight), [0.9, -1.9], rtol=1e-5)
