"""Section `fetch` of params.yaml, which says what each key does."""

from typing import Annotated, Literal

from pydantic import Field

from stages.params.reading import Params, Seed


class SampleParams(Params):
    """Section `fetch.sample`."""

    seed: Seed
    images: Annotated[int, Field(ge=60, le=100_000)]
    image_size: Annotated[int, Field(ge=32, le=1024)]


class KaggleParams(Params):
    """Section `fetch.kaggle`."""

    dataset: Annotated[str, Field(pattern=r"^[\w-]+/[\w-]+$")]
    version: Annotated[int, Field(ge=1)]
    timeout: Annotated[float, Field(ge=1, le=3600)]
    retries: Annotated[int, Field(ge=0, le=20)]


class FetchParams(Params):
    """Section `fetch`."""

    source: Literal["sample", "kaggle", "path"]
    sample: SampleParams
    kaggle: KaggleParams
    path: Annotated[str, Field(min_length=1)]
    expected_counts: dict[str, int] | None
    max_rejected: Annotated[int, Field(ge=0)]
    max_pixels: Annotated[int, Field(ge=1, le=1_000_000_000)]
