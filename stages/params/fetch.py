"""Section `fetch` of params.yaml, which says what each key does."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from stages.params.reading import Params, Seed, labels_as_text

#: Ships with the project: what a source that reads no path leaves `fetch.path` at, for DVC must
#: find what a stage is said to depend on.
PLACE_FOR_PHOTOS = "data/photos"


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
    corrections: Annotated[str, Field(min_length=1)]
    expected_counts: Annotated[
        dict[str, Annotated[int, Field(ge=1)]] | None, BeforeValidator(labels_as_text)
    ]
    max_rejected: Annotated[int, Field(ge=0)]
    max_pixels: Annotated[int, Field(ge=1, le=1_000_000_000)]
    shard_images: Annotated[int, Field(ge=0, le=10_000)]
