"""Write params.schema.json, which tells editors the keys, types and ranges of params.yaml.

Run by `make schema`.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import create_model

from stages.params.reading import Params
from stages.params.sections import SECTIONS

SCHEMA_FILE = Path("params.schema.json")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of params.yaml."""
    fields: dict[str, Any] = {name: (section, ...) for name, section in SECTIONS.items()}
    model = create_model("params.yaml", __base__=Params, **fields)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(),
    }


def main() -> None:
    """Write the file."""
    SCHEMA_FILE.write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
