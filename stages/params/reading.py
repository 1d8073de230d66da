"""Reads sections of params.yaml strictly into typed classes.

YAML is read as DVC reads it (YAML 1.2 by ruamel.yaml): PyYAML would take the `1e-05` that
`dvc exp run -S train.lr=1e-5` writes for a string.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from waste_classifier.errors import InputError

PARAMS_FILE = Path("params.yaml")
SEED_MAX = 2**32 - 1


class Params(BaseModel):
    """Base of every params class: no unknown keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Section = TypeVar("Section", bound=Params)

Seed = Annotated[int, Field(ge=0, le=SEED_MAX)]
BatchSize = Annotated[int, Field(ge=1, le=1024)]


def load_section(name: str, schema: type[Section], path: Path = PARAMS_FILE) -> Section:
    """Return section `name` of the params file as a checked `schema`.

    Raises:
        InputError: a key is unknown, missing, of the wrong type or out of range; the message
            names the file, the key, what is wrong and, for an unknown key, the nearest right one.
    """
    return check_section(name, schema, read_params(path), path)


def check_section(
    name: str, schema: type[Section], content: Mapping[Any, Any], path: Path = PARAMS_FILE
) -> Section:
    """Return one section of what was read from a params file; errors are as of `load_section`."""
    if name not in content:
        raise InputError(f"{path}: section '{name}' is missing")
    if not isinstance(content[name], dict):
        raise InputError(f"{path}: {name}: {_expected_section(schema, content[name])}")
    try:
        return schema.model_validate(content[name])
    except ValidationError as error:
        raise InputError(f"{path}: {_describe(error, name, schema)}") from None


def check_names(known: Iterable[str], content: Mapping[Any, Any], path: Path = PARAMS_FILE) -> None:
    """Check that a params file has no other sections than those known.

    Raises:
        InputError: it has; the message names the nearest known one.
    """
    known = sorted(known)
    for name in content:
        if name not in known:
            raise InputError(f"{path}: {name}: unknown section{_nearest(str(name), '', known)}")


def read_params(path: Path = PARAMS_FILE) -> dict[Any, Any]:
    """Read a params file as it stands, unchecked.

    Raises:
        InputError: it is missing, no YAML, or holds no sections.
    """
    try:
        content = YAML(typ="safe").load(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the root of the repository") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected sections, got {type(content).__name__}")
    return content


def labels_as_text(values: Any) -> Any:
    """Return values by label with labels of digits as text, which YAML takes for numbers.

    Raises:
        ValueError: YAML takes a label for something whose text can't be known, as `yes` or 1.50.
    """
    if not isinstance(values, Mapping):
        return values
    for label in values:
        if not isinstance(label, str) and type(label) is not int:
            raise ValueError(f"the label {label!r} is no text to YAML; write it in quotes")
    labels = [str(label) for label in values]
    if len(set(labels)) < len(labels):
        raise ValueError("a label stands there twice, as a number and as text; take one out")
    return dict(zip(labels, values.values(), strict=True))


def _describe(error: ValidationError, section: str, schema: type[BaseModel]) -> str:
    # A typo makes an unknown and a missing key at once: the unknown one tells more.
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    text = _describe_one(problems[0], section, schema)
    more = len(problems) - 1
    if problems[0]["type"] == "extra_forbidden":
        more -= sum(problem["type"] == "missing" for problem in problems)
    return f"{text} (and {more} more)" if more > 0 else text


def _describe_one(problem: ErrorDetails, section: str, schema: type[BaseModel]) -> str:
    *parents, last = problem["loc"]
    prefix = ".".join([section, *map(str, parents)]) + "."
    key = f"{prefix}{last}"
    if problem["type"] == "extra_forbidden":
        known = _schema_at(schema, [str(parent) for parent in parents]).model_fields
        return f"{key}: unknown key{_nearest(str(last), prefix, known)}"
    if problem["type"] == "missing":
        return f"{key}: missing key"
    if problem["type"] == "model_type":
        nested = _schema_at(schema, [*map(str, parents), str(last)])
        return f"{key}: {_expected_section(nested, problem['input'])}"
    message = problem["msg"][0].lower() + problem["msg"][1:]
    text = f"{key}: {message}, got {problem['input']!r}"
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        # Pydantic names the choices; of a list, whose items have numbers for names, that is all.
        field = _schema_at(schema, [str(parent) for parent in parents]).model_fields.get(str(last))
        if field:
            choices = [str(choice) for choice in get_args(field.annotation)]
            text += _nearest(problem["input"], "", choices)
    return text


def _expected_section(schema: type[BaseModel], got: Any) -> str:
    return f"expected a section with keys {', '.join(schema.model_fields)}, got {got!r}"


def _schema_at(schema: type[BaseModel], keys: list[str]) -> type[BaseModel]:
    for key in keys:
        field = schema.model_fields.get(key)
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        schema = annotation
    return schema


def _nearest(name: str, prefix: str, known: Any) -> str:
    matches = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    if matches:
        return f"; did you mean '{prefix}{matches[0]}'?"
    return f"; expected one of: {', '.join(sorted(known))}"
