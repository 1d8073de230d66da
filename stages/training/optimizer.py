"""AdamW, each weight updated in two passes over memory: one decays it, one does the rest.

Keras's own optimizer goes over the weights once for each of its dozen operations, which takes a
third of a step of the head. TensorFlow has one kernel for all of them but the decay.
"""

from typing import Any

import keras
import tensorflow as tf


class AdamW(keras.optimizers.AdamW):
    """Adam with decoupled weight decay: Loshchilov and Hutter 2019, "Decoupled Weight Decay"."""

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update one variable and its moments, as `keras.optimizers.AdamW` does."""
        rate = tf.cast(learning_rate, variable.dtype)
        if self.weight_decay and self._use_weight_decay(variable):
            # assign_sub would copy the weights first: the step still holds those that it read.
            variable.assign(variable * (1 - self.weight_decay * rate))
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )

    def _apply_weight_decay(self, variables: Any) -> None:
        """Do nothing: `update_step` does it."""
