"""params.yaml with the sections that search and left_out read."""

from pathlib import Path

from ruamel.yaml import YAML

from stages.params.train import TrainParams


def write_params(train: TrainParams) -> None:
    """Write it to the current directory."""
    content = {
        "train": train.model_dump(),
        "class_weights": {"scheme": "balanced", "beta": 0.9},
        "cross_validate": {"seed": 1, "folds": 2, "repeats": 1},
        "views": {"seed": 1, "count": 1, "ground": 0.5},
    }
    YAML().dump(content, Path("params.yaml"))
