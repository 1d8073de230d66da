"""Whether an exported file says what the classifier says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.comparison import Answers, Word, compare
from stages.outputs.predictions import Predictions
from stages.scores import losses
from waste_classifier.errors import InputError

#: Of a probability, by format: what rounding alone changes it by.
LARGEST_DIFFERENCES = {"float32": 1e-4, "onnx": 1e-4, "saved_model": 1e-4, "float16": 1e-2}
#: 8 bits change probabilities by more: labels count, and the verdict.
LEAST_AGREEMENT = {"int8": 0.98}
#: Resamples and exchanges behind a verdict.
DRAWS = 1000


class Check(NamedTuple):
    """One format, on some images."""

    name: str
    largest_difference: float  #: between a probability of the file's and of the classifier's
    agreement: float  #: share of images with the same label
    accuracy: float
    classifier_accuracy: float
    verdict: Word  #: on the accuracy, of the file against the classifier


def compare_all(
    answers: Mapping[str, Sequence[npt.NDArray[np.float32]]],
    expected: npt.NDArray[np.float32],
    said: Predictions,
    compared: Sequence[int],
    seed: int,
) -> list[Check]:
    """Return how each format does.

    Args:
        answers: by format, the probabilities of each of the compared images.
        expected: `(n, labels)`, those of the classifier.
        said: images, their labels and groups.
        compared: positions of the compared ones among them.
        seed: of the verdict's draws.
    """
    chosen = np.asarray(compared)
    return [
        _compare(name, np.stack(list(of_format)), expected, said, chosen, seed)
        for name, of_format in answers.items()
    ]


def _compare(
    name: str,
    probabilities: npt.NDArray[np.float32],
    expected: npt.NDArray[np.float32],
    said: Predictions,
    chosen: npt.NDArray[np.intp],
    seed: int,
) -> Check:
    actual = said.actual[chosen]
    groups = np.unique(np.asarray(said.groups)[chosen], return_inverse=True)[1]
    base, head = (
        Answers(each.argmax(axis=1), losses(each, actual)) for each in (expected, probabilities)
    )
    accuracy = compare(base, head, actual, groups, said.labels, DRAWS, seed)[0]
    return Check(
        name,
        float(np.abs(probabilities - expected).max()),
        float((base.predicted == head.predicted).mean()),
        accuracy.head,
        accuracy.base,
        accuracy.word,
    )


def check_gates(checks: Sequence[Check], directory: Path) -> None:
    """Check that each format says what the classifier says.

    Raises:
        InputError: one does not; the message names each that does not.
    """
    failures = [reason for check in checks for reason in [failure(check)] if reason]
    if failures:
        raise InputError(f"{directory}: not written: {'; '.join(failures)}")


def failure(check: Check) -> str | None:
    """Return what is wrong with a format; None if nothing is."""
    limit = LARGEST_DIFFERENCES.get(check.name)
    if limit is not None and not check.largest_difference <= limit:
        return (
            f"{check.name}: probabilities differ from the classifier's by up to "
            f"{check.largest_difference:.2g}, more than {limit:g}"
        )
    least = LEAST_AGREEMENT.get(check.name)
    if least is not None and not check.agreement >= least:
        return (
            f"{check.name}: says the classifier's label of {check.agreement:.3f} of the images, "
            f"fewer than {least:g}; leave it out of export.formats, or train longer"
        )
    if check.verdict == "worse":
        return (
            f"{check.name}: accuracy {check.accuracy:.4f} is worse than the classifier's "
            f"{check.classifier_accuracy:.4f}"
        )
    return None


def metrics_of(check: Check, size: int) -> dict[str, float | str]:
    """Return the metrics of one format, whose file has so many bytes."""
    return {
        "largest_difference": check.largest_difference,
        "agreement": check.agreement,
        "accuracy": check.accuracy,
        "verdict": check.verdict,
        "bytes": size,
    }


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def table(checks: Sequence[Check], sizes: Mapping[str, int]) -> str:
    """Return a line per format."""
    lines = [
        "format            MB  largest difference  same label  accuracy  against the classifier"
    ]
    lines += [
        f"{check.name:12} {sizes[check.name] / 1e6:7.2f}  {check.largest_difference:18.2g}  "
        f"{check.agreement:10.4f}  {check.accuracy:8.4f}  {check.verdict}"
        for check in checks
    ]
    return "\n".join(lines)
