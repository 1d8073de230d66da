"""Temporary workspaces, and the project's commands run in them: the user's own stays as it is."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from stages.params.reading import PARAMS_FILE
from waste_classifier.errors import InputError

PROJECT = Path(__file__).parents[1]
MIB = 2**20


class Usage(NamedTuple):
    """What a finished command took and said."""

    seconds: float
    peak_memory_mib: float  #: largest resident memory of one of its processes
    output: str  #: both streams together


@contextmanager
def temporary_workspace(inputs: Sequence[Path]) -> Iterator[Path]:
    """Give a folder with copies of params.yaml and of some data; it is removed at the end.

    Args:
        inputs: files and folders, relative to the workspace.

    Raises:
        InputError: one of them is missing.
    """
    require((PARAMS_FILE, *inputs))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        workspace = Path(temporary)
        for path in (PARAMS_FILE, *inputs):
            target = workspace / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, target)
            else:
                shutil.copyfile(path, target)
        yield workspace


def require(paths: Sequence[Path]) -> None:
    """Check that what a benchmark reads is there.

    Raises:
        InputError: a file or folder is missing.
    """
    for path in paths:
        if not path.exists():
            raise InputError(
                f"{path}: no such file or folder; run from the root of a workspace in which "
                "`dvc repro` has run"
            )


def set_params(workspace: Path, values: Mapping[str, object]) -> None:
    """Change values in the params.yaml of a temporary workspace, by dotted key.

    Raises:
        InputError: the file lacks a section that a key names.
    """
    yaml = YAML()
    path = workspace / PARAMS_FILE
    content = yaml.load(path)
    for key, value in values.items():
        *parents, last = key.split(".")
        section: Any = content
        for parent in parents:
            if parent not in section:
                raise InputError(f"{PARAMS_FILE}: section '{parent}' is missing")
            section = section[parent]
        section[last] = value
    yaml.dump(content, path)


def environment(workspace: Path) -> dict[str, str]:
    """Return the environment of a command in a workspace: this Python first in PATH.

    This project can be imported there, unless the workspace has code of its own.
    """
    project = [] if (workspace / "stages").is_dir() else [str(PROJECT)]
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([*project, *filter(None, [os.environ.get("PYTHONPATH")])]),
        **{
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "benchmark"), ("EMAIL", "benchmark@example.com"))
        },
    }


def run(workspace: Path, *command: str) -> Usage:
    """Run a command in a workspace to its end.

    Raises:
        InputError: it failed; the message has the last line that it printed.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=workspace,
            env=environment(workspace),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise failed(command, process.returncode, text)
    # Linux counts KiB, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 2**10
    return Usage(seconds, usage.ru_maxrss * unit / MIB, text)


def run_stage(workspace: Path, stage: str) -> Usage:
    """Run one stage in a workspace, in a process of its own, without DVC."""
    return run(workspace, *stage_command(stage))


def stage_command(stage: str) -> list[str]:
    """Return the command that runs one stage."""
    return [sys.executable, "-m", f"stages.{stage}"]


def failed(command: Sequence[str], exit_code: int, output: str) -> InputError:
    """Return the error that says which command failed and what it said last."""
    lines = output.strip().splitlines()
    name = " ".join("python" if part == sys.executable else part for part in command)
    return InputError(f"`{name}` exited with {exit_code}: {lines[-1] if lines else 'no message'}")
