"""`score`: how right the classifier is on photos whose label is known."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from waste_classifier.classifier import Answer, Classifier
from waste_classifier.commands.photos import photos_by_label, results, say_left_out
from waste_classifier.commands.progress import counted, say
from waste_classifier.errors import InputError
from waste_classifier.evenly import evenly
from waste_classifier.intervals import wilson_interval
from waste_classifier.shift import energy_test

#: Photos of each side of the test; more would take memory by the square.
MOST_COMPARED = 1000


def score(folder: Path, photos: Path) -> int:
    """Print purity, recovery and coverage on photos, and how far these lie from the training ones.

    Args:
        folder: of the classifier.
        photos: a folder with one for each label; those of other names are of things without a
            label, of which "unsure" is right.

    Returns:
        0, or 1 where a photo could not be read.

    Raises:
        InputError: the classifier is damaged, or there is no photo to score.
    """
    classifier = Classifier.load(folder)
    left_out: Counter[str] = Counter()
    by_label = photos_by_label(photos, left_out)
    say_left_out(left_out)
    if not set(by_label) & set(classifier.labels):
        raise InputError(
            f"{photos}: has folders {', '.join(by_label)}, but the labels of the classifier are "
            f"{', '.join(classifier.labels)}; name the folders after them"
        )
    others = ", ".join(label for label in by_label if label not in classifier.labels)
    if others:
        say(f"no labels of the classifier, so 'unsure' is right: {others}")
    answers: dict[str, list[Answer]] = {label: [] for label in by_label}
    coordinates: list[np.ndarray] = []
    actual: list[str] = []
    unread = 0
    found = [(label, each) for label, of_label in by_label.items() for each in of_label]
    scored = counted(results(classifier, (each for _, each in found)), "photos")
    for (label, _), result in zip(found, scored, strict=True):
        if result.answer is None or result.features is None:
            unread += 1
            say(f"error: {result.error}", sys.stderr)
            continue
        answers[label].append(result.answer)
        if classifier.novelty is not None and label in classifier.labels:
            actual.append(label)
            mean = result.features.mean(axis=0, keepdims=True)
            coordinates.append(classifier.novelty.coordinates(mean)[0])
    if not any(answers.values()):
        raise InputError(f"{photos}: no photo could be read")
    for line in table(answers, classifier.labels):
        say(line)
    unlike = [answer.is_unlike for of_label in answers.values() for answer in of_label]
    if classifier.novelty is not None:
        say(f"unlike the training photos: {share(sum(unlike), len(unlike))}")
    training = classifier.training_photos
    if training is not None and coordinates:
        seen, learned = of_equal_mix(actual, training.labels.tolist())
        p = energy_test(np.stack(coordinates)[seen], training.coordinates[learned])
        looks = "are not told apart from" if p > 0.05 else "look unlike"
        say(
            f"taken together, {len(seen)} photos with a label {looks} {len(learned)} training "
            f"photos of the same labels (two-sample test: p {p:.3f})"
        )
    return 1 if unread else 0


def table(answers: dict[str, list[Answer]], labels: tuple[str, ...]) -> list[str]:
    """Return a line for each label, and for all; intervals are Wilson's, 95 %.

    Args:
        answers: by what the photos show, which may be none of the labels.
        labels: of the classifier.
    """
    width = max(map(len, [*labels, *answers, "things of no label"]))
    lines = [f"{'':{width}}  photos  purity                     recovery                   unsure"]
    everything = [(label, answer) for label, of_label in answers.items() for answer in of_label]
    for label in labels:
        of_label = answers.get(label, [])
        in_bin = [actual for actual, answer in everything if answer.decision == label]
        lines.append(
            f"{label:{width}}  {len(of_label):6}  "
            f"{share(sum(actual == label for actual in in_bin), len(in_bin)):25}  "
            f"{share(sum(answer.decision == label for answer in of_label), len(of_label)):25}  "
            f"{share(sum(not answer.is_sure for answer in of_label), len(of_label))}"
        )
    for label, of_label in answers.items():
        if label not in labels:
            lines.append(
                f"{label:{width}}  {len(of_label):6}  {'':25}  {'':25}  "
                f"{share(sum(not answer.is_sure for answer in of_label), len(of_label))}"
            )
    known = [(actual, answer) for actual, answer in everything if actual in labels]
    decided = [(actual, answer) for actual, answer in known if answer.is_sure]
    right = sum(actual == answer.decision for actual, answer in decided)
    likeliest = sum(actual == answer.label for actual, answer in known)
    lines += [
        f"coverage: {share(len(decided), len(known))} of the photos with a label get one",
        f"accuracy: {share(right, len(decided))} of these",
        f"accuracy: {share(likeliest, len(known))} if it always decided",
    ]
    return lines


def share(part: int, whole: int) -> str:
    """Return a share and its interval; of nothing, a dash."""
    if whole == 0:
        return "-"
    low, high = wilson_interval(part / whole, whole)
    return f"{part / whole:.3f} ({low:.3f} to {high:.3f})"


def of_equal_mix(
    actual: Sequence[str], learned: Sequence[str]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Choose photos of both sides with the same mix of labels, at most `MOST_COMPARED` of each.

    Photos of glass alone are unlike those of all labels, however alike the glass is.

    Args:
        actual: label of each photo that is scored.
        learned: label of each training photo.

    Returns:
        Positions in both.
    """
    here, there = np.asarray(actual), np.asarray(learned)
    labels = sorted({*actual} & {*learned})
    of_here, of_there = (
        [np.flatnonzero(side == label) for label in labels] for side in (here, there)
    )
    scored = np.array([min(len(each), MOST_COMPARED // len(labels)) for each in of_here])
    # As many training photos to each that is scored as the scarcest label has.
    times = min((list(map(len, of_there)) / scored).min(), MOST_COMPARED / scored.sum())
    trained = np.maximum((scored * times).astype(int), 1)
    return _some(of_here, scored), _some(of_there, trained)


def _some(
    of_labels: Sequence[npt.NDArray[np.intp]], counts: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Return so many positions of each label, which lie evenly among its own."""
    return np.concatenate(
        [each[evenly(len(each), count)] for each, count in zip(of_labels, counts, strict=True)]
    )
