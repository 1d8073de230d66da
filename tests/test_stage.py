"""How a stage is run: its parameters, its exit code and what it prints."""

import errno
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from stages.params.predict import PredictParams
from stages.stage import check_unchanged, exit_code, run
from waste_classifier.errors import InputError, PhotoError

REPOSITORY = Path(__file__).parents[1]


def program(main: str, imports: str = "os, signal, sys, time") -> list[str]:
    """Return the command that runs a function `main` of this body as a stage does."""
    body = "\n    ".join(main.splitlines())
    return [
        *(sys.executable, "-c"),
        f"import {imports}\n"
        "from stages.stage import exit_code\n"
        f"def main():\n    {body}\n"
        "sys.exit(exit_code(main))",
    ]


def run_program(main: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program(main),
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def run_stage(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"stages.{name}", *arguments],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )


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


def test_a_stage_may_check_its_parameters_before_it_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main(_: PredictParams) -> None:
        check_unchanged()
        print("as before")
        write_params("16")
        check_unchanged()
        print("given up")

    assert run("predict", PredictParams, main) == 1
    said = capsys.readouterr()
    assert said.out == "as before\n"
    assert said.err.startswith("error: params.yaml: section 'predict' changed while the stage ran")
    # Of another call there is nothing to compare with.
    check_unchanged()


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


# By `run`, by `run_with`, and by `exit_code` alone.
@pytest.mark.parametrize("stage", ["class_weights", "card", "check_params"])
@pytest.mark.parametrize("argument", ["--help", "params.yaml"])
def test_a_stage_that_is_given_arguments_does_nothing(stage: str, argument: str) -> None:
    before = sorted(Path().rglob("*"))

    ended = run_stage(stage, argument)

    assert (ended.returncode, ended.stdout, ended.stderr) == (
        2,
        "",
        f"usage: python -m stages.{stage} (settings: params.yaml)\n",
    )
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("stage", "argument", "file"),
    [
        ("evaluate", "cross_validation", "params.yaml"),
        ("evaluate.summary", "metrics/cross_validation.json", "metrics/cross_validation.json"),
    ],
)
def test_those_that_take_arguments_read_them(stage: str, argument: str, file: str) -> None:
    ended = run_stage(stage, argument)

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {file}: ")


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
        "error: metrics/explore: can't be written (Not a directory); a file stands where a folder "
        "should; move it away\n",
    )


