"""What training takes from the stages before it, beside images and split."""

from pathlib import Path

from stages.errors import InputError
from stages.manifest import SPLIT_FILE, read_json

CLASS_WEIGHTS_FILE = Path("data/class_weights.json")
BACKBONE_DIR = Path("data/backbone")


def read_class_weights(path: Path, labels: list[str]) -> dict[int, float]:
    """Return the weight of each label by its position in `labels`.

    Raises:
        InputError: the file is missing or damaged, or its labels are not those of the split.
    """
    weights = read_json(path)["labels"]
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
    name = read_json(directory / "backbone.json")["file"]
    return directory / name if name else None
