"""Files and folders that appear whole or not at all."""

import errno
import fcntl
import os
import re
from pathlib import Path
from threading import Thread

import pytest

from waste_classifier.errors import InputError
from waste_classifier.whole import (
    check_writable,
    is_standard_output,
    is_stream,
    others_wait,
    whole_file,
    whole_folder,
    whole_text,
)


def test_a_file_is_there_at_the_end_of_the_block(tmp_path: Path) -> None:
    file = tmp_path / "said.csv"
    file.write_text("before")

    with whole_text(file) as opened:
        opened.write("now\n")
        assert file.read_text() == "before"

    assert file.read_bytes() == b"now\n"
    assert list(tmp_path.iterdir()) == [file]


def test_an_error_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "said.csv"
    file.write_text("before")

    with pytest.raises(KeyError), whole_file(file) as opened:
        opened.write(b"now")
        raise KeyError

    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_what_another_run_writes_is_left_to_it(tmp_path: Path) -> None:
    file = tmp_path / "said.csv"
    message = "said.csv: another run is writing it; wait for it, or name another place$"

    with whole_file(file) as opened:
        opened.write(b"of the first")
        with pytest.raises(InputError, match=message), whole_file(file):
            pass
        with pytest.raises(InputError, match=message):
            check_writable(file)

    assert file.read_bytes() == b"of the first"
    assert list(tmp_path.iterdir()) == [file]


def test_what_a_killed_run_left_is_taken_over(tmp_path: Path) -> None:
    file, left = tmp_path / "said.csv", tmp_path / ".said.csv.new"
    left.write_text("half of what it had to say")
    was = left.stat().st_ino

    with whole_file(file) as opened:
        opened.write(b"now")

    assert file.read_bytes() == b"now"
    assert file.stat().st_ino == was
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_another_run_finishes_before_the_lock_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, unfinished = tmp_path / "said.csv", tmp_path / ".said.csv.new"
    unfinished.write_text("of the other")
    lock = fcntl.flock

    def finished_first(descriptor: int, operation: int) -> None:
        if not file.exists():
            unfinished.replace(file)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", finished_first)
    with whole_file(file) as opened:
        opened.write(b"now")
        assert file.read_text() == "of the other"

    assert file.read_bytes() == b"now"


def test_what_the_next_run_begins_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, unfinished = tmp_path / "said.csv", tmp_path / ".said.csv.new"
    replace = Path.replace

    def begun_after(self: Path, target: Path) -> None:
        replace(self, target)
        unfinished.write_text("of the next")

    monkeypatch.setattr(Path, "replace", begun_after)
    with whole_file(file) as opened:
        opened.write(b"now")

    assert file.read_bytes() == b"now"
    assert unfinished.read_text() == "of the next"


def test_a_file_system_without_locks_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int, __: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    file = tmp_path / "said.csv"
    check_writable(file)
    with others_wait(file), whole_file(file) as opened:
        opened.write(b"now")

    assert file.read_bytes() == b"now"
    assert list(tmp_path.iterdir()) == [file]


def test_others_wait_for_a_file_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    link = tmp_path / "link"
    link.symlink_to("inner/file")
    said: list[str] = []

    def other() -> None:
        with others_wait(tmp_path / "inner/file"):
            said.append("other")

    with others_wait(link):
        waiting = Thread(target=other)
        waiting.start()
        waiting.join(0.3)
        said.append("first")
    waiting.join()

    assert said == ["first", "other"]
    assert not list((tmp_path / "inner").iterdir())


def test_nobody_waits_for_a_file_whose_folder_is_gone(tmp_path: Path) -> None:
    with others_wait(tmp_path / "gone/file"):
        pass


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    link = tmp_path / "link"
    link.symlink_to("inner/file")

    with whole_file(link) as opened:
        opened.write(b"now")

    assert link.is_symlink()
    assert (tmp_path / "inner/file").read_bytes() == b"now"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gone/said.csv", "can't be written (No such file or directory); do this"),
        ("file/said.csv", "can't be written (Not a directory); do this"),
        ("a" * 300, "can't be written (File name too long); do this"),
        ("folder", "is a folder; name a file, which may be in it"),
    ],
)
def test_what_can_not_be_written_is_named(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    file = tmp_path / name
    message = f"^{re.escape(f'{file}: {why}')}$"

    with pytest.raises(InputError, match=message), whole_file(file, "do this"):
        pass
    with pytest.raises(InputError, match=message):
        check_writable(file, "do this")


def test_a_check_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "said.csv")

    assert not list(tmp_path.iterdir())


def test_a_folder_is_there_at_the_end_of_the_block(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    # As a killed run leaves it.
    (tmp_path / ".new.new/inner").mkdir(parents=True)
    (tmp_path / ".new.new/file").write_text("half of it")

    with whole_folder(folder) as unfinished:
        assert not list(unfinished.iterdir())
        (unfinished / "file").write_text("now")
        assert not folder.exists()

    assert [path.name for path in folder.iterdir()] == ["file"]
    assert list(tmp_path.iterdir()) == [folder]


def test_of_two_runs_that_write_one_folder_the_second_leaves_the_first_alone(
    tmp_path: Path,
) -> None:
    with whole_folder(tmp_path / "new") as unfinished:
        (unfinished / "file").write_text("of the first")
        with (
            pytest.raises(InputError, match="new: another run is writing it; wait for it"),
            whole_folder(tmp_path / "new"),
        ):
            pass

    assert (tmp_path / "new/file").read_text() == "of the first"


def test_an_error_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyError), whole_folder(tmp_path / "new") as unfinished:
        (unfinished / "file").touch()
        raise KeyError

    assert not list(tmp_path.iterdir())


def test_a_folder_that_came_meanwhile_stays(tmp_path: Path) -> None:
    folder = tmp_path / "new"

    with (
        pytest.raises(InputError, match=r"new: can't be written \(Directory not empty\); do this"),
        whole_folder(folder, "do this"),
    ):
        (folder / "inner").mkdir(parents=True)

    assert [path.name for path in tmp_path.rglob("*")] == ["new", "inner"]


def test_files_are_told_from_streams(tmp_path: Path) -> None:
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.touch()
    os.mkfifo(pipe)

    streams = [is_stream(path) for path in (file, tmp_path, tmp_path / "gone", pipe)]
    assert streams == [False, False, False, True]
    assert is_stream(Path("/dev/null"))


def test_what_is_sent_into_a_file_does_not_replace_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "stdout"
    link.symlink_to("/proc/self/fd/1")
    if not link.exists():
        pytest.skip("no /proc")
    # Here it is a file, as behind `> FILE`.
    assert is_standard_output(link)

    os.write(1, b"before\n")
    with whole_text(link) as opened:
        opened.write("now\n")
    os.write(1, b"after\n")

    assert capfd.readouterr().out == "before\nnow\nafter\n"
