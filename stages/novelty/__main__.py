"""Find out how to tell a photo that is unlike the training ones, and a thing of no label.

Writes data/novelty/: what photos are held against, and the training photos to look them up among.
The first limit is the distance beyond which `novelty.refused` of photos lie that were taken as the
training ones were, but not trained on: those of val, and where the backbone is the frozen one, each
photo of train against those of other folds too. So is the second, by those of val alone: the head
has learned from train. The test images show what both come to.
"""

import sys

import numpy as np

from stages.novelty.distances import limit_on_own_photos, network_features
from stages.novelty.fit import fit_known_labels, fit_novelty
from stages.novelty.refusals import refusals
from stages.novelty.training_photos import write_training_photos
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, read_folds
from stages.outputs.distances import DistanceRow
from stages.outputs.manifest import Manifest, labels_of
from stages.outputs.model import MODEL_DIR
from stages.outputs.novelty import DISTANCES_FILE, NOVELTY_DIR
from stages.outputs.split import SPLIT_FILE, read_split
from stages.outputs.tables import write_table
from stages.outputs.whole import whole_folder
from stages.params.novelty import NoveltyParams
from stages.stage import run
from stages.tracking import StageLive
from waste_classifier.known_labels import FILE_NAME as KNOWN_LABELS_NAME
from waste_classifier.model import Model
from waste_classifier.novelty import FILE_NAME

#: Why a photo is refused.
WORDS = {
    "unlike_training": "unlike those on the training ones",
    "of_no_label": "like things of none of the labels",
}


def main(settings: NoveltyParams) -> None:
    """Read the features of all images, fit, choose the limit, and try it on the test images."""
    rows = read_split()
    model = Model.load(MODEL_DIR)
    images = Manifest()
    positions = images.positions_of([row.path for row in rows], SPLIT_FILE)
    features, frozen = network_features(model, images, positions, settings.batch_size)
    labels = labels_of(rows)
    targets = np.array([labels.index(row.label) for row in rows])
    splits = np.array([row.split for row in rows])
    folds = read_folds(CROSS_VALIDATION_FILE, [row.path for row in rows])

    train = splits == "train"
    groups = np.array([row.group for row in rows])
    limit = limit_on_own_photos(
        features, targets, splits, folds, groups, len(labels), frozen, settings.refused
    )
    trained_groups = groups[train].tolist()
    novelty = fit_novelty(features[train], targets[train], trained_groups, len(labels), limit)
    hidden, val = model.head.representation(features), splits == "val"
    known_labels = fit_known_labels(
        hidden[train], targets[train], len(labels), hidden[val], groups[val], settings.refused
    )
    test = [row for row in rows if row.split == "test"]
    distances = novelty.distances(features[splits == "test"])
    label_distances = known_labels.distances(hidden[splits == "test"])
    groups_of_test = [row.group for row in test]
    refused = refusals(
        {"unlike_training": distances, "of_no_label": label_distances}, groups_of_test
    )

    with whole_folder(NOVELTY_DIR) as folder:
        novelty.save(folder / FILE_NAME)
        known_labels.save(folder / KNOWN_LABELS_NAME)
        trained = [row for row in rows if row.split == "train"]
        write_training_photos(folder, trained, novelty.coordinates(features[train]), images)
        write_table(
            folder / DISTANCES_FILE.name,
            [
                DistanceRow(row.path, round(distance, 6), round(label_distance, 6))
                for row, distance, label_distance in zip(
                    test, distances.tolist(), label_distances.tolist(), strict=True
                )
            ],
            DistanceRow,
        )
    with StageLive("novelty") as live:
        for name, refusal in refused.items():
            live.log_metric(f"{name}/refused", refusal.share, plot=False)
            live.log_metric(f"{name}/low", refusal.low, plot=False)
            live.log_metric(f"{name}/high", refusal.high, plot=False)
    print(
        f"Of the {len(set(groups_of_test))} things on the test images, {settings.refused} were to "
        "be refused for each reason:"
    )
    for name, words in WORDS.items():
        share, low, high = refused[name]
        print(f"{share:.4f} are {words} (95 % {low:.4f} to {high:.4f})")


if __name__ == "__main__":
    sys.exit(run("novelty", NoveltyParams, main))
