"""Sets TensorFlow up so that equal inputs give equal bytes on one machine."""

import os

from waste_classifier.parallel import available_cores


def configure() -> None:
    """Import TensorFlow with everything set that its results depend on; call before using Keras.

    Op determinism makes every op sum in a fixed order; another number of threads, or oneDNN
    switched, would change the last bits (https://www.tensorflow.org/api_docs/python/tf/config/
    experimental/enable_op_determinism).
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    # Its start-up notices say nothing to a user, and without a GPU one is called an error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(available_cores())
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.experimental.enable_op_determinism()
    for gpu in tf.config.list_physical_devices("GPU"):
        # By default TensorFlow takes all memory of a GPU; experiments of one queue share it.
        tf.config.experimental.set_memory_growth(gpu, True)
