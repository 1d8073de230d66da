"""`score`: how right the classifier is on photos whose label is known."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from waste_classifier.classifier import Answer, Classifier
from waste_classifier.commands.photos import (
    Found,
    photos_by_label,
    results,
    say_left_out,
    say_unread,
)
from waste_classifier.commands.progress import counted, say
from waste_classifier.decision import Decision
from waste_classifier.errors import InputError
from waste_classifier.evenly import evenly
from waste_classifier.images import MAX_PIXELS
from waste_classifier.intervals import wilson_interval
from waste_classifier.shift import energy_test
from waste_classifier.training_photos import TrainingPhotos

#: Photos of each side of the test; more would take memory by the square.
MOST_COMPARED = 1000


class Seen(NamedTuple):
    """What was seen of the photos."""

    answers: dict[str, list[Answer]]  #: by what the photos show, which may be none of the labels
    actual: list[str]  #: label of each photo whose place is known
    coordinates: list[npt.NDArray[np.float32]]  #: its place, `(m,)`, of `Novelty.coordinates`
    unread: int  #: photos that can't be read


def score(folder: Path, photos: Path, max_pixels: int = MAX_PIXELS) -> int:
    """Print purity, recovery and coverage on photos, and how far these lie from the training ones.

    Args:
        folder: of the classifier.
        photos: a folder with one for each label; those of other names are of things without a
            label, of which "unsure" is right.
        max_pixels: width x height of the largest photo accepted.

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
    seen = look(classifier, by_label, max_pixels)
    if not any(seen.answers.values()):
        raise InputError(f"{photos}: no photo could be read")
    weights = weights_of_photos(classifier.decision, seen.answers)
    for line in table(seen.answers, classifier.labels, weights):
        say(line)
    say(mix_line(classifier.decision, seen.answers))
    say("intervals, of 95 %, are as if each photo showed another thing")
    if classifier.novelty is not None:
        every = [answer.is_unlike for of_label in seen.answers.values() for answer in of_label]
        say(f"unlike the training photos: {share(every)}")
    if classifier.training_photos is not None and seen.coordinates:
        say(shift_line(seen, classifier.training_photos))
    return 1 if seen.unread else 0


def look(
    classifier: Classifier, by_label: dict[str, list[Found]], max_pixels: int = MAX_PIXELS
) -> Seen:
    """Look at photos, and say which can't be read.

    Args:
        classifier: that decides on them.
        by_label: the photos by what they show.
        max_pixels: width x height of the largest photo accepted.
    """
    answers: dict[str, list[Answer]] = {label: [] for label in by_label}
    coordinates: list[npt.NDArray[np.float32]] = []
    actual: list[str] = []
    unread = 0
    found = [(label, each) for label, of_label in by_label.items() for each in of_label]
    decided = results(classifier, (each for _, each in found), max_pixels=max_pixels)
    for (label, _), result in zip(found, counted(decided, "photos"), strict=True):
        if result.error is not None:
            unread += 1
            say_unread(result.error)
        if result.answer is None or result.features is None:
            continue
        answers[label].append(result.answer)
        if classifier.novelty is not None and label in classifier.labels:
            actual.append(label)
            mean = result.features.mean(axis=0, keepdims=True)
            coordinates.append(classifier.novelty.coordinates(mean)[0])
    return Seen(answers, actual, coordinates, unread)


def weights_of_photos(decision: Decision, answers: dict[str, list[Answer]]) -> dict[str, float]:
    """Return how much a photo counts, by what it shows.

    Each counts once, or, where the classifier is for another mix than that of its data, so much
    that labels have the shares of that mix; things of no label have none there.

    Args:
        decision: of the classifier.
        answers: by what the photos show.
    """
    if not decision.reweights:
        return dict.fromkeys(answers, 1.0)
    mix = dict(zip(decision.labels, decision.mix, strict=True))
    return {
        label: mix.get(label, 0.0) / len(of_label) if of_label else 0.0
        for label, of_label in answers.items()
    }


