"""Train ResNet50 on the train split and keep the epoch of best macro F1 on the val split.

Writes the model and its labels to data/model/, curves and summary through dvclive. Killed and run
again, it goes on after the last finished epoch and ends with the same bytes.
"""

import sys

from stages import errors, params, tensorflow_setup
from stages.errors import InputError
from stages.manifest import SPLIT_FILE, SplitRow, labels_of, read_table
from stages.train.checkpoint import only_trainer
from stages.train.inputs import CLASS_WEIGHTS_FILE, read_class_weights
from stages.train.params import TrainParams


def main() -> None:
    """Read the parameters and the tables, then train as the only trainer of this workspace."""
    seed = params.load_seed()
    settings = params.load_section("train", TrainParams)
    if settings.head_epochs + settings.fine_tune_epochs == 0:
        raise InputError(
            "params.yaml: train: head_epochs and fine_tune_epochs are both 0; set one above 0"
        )
    rows = read_table(SPLIT_FILE, SplitRow)
    labels = labels_of(rows)
    class_weight = read_class_weights(CLASS_WEIGHTS_FILE, labels)

    with only_trainer():
        tensorflow_setup.configure()
        # Imports TensorFlow, which takes seconds that a mistake in the parameters should not.
        from stages.train.training import train

        train(rows, labels, class_weight, settings, seed)


if __name__ == "__main__":
    sys.exit(errors.run(main))
