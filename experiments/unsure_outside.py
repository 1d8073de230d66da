"""When is the classifier unsure about photos of others, and how often is it right when it is not?

`python -m experiments.unsure_outside FOLDER` takes a folder, or a .zip of one, that has a folder
per label. A folder whose photos have one of several labels is named so by `--accept`; of a folder
that is named as no label, no label is right. All is told twice: as the classifier is, and adapted
to these photos, as `adapt` would do it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from experiments.outside import add_accepted, check_folders, parse_accepted, photos_by_folder
from stages.outputs.classifier import CLASSIFIER_DIR
from stages.stage import exit_code
from waste_classifier.classifier import Answer, Classifier
from waste_classifier.commands.adapt import adapted_by_others, wary, widened
from waste_classifier.commands.photos import results
from waste_classifier.commands.progress import counted
from waste_classifier.errors import InputError
from waste_classifier.intervals import wilson_interval


class Photos(NamedTuple):
    """Photos and what is right for them."""

    folders: Sequence[str]  #: of each of n photos, its folder's name
    right: Sequence[Sequence[str]]  #: of each, the labels that are right; none where none is
    features: npt.NDArray[np.float32]  #: `(n, orientations, d)`, not adapted


def read_photos(
    classifier: Classifier, photos: Path, accepted: Mapping[str, Sequence[str]]
) -> Photos:
    """See all photos of a folder or archive.

    Raises:
        InputError: a photo can't be read, or there is none.
    """
    by_folder = photos_by_folder(photos, [*classifier.labels, *accepted])
    check_folders(accepted, by_folder)
    found = [(folder, each) for folder, inside in by_folder.items() for each in inside]
    seen = counted(results(classifier, [each for _, each in found]), "photos")
    folders, right, features = [], [], []
    for (folder, _), result in zip(found, seen, strict=True):
        if result.features is None:
            raise InputError(str(result.error))
        own = [folder] if folder in classifier.labels else []
        folders.append(folder)
        right.append(accepted.get(folder, own))
        features.append(result.features)
    if not features:
        raise InputError(f"{photos}: no photos found")
    return Photos(folders, right, np.stack(features))


def table(photos: Photos, answers: Sequence[Answer]) -> list[str]:
    """Return lines on each folder, and on all photos that have a label."""
    names = sorted(set(photos.folders))
    width = max(map(len, [*names, "all with a label"]))
    lines = [
        f"{'':{width}}  photos  unlike  no label  unsure  decided  right of these (95 %)      right"
    ]
    of_folder = np.array(photos.folders)
    labelled = np.array([bool(each) for each in photos.right])
    for name, chosen in [
        *((name, of_folder == name) for name in names),
        ("all with a label", labelled),
    ]:
        some = [(answers[i], photos.right[i]) for i in np.flatnonzero(chosen).tolist()]
        if not some:
            continue
        count = len(some)
        decided = [answer.decision in right for answer, right in some if answer.is_sure]
        low, high = wilson_interval(sum(decided) / max(1, len(decided)), max(1, len(decided)))
        said = f"{np.mean(decided):.3f} ({low:.3f} to {high:.3f})" if decided else "none"
        has_label = any(right for _, right in some)
        lines.append(
            f"{name:{width}}  {count:6}"
            f"  {sum(answer.is_unlike for answer, _ in some) / count:6.3f}"
            f"  {sum(answer.is_of_no_label for answer, _ in some) / count:8.3f}"
            f"  {sum(not answer.is_sure for answer, _ in some) / count:6.3f}"
            f"  {len(decided):7}  {said if has_label else 'no label is right':22}"
            f"  {sum(answer.label in right for answer, right in some) / count:8.3f}"
        )
    return lines


def none_told(photos: Photos, answers: Sequence[Answer]) -> list[str]:
    """Return how well each value tells photos of no label from the others (AUROC)."""
    labelled = np.array([bool(each) for each in photos.right])
    if labelled.all() or not labelled.any():
        return []
    values = {
        "probability": [answer.probability for answer in answers],
        "distance to the training photos": [-(answer.distance or 0) for answer in answers],
        "distance to things of the labels": [-(answer.label_distance or 0) for answer in answers],
    }
    return [
        f"photos of no label told by {name}: AUROC {roc_auc_score(labelled, value):.3f}"
        for name, value in values.items()
    ]


def decided_alone(classifier: Classifier, photos: Photos) -> str:
    """Return how often probabilities decide rightly where nothing else is asked."""
    probabilities = classifier.decision.calibrated(classifier.predict_features(photos.features))
    positions = classifier.decision.decide(probabilities)
    right = [
        classifier.labels[position] in labels
        for position, labels in zip(positions.tolist(), photos.right, strict=True)
        if position >= 0 and labels
    ]
    if not right:
        return "by probabilities alone none is decided"
    low, high = wilson_interval(np.mean(right), len(right))
    return (
        f"by probabilities alone {len(right)} of those with a label are decided, "
        f"{np.mean(right):.3f} (95 % {low:.3f} to {high:.3f}) of these rightly"
    )


def main() -> None:
    """Read the command line, ask, print both tables."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.unsure_outside", description=__doc__.splitlines()[0]
    )
    parser.add_argument("photos", type=Path, help="folder or .zip of label folders")
    add_accepted(parser)
    parser.add_argument("--model", type=Path, default=CLASSIFIER_DIR, help="(default %(default)s)")
    arguments = parser.parse_args()
    classifier = Classifier.load_whole(arguments.model)
    accepted = parse_accepted(arguments.accept, classifier.labels)
    classifier.adaptation = None
    novelty = classifier.novelty
    if novelty is None:
        raise InputError(f"{arguments.model}: does not say how training photos look")
    photos = read_photos(classifier, arguments.photos, accepted)
    adapted = photos._replace(features=adapted_by_others(photos.features, novelty))
    for title, seen, held_against, decision in (
        ("as it is", photos, novelty, classifier.decision),
        (
            "adapted to these photos",
            adapted,
            widened(novelty, adapted.features),
            wary(classifier.decision),
        ),
    ):
        classifier.novelty, classifier.decision = held_against, decision
        answers = classifier.answers(seen.features)
        lines = table(seen, answers), none_told(seen, answers), [decided_alone(classifier, seen)]
        print("\n".join([f"{title}:", *(line for part in lines for line in part), ""]))


if __name__ == "__main__":
    sys.exit(exit_code(main))
