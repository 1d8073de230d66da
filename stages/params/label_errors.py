"""Section `label_errors` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import Params


class LabelErrorsParams(Params):
    """Section `label_errors`."""

    sheet_images: Annotated[int, Field(ge=1, le=200)]
