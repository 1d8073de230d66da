"""Section `export` of params.yaml, which says what each key does."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from stages.params.reading import Params, Seed

Format = Literal["float32", "float16", "int8", "onnx", "saved_model"]


def _with_float32(formats: list[Format]) -> list[Format]:
    """Return formats that are each named once, float32 among them.

    Raises:
        ValueError: they are not.
    """
    if "float32" not in formats or len(set(formats)) < len(formats):
        raise ValueError("each format once, and float32 among them, which others are held against")
    return formats


class ExportParams(Params):
    """Section `export`."""

    seed: Seed
    formats: Annotated[list[Format], AfterValidator(_with_float32)]
    compared_images: Annotated[int, Field(ge=1, le=10_000)]
    representative_images: Annotated[int, Field(ge=1, le=1000)]
