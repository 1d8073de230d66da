"""Section `backbone` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import Params


class BackboneParams(Params):
    """Section `backbone`."""

    weights: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
