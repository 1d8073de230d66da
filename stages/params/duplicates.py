"""Section `duplicates` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import Params


class DuplicatesParams(Params):
    """Section `duplicates`."""

    max_perceptual_distance: Annotated[int, Field(ge=0, le=16)]
    max_embedding_distance: Annotated[float, Field(ge=0, le=1)]
