"""The whole classifier as one TensorFlow graph: from an image to probabilities.

Its inputs and outputs are those of every exported file: `image`, `(1, size, size, 3) uint8`, RGB;
`probabilities`, `(1, labels)`; `features`, `(orientations, d)`; `activations`, `(1, h, w, c)`, of
the last stage for the image as received. All outputs are float32.
"""

from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from waste_classifier.backbone import Backbone, last_stage_output
from waste_classifier.head import Dense, Head
from waste_classifier.litert import INPUT, OUTPUTS
from waste_classifier.model import Model

#: The one that TensorFlow gives a graph which is exported.
SIGNATURE = "serving_default"


def frozen_graph(model: Model) -> Any:
    """Return a concrete function of a model, its weights constants in it.

    Variables would stay variables in a LiteRT file, and be empty in it.
    """
    backbone = model.backbone
    if not isinstance(backbone, Backbone):
        raise TypeError(f"expected a Keras network, got {type(backbone).__name__}")
    network = keras.Model(
        backbone.network.input, [backbone.network.output, last_stage_output(backbone.network)]
    )
    turned = [orientation == "turned" for orientation in model.orientations]

    def classify(image: Any) -> dict[str, Any]:
        received = tf.cast(image, tf.float32)
        # Reversing both axes turns by half.
        seen = [tf.reverse(received, [1, 2]) if turn else received for turn in turned]
        features, activations = network(tf.concat(seen, axis=0), training=False)
        probabilities = tf.reduce_mean(apply_head(model.head, features), axis=0, keepdims=True)
        return {
            "activations": activations[:1],
            "features": features,
            "probabilities": probabilities,
        }

    shape = (1, model.image_size, model.image_size, 3)
    traced = tf.function(classify).get_concrete_function(tf.TensorSpec(shape, tf.uint8, name=INPUT))
    constant = convert_variables_to_constants_v2(traced)

    # Freezing forgets the names of outputs, and returns them sorted.
    def named(image: Any) -> dict[str, Any]:
        return dict(zip(sorted(OUTPUTS), constant(image), strict=True))

    return tf.function(named).get_concrete_function(tf.TensorSpec(shape, tf.uint8, name=INPUT))


def apply_head(head: Head, features: Any) -> Any:
    """Return the probabilities of features, `(n, d)`, as `Head` computes them in NumPy."""
    hidden = features
    if head.hidden is not None:
        hidden = tf.nn.relu(apply_dense(head.hidden, features))
    return tf.nn.softmax(apply_dense(head.logits, hidden))


def apply_dense(dense: Dense, inputs: Any) -> Any:
    """Return the outputs of a dense layer."""
    return tf.matmul(inputs, tf.constant(dense.kernel)) + tf.constant(dense.bias)
