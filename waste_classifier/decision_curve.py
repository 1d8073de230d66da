"""decision_curve.json: what is recovered, and what is unsure, at each purity one may ask for."""

import json
from collections.abc import Sequence
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
