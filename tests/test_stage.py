"""How a stage is run: its parameters, its exit code and what it prints."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.params.predict import PredictParams
from stages.stage import exit_code, run
from waste_classifier.errors import InputError, PhotoError

ROOT = Path(__file__).parents[1]


def write_params(batch_size: str) -> None:
    Path("params.yaml").write_text(f"predict:\n  batch_size: {batch_size}\nother: anything\n")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_params("8")


def test_a_stage_gets_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    given: list[PredictParams] = []

    assert run("predict", PredictParams, given.append) == 0

    assert given == [PredictParams(batch_size=8)]
    assert capsys.readouterr() == ("", "")


def test_wrong_parameters_stop_a_stage_before_it_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_params("none")
    given: list[PredictParams] = []

    assert run("predict", PredictParams, given.append) == 1

    assert given == []
    assert capsys.readouterr().err == (
        "error: params.yaml: predict.batch_size: input should be a valid integer, got 'none'\n"
    )


def test_parameters_that_change_while_a_stage_runs_are_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # DVC would record the new ones as those of the results.
    assert run("predict", PredictParams, lambda _: write_params("16")) == 1
    assert capsys.readouterr().err == (
        "error: params.yaml: section 'predict' changed while the stage ran, with its values from "
        "before; run again\n"
    )


def test_other_sections_may_change_while_a_stage_runs() -> None:
    def main(_: PredictParams) -> None:
        params = Path("params.yaml")
        params.write_text(params.read_text().replace("anything", "something"))

    assert run("predict", PredictParams, main) == 0


def test_an_error_of_the_stage_is_told_though_parameters_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main(_: PredictParams) -> None:
        write_params("16")
        raise InputError("data/split.csv: no images")

    assert run("predict", PredictParams, main) == 1
    assert capsys.readouterr().err == "error: data/split.csv: no images\n"


def test_success() -> None:
    assert exit_code(lambda: None) == 0


def test_a_mistake_of_the_user_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise InputError("params.yaml: train.lr: missing key")

    assert exit_code(main) == 1
    assert capsys.readouterr() == ("", "error: params.yaml: train.lr: missing key\n")


def test_a_photo_that_cannot_be_read_can_be_brought_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> None:
        raise PhotoError("data/raw/glass/1.jpg: empty file")

    assert exit_code(main) == 1
    assert capsys.readouterr() == (
        "",
        "error: data/raw/glass/1.jpg: empty file; run `dvc checkout` to bring the photo back\n",
    )


def test_a_full_disk_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        # Every write to this device fails so.
        Path("/dev/full").write_text("metrics")

    assert exit_code(main) == 1
    assert capsys.readouterr() == (
        "",
        "error: no room to write (No space left on device); free some space and run again\n",
    )


def test_a_full_disk_is_named_where_its_error_names_a_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "metrics/train.json")

    assert exit_code(main) == 1
    assert capsys.readouterr().err == (
        "error: metrics/train.json: no room to write it (No space left on device); free some space "
        "and run again\n"
    )


def test_a_file_in_place_of_a_folder_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    Path("metrics").write_text("a file")

    assert exit_code(lambda: Path("metrics/explore").mkdir()) == 1
    assert capsys.readouterr() == (
        "",
        "error: metrics/explore: can't be written (Not a directory)\n",
    )


PRINTS = """
import sys
from stages.stage import exit_code
def main():
    for number in range(20_000):
        print("m\\u00fcll", number)
    print("done", file=sys.stderr)
sys.exit(exit_code(main))
"""


def test_a_reader_that_leaves_does_not_stop_a_stage() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PRINTS], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b"done\n"
    assert process.returncode == 0


def test_a_reader_of_ascii_gets_other_characters_escaped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINTS],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )

    assert done.stdout.startswith(b"m\\xfcll 0\n")
    assert done.stdout.endswith(b"m\\xfcll 19999\n")


def test_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    assert exit_code(main) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.mark.parametrize("bug", [ZeroDivisionError(), OSError("of no kind"), FileNotFoundError(2)])
def test_a_bug_keeps_its_traceback(bug: Exception) -> None:
    def main() -> None:
        raise bug

    with pytest.raises(type(bug)):
        exit_code(main)
