"""Files and folders that appear whole or not at all, on disks that are full or refuse."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from stages.outputs.whole import replace_folder, whole_file, whole_folder, whole_text
from waste_classifier.errors import InputError

ROOT = Path(__file__).parents[2]

Writer = Callable[[Path], AbstractContextManager[object]]
WRITERS: list[Writer] = [whole_file, whole_text, whole_folder]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_file_appears_at_the_end_in_place_of_an_older_one(tmp_path: Path) -> None:
    target = tmp_path / "data/split.csv"
    target.parent.mkdir()
    target.write_text("old")

    with whole_file(target) as file:
        file.write_text("new")
        assert target.read_text() == "old"

    assert target.read_text() == "new"
    assert names_in(target.parent) == ["split.csv"]


def test_a_text_is_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    with whole_text(tmp_path / "new/labels.txt") as file:
        file.write("métal\n")

    assert (tmp_path / "new/labels.txt").read_bytes() == "métal\n".encode()
    assert names_in(tmp_path / "new") == ["labels.txt"]


def test_a_folder_appears_whole_in_place_of_an_older_one(tmp_path: Path) -> None:
    target = tmp_path / "new" / "model"
    target.mkdir(parents=True)
    (target / "old.txt").write_text("old")

    with whole_folder(target) as folder:
        (folder / "model.keras").write_text("new")
        assert names_in(target) == ["old.txt"]

    assert names_in(target) == ["model.keras"]
    assert names_in(target.parent) == ["model"]


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_an_error_leaves_the_older_file_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    target = tmp_path / "split.csv"
    target.write_text("old")

    with pytest.raises(type(error)), whole_text(target) as file:
        file.write("half")
        raise error

    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["split.csv"]


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_an_error_leaves_the_older_folder_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old.txt").write_text("old")

    with pytest.raises(type(error)), whole_folder(target) as folder:
        (folder / "half.txt").write_text("half")
        raise error

    assert names_in(target) == ["old.txt"]
    assert names_in(tmp_path) == ["model"]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_an_error_that_is_no_refusal_of_the_disk_stays_itself(
    tmp_path: Path, writer: Writer
) -> None:
    with pytest.raises(OSError, match="of no kind"), writer(tmp_path / "target"):
        raise OSError("of no kind")

    assert names_in(tmp_path) == []


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_what_a_killed_run_left_is_removed(tmp_path: Path, writer: Writer) -> None:
    if writer is whole_folder:
        (tmp_path / "target").mkdir()
        half = 'file.mkdir(exist_ok=True); (file / "half").write_text("half")'
    else:
        (tmp_path / "target").write_text("old")
        half = 'getattr(file, "write", getattr(file, "write_text", None))("half" * 10_000)'
    killed = run_python(
        "import os, signal; from pathlib import Path\n"
        f"from stages.outputs.whole import {writer.__name__} as writer\n"
        f"with writer(Path({str(tmp_path / 'target')!r})) as file:\n"
        f"    {half}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert names_in(tmp_path) == [".unfinished", "target"]

    with writer(tmp_path / "target") as made:
        if isinstance(made, Path) and not made.is_dir():
            made.write_text("")

    assert names_in(tmp_path) == ["target"]
    if writer is whole_folder:
        assert names_in(tmp_path / "target") == []
    else:
        assert (tmp_path / "target").read_text() == ""


def test_what_is_unfinished_of_another_output_stays(tmp_path: Path) -> None:
    (tmp_path / ".unfinished/features").mkdir(parents=True)

    with whole_folder(tmp_path / "model"):
        pass
    with whole_text(tmp_path / "split.csv"):
        pass

    assert names_in(tmp_path) == [".unfinished", "model", "split.csv"]
    assert names_in(tmp_path / ".unfinished") == ["features"]


def test_a_link_or_a_file_in_place_of_the_folder_is_replaced(tmp_path: Path) -> None:
    linked_to = tmp_path / "elsewhere"
    linked_to.mkdir()
    (linked_to / "kept.txt").write_text("kept")
    (tmp_path / "link").symlink_to(linked_to)
    (tmp_path / "file").write_text("a file")

    for name in ("link", "file"):
        with whole_folder(tmp_path / name) as folder:
            (folder / "new.txt").write_text("new")
        assert names_in(tmp_path / name) == ["new.txt"]

    assert names_in(linked_to) == ["kept.txt"]


def test_a_finished_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for name in ("finished", "place"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(name)

    replace_folder(tmp_path / "place", tmp_path / "finished")

    assert names_in(tmp_path) == ["place"]
    assert names_in(tmp_path / "place") == ["finished.txt"]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_a_full_disk_is_one_message_that_names_the_output(tmp_path: Path, writer: Writer) -> None:
    # Every write to this device fails as on a full disk.
    device = Path("/dev/full")

    with pytest.raises(InputError) as caught, writer(tmp_path / "target"):
        device.write_text("text")

    assert str(caught.value) == (
        f"{tmp_path / 'target'}: no room to write it (No space left on device); free some space "
        "and run again"
    )
    assert names_in(tmp_path) == []


def test_a_file_that_outgrows_its_limit_leaves_the_older_one(tmp_path: Path) -> None:
    target = tmp_path / "split.csv"
    target.write_text("old")

    result = run_python(
        "import resource; from pathlib import Path\n"
        "from stages.outputs.whole import whole_text\n"
        "from stages.stage import exit_code\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "def main():\n"
        f"    with whole_text(Path({str(target)!r})) as file:\n"
        '        file.write("x" * 1001)\n'
        "raise SystemExit(exit_code(main))"
    )

    assert result.returncode == 1
    assert result.stderr == (
        f"error: {target}: no room to write it (File too large); free some space and run again\n"
    )
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["split.csv"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "let this user read and write it"),
        (errno.EPERM, "let this user read and write it"),
        (errno.EROFS, "allow writing to that disk"),
        (errno.EIO, "check that disk"),
    ],
)
def test_a_disk_that_refuses_is_one_message(tmp_path: Path, number: int, advice: str) -> None:
    with pytest.raises(InputError) as caught, whole_file(tmp_path / "target") as file:
        raise OSError(number, os.strerror(number), file)

    assert str(caught.value) == (
        f"{tmp_path}/.unfinished/target.new: can't be written ({os.strerror(number)}); {advice}"
    )
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_a_file_in_place_of_the_parent_folder_is_one_message(
    tmp_path: Path, writer: Writer
) -> None:
    (tmp_path / "data").write_text("a file")

    with (
        pytest.raises(InputError, match=r"data/\.unfinished: can't be written \(Not a directory\)"),
        writer(tmp_path / "data/target"),
    ):
        pass


def test_a_folder_in_place_of_the_file_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "split.csv").mkdir()

    with (
        pytest.raises(InputError, match=rf"{tmp_path}/split\.csv: can't be written \(Is a direct"),
        whole_text(tmp_path / "split.csv"),
    ):
        pass

    assert names_in(tmp_path) == ["split.csv"]


def test_a_name_that_is_too_long_is_one_message(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"can't be written \(File name too long\)"),
        whole_text(tmp_path / ("x" * 300)),
    ):
        pass
