"""Section `features` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import BatchSize, Params


class FeaturesParams(Params):
    """Section `features`."""

    image_size: Annotated[int, Field(ge=32, le=1024)]
    batch_size: BatchSize
