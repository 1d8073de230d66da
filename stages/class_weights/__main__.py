"""Compute the weight of each label in the loss from the train split: data/class_weights.json."""

import sys
from collections import Counter
from collections.abc import Iterable

from stages.outputs.class_weights import CLASS_WEIGHTS_FILE, write_class_weights
from stages.outputs.split import SPLIT_FILE, SplitRow, iterate_split
from stages.params.class_weights import ClassWeightsParams
from stages.schemes import class_weights
from stages.stage import run
from waste_classifier.errors import InputError


def main(settings: ClassWeightsParams) -> None:
    """Read the split, write the weights."""
    images = count_training_images(iterate_split())
    weights = class_weights(images, settings.scheme, settings.beta)
    write_class_weights(CLASS_WEIGHTS_FILE, settings.scheme, images, weights)
    width = max(map(len, images))
    for label, weight in weights.items():
        print(f"{label:{width}}  {images[label]:6} images in train  weight {weight:.4f}")


def count_training_images(rows: Iterable[SplitRow]) -> dict[str, int]:
    """Return the number of images in train by label, labels sorted.

    Raises:
        InputError: there are no images, or none of some label in train.
    """
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.label] += row.split == "train"
    if not counts:
        raise InputError(f"{SPLIT_FILE}: no images; run `dvc repro` to make the table anew")
    for label, images in sorted(counts.items()):
        if images == 0:
            raise InputError(
                f"{SPLIT_FILE}: label '{label}' has no images in train; lower split.val"
            )
    return dict(sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(run("class_weights", ClassWeightsParams, main))
