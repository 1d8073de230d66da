"""How the classifier does outside the photos that it was made for.

`python -m experiments.outside` makes the test photos worse in a dozen ways and scores each.
`python -m experiments.outside FOLDER` scores photos of others: a folder, or a .zip of one, that has
a folder per label. A folder whose photos have one of several labels is named so by `--accept`.
"""

import argparse
import sys
import zipfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.corruptions import CORRUPTIONS
from stages.compute import determinism
from stages.outputs.manifest import Manifest
from stages.outputs.model import MODEL_DIR
from stages.outputs.predictions import PREDICTIONS_FILE, read_predictions
from stages.progress import progress
from stages.stage import exit_code
from waste_classifier.commands.photos import Found, find_photos, say_left_out
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.evenly import evenly
from waste_classifier.images import load_resized
from waste_classifier.intervals import wilson_interval
from waste_classifier.model import Model

AT_ONCE = 32
#: Test photos that are made worse, where nothing else is said.
IMAGES = 252


class Score(NamedTuple):
    """How many of some photos are recognised."""

    name: str
    right: int
    photos: int
    trials: int  #: independent ones: groups, or photos
    confidence: float  #: mean

    def line(self, width: int) -> str:
        """Return it as a line."""
        share = self.right / self.photos
        low, high = wilson_interval(share, self.trials)
        return (
            f"{self.name:{width}}  {share:.4f}  (95 % {low:.4f} to {high:.4f})  {self.photos:5} "
            f"photos  mean confidence {self.confidence:.3f}"
        )


def scores_of_corrupted(classifier: Model, most: int) -> list[Score]:
    """Return the accuracy on the test photos as they are, and under each corruption.

    Args:
        classifier: that is asked.
        most: photos; of more test photos, those are taken that lie evenly among them.

    Raises:
        InputError: the predictions or a photo are missing or damaged.
    """
    predictions = read_predictions(PREDICTIONS_FILE, "test")
    photos = Manifest().photos_by_path(predictions.paths, PREDICTIONS_FILE)
    count = len(predictions.paths)
    chosen = evenly(count, most).tolist()
    actual = [predictions.labels[predictions.actual[position]] for position in chosen]
    groups = len({predictions.groups[position] for position in chosen})
    kinds = {"as they are": None, **CORRUPTIONS}
    size = classifier.image_size
    paths = [predictions.paths[position] for position in chosen]
    images = [load_resized(photos[path], size, max_pixels=None) for path in paths]
    found = []
    with progress("test photos", len(kinds) * len(images), "photos") as bar:
        for name, corruption in kinds.items():
            right, confidences = 0, []
            for start in range(0, len(images), AT_ONCE):
                some = images[start : start + AT_ONCE]
                changed = [image if corruption is None else corruption(image) for image in some]
                probabilities = classifier.predict(changed)
                answers = [classifier.labels[position] for position in probabilities.argmax(axis=1)]
                right += sum(map(str.__eq__, answers, actual[start : start + AT_ONCE]))
                confidences += probabilities.max(axis=1).tolist()
                bar.update(len(some))
            found.append(Score(name, right, len(images), groups, float(np.mean(confidences))))
    return found


def scores_of_folders(
    classifier: Model, photos: Path, accepted: Mapping[str, Sequence[str]]
) -> list[Score]:
    """Return the recall of each folder of photos.

    Args:
        classifier: that is asked.
        photos: folder of folders, which may stand within others, or a .zip of one.
        accepted: labels that are right for the photos of a folder, by its name; of others, the name
            itself.

    Raises:
        InputError: no folder has a name that says what is right, or a photo can't be read.
    """
    found = []
    folders = photos_by_folder(photos, [*classifier.labels, *accepted])
    check_folders(accepted, folders)
    for name, inside in folders.items():
        right_labels = accepted.get(name, [name])
        if not set(right_labels) <= set(classifier.labels):
            print(f"{name}: left out, as no label of the classifier", file=sys.stderr)
            continue
        right, confidences = 0, []
        with progress(name, len(inside), "photos") as bar:
            for start in range(0, len(inside), AT_ONCE):
                some = [each.photo for each in inside[start : start + AT_ONCE]]
                try:
                    probabilities = classifier.predict(some)
                except PhotoError as error:
                    # It is not DVC's to bring back.
                    raise InputError(f"{error}; mend it or take it out") from None
                answers = [classifier.labels[position] for position in probabilities.argmax(axis=1)]
                right += sum(answer in right_labels for answer in answers)
                confidences += probabilities.max(axis=1).tolist()
                bar.update(len(answers))
        confidence = float(np.mean(confidences))
        found.append(Score(name, right, len(inside), len(inside), confidence))
    if not found:
        raise InputError(
            f"{photos}: no folder of photos is named as a label ({', '.join(classifier.labels)}); "
            "say what is right for one by --accept FOLDER=LABEL"
        )
    return found


