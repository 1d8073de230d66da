"""Section `explain` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import Params, Seed


class ExplainParams(Params):
    """Section `explain`."""

    seed: Seed
    mistakes: Annotated[int, Field(ge=1, le=100)]
    masked_images: Annotated[int, Field(ge=1, le=10_000)]
    # Of more, two outlines of one form overlap.
    masked_share: Annotated[float, Field(gt=0, le=0.5)]
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
