"""The fast loop of tests leaves TensorFlow out, and says so where it does not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SLOW


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of a light test and of slow ones; a module of no content stands for Keras."""
    tests = tmp_path / "tests"
    for name in SLOW:
        file = tests / name if name.endswith(".py") else tests / name / "test_slow.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("import keras\n\n\ndef test_slow(): pass\n")
    (tests / "test_light.py").write_text("def test_light(): pass\n")
    (tmp_path / "keras.py").write_text("")
    shutil.copy(Path(__file__).with_name("conftest.py"), tests)
    return tests


def run_fast(suite: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--fast",
            "--import-mode=importlib",
            "-v",
            *options,
            str(suite),
        ],
        cwd=suite.parent,
        env={
            **os.environ,
            "PYTHONPATH": str(suite.parent),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_slow_tests_are_left_out(suite: Path) -> None:
    result = run_fast(suite)

    assert result.returncode == 0, result.stdout
    assert "test_light.py::test_light PASSED" in result.stdout
    assert "1 passed" in result.stdout


@pytest.mark.parametrize(
    "source",
    ["import keras\n\n\ndef test_heavy(): pass\n", "def test_heavy():\n    import keras\n"],
)
@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "in two"])
def test_a_test_that_imports_keras_fails_the_loop(
    suite: Path, source: str, options: tuple[str, ...]
) -> None:
    (suite / "test_heavy.py").write_text(source)

    result = run_fast(suite, *options)

    assert result.returncode == 1
    assert "2 passed" in result.stdout
    assert "test_heavy.py" in result.stdout.partition("TensorFlow in the fast loop")[2]


def test_a_slow_test_that_is_gone_must_be_taken_off_the_list(suite: Path) -> None:
    (suite / "test_trashnet.py").unlink()

    result = run_fast(suite)

    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "SLOW names what is gone: test_trashnet.py" in result.stderr
