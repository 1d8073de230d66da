"""Section `explore` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import Params, Seed


class ExploreParams(Params):
    """Section `explore`."""

    seed: Seed
    examples_per_label: Annotated[int, Field(ge=1, le=20)]
    duplicate_pairs: Annotated[int, Field(ge=1, le=200)]
    map_images: Annotated[int, Field(ge=10, le=20_000)]
