"""Section `evaluate` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import Params, Seed


class EvaluateParams(Params):
    """Section `evaluate`."""

    seed: Seed
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
    calibration_bins: Annotated[int, Field(ge=2, le=100)]
    sheet_images: Annotated[int, Field(ge=1, le=200)]
