"""Section `fetch` of params.yaml, which says what each key does."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from stages.params.reading import Params, Seed

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


def _labels_as_text(counts: Any) -> Any:
    """Return counts by label with labels of digits as text, which YAML takes for numbers.

    Raises:
        ValueError: YAML takes a label for something whose text can't be known, as `yes` or 1.50.
    """
    if not isinstance(counts, Mapping):
        return counts
    for label in counts:
        if not isinstance(label, str) and type(label) is not int:
            raise ValueError(f"the label {label!r} is no text to YAML; write it in quotes")
    labels = [str(label) for label in counts]
    if len(set(labels)) < len(labels):
        raise ValueError("a label stands there twice, as a number and as text; take one out")
    return dict(zip(labels, counts.values(), strict=True))


class FetchParams(Params):
    """Section `fetch`."""

    source: Literal["sample", "kaggle", "path"]
    sample: SampleParams
    kaggle: KaggleParams
    path: Annotated[str, Field(min_length=1)]
    expected_counts: Annotated[dict[str, int] | None, BeforeValidator(_labels_as_text)]
    max_rejected: Annotated[int, Field(ge=0)]
    max_pixels: Annotated[int, Field(ge=1, le=1_000_000_000)]
