"""What --help of the tools and benchmarks says is how they are run."""

import ast
import sys
from pathlib import Path

import pytest

from experiments import power

ROOT = Path(__file__).parents[2]
#: Those that take a command line.
TOOLS = [
    file
    for folder in ("experiments", "benchmarks")
    for file in sorted((ROOT / folder).glob("*.py"))
    if "ArgumentParser(" in file.read_text()
]


@pytest.mark.parametrize("file", TOOLS, ids=lambda file: file.stem)
def test_a_tool_is_called_as_it_is_run(file: Path) -> None:
    (made,) = (
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "argparse.ArgumentParser"
    )
    said = {each.arg: ast.unparse(each.value) for each in made.keywords}
    assert said["prog"] == repr(f"python -m {file.parent.name}.{file.stem}")


def test_the_usage_can_be_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["power.py", "--help"])

    with pytest.raises(SystemExit):
        power.main()

    assert capsys.readouterr().out.startswith("usage: python -m experiments.power ")
