"""Section `decide` of params.yaml, which says what each key does."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from stages.params.reading import Params, Seed, labels_as_text

Share = Annotated[float, Field(gt=0, le=1)]
Costs = Annotated[dict[str, Annotated[float, Field(ge=0)]], BeforeValidator(labels_as_text)]


class DecideParams(Params):
    """Section `decide`."""

    purity: Annotated[float, Field(gt=0, lt=1)]
    confidence: Annotated[float, Field(gt=0, lt=1)]
    mix: Annotated[dict[str, Share] | None, BeforeValidator(labels_as_text)]
    costs: Annotated[dict[str, Costs] | None, BeforeValidator(labels_as_text)]
    seed: Seed
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
