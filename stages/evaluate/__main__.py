"""Evaluate the predictions for the test images: metrics/evaluate.json and plots/evaluate.

All numbers follow from data/predictions.csv alone; the images are opened for the sheets that show
some of them.
"""

import sys

import numpy as np

from stages.evaluate import charts, scores, sheets, summary
from stages.outputs.manifest import read_columns
from stages.outputs.predictions import PREDICTIONS_FILE, read_predictions
from stages.params.evaluate import EvaluateParams
from stages.stage import run
from stages.tracking import StageLive


def main(settings: EvaluateParams) -> None:
    """Read the predictions, write metrics and plots."""
    predictions = read_predictions(PREDICTIONS_FILE, "test")
    images = read_columns()
    positions = images.positions_of(predictions.paths, PREDICTIONS_FILE)
    photos = dict(zip(predictions.paths, images.photos(positions.tolist()), strict=True))
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
        predictions.confidences, predicted == actual, settings.calibration_bins
    )
    metrics = summary.summarise(test_scores, intervals, labels) | {
        "expected_calibration_error": scores.expected_calibration_error(bins),
        "log_loss": scores.log_loss(predictions.probabilities, actual),
    }
    examples = sheets.choose_examples(len(predictions.paths), settings.sheet_images, settings.seed)
    mistakes = sheets.choose_mistakes(predictions, settings.sheet_images)
    wrong = np.count_nonzero(predicted != actual)
    # Before anything is written, since an image may be gone.
    figures = {
        "confusion_matrix": charts.confusion_figure(confusion, labels),
        "predictions": sheets.prediction_sheet(photos, predictions, examples, "Test images"),
        "mistakes": sheets.prediction_sheet(
            photos,
            predictions,
            mistakes,
            f"Most confident of {wrong} mistakes",
            "every test image is told right",
        ),
    }

    with StageLive("evaluate") as live:
        for name, value in metrics.items():
            live.log_metric(name, value, plot=False)
        # dvc.yaml says how these are drawn.
        cells = charts.confusion_cells(confusion, labels)
        live.log_plot("confusion_matrix", cells, x="predicted", y="actual")
        bars = charts.label_bars(test_scores, intervals, labels)
        live.log_plot("label_scores", bars, x="label", y="value")
        live.log_plot("reliability", [each._asdict() for each in bins], "confidence", "accuracy")
        curves = charts.precision_recall_points(actual, predictions.probabilities, labels)
        live.log_plot("precision_recall", curves, x="recall", y="precision")
        for name, figure in figures.items():
            live.log_image(f"{name}.png", figure)
    print(summary.format_table(test_scores, intervals, labels))


if __name__ == "__main__":
    sys.exit(run("evaluate", EvaluateParams, main))
