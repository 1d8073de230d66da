"""The space of a search: keys of params.yaml, and the values that are tried."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from stages.params.class_weights import ClassWeightsParams
from stages.params.reading import read_params
from stages.params.train import TrainParams
from waste_classifier.errors import InputError

if TYPE_CHECKING:
    import optuna

SCHEMAS = {"train": TrainParams, "class_weights": ClassWeightsParams}
NUMBER_KEYS = {"low", "high", "log", "step"}

Values = dict[str, Any]  #: by dotted key


class Recipe(NamedTuple):
    """The sections that a search changes."""

    train: TrainParams
    class_weights: ClassWeightsParams


def read_space(file: Path, params: Mapping[Any, Any]) -> dict[str, dict[str, Any]]:
    """Read a space, and check that params.yaml takes all that it may try.

    Args:
        file: YAML: by dotted key `{low, high}`, with `log: true` or `step`, or `{choices: […]}`.
        params: content of params.yaml.

    Raises:
        InputError: the file is missing or no such YAML, a key is not one of params.yaml below train
            or class_weights, or a value is out of its range.
    """
    space = read_params(file)
    if not space:
        raise InputError(f"{file}: no keys; expected such as train.lr: {{low: 1e-4, high: 1e-2}}")
    default = values_of(params, [str(key) for key in space], file)
    for key, dimension in space.items():
        known = isinstance(dimension, dict) and (
            ({*dimension} == {"choices"} and isinstance(dimension["choices"], list))
            or {"low", "high"} <= {*dimension} <= NUMBER_KEYS
        )
        if not known:
            raise InputError(
                f"{file}: {key}: expected {{low, high}}, with log: true or a step, or "
                f"{{choices: [...]}}, got {dimension!r}"
            )
        tried = dimension.get("choices") or [dimension["low"], dimension["high"]]
        for value in tried:
            try:
                recipe_of(params, {key: value})
            except ValidationError as error:
                reason = error.errors()[0]["msg"]
                raise InputError(f"{file}: {key}: {value!r}: {reason}") from None
        inside = (
            default[key] in tried
            if "choices" in dimension
            else dimension["low"] <= default[key] <= dimension["high"]
        )
        if not inside:
            raise InputError(
                f"{file}: {key}: params.yaml has {default[key]!r}, which lies outside: the search "
                "starts from it and compares with it; widen the space"
            )
    return {str(key): dict(dimension) for key, dimension in space.items()}


def values_of(params: Mapping[Any, Any], keys: list[str], file: Path) -> Values:
    """Return the values that params.yaml has for some keys.

    Raises:
        InputError: one is not there, or not below train or class_weights.
    """
    values = {}
    for key in keys:
        section, _, _ = key.partition(".")
        found: Any = params if section in SCHEMAS else {}
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found is None or isinstance(found, dict):
            raise InputError(
                f"{file}: {key}: not a key of params.yaml below {' or '.join(SCHEMAS)}"
            )
        values[key] = found
    return values


def recipe_of(params: Mapping[Any, Any], values: Values) -> Recipe:
    """Return the sections of params.yaml with other values.

    Raises:
        ValidationError: a value is out of its range or of another type.
    """
    changed = {name: _changed(params[name], values, name) for name in SCHEMAS}
    return Recipe(
        TrainParams.model_validate(changed["train"]),
        ClassWeightsParams.model_validate(changed["class_weights"]),
    )


def suggest(
    trial: "optuna.Trial", space: Mapping[str, Mapping[str, Any]], default: Values
) -> Values:
    """Return the values of a trial.

    Args:
        trial: of Optuna.
        space: as of `read_space`.
        default: values of params.yaml; a key of a whole number gets whole numbers.
    """
    values: Values = {}
    for key, dimension in space.items():
        if "choices" in dimension:
            values[key] = trial.suggest_categorical(key, dimension["choices"])
        elif isinstance(default[key], int):
            step = dimension.get("step", 1)
            values[key] = trial.suggest_int(
                key, dimension["low"], dimension["high"], step=step, log=dimension.get("log", False)
            )
        else:
            values[key] = trial.suggest_float(
                key,
                dimension["low"],
                dimension["high"],
                step=dimension.get("step"),
                log=dimension.get("log", False),
            )
    return values


def _changed(section: Mapping[str, Any], values: Values, prefix: str) -> dict[str, Any]:
    changed = {}
    for name, value in section.items():
        key = f"{prefix}.{name}"
        if isinstance(value, dict):
            changed[name] = _changed(value, values, key)
        else:
            changed[name] = values.get(key, value)
    return changed
