"""Show why the classifier is wrong where it is, and check that what it shows matters.

plots/explain has a sheet of the most confident mistakes on the test images: for each the map of
what speaks for the wrong label, and the training photos that it looks like. metrics/explain.json
says what probabilities lose where what such a map shows is hidden, and where as much elsewhere is;
of maps too coarse to have an elsewhere it says nothing.
"""

import sys
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from stages.drawing import log_pictures
from stages.explain.masking import Comparison, compare, losses_of
from stages.explain.sheet import NEAREST, Mistake, mistake_sheet
from stages.outputs.classifier import CLASSIFIER_DIR
from stages.outputs.manifest import Manifest, ReceivedPhoto
from stages.outputs.predictions import PREDICTIONS_FILE, Predictions, read_predictions
from stages.params.explain import ExplainParams
from stages.progress import counted
from stages.stage import run
from stages.tracking import StageLive
from waste_classifier.classifier import Classifier
from waste_classifier.images import load_resized


def main(settings: ExplainParams) -> None:
    """Read the classifier and the predictions for the test images, explain, write what it says."""
    predictions = read_predictions(PREDICTIONS_FILE, "test")
    photos = Manifest().photos_by_path(predictions.paths, PREDICTIONS_FILE)
    classifier = Classifier.load_whole(CLASSIFIER_DIR)
    mistakes = [
        explained(classifier, photos, predictions, position)
        for position in predictions.surest_mistakes(settings.mistakes)
    ]
    count = min(settings.masked_images, len(predictions.paths))
    compared = compared_maps(classifier, photos, predictions, count, settings)

    with StageLive("explain") as live:
        live.log_metric("masked_images", count if compared else 0, plot=False)
        if compared:
            live.log_metric("lost_by_what_is_shown", compared.shown, plot=False)
            live.log_metric("lost_elsewhere", compared.elsewhere, plot=False)
            live.log_metric("difference_interval/low", compared.low, plot=False)
            live.log_metric("difference_interval/high", compared.high, plot=False)
            live.log_metric("share_that_loses_more", compared.more, plot=False)
        log_pictures(live, {"why": mistake_sheet(mistakes, len(predictions.paths))})
    if compared is None:
        print(
            f"at features.image_size: {classifier.image_size} a map has one place, which is all of "
            "the image: none was checked. Maps of larger images have more"
        )
        return
    print(
        f"{count} test images, {settings.masked_share:.0%} of each hidden: the probability loses "
        f"{compared.shown:.3f} by what the map shows, {compared.elsewhere:.3f} elsewhere "
        f"(95 % of the difference {compared.low:.3f} to {compared.high:.3f}); "
        f"{compared.more:.0%} lose more by what it shows"
    )


def compared_maps(
    classifier: Classifier,
    photos: Mapping[str, ReceivedPhoto],
    predictions: Predictions,
    count: int,
    settings: ExplainParams,
) -> Comparison | None:
    """Return what is lost over some test images; None where maps have no place elsewhere.

    Args:
        classifier: that is asked.
        photos: by path.
        predictions: for the test images.
        count: of those that are masked.
        settings: section `explain`.
    """
    generator = np.random.default_rng(settings.seed)
    chosen = np.sort(generator.permutation(len(predictions.paths))[:count])
    paths = [predictions.paths[position] for position in chosen]
    lost = []
    for path in counted(paths, "masked", count, "images"):
        of_photo = losses_of(
            classifier, seen(photos[path], classifier), settings.masked_share, generator
        )
        # Photos are of one size, and so are maps.
        if of_photo is None:
            return None
        lost.append(of_photo)
    groups = np.unique(np.array(predictions.groups)[chosen], return_inverse=True)[1]
    return compare(np.array(lost), groups, settings.bootstrap_samples, settings.seed)


def explained(
    classifier: Classifier,
    photos: Mapping[str, ReceivedPhoto],
    predictions: Predictions,
    position: int,
) -> Mistake:
    """Return a photo with a wrong label, and why it got that."""
    path = predictions.paths[position]
    image = seen(photos[path], classifier)
    predicted = predictions.labels[predictions.predicted[position]]
    features = classifier.features(image[None])[0]
    return Mistake(
        path=path,
        label=predictions.labels[predictions.actual[position]],
        predicted=predicted,
        probability=float(predictions.confidences[position]),
        image=image,
        explanation=classifier.explain_seen(image, features, predicted, NEAREST),
    )


def seen(photo: ReceivedPhoto, classifier: Classifier) -> npt.NDArray[np.uint8]:
    """Return a photo as a classifier sees it; stage fetch has checked how large it is."""
    return load_resized(photo, classifier.image_size, max_pixels=None)


if __name__ == "__main__":
    sys.exit(run("explain", ExplainParams, main))