def mix_line(decision: Decision, answers: dict[str, list[Answer]]) -> str:
    """Return a line on the mix in which purity, coverage and accuracy are.

    Args:
        decision: of the classifier.
        answers: by what the photos show.
    """
    what = "purity, coverage and accuracy are in the mix of"
    if not decision.reweights:
        return f"{what} this folder"
    mix = ", ".join(
        f"{label} {of_mix / sum(decision.mix):.2f}"
        for label, of_mix in zip(decision.labels, decision.mix, strict=True)
    )
    missing = [label for label in decision.labels if not answers.get(label)]
    left_out = f"; without {', '.join(missing)}, of which no photo is here" if missing else ""
    return f"{what} the classifier: {mix}{left_out}; things of no label have no share in it"


def shift_line(seen: Seen, training: TrainingPhotos) -> str:
    """Return a line on whether photos with a label, taken together, look like the training ones.

    Args:
        seen: with coordinates.
        training: the training photos.
    """
    scored, learned = of_equal_mix(seen.actual, training.labels.tolist())
    p = energy_test(np.stack(seen.coordinates)[scored], training.coordinates[learned])
    looks = "are not told apart from" if p > 0.05 else "look unlike"
    return (
        f"taken together, {len(scored)} photos with a label {looks} {len(learned)} training "
        f"photos of the same labels (two-sample test, as if each showed another thing: p {p:.3f})"
    )


def table(
    answers: dict[str, list[Answer]], labels: tuple[str, ...], weights: dict[str, float]
) -> list[str]:
    """Return a line for each label, and for all; intervals are Wilson's, 95 %.

    Args:
        answers: by what the photos show, which may be none of the labels.
        labels: of the classifier.
        weights: how much a photo counts, by what it shows.
    """
    width = max(map(len, [*labels, *answers, "things of no label"]))
    lines = [f"{'':{width}}  photos  purity                     recovery                   unsure"]
    everything = [(label, answer) for label, of_label in answers.items() for answer in of_label]
    for label in labels:
        of_label = answers.get(label, [])
        in_bin = [actual for actual, answer in everything if answer.decision == label]
        purity = share([actual == label for actual in in_bin], [weights[each] for each in in_bin])
        lines.append(
            f"{label:{width}}  {len(of_label):6}  {purity:25}  "
            f"{share([answer.decision == label for answer in of_label]):25}  "
            f"{share([not answer.is_sure for answer in of_label])}"
        )
    for label, of_label in answers.items():
        if label not in labels:
            lines.append(
                f"{label:{width}}  {len(of_label):6}  {'':25}  {'':25}  "
                f"{share([not answer.is_sure for answer in of_label])}"
            )
    known = [(actual, answer) for actual, answer in everything if actual in labels]
    decided = [(actual, answer) for actual, answer in known if answer.is_sure]
    of_known, of_decided = ([weights[actual] for actual, _ in each] for each in (known, decided))
    sure = share([answer.is_sure for _, answer in known], of_known)
    right = share([actual == answer.decision for actual, answer in decided], of_decided)
    likeliest = share([actual == answer.label for actual, answer in known], of_known)
    lines += [
        f"coverage: {sure} of the photos with a label get one",
        f"accuracy: {right} of these",
        f"accuracy: {likeliest} if it always decided",
    ]
    return lines


def share(holds: Sequence[bool], weights: Sequence[float] | None = None) -> str:
    """Return the share of photos of which something holds, and its interval; of nothing, a dash.

    Of unequal weights there are so many trials as say as much (Kish 1965, "Survey Sampling", the
    effective sample size).

    Args:
        holds: of each photo.
        weights: how much each counts; None: one as much as the other.
    """
    counts = np.ones(len(holds)) if weights is None else np.asarray(weights, np.float64)
    total = counts.sum()
    if total == 0:
        return "-"
    part = min(1.0, counts @ np.asarray(holds, np.float64) / total)
    low, high = wilson_interval(part, total**2 / (counts**2).sum())
    return f"{part:.3f} ({low:.3f} to {high:.3f})"


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
