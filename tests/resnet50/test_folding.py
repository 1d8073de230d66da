"""Folding: the same numbers without BatchNorm."""

import numpy as np

from stages.compute import determinism

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.resnet50.folding import fold_batch_norm  # noqa: E402
from stages.resnet50.network import build_backbone  # noqa: E402

BATCH = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)


def test_features_and_folding_lose_little_in_half_precision() -> None:
    keras.utils.set_random_seed(0)
    backbone = build_backbone(64)
    precise = np.asarray(backbone(BATCH))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = build_backbone(64)
        half.set_weights(backbone.get_weights())
        folded = fold_batch_norm(half)
    finally:
        keras.config.set_dtype_policy("float32")

    assert folded.output.dtype == "float32"
    # A number in half precision has eight bits.
    assert np.abs(np.asarray(folded(BATCH)) - precise).mean() < 2**-7 * precise.std()


def test_a_folded_network_gives_the_same_without_batch_norm() -> None:
    backbone = build_backbone(64, "conv4")
    random = np.random.default_rng(2)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    scores = keras.layers.Dense(3, name="scores")(backbone.output)
    model = keras.Model(backbone.input, scores)

    folded = fold_batch_norm(model)

    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers)
    np.testing.assert_allclose(folded(BATCH), model(BATCH), rtol=1e-3, atol=1e-3)
