"""Section `class_weights` of params.yaml, which says what each key does."""

from typing import Annotated, Literal

from pydantic import Field

from stages.params.reading import Params

Scheme = Literal["balanced", "effective_number", "sqrt", "none"]


class ClassWeightsParams(Params):
    """Section `class_weights`."""

    scheme: Scheme
    beta: Annotated[float, Field(ge=0, lt=1)]
