"""The saved model: for inference only, float32, equal weights giving equal bytes."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from stages.feature_table import BackboneStage
from stages.output_folder import written_whole
from stages.train.model import Head, build_model

# The earliest time a zip archive can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)


def export_model(
    directory: Path,
    labels: Sequence[str],
    image_size: int,
    head: Head,
    last_stage: BackboneStage,
    weights: Sequence[npt.NDArray[Any]],
) -> None:
    """Write `model.keras` and `labels.json` into `directory`, which appears whole or not at all.

    Args:
        directory: replaced if it exists.
        labels: in the order of the model's output.
        image_size: width and height of the model's input.
        head: what stands on the backbone.
        last_stage: of ResNet50, that the backbone ends with.
        weights: as `get_weights()` of a `build_model` gives them.
    """
    # Without the dtype policy and the layer names of the training before it.
    keras.backend.clear_session()
    keras.config.set_dtype_policy("float32")
    model = build_model(len(labels), image_size, head, last_stage)
    model.set_weights([np.asarray(array) for array in weights])
    with written_whole(directory) as folder:
        model.save(folder / "raw.keras")
        normalise_archive(folder / "raw.keras", folder / "model.keras")
        (folder / "raw.keras").unlink()
        (folder / "labels.json").write_text(
            json.dumps(list(labels), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )


def normalise_archive(source: Path, target: Path) -> None:
    """Copy a `.keras` file without what differs between two savings of one model.

    That is the date of saving, the times in the archive, and the `shared_object_id` of config
    entries, which are addresses in memory.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "metadata.json":
                content = _to_json({**json.loads(content), "date_saved": ""})
            elif name == "config.json":
                content = _to_json(_without_object_ids(json.loads(content)))
            new.writestr(zipfile.ZipInfo(name, EPOCH), content)


def _without_object_ids(config: Any) -> Any:
    if isinstance(config, dict):
        return {
            key: _without_object_ids(value)
            for key, value in config.items()
            if key != "shared_object_id"
        }
    if isinstance(config, list):
        return [_without_object_ids(value) for value in config]
    return config


def _to_json(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True).encode()
