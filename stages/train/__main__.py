"""Train on the train split and keep the epoch of lowest loss on the val split.

On a pretrained backbone the head trains first, on the cached features of the images; then the last
blocks are fine-tuned with it. Random weights train whole, in one phase.

Writes the classifier to data/model/, curves and summary through dvclive. Killed and run again, it
goes on after the last epoch that it saved and ends with the same bytes.
"""

import shutil
import sys

import numpy as np

from stages.outputs.backbone import BACKBONE_DIR
from stages.outputs.backbone import DESCRIPTION_NAME as BACKBONE_DESCRIPTION_NAME
from stages.outputs.class_weights import CLASS_WEIGHTS_FILE, read_class_weights
from stages.outputs.features import DESCRIPTION_NAME as FEATURES_DESCRIPTION_NAME
from stages.outputs.features import FEATURES_DIR, NETWORK_NAME, Description, open_features
from stages.outputs.manifest import MANIFEST_FILE, labels_of, read_columns
from stages.outputs.model import MODEL_DIR
from stages.outputs.split import SPLIT_FILE, read_split
from stages.outputs.tables import MEND
from stages.outputs.unfinished import fingerprint, folder_of, only_run
from stages.outputs.whole import UNFINISHED
from stages.params.train import TrainParams
from stages.resnet50.layout import used_columns
from stages.stage import run
from stages.train.examples import TrainingData, examples_of
from stages.train.phases import plan_phases
from waste_classifier.checksum import sha256_of
from waste_classifier.classifier import Contract
from waste_classifier.errors import InputError
from waste_classifier.orientations import ORIENTATIONS

# The manifest has the checksum of each image, the descriptions those of weights and network.
INPUTS = [
    MANIFEST_FILE,
    SPLIT_FILE,
    CLASS_WEIGHTS_FILE,
    BACKBONE_DIR / BACKBONE_DESCRIPTION_NAME,
    FEATURES_DIR / FEATURES_DESCRIPTION_NAME,
]
STATE_DIR = MODEL_DIR.parent / UNFINISHED / "train"


def main(settings: TrainParams) -> None:
    """Read the tables and features, then train as the only training of this workspace."""
    data = read_data(settings)
    phases = plan_phases(settings, data.backbone.pretrained, data.backbone.last_stage)

    with only_run(STATE_DIR, "training") as unfinished:
        # Imports TensorFlow, which takes seconds that a mistake in the inputs should not.
        from stages.compute import determinism

        determinism.configure()
        from stages.compute.precision import native_precision
        from stages.train.training import train

        precision = native_precision(settings.precision)
        state = folder_of(unfinished, fingerprint(f"{settings!r} {precision}", INPUTS))
        train(data, phases, settings, precision, state)
        shutil.rmtree(state)


def read_data(settings: TrainParams) -> TrainingData:
    """Read what a training learns from.

    Raises:
        InputError: a table is missing or damaged, or they do not belong together.
    """
    images = read_columns(MANIFEST_FILE)
    features = open_features(images)
    rows = read_split()
    labels = labels_of(rows)
    description = features.description
    check_network(description)
    columns = used_columns(settings.head.pooling, description.last_stage)
    # Random weights train on pixels.
    seen = columns if description.pretrained else np.zeros_like(columns)
    train, val = (
        examples_of(split, rows, labels, images, features, seen, settings.memory_mib)
        for split in ("train", "val")
    )
    class_weights = read_class_weights(CLASS_WEIGHTS_FILE, labels)
    half_turn = settings.test_time_augmentation == "half_turn"
    orientations = ORIENTATIONS if half_turn else ORIENTATIONS[:1]
    contract = Contract(tuple(labels), orientations, description.image_size)
    return TrainingData(contract, columns, train, val, class_weights, description)


def check_network(description: Description) -> None:
    """Check that the network beside the features is theirs, before hours of training rely on it.

    Raises:
        InputError: it is missing or damaged.
    """
    file = FEATURES_DIR / NETWORK_NAME
    wanted = description.backbone_sha256
    if wanted is not None and (not file.is_file() or sha256_of(file) != wanted):
        raise InputError(f"{file}: missing, or not the network that the features are of; {MEND}")


if __name__ == "__main__":
    sys.exit(run("train", TrainParams, main))
