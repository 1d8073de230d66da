"""Section `export` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import Params, Seed


class ExportParams(Params):
    """Section `export`."""

    seed: Seed
    compared_images: Annotated[int, Field(ge=1, le=10_000)]
