"""The stage that checks params.yaml before any other runs."""

import shutil
from pathlib import Path

import pytest

from stages.check_params.__main__ import main
from stages.outputs.params_checked import PARAMS_CHECKED_FILE
from stages.stage import exit_code

PARAMS_FILE = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture(autouse=True)
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's params.yaml, in the current directory."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(PARAMS_FILE, "params.yaml"))


def replace(params: Path, old: str, new: str) -> None:
    text = params.read_text(encoding="utf-8")
    assert text.count(old) == 1
    params.write_text(text.replace(old, new), encoding="utf-8")


def test_right_params_leave_a_file_that_is_always_the_same(
    params: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(main) == 0
    assert "params.yaml: without effect beside the other values: " in capsys.readouterr().out
    first = PARAMS_CHECKED_FILE.read_bytes()

    # Other values than those of now, which must make no other stage run for the file's sake.
    replace(params, "calibration_bins: 10", "calibration_bins: 20")
    assert exit_code(main) == 0

    assert first == b"params.yaml holds what every stage expects\n"
    assert PARAMS_CHECKED_FILE.read_bytes() == first


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "calibration_bins:",
            "calibration_bin:",
            "evaluate.calibration_bin: unknown key; did you mean ",
        ),
        ("group_by: perceptual", "group_by: embedding", "split.group_by is embedding, which "),
        ("\nevaluate:", "\nevaluat:", "evaluat: unknown section; did you mean 'evaluate'?"),
    ],
)
def test_wrong_params_leave_none(
    params: Path, old: str, new: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(params, old, new)

    assert exit_code(main) == 1

    error = capsys.readouterr().err
    assert error.startswith(f"error: params.yaml: {message}")
    assert error.count("\n") == 1
    assert not PARAMS_CHECKED_FILE.exists()
