"""On a disk that is full or refuses, a stage says so in one message and leaves no halves."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import stages.backbone.__main__ as backbone
import stages.class_weights.__main__ as class_weights
import stages.duplicates.__main__ as duplicates
import stages.evaluate.__main__ as evaluate
import stages.explore.__main__ as explore
import stages.predict.__main__ as predict
import stages.split.__main__ as split
from stages.outputs.class_weights import CLASS_WEIGHTS_FILE
from stages.outputs.params_checked import write_params_checked
from stages.params.reading import load_section
from stages.params.sections import SECTIONS
from stages.stage import exit_code
from tests.small_project import write_project

PARAMS = Path(__file__).parents[1] / "params.yaml"
MODULES = {
    "backbone": backbone,
    "duplicates": duplicates,
    "split": split,
    "class_weights": class_weights,
    "predict": predict,
    "evaluate": evaluate,
    "explore": explore,
}
SETTINGS = {name: load_section(name, SECTIONS[name], PARAMS) for name in MODULES}
STAGES: dict[str, Callable[[], None]] = {
    "check_params": write_params_checked,
    **{
        name: (lambda name=name: MODULES[name].main(SETTINGS[name]))  # type: ignore[misc]
        for name in MODULES
    },
}


def files() -> dict[str, bytes]:
    """Return what stands there; locks stay, as they tell which process held them."""
    return {
        str(path): path.read_bytes()
        for path in Path().rglob("*")
        if path.is_file() and path.name != "lock"
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What these stages read."""
    folder = tmp_path_factory.mktemp("inputs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_project()
        CLASS_WEIGHTS_FILE.unlink()
        predict.main(SETTINGS["predict"])  # type: ignore[arg-type]
    return folder


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow above a size, as `ulimit -f` does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("stage", STAGES)
def test_a_limit_of_file_size_is_one_message(
    stage: str,
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    before = files()

    with largest_file(10):
        assert exit_code(STAGES[stage]) == 1

    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.endswith("no room to write it (File too large); free some space and run again\n")
    assert message.count("\n") == 1
    assert files() == before


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount an empty file system of a few MiB, or skip the test where that is forbidden."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no right to mount a file system")
    try:
        yield
    finally:
        os.chdir("/")
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has tmpfs")
def test_a_full_and_a_read_only_disk_are_one_message_of_every_stage(
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.chdir(tmp_path)
    with small_disk(tmp_path):
        os.chdir(tmp_path)  # from what lay below it
        shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
        filler = Path("filler")
        # A file of no bytes has room on a full disk, and some stages write less than a page.
        disk = os.statvfs(tmp_path)
        filler.write_bytes(bytes(disk.f_bavail * disk.f_frsize))
        before = files()
        for name, run in STAGES.items():
            capsys.readouterr()
            assert exit_code(run) == 1, name
            message = capsys.readouterr().err
            assert message.endswith("(No space left on device); free some space and run again\n")
            assert message.count("\n") == 1
            assert files() == before, name
        filler.unlink()
        before = files()
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        for name, run in STAGES.items():
            assert exit_code(run) == 1, name
            message = capsys.readouterr().err
            assert "can't be written (Read-only file system); " in message, name
            assert message.count("\n") == 1
            assert files() == before, name