def photos_by_folder(photos: Path, known: Collection[str]) -> dict[str, list[Found]]:
    """Return the photos of each folder of a label, by its name; those beside them are left out.

    Args:
        photos: folder of these folders, which may stand within others, or a .zip of one.
        known: names that such a folder may have.

    Raises:
        InputError: it is neither, or can't be read.
    """
    if photos.is_file() and not zipfile.is_zipfile(photos):
        raise InputError(f"{photos}: neither a folder nor a .zip")
    left_out: Counter[str] = Counter()
    placed = [
        (Path(found.name).relative_to(photos).parts, found)
        for found in find_photos([photos], left_out)
    ]
    say_left_out(left_out)
    while True:
        placed = [(parts, found) for parts, found in placed if len(parts) > 1]
        names = sorted({parts[0] for parts, _ in placed})
        if len(names) != 1 or names[0] in known:
            break
        placed = [(parts[1:], found) for parts, found in placed]
    folders: dict[str, list[Found]] = {name: [] for name in names}
    for parts, found in placed:
        folders[parts[0]].append(found)
    return folders


def add_accepted(parser: argparse.ArgumentParser) -> None:
    """Add the argument whose values `parse_accepted` takes."""
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="FOLDER=LABEL,LABEL",
        help="labels that are right for the photos of a folder (default: its name)",
    )


def parse_accepted(values: Sequence[str], known: Sequence[str]) -> dict[str, list[str]]:
    """Return `FOLDER=LABEL,LABEL` as labels by folder.

    Args:
        values: as given.
        known: labels that there are.

    Raises:
        InputError: a value is of another form, or names a label that there is none of.
    """
    accepted = {}
    for value in values:
        folder, equals, right = value.partition("=")
        labels = [label.strip() for label in right.split(",")]
        if not equals or not right:
            raise InputError(f"--accept {value}: expected FOLDER=LABEL or FOLDER=LABEL,LABEL")
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise InputError(
                f"--accept {value}: the classifier has no label {unknown[0]!r}, but "
                f"{', '.join(known)}"
            )
        accepted[folder.strip()] = labels
    return accepted


def check_folders(accepted: Collection[str], there: Collection[str]) -> None:
    """Check that each folder named by `--accept` is there.

    Raises:
        InputError: one is not.
    """
    for folder in accepted:
        if folder not in there:
            raise InputError(
                f"--accept {folder}=…: no such folder among the photos: {', '.join(sorted(there))}"
            )


def main() -> None:
    """Read the command line, score, print."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.outside", description=__doc__.splitlines()[0]
    )
    parser.add_argument("photos", nargs="?", type=Path, help="folder or .zip of label folders")
    add_accepted(parser)
    parser.add_argument(
        "--images",
        type=int,
        metavar="N",
        help=f"test photos that are made worse (default {IMAGES})",
    )
    arguments = parser.parse_args()
    if arguments.images is not None and arguments.images < 1:
        parser.error("--images takes a whole number from 1")
    if arguments.photos is None and arguments.accept:
        parser.error("--accept is about folders of photos; name the folder that they stand in")
    if arguments.photos is not None and arguments.images is not None:
        parser.error("--images is about test photos that are made worse; of a folder all count")
    classifier = Model.load(MODEL_DIR)
    accepted = parse_accepted(arguments.accept, classifier.labels)
    determinism.configure()
    if arguments.photos is None:
        found = scores_of_corrupted(classifier, arguments.images or IMAGES)
    else:
        found = scores_of_folders(classifier, arguments.photos, accepted)
    width = max(len(each.name) for each in found)
    for each in found:
        print(each.line(width))
    corrupted = [each for each in found if each.name != "as they are"]
    mean = np.mean([each.right / each.photos for each in corrupted])
    print(f"{'mean':{width}}  {mean:.4f}")


if __name__ == "__main__":
    sys.exit(exit_code(main))
