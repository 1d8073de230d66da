"""Find out how to tell a photo that is unlike the training ones, whatever is on it.

Writes data/novelty/: what photos are held against, and the training photos to look them up among.
The limit is the distance beyond which `novelty.refused` of photos lie that were taken as the
training ones were, but not trained on: those of val, and where the backbone is the frozen one, each
photo of train against those of other folds too. The test images show what it comes to.
"""

import sys

import numpy as np

from stages.novelty.distances import limit_on_own_photos, network_features
from stages.novelty.fit import fit_novelty, shares_of_things
from stages.novelty.training_photos import write_training_photos
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, read_folds
from stages.outputs.distances import DistanceRow
from stages.outputs.manifest import labels_of, read_columns
from stages.outputs.model import MODEL_DIR
from stages.outputs.novelty import DISTANCES_FILE, NOVELTY_DIR
from stages.outputs.split import SPLIT_FILE, read_split
from stages.outputs.tables import write_table
from stages.outputs.whole import whole_folder
from stages.params.novelty import NoveltyParams
from stages.stage import run
from stages.tracking import StageLive
from waste_classifier.intervals import wilson_interval
from waste_classifier.model import Model
from waste_classifier.novelty import FILE_NAME


def main(settings: NoveltyParams) -> None:
    """Read the features of all images, fit, choose the limit, and try it on the test images."""
    rows = read_split()
    model = Model.load(MODEL_DIR)
    images = read_columns()
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
    novelty = fit_novelty(features[train], targets[train], len(labels), limit)
    test = [row for row in rows if row.split == "test"]
    distances = novelty.distances(features[splits == "test"])
    groups_of_test = [row.group for row in test]
    refused = float(shares_of_things(groups_of_test) @ (distances > 1))
    low, high = wilson_interval(refused, len(set(groups_of_test)))

    with whole_folder(NOVELTY_DIR) as folder:
        novelty.save(folder / FILE_NAME)
        trained = [row for row in rows if row.split == "train"]
        write_training_photos(folder, trained, novelty.coordinates(features[train]), images)
        write_table(
            folder / DISTANCES_FILE.name,
            [
                DistanceRow(row.path, round(distance, 6))
                for row, distance in zip(test, distances.tolist(), strict=True)
            ],
            DistanceRow,
        )
    with StageLive("novelty") as live:
        live.log_metric("refused", refused, plot=False)
        live.log_metric("refused_interval/low", float(low), plot=False)
        live.log_metric("refused_interval/high", float(high), plot=False)
        live.log_metric("refused_images", float((distances > 1).mean()), plot=False)
    print(
        f"{refused:.4f} of the {len(set(groups_of_test))} things on the test images are unlike "
        f"those on the training ones (95 % {low:.4f} to {high:.4f}; {settings.refused} were asked "
        "for)"
    )


if __name__ == "__main__":
    sys.exit(run("novelty", NoveltyParams, main))
