"""Scores as metrics for DVC and as a table for people.

`python -m stages.evaluate.summary [FILE]` prints the table of metrics/evaluate.json, or of another.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.outputs.documents import read_document
from stages.scores import Scores
from stages.stage import exit_code
from waste_classifier.errors import InputError
from waste_classifier.intervals import Interval

METRICS_FILE = Path("metrics/evaluate.json")

HEADLINES = ("accuracy", "macro_f1", "weighted_f1")
LABEL_SCORES = ("precision", "recall", "f1")


def summarise(
    scores: Scores, intervals: Mapping[str, Interval], labels: Sequence[str], repeats: int
) -> dict[str, float]:
    """Return the metrics of a model; `/` in a name stands for one level of nesting.

    Intervals of single labels are left to the plot of them: `dvc metrics diff` would list them all.

    Args:
        scores: of the images.
        intervals: `bootstrap_intervals` of the same images.
        labels: in the order of the scores.
        repeats: answers to each image.
    """
    metrics: dict[str, float] = {name: float(getattr(scores, name)) for name in HEADLINES}
    for name in HEADLINES:
        metrics[f"{name}_interval/low"] = float(intervals[name].low)
        metrics[f"{name}_interval/high"] = float(intervals[name].high)
    for position, label in enumerate(labels):
        metrics[f"labels/{label}/support"] = int(scores.support[position]) // repeats
        for name in LABEL_SCORES:
            metrics[f"labels/{label}/{name}"] = float(getattr(scores, name)[position])
    return metrics


def format_table(metrics: Mapping[str, Any]) -> str:
    """Return the headline scores with their 95 % intervals, then a line for each label.

    Args:
        metrics: as the file has them, nested.
    """
    lines = [
        f"{name:11}  {metrics[name]:.4f}  (95 % {interval['low']:.4f} to {interval['high']:.4f})"
        for name in HEADLINES
        for interval in [metrics[f"{name}_interval"]]
    ]
    labels = metrics["labels"]
    width = max(map(len, [*labels, "label"]))
    lines.append(f"{'label':{width}}  precision    recall        f1   support")
    for label, of_label in labels.items():
        cells = "".join(f"{of_label[name]:9.4f} " for name in LABEL_SCORES)
        lines.append(f"{label:{width}}  {cells}{of_label['support']:9}")
    return "\n".join(lines)


def print_table(file: Path = METRICS_FILE) -> None:
    """Print the table of the metrics in a file.

    Raises:
        InputError: it is missing or damaged, or of another version of this project.
    """
    try:
        print(format_table(read_document(file)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{file}: not the metrics of stage evaluate ({error!r}); run `dvc repro`"
        ) from None


if __name__ == "__main__":
    sys.exit(exit_code(lambda: print_table(*map(Path, sys.argv[1:2]))))
