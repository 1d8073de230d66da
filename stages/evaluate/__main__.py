"""Evaluate the model on the test split: predictions, metrics and plots.

data/predictions.csv holds what the model says of each test image; metrics/evaluate.json and
plots/evaluate follow from that table alone (and, for the sheets, the images that it names).
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from stages import errors, params
from stages.errors import InputError
from stages.manifest import RAW_DIR, SPLIT_FILE, SplitRow, labels_of, read_json, read_table
from stages.orientations import ORIENTATIONS, Orientation

MODEL_FILE = Path("data/model/model.keras")
LABELS_FILE = Path("data/model/labels.json")


class EvaluateParams(params.Params):
    """Section `evaluate` of params.yaml."""

    batch_size: Annotated[int, Field(ge=1, le=1024)]
    test_time_augmentation: Literal["half_turn", "none"]
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
    calibration_bins: Annotated[int, Field(ge=2, le=100)]
    sheet_images: Annotated[int, Field(ge=1, le=200)]


def main() -> None:
    """Read the split and the model, write predictions, then metrics and plots."""
    settings = params.load_section("evaluate", EvaluateParams)
    seed = params.load_seed()
    rows = [row for row in sorted(read_table(SPLIT_FILE, SplitRow)) if row.split == "test"]
    check_model((MODEL_FILE, LABELS_FILE))
    labels: list[str] = read_json(LABELS_FILE)
    check_labels(labels, rows)

    # These import scikit-learn, Matplotlib and dvclive, which takes seconds.
    from stages.evaluate import charts, scores, sheets, summary
    from stages.evaluate.predictions import PREDICTIONS_FILE, read_predictions, write_predictions
    from stages.tracking import StageLive

    orientations = (
        ORIENTATIONS if settings.test_time_augmentation == "half_turn" else ORIENTATIONS[:1]
    )
    probabilities = apply_model(MODEL_FILE, rows, settings.batch_size, orientations)
    write_predictions(PREDICTIONS_FILE, rows, labels, probabilities)

    predictions = read_predictions(PREDICTIONS_FILE)
    actual, predicted = predictions.actual, predictions.predicted
    confusion = scores.confusion_matrix(actual, predicted, len(labels))
    of_model = scores.scores(confusion)
    intervals = scores.bootstrap_intervals(
        actual, predicted, predictions.groups, len(labels), settings.bootstrap_samples, seed
    )
    bins = scores.calibration(
        predictions.confidences, predicted == actual, settings.calibration_bins
    )
    metrics = summary.summarise(of_model, intervals, labels) | {
        "expected_calibration_error": scores.expected_calibration_error(bins),
        "log_loss": scores.log_loss(predictions.probabilities, actual),
    }
    examples = sheets.choose_examples(len(rows), settings.sheet_images, seed)
    mistakes = sheets.choose_mistakes(predictions, settings.sheet_images)
    wrong = np.count_nonzero(predicted != actual)

    with StageLive("evaluate") as live:
        for name, value in metrics.items():
            live.log_metric(name, value, plot=False)
        # dvc.yaml says how these are drawn.
        cells = charts.confusion_cells(confusion, labels)
        live.log_plot("confusion_matrix", cells, x="predicted", y="actual")
        bars = charts.label_bars(of_model, intervals, labels)
        live.log_plot("label_scores", bars, x="label", y="value")
        live.log_plot("reliability", [each._asdict() for each in bins], "confidence", "accuracy")
        curves = charts.precision_recall_points(actual, predictions.probabilities, labels)
        live.log_plot("precision_recall", curves, x="recall", y="precision")
        live.log_image("confusion_matrix.png", charts.confusion_figure(confusion, labels))
        for name, positions, title in (
            ("predictions.png", examples, "Test images"),
            ("mistakes.png", mistakes, f"Most confident of {wrong} mistakes"),
        ):
            live.log_image(name, sheets.prediction_sheet(RAW_DIR, predictions, positions, title))
    print(summary.format_table(of_model, intervals, labels))


def check_model(files: Sequence[Path]) -> None:
    """Check that the files of the model are there, before what takes seconds.

    Raises:
        InputError: one of them is missing.
    """
    for file in files:
        if not file.exists():
            raise InputError(f"{file}: no such file; run `dvc repro` to train the model")


def check_labels(labels: Sequence[str], rows: Sequence[SplitRow]) -> None:
    """Check that the test images have exactly the labels that the model knows.

    Raises:
        InputError: they have others, or lack some.
    """
    if sorted(labels) != labels_of(rows):
        raise InputError(
            f"{SPLIT_FILE}: the test images have labels {', '.join(labels_of(rows)) or 'none'}, "
            f"the model has {', '.join(labels)} ({LABELS_FILE}); run `dvc repro` to train anew"
        )


def apply_model(
    model_file: Path,
    rows: Sequence[SplitRow],
    batch_size: int,
    orientations: Sequence[Orientation],
) -> npt.NDArray[np.float32]:
    """Return the model's probabilities for the images of rows, `(n, labels) float32`."""
    from stages import tensorflow_setup

    tensorflow_setup.configure()
    import keras

    from stages.evaluate.predict import predict

    model = keras.saving.load_model(model_file, compile=False)
    return predict(model, [RAW_DIR / row.path for row in rows], batch_size, orientations)


if __name__ == "__main__":
    sys.exit(errors.run(main))
