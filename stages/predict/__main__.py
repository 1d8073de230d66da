"""Apply the classifier to the val and test images: data/predictions.csv.

Where its backbone is the frozen one that the cached features come from, the head is all that is
left to compute; else the whole network sees the images.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from stages.outputs.features import open_features
from stages.outputs.manifest import Manifest
from stages.outputs.model import MODEL_DIR
from stages.outputs.predictions import PREDICTIONS_FILE, write_predictions
from stages.outputs.split import SPLIT_FILE, SplitName, SplitRow, iterate_split
from stages.params.predict import PredictParams
from stages.predict.apply import predict_features, predict_images
from stages.stage import run
from waste_classifier.errors import InputError
from waste_classifier.model import Model

ASKED_ABOUT: tuple[SplitName, ...] = ("val", "test")


def main(settings: PredictParams) -> None:
    """Read the split and the classifier, write what it says of each image."""
    classifier = Model.load(MODEL_DIR)
    count = check_labels(classifier.labels, iterate_split(ASKED_ABOUT))
    images = Manifest()
    features = open_features(images)
    paths = (row.path for row in iterate_split(ASKED_ABOUT))
    if classifier.backbone_sha256 == features.description.backbone_sha256:
        probabilities = predict_features(classifier, paths, count, images, features)
    else:
        probabilities = predict_images(classifier, paths, count, images, settings.batch_size)
    write_predictions(
        PREDICTIONS_FILE, iterate_split(ASKED_ABOUT), classifier.labels, probabilities
    )
    print(f"{count} images of val and test, {len(classifier.labels)} labels")


def check_labels(labels: Sequence[str], rows: Iterable[SplitRow]) -> int:
    """Check that val and test have exactly the labels that the classifier knows.

    Args:
        labels: that it knows.
        rows: of val and test.

    Returns:
        How many rows there are.

    Raises:
        InputError: they have others, or lack some.
    """
    counts = Counter(row.label for row in rows)
    if sorted(labels) != sorted(counts):
        raise InputError(
            f"{SPLIT_FILE}: val and test have labels {', '.join(sorted(counts)) or 'none'}, the "
            f"classifier in {MODEL_DIR} has {', '.join(labels)}; run `dvc repro` to train anew"
        )
    return counts.total()


if __name__ == "__main__":
    sys.exit(run("predict", PredictParams, main))
