"""A training that is killed goes on where it was, and ends as if it had never stopped."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.pipeline.workspace import contents, environment, run

# The tiny pipeline trains four epochs: 0 and 1 of the head, 2 and 3 fine-tuning.


def start_training(workspace: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stages.train"],
        cwd=workspace,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def kill_after(training: subprocess.Popen[str], start_of_line: str) -> list[str]:
    """Kill the training when it prints such a line; return all lines that it printed."""
    lines: list[str] = []
    assert training.stdout is not None
    for line in training.stdout:
        lines.append(line)
        if line.startswith(start_of_line):
            break
    training.send_signal(signal.SIGKILL)
    rest, _ = training.communicate()
    assert lines[-1].startswith(start_of_line)
    return lines + rest.splitlines()


def epochs(lines: list[str]) -> list[int]:
    return [int(line.split(":")[0].split()[1]) for line in lines if line.startswith("epoch ")]


def outputs(workspace: Path) -> dict[str, bytes]:
    return contents(workspace, "data/model", "plots/train", "metrics")


def test_killed_at_several_points_it_ends_with_the_same_bytes(workspace: Path) -> None:
    expected = outputs(workspace)
    model = workspace / "data/model/model.keras"

    # Before the first epoch has ended, after it, and within the second phase.
    before_any = kill_after(start_training(workspace), "precision:")
    first = kill_after(start_training(workspace), "epoch 0:")
    second = start_training(workspace)
    assert second.stdout is not None
    assert second.stdout.readline().startswith("precision:")
    refused = run(workspace, sys.executable, "-m", "stages.train", check=False)
    lines = kill_after(second, "epoch 2:")
    interrupted_model = model.read_bytes()
    last = run(workspace, sys.executable, "-m", "stages.train").stdout.splitlines()

    assert epochs(before_any) == []
    assert epochs(first)[0] == 0
    # An epoch that had been saved, but not printed, is not repeated.
    assert epochs(lines)[0] - epochs(first)[-1] in (1, 2)
    assert epochs(last) in ([3], [])
    assert refused.returncode == 1
    assert "error: another training runs in this workspace" in refused.stdout
    assert interrupted_model == expected["data/model/model.keras"], "left as it was until the end"
    assert outputs(workspace) == expected
    assert [path.name for path in (workspace / ".train").iterdir()] == ["lock"]
