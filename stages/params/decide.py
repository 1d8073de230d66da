"""Section `decide` of params.yaml, which says what each key does."""

from collections.abc import Iterable, Mapping
from math import isclose
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from stages.params.reading import Params, Seed, labels_as_text
from waste_classifier.unsure import UNSURE

#: Of the sum of shares.
TOLERANCE = 1e-3

Share = Annotated[float, Field(gt=0, le=1)]
Costs = Annotated[dict[str, Annotated[float, Field(ge=0)]], BeforeValidator(labels_as_text)]


class DecideParams(Params):
    """Section `decide`."""

    purity: Annotated[float, Field(gt=0, lt=1)]
    confidence: Annotated[float, Field(gt=0, lt=1)]
    mix: Annotated[dict[str, Share] | None, BeforeValidator(labels_as_text)]
    costs: Annotated[
        Annotated[dict[str, Costs], Field(min_length=1)] | None, BeforeValidator(labels_as_text)
    ]
    seed: Seed
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]

    @field_validator("mix")
    @classmethod
    def _adds_up_to_one(cls, mix: Mapping[str, float] | None) -> Mapping[str, float] | None:
        if mix is not None and not isclose(sum(mix.values()), 1, abs_tol=TOLERANCE):
            raise ValueError(f"the shares add up to {sum(mix.values()):g} instead of 1")
        return mix

    @field_validator("costs")
    @classmethod
    def _are_of_the_same_labels(
        cls, costs: Mapping[str, Costs] | None, info: ValidationInfo
    ) -> Mapping[str, Costs] | None:
        if costs is None:
            return costs
        mix = info.data.get("mix")
        if mix is not None and (wrong := differing(costs, mix)):
            raise ValueError(
                f"decide.mix names other labels; in one of the two alone: {', '.join(wrong)}"
            )
        answers = [*costs, UNSURE]
        for label, row in costs.items():
            if wrong := differing(row, answers):
                raise ValueError(
                    f"{label}: expected a cost of each of {', '.join(answers)}; missing or "
                    f"unknown: {', '.join(wrong)}"
                )
        return costs


def differing(given: Iterable[str], expected: Iterable[str]) -> list[str]:
    """Return the labels that are in one of two alone, sorted."""
    return sorted(set(given) ^ set(expected))
