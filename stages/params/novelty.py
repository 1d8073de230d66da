"""Section `novelty` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import BatchSize, Params


class NoveltyParams(Params):
    """Section `novelty`."""

    # What is usual is the median, which a limit must lie beyond.
    refused: Annotated[float, Field(ge=0, lt=0.5)]
    batch_size: BatchSize
