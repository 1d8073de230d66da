"""Train on the train split and keep the epoch of lowest loss on the val split.

On a pretrained backbone the head trains first, on the cached features of the images; then the last
blocks are fine-tuned with it. Random weights train whole, in one phase.

Writes the model and its labels to data/model/, curves and summary through dvclive. Killed and run
again, it goes on after the last finished epoch and ends with the same bytes.
"""

import sys

from stages import errors, params, tensorflow_setup
from stages.errors import InputError
from stages.feature_table import Features, read_features
from stages.manifest import (
    MANIFEST_FILE,
    SPLIT_FILE,
    ManifestRow,
    SplitRow,
    labels_of,
    read_table,
)
from stages.train.checkpoint import only_trainer
from stages.train.inputs import CLASS_WEIGHTS_FILE, read_class_weights
from stages.train.params import TrainParams


def main() -> None:
    """Read the parameters and the tables, then train as the only trainer of this workspace."""
    seed = params.load_seed()
    settings = params.load_section("train", TrainParams)
    manifest = read_table(MANIFEST_FILE, ManifestRow)
    rows = read_table(SPLIT_FILE, SplitRow)
    labels = labels_of(rows)
    class_weights = read_class_weights(CLASS_WEIGHTS_FILE, labels)
    features = read_features(len(manifest))
    check_phases(settings, features)

    with only_trainer():
        tensorflow_setup.configure()
        # Imports TensorFlow, which takes seconds that a mistake in the parameters should not.
        from stages.train.training import train

        train(manifest, rows, labels, features, class_weights, settings, seed)


def check_phases(settings: TrainParams, features: Features) -> None:
    """Check that something trains, and that what is fine-tuned is there.

    Raises:
        InputError: all epochs are 0, or the backbone ends before `fine_tune_from`.
    """
    if not features.pretrained:
        if settings.scratch_epochs == 0:
            raise InputError(
                "params.yaml: train.scratch_epochs is 0, but random weights train in these epochs "
                "alone; set it above 0, or backbone.weights to pretrained ones"
            )
        return
    if settings.head_epochs + settings.fine_tune_epochs == 0:
        raise InputError(
            "params.yaml: train: head_epochs and fine_tune_epochs are both 0; set one above 0"
        )
    if settings.fine_tune_epochs and settings.fine_tune_from[:5] > features.last_stage:
        raise InputError(
            f"params.yaml: train.fine_tune_from is {settings.fine_tune_from}, but the pretrained "
            f"weights end with {features.last_stage}; name a stage or block up to that one, or set "
            "train.fine_tune_epochs to 0"
        )


if __name__ == "__main__":
    sys.exit(errors.run(main))
