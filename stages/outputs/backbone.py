"""data/backbone/: the pretrained weights, as a file, and where they came from."""

from pathlib import Path

from stages.outputs.documents import read_document, write_document
from stages.outputs.tables import MEND
from waste_classifier.errors import InputError

BACKBONE_DIR = Path("data/backbone")
DESCRIPTION_NAME = "backbone.json"


def write_description(
    directory: Path, weights: str, weights_file: Path | None, sha256: str | None
) -> None:
    """Describe the weights that stand in a folder.

    Args:
        directory: the folder.
        weights: `none`, `imagenet` or `file`.
        weights_file: in the folder; None for random weights.
        sha256: of the file.
    """
    name = weights_file.name if weights_file else None
    write_document(
        directory / DESCRIPTION_NAME, {"weights": weights, "file": name, "sha256": sha256}
    )


def read_weights_file(directory: Path = BACKBONE_DIR) -> Path | None:
    """Return the file of pretrained weights, or None for random weights.

    Raises:
        InputError: stage backbone has not run, or what it left is damaged.
    """
    description = directory / DESCRIPTION_NAME
    content = read_document(description)
    name = content.get("file", "")
    if name is None:
        return None
    if not isinstance(name, str) or name not in _files(directory):
        raise InputError(f"{description}: names no file of this folder ({name!r}); {MEND}")
    return directory / name


def _files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.is_file()}
