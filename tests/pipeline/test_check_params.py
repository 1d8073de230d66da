"""A mistake anywhere in params.yaml stops `dvc repro` before it touches anything."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.pipeline.workspace import contents, copy_of, run, set_params, stages_run

Content = dict[str, Any]


@pytest.fixture(scope="module")
def shared(reproduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of(reproduced, tmp_path_factory.mktemp("params"))


@pytest.fixture
def unharmed(shared: Path) -> Iterator[Path]:
    """Return a reproduced repository in which only params.yaml may change."""
    yield shared
    run(shared, "git", "checkout", "params.yaml")


def outputs(workspace: Path) -> dict[str, bytes]:
    """Return what stages have made, but for the word that params.yaml was checked."""
    made = contents(workspace, "data", "metrics", "plots")
    made.pop("data/params_checked.txt", None)
    return made


def assert_stops(workspace: Path, message: str) -> None:
    before = outputs(workspace)

    done = run(workspace, "dvc", "repro", check=False)

    assert done.returncode != 0
    assert stages_run(done.stdout) == ["check_params"]
    assert f"error: params.yaml: {message}" in done.stdout.splitlines()
    assert "Traceback" not in done.stdout
    assert {"data/model/head.npz", "data/features/00000.npy", "metrics/train.json"} < before.keys()
    assert outputs(workspace) == before


def change(workspace: Path, edit: Callable[[Content], object]) -> None:
    yaml = YAML()
    content = yaml.load(workspace / "params.yaml")
    edit(content)
    yaml.dump(content, workspace / "params.yaml")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda content: content["train"]["augment"].update(rotatoin=0.1),
            "train.augment.rotatoin: unknown key; did you mean 'train.augment.rotation'?",
        ),
        (lambda content: content.pop("predict"), "section 'predict' is missing"),
    ],
)
def test_a_mistake(unharmed: Path, edit: Callable[[Content], object], message: str) -> None:
    change(unharmed, edit)

    assert_stops(unharmed, message)


def test_an_experiment_that_makes_no_sense_is_refused(unharmed: Path) -> None:
    before = outputs(unharmed)

    command = ("dvc", "exp", "run", "-S", "split.group_by=embedding", "-S", "backbone.weights=none")
    done = run(unharmed, *command, check=False)
    run(unharmed, "git", "reset", "--quiet", "params.yaml")

    assert done.returncode != 0
    assert "error: params.yaml: split.group_by is embedding, which needs pretrained" in done.stdout
    assert stages_run(done.stdout) == ["check_params"]
    assert outputs(unharmed) == before


def test_once_the_mistake_is_mended_nothing_has_to_run(workspace: Path) -> None:
    set_params(workspace, {"train.head.dropout": 2})
    assert run(workspace, "dvc", "repro", check=False).returncode != 0
    run(workspace, "git", "checkout", "params.yaml")

    output = run(workspace, "dvc", "repro").stdout

    assert stages_run(output) == []
    assert run(workspace, "git", "status", "--porcelain").stdout == ""
