"""The head as it trains on cached features: what its first layer says of images is mixed."""

from typing import Any

import keras


def mixing_head(head: keras.Model) -> keras.Model:
    """Return a head that mixes, and shares all layers with the one given.

    It takes `(features, partners, shares)`, as `mix`, and returns probabilities of the mixtures,
    `(m x mixes, labels) float32`.

    Args:
        head: as `build_head` returns it.
    """
    partners = keras.Input((None,), dtype="int32", name="partners")
    shares = keras.Input((None,), dtype="float32", name="shares")
    outputs = head.input
    mixed = False
    for layer in head.layers[1:]:
        outputs = layer(outputs)
        if not mixed and isinstance(layer, keras.layers.Dense):
            outputs = mix(outputs, partners, shares)
            mixed = True
    return keras.Model((head.input, partners, shares), outputs, name="mixing_head")


def mix(rows: Any, partners: Any, shares: Any) -> Any:
    """Return mixtures of rows with other rows, `(m x mixes, d)`, those of one row after another.

    Args:
        rows: `(m, d)`.
        partners: `(m, mixes)`, with which row each is mixed.
        shares: `(m, mixes)`, of the row itself; the rest is the partner's.
    """
    share = keras.ops.expand_dims(shares, -1)
    others = keras.ops.take(rows, partners, axis=0)
    mixed = share * keras.ops.expand_dims(rows, 1) + (1 - share) * others
    return keras.ops.reshape(mixed, (-1, rows.shape[-1]))
