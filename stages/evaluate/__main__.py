"""Evaluate the predictions for the test images: metrics/evaluate.json and plots/evaluate.

All numbers follow from data/predictions.csv alone; the images are opened for the sheets that show
some of them.
"""

import sys

from stages.drawing import log_pictures
from stages.evaluate import charts, scores, sheets, summary
from stages.outputs.manifest import read_columns
from stages.outputs.predictions import PREDICTIONS_FILE, read_predictions
from stages.params.evaluate import EvaluateParams
from stages.stage import run
from stages.tracking import StageLive


def main(settings: EvaluateParams) -> None:
    """Read the predictions, write metrics and plots."""
    predictions = read_predictions(PREDICTIONS_FILE, "test")
    photos = read_columns().photos_by_path(predictions.paths, PREDICTIONS_FILE)
    labels = predictions.labels
    actual, predicted = predictions.actual, predictions.predicted
    confusion = scores.confusion_matrix(actual, predicted, len(labels))
    test_scores = scores.scores(confusion)
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
    calibration_error = scores.expected_calibration_error(bins)
    metrics = summary.summarise(test_scores, intervals, labels) | {
        "expected_calibration_error": calibration_error,
        "log_loss": scores.log_loss(predictions.probabilities, actual),
    }
    examples = sheets.choose_examples(len(predictions.paths), settings.sheet_images, settings.seed)
    mistakes = sheets.choose_mistakes(predictions, settings.sheet_images)
    # Before anything is written, since an image may be gone.
    pictures = {
        "predictions": sheets.example_sheet(photos, predictions, examples),
        "mistakes": sheets.mistake_sheet(photos, predictions, mistakes),
    }
    groups = len(set(predictions.groups))
    # dvc.yaml says how these are drawn, and along which axes.
    plots = {
        "headline_scores": charts.headline_scores(test_scores, intervals, groups),
        "confusion_matrix": charts.confusion_cells(confusion, labels),
        "label_scores": charts.label_bars(test_scores, intervals, labels),
        "mistakes": charts.mistakes(predictions),
        "reliability": charts.reliability_points(bins, calibration_error),
        "precision_recall": charts.precision_recall_points(
            actual, predictions.probabilities, labels
        ),
    }

    with StageLive("evaluate") as live:
        for name, value in metrics.items():
            live.log_metric(name, value, plot=False)
        for name, points in plots.items():
            live.log_points(name, points)
        log_pictures(live, pictures)
    summary.print_table()


if __name__ == "__main__":
    sys.exit(run("evaluate", EvaluateParams, main))
