"""Section `backbone` of params.yaml, which says what each key does."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from stages.params.reading import Params


class BackboneParams(Params):
    """Section `backbone`."""

    weights: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None


def weights_path(weights: str) -> Path:
    """Return the path of a file of weights, `~` and `~user` expanded where there is such a user."""
    path = Path(weights)
    try:
        return path.expanduser()
    except RuntimeError:
        return path
