"""Apply the classifier to the val and test images: data/predictions.csv.

Where its backbone is the frozen one that the cached features come from, the head is all that is
left to compute; else the whole network sees the images.
"""

import sys
from collections.abc import Sequence

from stages.outputs.features import open_features
from stages.outputs.manifest import MANIFEST_FILE, labels_of, read_columns
from stages.outputs.model import MODEL_DIR
from stages.outputs.predictions import PREDICTIONS_FILE, write_predictions
from stages.outputs.split import SPLIT_FILE, SplitRow, read_split
from stages.params.predict import PredictParams
from stages.predict.apply import predict_features, predict_images
from stages.stage import run
from waste_classifier.errors import InputError
from waste_classifier.model import Model


def main(settings: PredictParams) -> None:
    """Read the split and the classifier, write what it says of each image."""
    rows = [row for row in read_split() if row.split != "train"]
    classifier = Model.load(MODEL_DIR)
    check_labels(classifier.labels, rows)
    images = read_columns(MANIFEST_FILE)
    features = open_features(images)
    if classifier.backbone_sha256 == features.description.backbone_sha256:
        probabilities = predict_features(classifier, rows, images, features)
    else:
        probabilities = predict_images(classifier, rows, images, settings.batch_size)
    write_predictions(PREDICTIONS_FILE, rows, classifier.labels, probabilities)
    print(f"{len(rows)} images of val and test, {len(classifier.labels)} labels")


def check_labels(labels: Sequence[str], rows: Sequence[SplitRow]) -> None:
    """Check that val and test have exactly the labels that the classifier knows.

    Raises:
        InputError: they have others, or lack some.
    """
    if sorted(labels) != labels_of(rows):
        raise InputError(
            f"{SPLIT_FILE}: val and test have labels {', '.join(labels_of(rows)) or 'none'}, the "
            f"classifier in {MODEL_DIR} has {', '.join(labels)}; run `dvc repro` to train anew"
        )


if __name__ == "__main__":
    sys.exit(run("predict", PredictParams, main))
