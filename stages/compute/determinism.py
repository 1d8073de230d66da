"""Sets TensorFlow up so that equal inputs give equal bytes on one machine."""

import gc
import os
import sys

from waste_classifier.notices import without_notices
from waste_classifier.parallel import available_cores

# Each is read by the first import alone.
ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    # Where the user's keras.json would stand: floatx, epsilon and data format of other projects.
    "KERAS_HOME": os.devnull,
    # On some processors it is off by default.
    "TF_ENABLE_ONEDNN_OPTS": "1",
}
# They change how much is trained, or how it is computed.
NOT_TAKEN_OVER = (
    "KERAS_MAX_EPOCHS",
    "KERAS_MAX_STEPS_PER_EPOCH",
    "KERAS_NNX_ENABLED",
    "TF_XLA_FLAGS",
)


def configure(threads: int | None = None) -> None:
    """Import TensorFlow with everything set that its results depend on; call before using Keras.

    Nothing of the user's account counts, neither a keras.json nor a variable of the environment:
    results follow from the commit. Op determinism makes every op sum in a fixed order; another
    number of threads, or oneDNN switched, would change the last bits
    (https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_op_determinism).

    Args:
        threads: that an op is computed in; None: as many as this process has cores.

    Raises:
        RuntimeError: TensorFlow or Keras was imported before, in another environment.
    """
    unset = [name for name in NOT_TAKEN_OVER if name in os.environ]
    if unset or any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
        if {"tensorflow", "keras"} & sys.modules.keys():
            raise RuntimeError("TensorFlow was imported before determinism.configure() was called")
        for name in unset:
            del os.environ[name]
        os.environ.update(ENVIRONMENT)
    # Its start-up notices say nothing to a user, and without a GPU one is called an error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    with without_notices():
        import tensorflow as tf

    # Nothing of it is ever garbage: no collection need walk over all of it again.
    gc.freeze()
    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(threads or available_cores())
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.experimental.enable_op_determinism()
    # On a GPU, float32 would have the digits of TF32, ten of 23 bits.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for gpu in tf.config.list_physical_devices("GPU"):
        # By default TensorFlow takes all memory of a GPU; experiments of one queue share it.
        tf.config.experimental.set_memory_growth(gpu, True)
