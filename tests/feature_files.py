"""The folder that stage features writes, made by hand."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt


def write_feature_files(
    directory: Path,
    array: npt.NDArray[np.float32],
    pretrained: bool = True,
    image_size: int = 64,
    last_stage: str = "conv4",
) -> None:
    """Write features, and what they are said to be made with."""
    directory.mkdir(parents=True, exist_ok=True)
    np.save(directory / "features.npy", array)
    description = {"pretrained": pretrained, "image_size": image_size, "last_stage": last_stage}
    (directory / "features.json").write_text(json.dumps(description))
