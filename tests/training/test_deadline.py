"""A deadline ends a process that nothing of Python's own can end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from stages.training.deadline import ended_after

ROOT = Path(__file__).parents[2]
# Called through PyDLL, a function of C keeps Python's lock: no thread and no handler runs.
DEAF = """
import ctypes, signal
from stages.training.deadline import ended_after
signal.signal(signal.SIGINT, lambda *_: None)
with ended_after(1, "error: nobody came"):
    print("waits", flush=True)
    while True:
        ctypes.PyDLL(None).sleep(60)
"""


def test_code_that_keeps_pythons_lock_is_ended_with_the_message() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DEAF],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert ended.returncode == -signal.SIGKILL
    assert (ended.stdout, ended.stderr) == ("waits\n", "error: nobody came\n")


def test_ctrl_c_does_not_end_the_deadline() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DEAF],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as deaf:
        assert deaf.stdout is not None
        assert deaf.stdout.readline() == "waits\n"
        os.killpg(deaf.pid, signal.SIGINT)
        _, errors = deaf.communicate(timeout=50)

    assert deaf.returncode == -signal.SIGKILL
    assert errors == "error: nobody came\n"


def children() -> list[str]:
    return sorted(file.read_text() for file in Path("/proc/self/task").glob("*/children"))


def test_what_ends_in_time_goes_on_and_leaves_no_process() -> None:
    before = children()

    with ended_after(60, "error: never said"):
        assert children() != before

    assert children() == before
