"""Repositories for whole-pipeline tests: made, changed, and DVC and git run in them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parents[2]

# Small enough for minutes, in two phases: frozen layers make the graphs of training small too.
TINY = {
    "fetch.sample.images": 60,
    "fetch.sample.image_size": 32,
    "split.val": 0.2,
    "split.test": 0.2,
    "features.image_size": 32,
    "features.batch_size": 20,
    "views.count": 1,
    "train.lr": 0.01,
    "train.head.epochs": 2,
    "train.head.batch_size": 8,
    "train.head.units": 64,
    "train.fine_tune.epochs": 2,
    "train.fine_tune.batch_size": 8,
    "train.fine_tune.first_block": "conv4_block6",
    "evaluate.bootstrap_samples": 100,
}


def environment() -> dict[str, str]:
    """Return the environment of a command as a user has it: this Python first in PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        # Where a repository has not said so, each command would start a process to report on it.
        "DVC_NO_ANALYTICS": "1",
        "GIT_AUTHOR_NAME": "tester",
        "GIT_AUTHOR_EMAIL": "tester@example.com",
        "GIT_COMMITTER_NAME": "tester",
        "GIT_COMMITTER_EMAIL": "tester@example.com",
    }


def run(workspace: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in `workspace` and return what it printed, both streams together."""
    done = subprocess.run(
        command,
        cwd=workspace,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}")
    return done


def start(workspace: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start Python in a workspace, with its two streams apart."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=workspace,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_line(stage: subprocess.Popen[str], start_of_line: str) -> list[str]:
    """Wait until a stage prints such a line; return the lines until then."""
    lines: list[str] = []
    assert stage.stdout is not None
    for line in stage.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(start_of_line):
            return lines
    _, messages = stage.communicate()
    pytest.fail(f"no line '{start_of_line}' in {lines}, but {messages}")


def set_params(workspace: Path, values: dict[str, object]) -> None:
    """Change values in params.yaml, by dotted key."""
    yaml = YAML()
    path = workspace / "params.yaml"
    content = yaml.load(path)
    for key, value in values.items():
        *parents, last = key.split(".")
        section = content
        for parent in parents:
            section = section[parent]
        section[last] = value
    yaml.dump(content, path)


def write_weights(path: Path) -> None:
    """Write random ResNet50 weights without conv5."""
    from stages.compute import determinism

    determinism.configure()
    from tests.legacy_weights import write_random_weights

    write_random_weights(path, ("conv1", "conv2", "conv3", "conv4"))


def contents(workspace: Path, *folders: str) -> dict[str, bytes]:
    """Return the content of every file below some folders, by its path within the workspace."""
    return {
        path.relative_to(workspace).as_posix(): path.read_bytes()
        for folder in folders
        for path in (workspace / folder).rglob("*")
        if path.is_file()
    }


def stages_run(output: str) -> list[str]:
    """Return the stages that DVC ran, in order, from what it printed."""
    return re.findall(r"^Running stage '([^']+)'", output, re.MULTILINE)


def copy_of(repository: Path, parent: Path) -> Path:
    """Copy a repository with everything in it."""
    return Path(shutil.copytree(repository, parent / "repository", symlinks=True))


def commit_all(workspace: Path, message: str) -> None:
    """Commit all that git does not ignore."""
    run(workspace, "git", "add", "--all")
    run(workspace, "git", "commit", "--quiet", "--message", message)
