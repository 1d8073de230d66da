"""A clone of this repository with a small pipeline in it, made once and copied for each test."""

import shutil
from pathlib import Path

import pytest

from tests.pipeline.workspace import (
    REPOSITORY,
    TINY,
    commit_all,
    copy_of,
    run,
    set_params,
    write_weights,
)
from waste_classifier.checksum import sha256_of
from waste_classifier.corrections import write_corrections


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet50.h5"
    write_weights(path)
    return path


@pytest.fixture(scope="session")
def tiny_repository(tmp_path_factory: pytest.TempPathFactory, weights_file: Path) -> Path:
    """Return a git repository with this tree and tiny parameters, nothing run yet."""
    workspace = tmp_path_factory.mktemp("tiny") / "repository"
    listed = run(REPOSITORY, "git", "ls-files", "-z", "-co", "--exclude-standard").stdout
    for name in filter(None, listed.split("\0")):
        # A file deleted in the working tree is still listed until that is committed.
        if (REPOSITORY / name).is_file() and not name.startswith(("metrics/", "plots/")):
            (workspace / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, workspace / name)
    (workspace / "dvc.lock").unlink(missing_ok=True)
    write_corrections(workspace / "corrections.csv", [])
    weights = {"backbone.weights": str(weights_file), "backbone.sha256": sha256_of(weights_file)}
    set_params(workspace, {**TINY, **weights})
    run(workspace, "git", "init", "--quiet", "--initial-branch", "main")
    commit_all(workspace, "Tiny pipeline")
    return workspace


@pytest.fixture(scope="session")
def reproduced(tiny_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository in which `dvc repro` has run and its results are committed."""
    workspace = copy_of(tiny_repository, tmp_path_factory.mktemp("reproduced"))
    run(workspace, "dvc", "repro")
    commit_all(workspace, "Results")
    return workspace


@pytest.fixture
def workspace(reproduced: Path, tmp_path: Path) -> Path:
    """Return a copy of the reproduced repository, cache included, to be changed."""
    return copy_of(reproduced, tmp_path)
