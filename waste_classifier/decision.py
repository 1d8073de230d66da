"""From probabilities to a decision: a label, or "unsure".

Probabilities are first made honest by a temperature (Guo et al. 2017, "On Calibration of Modern
Neural Networks"), then re-weighted from the shares that labels have in the data to those in the
user's own mix of waste (Saerens et al. 2002, "Adjusting the Outputs of a Classifier to New a Priori
Probabilities"). The most probable label is the decision where its probability reaches the threshold
of that label; or, where costs are given, the cheapest answer is.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from waste_classifier.errors import InputError
from waste_classifier.unsure import UNSURE

FILE_NAME = "decision.json"
#: Position of "unsure", where a label has one of 0 and more.
UNSURE_POSITION = -1

Floats = npt.NDArray[np.floating[Any]]
Positions = npt.NDArray[np.intp]


class Decision(NamedTuple):
    """How probabilities become a decision; k is the number of labels."""

    labels: tuple[str, ...]  #: in the order of the probabilities
    temperature: float  #: that logits are divided by; above 1: the network is too sure
    data_shares: tuple[float, ...]  #: of each label in the data that the network learned from
    mix: tuple[float, ...]  #: share of each label in the user's waste
    purity: float  #: that thresholds promise
    confidence: float  #: with which they do
    thresholds: tuple[float | None, ...]  #: least probability; None: no purity can be promised
    costs: tuple[tuple[float, ...], ...] | None  #: `(k, k + 1)`: actual by decided, last: unsure

    @property
    def reweights(self) -> bool:
        """Whether the mix is another one than that of the data."""
        return self.mix != self.data_shares

    def calibrated(self, probabilities: Floats) -> Floats:
        """Return probabilities, `(n, k)`, at the temperature and for the mix."""
        floor = np.finfo(np.float32).tiny
        logits = np.log(np.maximum(probabilities, floor).astype(np.float64)) / self.temperature
        logits += np.log(np.asarray(self.mix) / np.asarray(self.data_shares))
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def decide(self, calibrated: Floats) -> Positions:
        """Return the position of each image's label, `(n,)`; `UNSURE_POSITION` where it has none.

        Args:
            calibrated: `(n, k)`, of `calibrated`.
        """
        if self.costs is not None:
            cheapest = (calibrated @ np.asarray(self.costs)).argmin(axis=1)
            return np.where(cheapest == len(self.labels), UNSURE_POSITION, cheapest)
        likeliest = calibrated.argmax(axis=1)
        limits = np.array([np.inf if each is None else each for each in self.thresholds])
        sure = calibrated[np.arange(len(calibrated)), likeliest] >= limits[likeliest]
        return np.where(sure, likeliest, UNSURE_POSITION)

    def reason(self, calibrated: Floats) -> str:
        """Say why an image is unsure.

        Args:
            calibrated: `(k,)`, of one that `decide` gives no label.
        """
        likeliest = int(calibrated.argmax())
        label, probability = self.labels[likeliest], float(calibrated[likeliest])
        if self.costs is not None:
            return f"{label} at {probability:.2f}: to leave it costs less"
        threshold = self.thresholds[likeliest]
        if threshold is None:
            return f"{label} at {probability:.2f}: no threshold promises purity {self.purity:g}"
        below, limit = told_apart(probability, threshold)
        return f"{label} at {below}, below {limit}"

    def to_json(self) -> dict[str, Any]:
        """Return what `load` reads."""
        by_label = {
            name: dict(zip(self.labels, values, strict=True))
            for name, values in (
                ("data_shares", self.data_shares),
                ("mix", self.mix),
                ("thresholds", self.thresholds),
            )
        }
        costs = self.costs and {
            label: dict(zip((*self.labels, UNSURE), row, strict=True))
            for label, row in zip(self.labels, self.costs, strict=True)
        }
        return {
            "labels": list(self.labels),
            "temperature": self.temperature,
            "purity": self.purity,
            "confidence": self.confidence,
            **by_label,
            "costs": costs,
        }

    def save(self, file: Path) -> None:
        """Write what `load` reads."""
        file.write_text(
            json.dumps(self.to_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a file that holds what `to_json` returned.

        Raises:
            InputError: it is missing or damaged.
        """
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            labels = tuple(content["labels"])
            decision = cls(
                labels=labels,
                temperature=float(content["temperature"]),
                data_shares=_of_labels(content["data_shares"], labels),
                mix=_of_labels(content["mix"], labels),
                purity=float(content["purity"]),
                confidence=float(content["confidence"]),
                thresholds=_thresholds(content["thresholds"], labels),
                costs=costs_of(content["costs"], labels),
            )
            if not decision.temperature > 0 or min(*decision.data_shares, *decision.mix) <= 0:
                raise ValueError("temperature, data_shares and mix must be above 0")
        except FileNotFoundError:
            raise InputError(f"{file}: no such file; run `dvc repro release/dvc.yaml`") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{file}: not a decision ({error!r}); bring the folder back whole"
            ) from None
        return decision


def told_apart(value: float, limit: float) -> tuple[str, str]:
    """Return two numbers with two decimals, or with as many as it takes to tell them apart.

    Equal ones have two.
    """
    for decimals in range(2, 18):  # no two floats of about 1 are nearer to each other
        texts = f"{value:.{decimals}f}", f"{limit:.{decimals}f}"
        if texts[0] != texts[1]:
            return texts
    return f"{value:.2f}", f"{limit:.2f}"


def always_decide(labels: Sequence[str]) -> Decision:
    """Return the decision that is never unsure: the most probable label."""
    even = tuple(1 / len(labels) for _ in labels)
    return Decision(tuple(labels), 1.0, even, even, 0.0, 0.0, tuple(0.0 for _ in labels), None)


def costs_of(
    costs: Mapping[str, Mapping[str, float]] | None, labels: Sequence[str]
) -> tuple[tuple[float, ...], ...] | None:
    """Return costs as rows, `(k, k + 1)`, of a mapping from actual to decided label.

    Raises:
        KeyError: one is missing.
    """
    if costs is None:
        return None
    return tuple(tuple(float(costs[row][column]) for column in (*labels, UNSURE)) for row in labels)


def _of_labels(values: Mapping[str, float], labels: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(values[label]) for label in labels)


def _thresholds(
    values: Mapping[str, float | None], labels: Sequence[str]
) -> tuple[float | None, ...]:
    found = [values[label] for label in labels]
    return tuple(None if value is None else float(value) for value in found)
