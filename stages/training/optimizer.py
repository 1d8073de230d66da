"""AdamW, each weight updated in one pass over memory.

Keras's own optimizer goes over the weights once for each of its dozen operations, which takes a
third of a step of the head. TensorFlow has one kernel for all of them.
"""

from typing import Any

import keras
import tensorflow as tf


class AdamW(keras.optimizers.AdamW):
    """Adam with decoupled weight decay: Loshchilov and Hutter 2019, "Decoupled Weight Decay"."""

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update one variable and its moments, as `keras.optimizers.Adam` does."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )
