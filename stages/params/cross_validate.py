"""Section `cross_validate` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import Field

from stages.params.reading import Params, Seed


class CrossValidateParams(Params):
    """Section `cross_validate`."""

    seed: Seed
    folds: Annotated[int, Field(ge=2, le=20)]
    repeats: Annotated[int, Field(ge=1, le=20)]
