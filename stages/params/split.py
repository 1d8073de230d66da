"""Section `split` of params.yaml, which says what each key does."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from stages.params.reading import Params, Seed

Share = Annotated[float, Field(gt=0, lt=1)]


class SplitParams(Params):
    """Section `split`."""

    seed: Seed
    val: Share
    test: Share
    group_by: Literal["perceptual", "embedding", "none"]
    on_conflict: Literal["drop", "fail", "keep"]

    @field_validator("test")
    @classmethod
    def _leaves_images_for_train(cls, test: float, info: ValidationInfo) -> float:
        if test + info.data.get("val", 0) >= 1:
            raise ValueError("val and test leave nothing for train; their sum must be below 1")
        return test
