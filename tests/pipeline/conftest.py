"""A clone of this repository with a small pipeline in it, made once and copied for each test."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

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


def made_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """Return a folder of this run of the tests, which the first process to ask for it fills.

    Args:
        tmp_path_factory: that of pytest.
        name: of the folder.
        make: fills a folder that is there and empty.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = shared / f"{name}.new"
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = "resnet50.h5"
    folder = made_once(tmp_path_factory, "weights", lambda folder: write_weights(folder / name))
    return folder / name


@pytest.fixture(scope="session")
def tiny_repository(tmp_path_factory: pytest.TempPathFactory, weights_file: Path) -> Path:
    """Return a git repository with this tree and tiny parameters, nothing run yet."""

    def make(folder: Path) -> None:
        make_tiny_repository(folder / "repository", weights_file)

    return made_once(tmp_path_factory, "tiny", make) / "repository"


def make_tiny_repository(workspace: Path, weights_file: Path) -> None:
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


@pytest.fixture(scope="session")
def reproduced(tiny_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository in which `dvc repro` has run and its results are committed."""

    def make(folder: Path) -> None:
        workspace = copy_of(tiny_repository, folder)
        run(workspace, "dvc", "repro")
        commit_all(workspace, "Results")

    return made_once(tmp_path_factory, "reproduced", make) / "repository"


@pytest.fixture
def workspace(reproduced: Path, tmp_path: Path) -> Path:
    """Return a copy of the reproduced repository, cache included, to be changed."""
    return copy_of(reproduced, tmp_path)
