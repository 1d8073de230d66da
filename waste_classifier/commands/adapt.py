"""`adapt`: takes the photos of another line as the new normal."""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from waste_classifier import adaptation, decision, decision_curve, novelty
from waste_classifier.adaptation import Adaptation
from waste_classifier.classifier import Answer, Classifier
from waste_classifier.commands.photos import (
    Found,
    find_photos,
    is_folder,
    is_of_photo,
    refuse,
    results,
    say_left_out,
    say_unread,
)
from waste_classifier.commands.progress import counted, say
from waste_classifier.decision import Decision
from waste_classifier.errors import InputError
from waste_classifier.evenly import evenly
from waste_classifier.images import MAX_PIXELS
from waste_classifier.novelty import Novelty
from waste_classifier.whole import refusals_explained, whole_folder

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
#: What to do where the new folder can't be written.
ANOTHER_FOLDER = "free some space, or name another folder"
#: Of the photos of the line, this share may lie beyond the limit.
REFUSED = 0.05


def adapt(folder: Path, photos: Path, output: Path, max_pixels: int = MAX_PIXELS) -> int:
    """Write a classifier for another line, and say what changes on its photos.

    Args:
        folder: of the classifier, which stays as it is.
        photos: a folder of photos of the line, of its usual mix of waste.
        output: the new folder.
        max_pixels: width x height of the largest photo accepted.

    Returns:
        0, or 1 where a photo could not be read.

    Raises:
        InputError: `output` is there already or can't be written, there are too few photos, or the
            classifier does not know how its training photos look.
    """
    if os.path.lexists(output):
        raise InputError(f"{output}: is there already; name a new folder")
    if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(folder)):
        raise InputError(f"{output}: in the folder of the classifier; name one outside it")
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
    left_out: Counter[str] = Counter()
    found = enough(list(find_photos([photos], left_out)))
    say_left_out(left_out)
    # Before the photos are looked at, which would be in vain.
    with whole_folder(output, ANOTHER_FOLDER) as unfinished:
        before, features, unread = look(classifier, found, max_pixels)
        if len(features) < FEWEST_PHOTOS:
            raise InputError(
                f"{photos}: {len(features)} photos that can be read, but {FEWEST_PHOTOS} at least "
                "say what is usual"
            )
        seen = np.stack(features)
        shift = adaptation.adapt(seen.mean(axis=1), known.mean, known.scale)
        wider = widened(known, adapted_by_others(seen, known))
        with refusals_explained(output, ANOTHER_FOLDER):
            write_adapted(folder, unfinished, shift, wider, wary(classifier.decision))
    after = Classifier.load(output).answers(shift(seen))
    for line in changes(before, after, classifier.labels):
        say(line)
    say(f"written to {output}; look at `score` with it where labels are known")
    return 1 if unread else 0


def look(
    classifier: Classifier, found: list[Found], max_pixels: int = MAX_PIXELS
) -> tuple[list[Answer], list[npt.NDArray[np.float32]], int]:
    """Look at photos, and say which can't be read.

    Returns:
        Of those that can be read answers and features, `(orientations, d)` each; how many can't.
    """
    answers, features, unread = [], [], 0
    for result in counted(results(classifier, found, max_pixels=max_pixels), "photos"):
        if result.error is not None:
            unread += 1
            say_unread(result.error)
        if result.answer is not None and result.features is not None:
            answers.append(result.answer)
            features.append(result.features)
    return answers, features, unread


def enough(found: list[Found]) -> list[Found]:
    """Return up to `MOST_PHOTOS` of some photos, which lie evenly among them, and say so.

    What can't be looked into is no photo, and stays: it is to be said.
    """
    photos = [each for each in found if is_of_photo(each)]
    if len(photos) <= MOST_PHOTOS:
        return found
    say(f"{MOST_PHOTOS} of {len(photos)} photos, evenly chosen", sys.stderr)
    chosen = [photos[position] for position in evenly(len(photos), MOST_PHOTOS).tolist()]
    return chosen + [each for each in found if not is_of_photo(each)]


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
    folder: Path, target: Path, shift: Adaptation, wider: Novelty, warier: Decision
) -> None:
    """Write a copy of a classifier with what is known of another line.

    Args:
        folder: of the classifier.
        target: an empty folder.
        shift: of features.
        wider: what photos are held against.
        warier: how to decide.

    Raises:
        InputError: a file of the classifier can't be read.
        OSError: the copy can't be written.
    """
    copy_contents(folder, target, OF_THE_OLD_LINE)
    shift.save(target / adaptation.FILE_NAME)
    wider.save(target / novelty.FILE_NAME)
    if (target / decision.FILE_NAME).exists():
        warier.save(target / decision.FILE_NAME)


def copy_contents(folder: Path, target: Path, left_out: Sequence[str] = ()) -> None:
    """Copy what is in a folder, but not who may write it: a copy of what none may write changes.

    Args:
        folder: whose files, and folders with all in them, are copied; of links, what they lead to.
        target: a folder.
        left_out: names of files that are not copied.

    Raises:
        InputError: a file or folder can't be read, or something is neither.
        OSError: its copy can't be written.
    """
    try:
        parts = sorted(folder.iterdir())
    except OSError as error:
        refuse(error)
    for part in parts:
        if part.is_dir():
            (target / part.name).mkdir()
            copy_contents(part, target / part.name, left_out)
        elif part.name not in left_out:
            if not part.is_file():
                raise InputError(f"{part}: is no file that can be copied; take it away")
            try:
                opened = part.open("rb")
            except OSError as error:
                refuse(error)
            with opened, (target / part.name).open("wb") as copy:
                shutil.copyfileobj(opened, copy)


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
