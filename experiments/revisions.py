"""Files of git revisions and DVC experiments; git is all that it takes."""

import subprocess
from pathlib import Path

from waste_classifier.errors import InputError


def commit_of(revision: str) -> str:
    """Return the commit of a revision of git, or of a DVC experiment by its name.

    DVC keeps an experiment as a commit below `refs/exps`, the last part of which is its name.

    Raises:
        InputError: git knows no such revision, or several experiments have the name.
    """
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options"]
    found = _git([*command, f"{revision}^{{commit}}"])
    if found.returncode == 0:
        return found.stdout.strip()
    listed = _git(["git", "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps"])
    refs = [line.split(" ") for line in listed.stdout.splitlines()]
    commits = {commit for name, commit in refs if name.rpartition("/")[2] == revision}
    if len(commits) > 1:
        raise InputError(
            f"{revision}: {len(commits)} experiments have this name; give the commit of one "
            "(dvc exp show --sha)"
        )
    if not commits:
        raise InputError(
            f"{revision}: neither a revision of git nor a DVC experiment (dvc exp list --all)"
        )
    return commits.pop()


def file_of(commit: str | None, path: str) -> str | None:
    """Return the content of a file of a commit, or of the workspace; None where it has none."""
    if commit is None:
        file = Path(path)
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None
    shown = _git(["git", "show", f"{commit}:./{path}"])
    return shown.stdout if shown.returncode == 0 else None


def _git(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
