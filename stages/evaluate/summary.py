"""Scores as metrics for DVC and as a table for people."""

from collections.abc import Mapping, Sequence

from stages.evaluate.scores import Interval, Scores

HEADLINES = ("accuracy", "macro_f1", "weighted_f1")


def summarise(
    scores: Scores, intervals: Mapping[str, Interval], labels: Sequence[str]
) -> dict[str, float]:
    """Return the metrics of a model; `/` in a name stands for one level of nesting.

    Intervals of single labels are left to the plot of them: `dvc metrics diff` would list them all.

    Args:
        scores: of the test images.
        intervals: `bootstrap_intervals` of the same images.
        labels: in the order of the scores.
    """
    metrics: dict[str, float] = {name: float(getattr(scores, name)) for name in HEADLINES}
    for name in HEADLINES:
        metrics[f"{name}_interval/low"] = float(intervals[name].low)
        metrics[f"{name}_interval/high"] = float(intervals[name].high)
    for position, label in enumerate(labels):
        prefix = f"labels/{label}"
        metrics[f"{prefix}/support"] = int(scores.support[position])
        for name in ("precision", "recall", "f1"):
            metrics[f"{prefix}/{name}"] = float(getattr(scores, name)[position])
    return metrics


def format_table(scores: Scores, intervals: Mapping[str, Interval], labels: Sequence[str]) -> str:
    """Return the headline scores with their 95 % intervals, then a line for each label."""
    lines = [
        f"{name:11}  {getattr(scores, name):.4f}  "
        f"(95 % {intervals[name].low:.4f} to {intervals[name].high:.4f})"
        for name in HEADLINES
    ]
    width = max(map(len, [*labels, "label"]))
    lines.append(f"{'label':{width}}  precision    recall        f1   support")
    for position, label in enumerate(labels):
        values = (scores.precision[position], scores.recall[position], scores.f1[position])
        cells = "".join(f"{value:9.4f} " for value in values)
        lines.append(f"{label:{width}}  {cells}{int(scores.support[position]):9}")
    return "\n".join(lines)
