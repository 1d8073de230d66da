"""How a stage ends: its exit code and what it prints."""

import pytest

from stages import errors
from stages.errors import InputError


def test_success() -> None:
    assert errors.run(lambda: None) == 0


def test_a_mistake_of_the_user_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise InputError("params.yaml: train.lr: missing key")

    assert errors.run(main) == 1
    assert capsys.readouterr() == ("", "error: params.yaml: train.lr: missing key\n")


def test_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    assert errors.run(main) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_a_bug_keeps_its_traceback() -> None:
    def main() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        errors.run(main)
