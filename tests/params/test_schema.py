"""params.schema.json: what an editor says of params.yaml is what the pipeline says."""

import json
from functools import reduce
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from ruamel.yaml import YAML

from stages.params import schema

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / schema.SCHEMA_FILE).read_text(encoding="utf-8"))


def params() -> Any:
    return YAML(typ="safe").load(ROOT / "params.yaml")


def test_the_file_is_of_the_classes_of_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    schema.main()

    committed = (ROOT / schema.SCHEMA_FILE).read_bytes()
    assert schema.SCHEMA_FILE.read_bytes() == committed, "run `make schema`"


def test_params_of_this_project_are_right() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    jsonschema.validate(params(), SCHEMA)


def test_editors_are_told_of_the_schema() -> None:
    first = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()[0]

    assert first == f"# yaml-language-server: $schema={schema.SCHEMA_FILE}"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train.lr", 0, "0 is less than or equal to the minimum of 0"),
        ("train.head.units", "many", "'many' is not of type 'integer'"),
        ("train.head.pooling", "max", "'max' is not one of"),
        ("train.head.unit", 5, "'unit' was unexpected"),
        ("seed", 42, "'seed' was unexpected"),
        ("split.seed", -1, "-1 is less than the minimum of 0"),
        ("backbone.sha256", "abc", "'abc' does not match '^[0-9a-f]{64}$'"),
    ],
)
def test_a_wrong_value_is_refused(key: str, value: object, message: str) -> None:
    content = params()
    *parents, last = key.split(".")
    reduce(lambda section, name: section[name], parents, content)[last] = value

    with pytest.raises(jsonschema.ValidationError) as caught:
        jsonschema.validate(content, SCHEMA)

    assert message in caught.value.message


@pytest.mark.parametrize(("section", "key"), [("train", "lr"), ("evaluate", "seed")])
def test_a_missing_key_is_refused(section: str, key: str) -> None:
    content = params()
    del content[section][key]

    with pytest.raises(jsonschema.ValidationError, match=f"'{key}' is a required property"):
        jsonschema.validate(content, SCHEMA)
