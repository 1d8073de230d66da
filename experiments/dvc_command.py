"""DVC, run by this Python, whether or not its environment is activated."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def run_dvc(
    arguments: Sequence[str], stdout: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `dvc` with some arguments, its stages by this Python too; what it says is the user's.

    Args:
        arguments: behind `dvc`.
        stdout: as of `subprocess.run`.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        check=False,
        text=True,
        stdout=stdout,
        env=os.environ | {"PATH": path},
    )
