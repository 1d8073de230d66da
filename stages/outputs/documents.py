"""JSON documents: a few values that describe an output."""

import json
from pathlib import Path
from typing import Any

from stages.outputs.tables import MEND
from stages.outputs.whole import whole_text
from waste_classifier.errors import InputError


def write_document(path: Path, content: Any) -> None:
    """Write a JSON file; it appears whole or not at all, equal content giving equal bytes."""
    with whole_text(path) as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_document(path: Path) -> dict[str, Any]:
    """Read a JSON object that another stage wrote.

    Raises:
        InputError: the file is missing, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro` to make it") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged ({error}); {MEND}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(content).__name__}; {MEND}")
    return content
