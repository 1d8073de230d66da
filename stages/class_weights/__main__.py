"""Compute the weight of each label in the loss from the train split: data/class_weights.json.

The file: `{"scheme": ..., "labels": {<label>: {"images": <in train>, "weight": ...}, ...}}`, labels
sorted.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stages import errors, params
from stages.class_weights.schemes import Scheme, class_weights
from stages.errors import InputError
from stages.manifest import SPLIT_FILE, SplitRow, iterate_table

CLASS_WEIGHTS_FILE = Path("data/class_weights.json")


class ClassWeightsParams(params.Params):
    """Section `class_weights` of params.yaml."""

    scheme: Scheme
    beta: Annotated[float, Field(ge=0, lt=1)]


def main() -> None:
    """Read the split, write the weights."""
    settings = params.load_section("class_weights", ClassWeightsParams)
    images = count_training_images(iterate_table(SPLIT_FILE, SplitRow))
    weights = class_weights(images, settings.scheme, settings.beta)
    write_weights(CLASS_WEIGHTS_FILE, settings.scheme, images, weights)
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


def write_weights(
    path: Path, scheme: Scheme, images: Mapping[str, int], weights: Mapping[str, float]
) -> None:
    """Write the weights and the counts beside them; the file appears whole or not at all."""
    labels = {label: {"images": images[label], "weight": weights[label]} for label in images}
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(
        json.dumps({"scheme": scheme, "labels": labels}, indent=2, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(errors.run(main))
