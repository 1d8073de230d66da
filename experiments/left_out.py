"""Can a thing that has no label be told? Each label in turn is left out of training.

A head learns the other labels on four fifths of the train and val photos, by the parameters of
params.yaml. Then it sees the last fifth, whose labels it knows, and all photos of the label that it
does not know. Of each of some scores the table says how often a known photo has the higher one
(AUROC), and, where it refuses 5 % of the known ones, which share of the unknown it refuses. The
test split is not looked at.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from experiments.heads import open_heads
from stages.cross_validate.folds import assign_folds
from stages.novelty.fit import fit_known_labels, fit_novelty
from stages.outputs.split import SPLIT_FILE, SplitRow, iterate_split
from stages.params.class_weights import ClassWeightsParams
from stages.params.cross_validate import CrossValidateParams
from stages.params.reading import load_section
from stages.params.train import TrainParams
from stages.stage import exit_code
from stages.training.collection import Collection, open_collection
from stages.training.phases import plan_phases
from waste_classifier.errors import InputError
from waste_classifier.head import Head, softmax

Floats = npt.NDArray[np.floating[Any]]
#: Of known photos, this share is refused.
REFUSED = 0.05


class Known(NamedTuple):
    """What a head has learned from."""

    head: Head
    features: npt.NDArray[np.float32]  #: `(n, d)`, mean over the orientations
    targets: npt.NDArray[np.intp]  #: `(n,)`
    groups: Sequence[str]  #: of each photo; those of one group show one thing
    k: int  #: labels


#: Each returns a score per photo, `(m,)`, the higher the more it is like what is known.
Score = Callable[[Known, npt.NDArray[np.float32]], Floats]


class Told(NamedTuple):
    """How well a score tells photos of a label that was left out."""

    auroc: float
    refused: float  #: share of them, where 5 % of the known photos are


def probability(known: Known, features: npt.NDArray[np.float32]) -> Floats:
    """Return the highest probability (Hendrycks and Gimpel 2017)."""
    return np.asarray(softmax(_logits(known, features)).max(axis=1))


def logit(known: Known, features: npt.NDArray[np.float32]) -> Floats:
    """Return the highest logit (Hendrycks et al. 2022)."""
    return np.asarray(_logits(known, features).max(axis=1))


def energy(known: Known, features: npt.NDArray[np.float32]) -> Floats:
    """Return the logarithm of the sum of the exponentials of the logits (Liu et al. 2020)."""
    return np.asarray(np.logaddexp.reduce(_logits(known, features), axis=1))


def mahalanobis(known: Known, features: npt.NDArray[np.float32]) -> Floats:
    """Return the distance to the training photos that `novelty` uses, negative."""
    fitted = fit_novelty(known.features, known.targets, known.groups, known.k)
    return -fitted.raw_distances(features)


def nearest(known: Known, features: npt.NDArray[np.float32]) -> Floats:
    """Return the cosine to the nearest training photo in the hidden layer (Sun et al. 2022)."""
    trained, asked = (
        hidden / np.maximum(np.linalg.norm(hidden, axis=1, keepdims=True), 1e-12)
        for hidden in map(known.head.representation, (known.features, features))
    )
    return np.asarray((asked @ trained.T).max(axis=1))


def relative_mahalanobis(known: Known, features: npt.NDArray[np.float32]) -> Floats:
    """Return the distance to things of the labels that `known_labels` uses, negative."""
    hidden = known.head.representation(known.features)
    fitted = fit_known_labels(hidden, known.targets, known.k, hidden, known.groups, REFUSED)
    return -fitted.relative_distances(known.head.representation(features))


SCORES: Mapping[str, Score] = {
    "highest probability": probability,
    "highest logit": logit,
    "energy": energy,
    "Mahalanobis, features": mahalanobis,
    "nearest, hidden layer": nearest,
    "relative Mahalanobis": relative_mahalanobis,
}


def told(score: Score, known: Known, held_out: Any, left_out: Any) -> Told:
    """Return how well a score tells photos of unknown labels from those of known ones.

    Args:
        score: that is tried.
        known: what the head has learned.
        held_out: `(m, d)`, features of photos of known labels that it has not learned from.
        left_out: `(o, d)`, of photos of the others.
    """
    of_known, of_unknown = score(known, held_out), score(known, left_out)
    is_known = np.repeat([1, 0], [len(of_known), len(of_unknown)])
    limit = np.quantile(of_known, REFUSED)
    return Told(
        float(roc_auc_score(is_known, np.concatenate([of_known, of_unknown]))),
        float((of_unknown < limit).mean()),
    )


def without(label: str, rows: Sequence[SplitRow], fold: npt.NDArray[np.bool_]) -> dict[str, Told]:
    """Return what each score tells, of a head that has not learned one label.

    Args:
        label: that is left out.
        rows: of train and val.
        fold: `(n,)`, which of these are held out.
    """
    from stages.cross_validate.held_out import Recipe, train_on
    from stages.training.model import exported_head

    settings = load_section("train", TrainParams)
    others = [row for row in rows if row.label != label]
    held_out = fold[[row.label != label for row in rows]]
    collection = open_collection(settings, others)
    description = collection.features.description
    phases = plan_phases(settings, description.pretrained, description.last_stage)
    recipe = Recipe(phases, settings, load_section("class_weights", ClassWeightsParams))
    learned = list(compress(others, ~held_out))
    with TemporaryDirectory() as state:
        trained = train_on(collection, learned, recipe, Path(state) / label)
    labels = collection.contract.labels
    known = Known(
        exported_head(trained.head, collection.columns),
        features_of(collection, learned),
        np.array([labels.index(row.label) for row in learned]),
        [row.group for row in learned],
        len(labels),
    )
    asked = features_of(collection, list(compress(others, held_out)))
    unknown = features_of(collection, [row for row in rows if row.label == label])
    return {name: told(score, known, asked, unknown) for name, score in SCORES.items()}


def features_of(collection: Collection, rows: Sequence[SplitRow]) -> npt.NDArray[np.float32]:
    """Return the features of photos, the mean over the orientations of each: `(n, d) float32`."""
    positions = collection.images.positions_of([row.path for row in rows], SPLIT_FILE)
    features: npt.NDArray[np.float32] = collection.features.read(positions).mean(axis=1)
    return features


def table(found: Mapping[str, Mapping[str, Told]]) -> str:
    """Return a row for each score: its AUROC by label that was left out, and both means.

    Args:
        found: by label, then by score.
    """
    width = max(map(len, SCORES))
    header = " ".join(f"{label[:9]:>9}" for label in found)
    lines = [f"{'AUROC without':{width}} {header} {'mean':>9} {'refused':>9}"]
    for name in SCORES:
        each = [of_label[name] for of_label in found.values()]
        cells = [*(one.auroc for one in each), float(np.mean([one.auroc for one in each]))]
        cells.append(float(np.mean([one.refused for one in each])))
        lines.append(f"{name:{width}} " + " ".join(f"{cell:9.3f}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Read the command line, train without each label, print the table."""
    argparse.ArgumentParser(
        prog="python -m experiments.left_out", description=__doc__.splitlines()[0]
    ).parse_args()
    settings = load_section("train", TrainParams)
    rows = list(iterate_split(["train", "val"]))
    open_heads(settings, rows)
    labels = sorted({row.label for row in rows})
    if len(labels) < 3:
        raise InputError(f"{SPLIT_FILE}: {len(labels)} labels; it takes 3 to leave one out")
    once = load_section("cross_validate", CrossValidateParams).model_copy(update={"repeats": 1})
    fold = assign_folds(rows, once)[0] == 0

    from stages.compute import determinism

    determinism.configure()
    found = {}
    for label in labels:
        found[label] = without(label, rows, fold)
        print(f"without {label}", file=sys.stderr)
    print(table(found))


def _logits(known: Known, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    hidden = known.head.representation(features)
    return hidden if known.head.hidden is None else known.head.logits(hidden)


if __name__ == "__main__":
    sys.exit(exit_code(main))
