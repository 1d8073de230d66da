"""Evaluate the predictions for the test images: metrics/evaluate.json and plots/evaluate.

`python -m stages.evaluate cross_validation` does so with what the cross-validation says of all
images: metrics/cross_validation.json and plots/cross_validation.

All numbers follow from data/predictions.csv or data/cross_validation.csv alone; the images are
opened for the sheets that show some of them.
"""

import sys
from pathlib import Path

from stages import scores
from stages.drawing import log_pictures
from stages.evaluate import charts, sheets, summary
from stages.outputs.answers import FILE_NAME as ANSWERS_NAME
from stages.outputs.answers import write_answers
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, read_cross_validation
from stages.outputs.manifest import Manifest
from stages.outputs.predictions import PREDICTIONS_FILE, Predictions, read_predictions
from stages.params.evaluate import EvaluateParams
from stages.stage import run
from stages.tracking import StageLive

#: Shares of the images: those that one would let the model decide.
SUREST = (0.8, 0.9)


def main(settings: EvaluateParams) -> None:
    """Read the predictions for the test images, write metrics and plots."""
    predictions = read_predictions(PREDICTIONS_FILE, "test")
    report(predictions, PREDICTIONS_FILE, "evaluate", settings)


def main_cross_validation(settings: EvaluateParams) -> None:
    """Read the predictions of the cross-validation, write metrics and plots."""
    predictions = read_cross_validation(CROSS_VALIDATION_FILE)
    report(predictions, CROSS_VALIDATION_FILE, "cross_validation", settings)


def report(predictions: Predictions, file: Path, name: str, settings: EvaluateParams) -> None:
    """Write metrics and plots of some predictions.

    Args:
        predictions: of images.
        file: that they stand in.
        name: of the metrics and of the folder of plots.
        settings: section `evaluate`.
    """
    received = Manifest()
    positions = received.positions_of(predictions.paths, file)
    labels, repeats = predictions.labels, predictions.repeats
    actual, predicted = predictions.actual, predictions.predicted
    confusion = scores.confusion_matrix(actual, predicted, len(labels))
    of_all = scores.scores(confusion)
    intervals = scores.bootstrap_intervals(
        actual,
        predicted,
        predictions.groups,
        len(labels),
        settings.bootstrap_samples,
        settings.seed,
    )
    bins = scores.calibration(
        predictions.confidences,
        predicted == actual,
        predictions.groups,
        settings.calibration_bins,
    )
    losses = scores.losses(predictions.probabilities, actual)
    calibration_error = scores.expected_calibration_error(bins)
    metrics = summary.summarise(of_all, intervals, labels, repeats) | {
        "expected_calibration_error": calibration_error,
        "log_loss": float(losses.mean()),
        **{
            f"accuracy_of_surest/{share * 100:.0f}_percent": scores.accuracy_of_surest(
                predictions.confidences, predicted == actual, share
            )
            for share in SUREST
        },
    }
    examples = sheets.choose_examples(len(predictions.paths), settings.sheet_images, settings.seed)
    mistakes = predictions.surest_mistakes(settings.sheet_images)
    drawn = [predictions.paths[number] for number in (*examples, *mistakes)]
    photos = received.photos_by_path(drawn, file)
    # Before anything is written, since an image may be gone.
    pictures = {
        "predictions": sheets.example_sheet(photos, predictions, examples),
        "mistakes": sheets.mistake_sheet(photos, predictions, mistakes),
    }
    groups = len(set(predictions.groups))
    # dvc.yaml says how these are drawn, and along which axes.
    plots = {
        "headline_scores": charts.headline_scores(of_all, intervals, groups, repeats),
        "confusion_matrix": charts.confusion_cells(confusion, labels),
        "label_scores": charts.label_bars(of_all, intervals, labels, repeats),
        "mistakes": charts.mistakes(predictions),
        "reliability": charts.reliability_points(bins, calibration_error),
        "precision_recall": charts.precision_recall_points(
            actual, predictions.probabilities, labels
        ),
    }

    with StageLive(name) as live:
        for metric, value in metrics.items():
            live.log_metric(metric, value, plot=False)
        for plot, points in plots.items():
            live.log_points(plot, points)
        log_pictures(live, pictures)
        folds = predictions.folds or [0] * len(predictions.paths)
        checksums = (photo.sha256 for photo in received.photos(positions))
        answers = Path(live.plots_dir) / ANSWERS_NAME
        write_answers(answers, predictions, checksums, losses, folds)
    summary.print_table(Path(f"metrics/{name}.json"))


if __name__ == "__main__":
    which = {(): main, ("cross_validation",): main_cross_validation}.get(tuple(sys.argv[1:]))
    if which is None:
        sys.exit("usage: python -m stages.evaluate [cross_validation]")
    sys.exit(run("evaluate", EvaluateParams, which))
