"""Unfinished work: one process at a time, and never that of another work."""

import importlib
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.outputs.unfinished import fingerprint, folder_of, imported_code, only_run
from waste_classifier.errors import InputError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def new_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module in a sub-package of the project's code, which this process can import."""
    file = tmp_path / "code/stages/added/parts/__init__.py"
    file.parent.mkdir(parents=True)
    file.write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    yield file
    for name in [name for name in sys.modules if name.startswith("stages.added")]:
        del sys.modules[name]


def test_a_folder_is_given_and_its_lock_freed(tmp_path: Path) -> None:
    directory = tmp_path / ".unfinished/train"

    for _ in range(2):
        with only_run(directory, "training") as given:
            assert given == directory
            assert directory.is_dir()


def test_a_second_process_is_refused_until_the_first_has_died(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path\n"
            "from stages.outputs.unfinished import only_run\n"
            f"with only_run(Path({str(tmp_path)!r}), 'training'):\n"
            "    print('held', flush=True); sys.stdin.read()",
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        with pytest.raises(InputError) as caught, only_run(tmp_path, "training"):
            pass

        assert str(caught.value) == (
            f"another training runs in this workspace (process {holder.pid} holds "
            f"{tmp_path}/lock); wait for it or stop it, then run again. Queued "
            "experiments run beside each other: dvc exp run --queue"
        )
        holder.kill()
        holder.wait()
        with only_run(tmp_path, "training"):
            pass


def test_an_error_of_the_work_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_run(tmp_path, "training"):
        raise ZeroDivisionError

    with only_run(tmp_path, "training"):
        pass


def test_a_file_in_place_of_the_folder_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with (
        pytest.raises(InputError, match=r"can't be written \(Not a directory\)"),
        only_run(tmp_path / "data/.unfinished", "training"),
    ):
        pass


def test_work_goes_on_in_its_folder_and_that_of_others_is_deleted(tmp_path: Path) -> None:
    with only_run(tmp_path, "training"):
        (folder_of(tmp_path, "first") / "epoch.npz").write_text("1")
        (folder_of(tmp_path, "first") / "other.npz").write_text("2")
        assert sorted(path.name for path in (tmp_path / "first").iterdir()) == [
            "epoch.npz",
            "other.npz",
        ]

        second = folder_of(tmp_path, "second")

        assert list(second.iterdir()) == []
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "second"]


def test_a_fingerprint_is_a_short_name_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("path\n")

    name = fingerprint("lr=1", [tmp_path / "split.csv"])

    assert len(name) == 16
    assert set(name) <= set("0123456789abcdef")
    assert fingerprint("lr=1", [tmp_path / "split.csv"]) == name


def test_a_fingerprint_tells_settings_and_inputs_apart(tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("1")
    second.write_text("2")

    before = fingerprint("lr=1", [first, second])
    of_other_settings = fingerprint("lr=2", [first, second])
    of_fewer_inputs = fingerprint("lr=1", [first])
    in_other_order = fingerprint("lr=1", [second, first])
    second.write_text("3")
    of_other_content = fingerprint("lr=1", [first, second])

    assert len({before, of_other_settings, of_fewer_inputs, of_other_content}) == 4
    assert in_other_order == before


def test_a_fingerprint_covers_a_module_that_is_added_and_imported(new_code: Path) -> None:
    without = fingerprint("", [])

    importlib.import_module("stages.added.parts")

    assert imported_code()["stages.added.parts"] == new_code
    with_it = fingerprint("", [])
    new_code.write_text("VALUE = 2\n")
    changed = fingerprint("", [])
    assert len({without, with_it, changed}) == 3


def test_a_fingerprint_covers_code_that_is_imported_alone(new_code: Path) -> None:
    before = fingerprint("", [])

    new_code.write_text("VALUE = 2\n")

    assert fingerprint("", []) == before
    assert "stages.outputs.unfinished" in imported_code()
    assert "waste_classifier.errors" in imported_code()
    assert "pytest" not in imported_code()


def test_the_module_that_is_run_counts_as_imported(new_code: Path) -> None:
    main = new_code.with_name("__main__.py")
    main.write_text(
        "from stages.outputs.unfinished import imported_code\n"
        "print(imported_code()['stages.added.parts.__main__'])\n"
    )

    result = subprocess.run(
        [sys.executable, "-m", "stages.added.parts"],
        env={"PYTHONPATH": f"{ROOT}:{main.parents[3]}"},
        cwd=main.parent,
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout == f"{main}\n"


def test_a_fingerprint_covers_the_versions_of_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint("", [])
    version = importlib.metadata.version

    # Another version of one library can't be had here.
    monkeypatch.setattr(
        importlib.metadata,
        "version",
        lambda name: "0.1" if name == "tensorflow" else version(name),
    )

    assert fingerprint("", []) != before
