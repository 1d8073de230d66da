"""What training takes from the stages before it, beside images and split."""

import json
from pathlib import Path

from stages.errors import InputError
from stages.manifest import SPLIT_FILE

CLASS_WEIGHTS_FILE = Path("data/class_weights.json")
BACKBONE_DIR = Path("data/backbone")


def read_class_weights(path: Path, labels: list[str]) -> dict[int, float]:
    """Return the weight of each label by its position in `labels`.

    Raises:
        InputError: the file is missing, or its labels are not those of the split.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; run `dvc repro` to make it")
    weights = json.loads(path.read_text(encoding="utf-8"))["labels"]
    if sorted(weights) != labels:
        raise InputError(
            f"{path}: has labels {', '.join(sorted(weights))}, but {SPLIT_FILE} has "
            f"{', '.join(labels)}; run `dvc repro`"
        )
    return {index: float(weights[label]["weight"]) for index, label in enumerate(labels)}


def read_backbone_file(directory: Path = BACKBONE_DIR) -> Path | None:
    """Return the file of pretrained weights in `directory`, or None for random weights.

    Raises:
        InputError: stage backbone has not run.
    """
    description = directory / "backbone.json"
    if not description.exists():
        raise InputError(f"{description}: no such file; run `dvc repro` to make it")
    name = json.loads(description.read_text(encoding="utf-8"))["file"]
    return directory / name if name else None
