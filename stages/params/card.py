"""Section `card` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import Params


class CardParams(Params):
    """Section `card`."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[^\n]+$")]
    license: Annotated[str, Field(min_length=1, pattern=r"^[^\n]+$")]
    data_license: Annotated[str, Field(min_length=1, pattern=r"^[^\n]+$")]
