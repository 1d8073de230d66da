"""Section `views` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import Params, Seed


class ViewsParams(Params):
    """Section `views`."""

    seed: Seed
    count: Annotated[int, Field(ge=0, le=32)]
    ground: Annotated[float, Field(ge=0, le=1)]