def test_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    assert exit_code(main) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.fixture
def not_under_nohup() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("not_under_nohup")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stage_that_is_asked_to_end_tidies_up(number: signal.Signals) -> None:
    ended = run_program(
        "try:\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    time.sleep(60)\n"
        "finally:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"  # once more, while it tidies up
        "    print('tidy')"
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (
        128 + number,
        "tidy\n",
        "terminated\n",
    )


def test_what_nohup_ignores_stays_ignored(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert exit_code(lambda: os.kill(os.getpid(), signal.SIGHUP)) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert capfd.readouterr() == ("", "")


def test_a_process_that_a_stage_has_forked_ends_silently() -> None:
    ended = run_program(
        "reading, writing = os.pipe()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.write(writing, b'.')\n"
        "    time.sleep(60)\n"
        "os.read(reading, 1)\n"
        "os.kill(child, signal.SIGTERM)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "143\n", "")


def test_signals_do_as_before_after_a_stage() -> None:
    assert exit_code(lambda: None) == 0
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


# DVC wraps standard output.
@pytest.mark.parametrize("imports", ["sys", "sys, dvclive"])
def test_a_reader_that_closes_what_a_stage_prints_does_not_stop_it(
    tmp_path: Path, imports: str
) -> None:
    stage = subprocess.Popen(
        program(
            "for number in range(5):\n"
            "    print('line', number, flush=True)\n"
            "    sys.stdin.readline()\n"
            f"open({str(tmp_path / 'done')!r}, 'w')",
            imports,
        ),
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert stage.stdout is not None
    assert stage.stdout.readline() == "line 0\n"
    stage.stdout.close()
    _, messages = stage.communicate("\n" * 5)

    assert (stage.returncode, messages) == (0, "")
    assert (tmp_path / "done").exists()


def test_a_reader_that_is_slow_does_not_stop_it_where_it_may_not_wait(tmp_path: Path) -> None:
    # More than a pipe holds.
    main = (
        "os.set_blocking(1, False)\n"
        "for _ in range(100):\n"
        "    print('x' * 10_000, flush=True)\n"
        f"open({str(tmp_path / 'done')!r}, 'w')"
    )
    with subprocess.Popen(
        program(main),
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as stage:
        assert stage.stderr is not None
        errors = stage.stderr.read()

    assert (stage.returncode, errors) == (0, "")
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("stream", [1, 2])
def test_a_stage_needs_nobody_to_print_to(tmp_path: Path, stream: int) -> None:
    main = (
        "from stages.progress import progress\n"
        "with progress('photos', 1, 'photos') as bar:\n"
        "    bar.update(1)\n"
        f"print('line', file=sys.{'stdout' if stream == 1 else 'stderr'}, flush=True)\n"
        f"open({str(tmp_path / 'done')!r}, 'w')"
    )
    closed = [*("sh", "-c"), f'exec "$@" {stream}>&-', "sh", *program(main)]
    ended = subprocess.run(
        closed,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
        stderr=subprocess.PIPE,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (tmp_path / "done").exists()


def test_what_does_not_fit_into_memory_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    # As TensorFlow's is called.
    class ResourceExhaustedError(Exception):
        pass

    def main() -> None:
        raise ResourceExhaustedError("Graph execution error:\nOOM when allocating tensor\nmore")

    assert exit_code(main) == 1
    assert capsys.readouterr().err == (
        "error: out of memory, of the GPU if there is one; lower the batch_size of what was "
        "computed, or features.image_size, in params.yaml (OOM when allocating tensor)\n"
    )


def test_an_array_for_which_there_is_no_memory_is_one_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> None:
        np.empty(2**60, np.uint8)

    assert exit_code(main) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: out of memory (Unable to allocate 1.00 EiB")
    assert said.endswith("free some, or give the machine more, and run again\n")


def test_a_label_that_the_terminal_can_not_show_is_escaped() -> None:
    ended = run_program("print('m\u00e9tal')", PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "m\\xe9tal\n", "")


def test_messages_do_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise InputError("métal/\x1b[2J\r.jpg:\n  empty file")

    assert exit_code(main) == 1
    assert capsys.readouterr().err == "error: métal/\\x1b[2J\\r.jpg:\n  empty file\n"


def test_warnings_of_pillow_are_not_printed_those_of_others_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> None:
        warnings.warn_explicit("Corrupt EXIF data", UserWarning, "x.py", 1, "PIL.TiffImagePlugin")
        warnings.warn_explicit("overflow", RuntimeWarning, "x.py", 1, "numpy")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: print(message, file=sys.stderr)
        assert exit_code(main) == 0

    assert capsys.readouterr().err == "overflow\n"


def test_what_a_killed_run_left_is_deleted_by_any_stage() -> None:
    scratch = Path("data/.unfinished/fetch/scratch")
    resumable = Path("data/.unfinished/train/0123456789abcdef/epoch.npz")
    for file in (scratch / "raw/glass/1.jpg", resumable):
        file.parent.mkdir(parents=True)
        file.touch()

    with FileLock(scratch.parent / "lock"):
        assert exit_code(lambda: None) == 0
        assert scratch.exists(), "its run is at work"
    assert exit_code(lambda: None) == 0

    assert not scratch.exists()
    assert resumable.exists()


@pytest.mark.parametrize("bug", [ZeroDivisionError(), OSError("of no kind"), FileNotFoundError(2)])
def test_a_bug_keeps_its_traceback(bug: Exception) -> None:
    def main() -> None:
        raise bug

    with pytest.raises(type(bug)):
        exit_code(main)
