"""What a user sees of long work, on a terminal and in a log."""

import io
import os
import pty
import subprocess
import sys
import termios
import time
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from stages import progress as module
from stages.progress import counted, progress, waiting

ROOT = Path(__file__).parents[1]


def drawn_on_a_terminal(program: str) -> str:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, stderr=theirs, check=True)
    drawn = os.read(ours, 65536).decode()
    os.close(theirs)
    os.close(ours)
    return drawn


def test_a_terminal_shows_a_bar_with_rate_and_time_left_and_clears_it_at_the_end() -> None:
    drawn = drawn_on_a_terminal("""\
import time
from stages.progress import progress
with progress("features", 200, "images", done=100) as bar:
    for _ in range(2):
        time.sleep(0.15)
        bar.update(50)
""")

    assert "features:  50%" in drawn
    assert "100/200" in drawn
    assert " images/s" in drawn
    assert drawn.rstrip(" ").endswith("\r")
    assert "\n" not in drawn


def test_a_terminal_shows_how_long_something_has_run_and_clears_that_at_the_end() -> None:
    drawn = drawn_on_a_terminal("""\
import time
from stages.progress import waiting
with waiting("map of 9 images"):
    time.sleep(2.5)
""")

    assert drawn.startswith("\rmap of 9 images: 1 s\rmap of 9 images: 2 s\r")
    assert drawn.endswith(" \r")


def test_lines_are_printed_at_once_below_a_cleared_bar() -> None:
    drawn = drawn_on_a_terminal("""\
import os, sys
os.dup2(2, 1)  # both streams are the terminal
from stages.progress import progress, say
with progress("features", 2, "images") as bar:
    say("1 of 2 images")
    os._exit(0)  # nothing is flushed at the end
""")

    assert "\r1 of 2 images\r\n" in drawn


def test_a_log_gets_how_long_something_has_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.2)

    with waiting("map of 9 images"):
        time.sleep(0.3)

    assert capsys.readouterr().err == "map of 9 images: 0 s\n"


def test_what_has_run_for_long_is_told_though_the_block_drops_what_others_print(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.2)

    with waiting("export"), redirect_stderr(io.StringIO()):
        time.sleep(0.3)

    assert capsys.readouterr().err == "export: 0 s\n"


def test_a_log_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 1e-9)

    with progress("features", 4, "images") as bar:
        bar.update(1)
        bar.update(1)

    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("features: 1 of 4 images, ")
    assert second.startswith("features: 2 of 4 images, ")
    assert second.endswith(" left")


def test_items_are_counted_as_they_come(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 1e-9)

    assert list(counted(iter("ab"), "verification", 2, "images")) == ["a", "b"]

    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        "verification: 1 of 2 images",
        "verification: 2 of 2 images",
    ]


def test_a_log_hears_nothing_of_what_is_soon_done(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("features", 4, "images") as bar:
        bar.update(4)

    assert capsys.readouterr().err == ""


def test_a_log_gets_no_commands_of_a_terminal_from_a_bar_below_another(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0)

    with progress("trials", 2, "trials") as outer:
        with progress("fold", 2, "epochs") as inner:
            inner.update(1)
        outer.update(1)

    said = capsys.readouterr().err
    assert "fold: 1 of 2 epochs" in said
    assert "\x1b" not in said
