"""decision_curve.json: what is recovered, and what is unsure, at each purity one may ask for."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, Self

from waste_classifier.errors import InputError

FILE_NAME = "decision_curve.json"
#: Purities are written with fewer digits than floats have.
_TOLERANCE = 1e-9


class LabelCurve(NamedTuple):
    """One label at each purity."""

    recovery: tuple[float, ...]  #: share of its things that get it
    threshold: tuple[float | None, ...]  #: least probability; None: no purity can be promised


class DecisionCurve(NamedTuple):
    """All labels at each purity."""

    purities: tuple[float, ...]  #: ascending
    labels: dict[str, LabelCurve]
    unsure: tuple[float, ...]  #: share of all things that get no label, by their probability

    def position(self, purity: float) -> int:
        """Return the position of the least purity that promises as much; else of the largest."""
        for position, each in enumerate(self.purities):
            if each >= purity - _TOLERANCE:
                return position
        return len(self.purities) - 1

    @classmethod
    def load(cls, file: Path, labels: Sequence[str]) -> Self:
        """Read a file of a classifier with these labels.

        Raises:
            InputError: it is damaged, or of other labels.
        """
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            purities = _shares(content["purities"])
            count = len(purities)
            if not purities or list(purities) != sorted(set(purities)):
                raise ValueError("purities must ascend")
            curve = cls(
                purities,
                {
                    label: LabelCurve(
                        _shares(content["labels"][label]["recovery"], count),
                        _thresholds(content["labels"][label]["threshold"], count),
                    )
                    for label in labels
                },
                _shares(content["unsure"], count),
            )
            if len(content["labels"]) != len(labels):
                raise ValueError(f"of labels {', '.join(content['labels'])}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{file}: not the decisions at each purity ({error!r}); bring the folder back whole"
            ) from None
        return curve


def curve_html(curve: DecisionCurve, purity: float) -> str:
    """Return the table of recovery at a purity."""
    position = curve.position(purity)
    recoveries = [each.recovery[position] for each in curve.labels.values()]
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        f'<td class="bar" aria-hidden="true"><div style="width:{100 * share:.1f}%"></div></td>'
        f'<td class="number">{share:.1%}</td><td class="number">{_threshold(threshold)}</td></tr>'
        for label, share, threshold in (
            (label, each.recovery[position], each.threshold[position])
            for label, each in curve.labels.items()
        )
    )
    return (
        f"<p>At purity {curve.purities[position]:g}: <strong>{curve.unsure[position]:.1%} of all "
        "things are unsure</strong> by probability; what is unlike the training photos, or of no "
        "label, comes on top. A label recovers "
        f"{sum(recoveries) / len(recoveries):.1%} of its things in the mean.</p>"
        '<table class="purity"><caption>Recovery of each label</caption>'
        '<thead><tr><th scope="col">Label</th><td class="bar"></td>'
        '<th scope="col" class="number">Recovery</th>'
        '<th scope="col" class="number">Sure from probability</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _threshold(threshold: float | None) -> str:
    return "never" if threshold is None else f"{threshold:.2f}"


def _shares(values: Any, count: int | None = None) -> tuple[float, ...]:
    if not isinstance(values, list) or count not in (None, len(values)):
        raise ValueError(f"expected {count} shares, got {values!r}")
    shares = tuple(map(float, values))
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError(f"expected shares of 0 to 1, got {values!r}")
    return shares


def _thresholds(values: Any, count: int) -> tuple[float | None, ...]:
    given = _shares([0.0 if value is None else value for value in values], count)
    return tuple(
        None if value is None else share for value, share in zip(values, given, strict=True)
    )
