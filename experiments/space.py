"""The space of a search: keys of params.yaml, and the values that are tried."""

from collections.abc import Mapping
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from stages.params.class_weights import ClassWeightsParams
from stages.params.reading import Params, load_section, read_params
from stages.params.train import AugmentParams, TrainParams
from stages.params.views import ViewsParams
from waste_classifier.errors import InputError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SCHEMAS: dict[str, type[Params]] = {"train": TrainParams, "class_weights": ClassWeightsParams}
#: Those that a search changes, and what decides whether a change has an effect.
READ_SCHEMAS: dict[str, type[Params]] = {**SCHEMAS, "views": ViewsParams}
#: Keys that a head on cached features does not depend on, or their beginnings; there is no val
#: split to lose patience by.
ELSEWHERE = (
    *("train.fine_tune.", "train.scratch.", "train.patience", "train.precision"),
    *("train.devices", "train.memory_mib"),
    *(
        f"train.augment.{name}"
        for name in AugmentParams.model_fields
        if name not in ("horizontal_flip", "vertical_flip")
    ),
)

Values = dict[str, Any]  #: by dotted key


class Sections(NamedTuple):
    """The sections that a search changes."""

    train: TrainParams
    class_weights: ClassWeightsParams


def read_sections() -> dict[str, Any]:
    """Return the sections that a search reads, checked, as nested values of their types."""
    return {name: load_section(name, schema).model_dump() for name, schema in READ_SCHEMAS.items()}


def read_space(file: Path, params: Mapping[str, Any]) -> "dict[str, BaseDistribution]":
    """Read a space, and check that params.yaml takes all that it may try.

    Args:
        file: YAML: by dotted key `{low, high}`, with `log: true` or `step`, or `{choices: […]}`.
        params: as of `read_sections`.

    Returns:
        What values of each key are drawn from.

    Raises:
        InputError: the file is missing or no such YAML, a key is not one of params.yaml below train
            or class_weights, or a value is out of its range.
    """
    content = read_params(file)
    if not content:
        raise InputError(f"{file}: no keys; expected such as train.lr: {{low: 1e-4, high: 1e-2}}")
    default = values_of(params, [str(key) for key in content], file)
    space = {}
    for key, value in default.items():
        dimension = content[key]
        try:
            space[key] = distribution_of(dimension, value)
        except (TypeError, ValueError, KeyError) as error:
            raise InputError(
                f"{file}: {key}: expected {{low, high}}, with log: true or a step, or "
                f"{{choices: [...]}}, got {dimension!r} ({error})"
            ) from None
        tried = dimension.get("choices") or [dimension["low"], dimension["high"]]
        for each in tried:
            try:
                sections_of(params, {key: each})
            except ValidationError as error:
                reason = error.errors()[0]["msg"]
                raise InputError(f"{file}: {key}: {each!r}: {reason}") from None
        if not holds(space[key], value):
            raise InputError(
                f"{file}: {key}: params.yaml has {value!r}, which is none of these values: the "
                "search starts from it and compares with it; let the space have it"
            )
    return space


def distribution_of(dimension: Any, default: Any) -> "BaseDistribution":
    """Return what values of a key are drawn from.

    Args:
        dimension: of the file.
        default: value of params.yaml; a key of a whole number gets whole numbers.

    Raises:
        TypeError: it is not one.
        ValueError: its numbers make none.
        KeyError: a number is missing.
    """
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if not isinstance(dimension, dict):
        raise TypeError("not a mapping")
    known = {"choices"} if "choices" in dimension else {"low", "high", "log", "step"}
    if {*dimension} - known:
        raise ValueError(f"unknown: {', '.join(map(str, {*dimension} - known))}")
    if "choices" in dimension:
        return CategoricalDistribution(dimension["choices"])
    low, high, log = dimension["low"], dimension["high"], dimension.get("log", False)
    step = dimension.get("step")
    if any(isinstance(each, bool | str) for each in (low, high, step)):
        raise TypeError("not numbers")
    if not isinstance(log, bool):
        raise TypeError("log is neither true nor false")
    if isinstance(default, int):
        return IntDistribution(low, high, log=log, step=1 if step is None else step)
    return FloatDistribution(low, high, log=log, step=step)


def holds(distribution: "BaseDistribution", value: Any) -> bool:
    """Return whether a value may be drawn."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    inside: bool = distribution.low <= value <= distribution.high
    if distribution.step is None:
        return inside
    steps = (value - distribution.low) / distribution.step
    return inside and isclose(steps, round(steps), abs_tol=1e-9)


def ends_of(distribution: "BaseDistribution") -> list[Any]:
    """Return both ends of a distribution of numbers, or all choices."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return [distribution.low, distribution.high]


def values_of(params: Mapping[str, Any], keys: list[str], file: Path) -> Values:
    """Return the values that params.yaml has for some keys.

    Raises:
        InputError: one is not there, or not of a head.
    """
    values = {}
    for key in keys:
        found: Any = params
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        section = key.partition(".")[0]
        is_searched = section in SCHEMAS and not key.startswith(ELSEWHERE)
        if found is None or isinstance(found, dict) or not is_searched:
            raise InputError(
                f"{file}: {key}: not a key that a head on cached features depends on; expected one "
                f"of params.yaml below {' or '.join(SCHEMAS)}"
            )
        values[key] = found
    scheme, units = params["class_weights"]["scheme"], params["train"]["head"]["units"]
    views = params["views"]["count"]
    for key, other, value, has_effect in (
        ("class_weights.beta", "class_weights.scheme", scheme, scheme == "effective_number"),
        ("train.head.dropout", "train.head.units", units, units > 0),
        ("train.head.view_share", "views.count", views, views > 0),
    ):
        if key in values and other not in values and not has_effect:
            raise InputError(
                f"{file}: {key}: without effect beside {other} {value}; take it out, or give "
                f"{other} another value"
            )
    return values


def sections_of(params: Mapping[str, Any], values: Values) -> Sections:
    """Return the sections of params.yaml with other values.

    Raises:
        ValidationError: a value is out of its range or of another type.
    """
    changed = {name: _changed(params[name], values, name) for name in SCHEMAS}
    return Sections(
        TrainParams.model_validate(changed["train"]),
        ClassWeightsParams.model_validate(changed["class_weights"]),
    )


def _changed(section: Mapping[str, Any], values: Values, prefix: str) -> dict[str, Any]:
    changed = {}
    for name, value in section.items():
        key = f"{prefix}.{name}"
        if isinstance(value, dict):
            changed[name] = _changed(value, values, key)
        else:
            changed[name] = values.get(key, value)
    return changed
