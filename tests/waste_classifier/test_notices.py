"""Notices of TensorFlow's C++ code are kept away, all else is passed on."""

import os

import pytest

from waste_classifier.notices import without_notices

NOTICES = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795640979.933128   27312 port.cc:153] oneDNN custom operations are on.
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
"""
WARNING = "W0000 00:00:1795640979.934708   27312 gpu.cc:31] This GPU is too old.\n"


def test_notices_are_dropped_and_warnings_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with without_notices():
        os.write(2, (NOTICES + WARNING).encode())

    assert capfd.readouterr().err == WARNING


def test_what_comes_before_an_error_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError), without_notices():
        os.write(2, WARNING.encode())
        raise ImportError

    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == WARNING + "afterwards\n"
