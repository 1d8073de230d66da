"""Where stage backbone leaves the pretrained weights, and how the stages after it find them."""

from pathlib import Path

from stages.manifest import read_json

BACKBONE_DIR = Path("data/backbone")


def read_backbone_file(directory: Path = BACKBONE_DIR) -> Path | None:
    """Return the file of pretrained weights in `directory`, or None for random weights.

    Raises:
        InputError: stage backbone has not run.
    """
    name = read_json(directory / "backbone.json")["file"]
    return directory / name if name else None
