"""The classifier as an artifact of DVC's registry: registered by version, and brought by it."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.pipeline.workspace import REPOSITORY, commit_all, run

BUNDLE = {
    "wdir": "..",
    "cmd": "mkdir -p data/classifier && cp version data/classifier",
    "deps": ["version"],
    "outs": ["data/classifier"],
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with this project's artifact, made by a stage that takes no time."""
    project = YAML(typ="safe").load(REPOSITORY / "release/dvc.yaml")
    assert "data/classifier" in project["stages"]["bundle"]["outs"]
    repository = tmp_path / "repository"
    (repository / "release").mkdir(parents=True)
    content = {"stages": {"bundle": BUNDLE}, "artifacts": project["artifacts"]}
    YAML().dump(content, repository / "release/dvc.yaml")
    run(repository, "git", "init", "--quiet", "--initial-branch", "main")
    run(repository, "dvc", "init", "--quiet")
    run(repository, "dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    return repository


def test_a_version_is_registered_and_brought(repository: Path, tmp_path: Path) -> None:
    for version in ("v1.0.0", "v1.1.0"):
        (repository / "version").write_text(version)
        run(repository, "dvc", "repro", "release/dvc.yaml")
        commit_all(repository, f"Release {version}")
        run(repository, "dvc", "push")
        run(repository, "gto", "register", "release:waste-classifier", "--version", version)

    for version in ("v1.0.0", "v1.1.0"):
        elsewhere = tmp_path / version
        elsewhere.mkdir()
        name = "release:waste-classifier"
        run(elsewhere, "dvc", "artifacts", "get", str(repository), name, "--rev", version)

        assert (elsewhere / "classifier/version").read_text() == version
