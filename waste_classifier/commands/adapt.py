"""`adapt`: takes the photos of another line as the new normal."""

import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from waste_classifier import adaptation, decision, decision_curve, novelty
from waste_classifier.adaptation import Adaptation
from waste_classifier.classifier import Answer, Classifier
from waste_classifier.commands.photos import Found, find_photos, is_folder, results, say_left_out
from waste_classifier.commands.progress import counted, say
from waste_classifier.decision import Decision
from waste_classifier.errors import InputError
from waste_classifier.evenly import evenly
from waste_classifier.novelty import Novelty

#: Fewer photos say little of what is usual.
FEWEST_PHOTOS = 50
#: More say no more, and their features take memory: of ResNet50 some 60 KB each.
MOST_PHOTOS = 5000
#: Parts of the photos of the line, each of which is judged by what the others say is usual, and
#: runs of photos that each is made of: in a run, photos may be of one thing.
PARTS = 5
RUNS = 4
#: What a folder says of the old line alone: what purities cost there, and the model card.
OF_THE_OLD_LINE = (decision_curve.FILE_NAME, "README.md")
#: Of the photos of the line, this share may lie beyond the limit.
REFUSED = 0.05


def adapt(folder: Path, photos: Path, output: Path) -> int:
    """Write a classifier for another line, and say what changes on its photos.

    Args:
        folder: of the classifier, which stays as it is.
        photos: a folder of photos of the line, of its usual mix of waste.
        output: the new folder.

    Returns:
        0, or 1 where a photo could not be read.

    Raises:
        InputError: `output` is there already, there are too few photos, or the classifier does not
            know how its training photos look.
    """
    if os.path.lexists(output):
        raise InputError(f"{output}: is there already; name a new folder")
    if not is_folder(photos):
        raise InputError(f"{photos}: no such folder; expected one with photos of the line")
    classifier = Classifier.load(folder)
    if classifier.adaptation is not None:
        raise InputError(
            f"{folder}: is adapted to a line already; name the folder that it was made from"
        )
    known = classifier.novelty
    if known is None:
        raise InputError(
            f"{folder}: has no {novelty.FILE_NAME}, which says how training photos look; run `make "
            "release`"
        )
    before: list[Answer] = []
    features, unread = [], 0
    left_out: Counter[str] = Counter()
    found = enough(list(find_photos([photos], left_out)))
    say_left_out(left_out)
    for result in counted(results(classifier, found), "photos"):
        if result.answer is None or result.features is None:
            unread += 1
            say(f"error: {result.error}", sys.stderr)
        else:
            before.append(result.answer)
            features.append(result.features)
    if len(features) < FEWEST_PHOTOS:
        raise InputError(
            f"{photos}: {len(features)} photos that can be read, but {FEWEST_PHOTOS} at least say "
            "what is usual"
        )
    seen = np.stack(features)
    shift = adaptation.adapt(seen.mean(axis=1), known.mean, known.scale)
    wider = widened(known, adapted_by_others(seen, known))
    write_adapted(folder, output, shift, wider, wary(classifier.decision))
    after = Classifier.load(output).answers(shift(seen))
    for line in changes(before, after, classifier.labels):
        say(line)
    say(f"written to {output}; look at `score` with it where labels are known")
    return 1 if unread else 0


def enough(found: list[Found]) -> list[Found]:
    """Return up to `MOST_PHOTOS` of some photos, which lie evenly among them, and say so."""
    if len(found) <= MOST_PHOTOS:
        return found
    say(f"{MOST_PHOTOS} of {len(found)} photos, evenly chosen", sys.stderr)
    return [found[position] for position in evenly(len(found), MOST_PHOTOS).tolist()]


def adapted_by_others(seen: npt.NDArray[np.float32], known: Novelty) -> npt.NDArray[np.float32]:
    """Return features of photos, each adapted by photos of other parts alone.

    What a photo's own features have a say in brings it nearer than a photo of tomorrow comes: a
    limit that is set on such would refuse more than it says.

    Args:
        seen: `(n, orientations, d)`, features of the line's photos, in the order of their names;
            n at least `PARTS`.
        known: of the training photos.
    """
    means = seen.mean(axis=1)
    part = np.arange(len(seen)) * PARTS * RUNS // len(seen) % PARTS
    adapted = np.empty_like(seen)
    for number in range(PARTS):
        shift = adaptation.adapt(means[part != number], known.mean, known.scale)
        adapted[part == number] = shift(seen[part == number])
    return adapted


def widened(known: Novelty, adapted: npt.NDArray[np.float32]) -> Novelty:
    """Return what photos are held against, its limit as wide as photos of the line need.

    Args:
        known: of the training photos.
        adapted: `(n, orientations, d)`, of `adapted_by_others`.
    """
    distances = known.distances(adapted.mean(axis=1))
    farthest = float(np.quantile(distances, 1 - REFUSED, method="higher"))
    return known._replace(limit=np.asarray(known.limit * max(1.0, farthest), np.float32))


def wary(decision: Decision) -> Decision:
    """Return how to decide on photos of another line: no surer than the network itself.

    A temperature below 1 makes a network surer that was seen to be too modest; on photos of
    another line nothing has shown that it is.
    """
    return decision._replace(temperature=max(1.0, decision.temperature))


def write_adapted(
    folder: Path, output: Path, shift: Adaptation, wider: Novelty, warier: Decision
) -> None:
    """Write a copy of a classifier with what is known of another line, whole or not at all.

    Raises:
        InputError: it can't be written.
    """
    unfinished = output.with_name(f".{output.name}.new")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(folder, unfinished, ignore=shutil.ignore_patterns(*OF_THE_OLD_LINE))
        shift.save(unfinished / adaptation.FILE_NAME)
        wider.save(unfinished / novelty.FILE_NAME)
        if (unfinished / decision.FILE_NAME).exists():
            warier.save(unfinished / decision.FILE_NAME)
        unfinished.rename(output)
    except (OSError, shutil.Error) as error:
        raise InputError(f"{output}: can't be written ({error}); name another folder") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def changes(before: list[Answer], after: list[Answer], labels: tuple[str, ...]) -> list[str]:
    """Return what is said of the same photos before and after."""

    def of_all(answers: list[Answer], count: int) -> str:
        return f"{count / len(answers):.3f}"

    rows = {
        "unlike the training photos": [
            sum(answer.is_unlike for answer in answers) for answers in (before, after)
        ],
        "like things of none of the labels": [
            sum(answer.is_of_no_label for answer in answers) for answers in (before, after)
        ],
        "unsure": [sum(not answer.is_sure for answer in answers) for answers in (before, after)],
        **{
            f"most probably {label}": [
                sum(answer.label == label for answer in answers) for answers in (before, after)
            ]
            for label in labels
        },
    }
    changed = sum(old.label != new.label for old, new in zip(before, after, strict=True))
    return [
        f"{len(before)} photos",
        *(
            f"{name}: {of_all(before, counts[0])} -> {of_all(after, counts[1])}"
            for name, counts in rows.items()
        ),
        f"another most probable label: {of_all(before, changed)}",
    ]
