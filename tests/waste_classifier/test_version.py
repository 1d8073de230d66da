"""`--version`, of a classifier that is installed and of one that is not."""

import importlib.metadata
from pathlib import Path

import pytest

from waste_classifier.__main__ import main

ROOT = Path(__file__).parents[2]


def answer_of_version(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_what_is_installed_says_its_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = {"waste-classifier": "1.2.3"}
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)

    assert answer_of_version(capsys) == "waste-classifier 1.2.3\n"


def test_what_is_not_installed_says_where_it_runs_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)

    expected = f"waste-classifier, not installed: run from {ROOT}\n"
    assert answer_of_version(capsys) == expected
