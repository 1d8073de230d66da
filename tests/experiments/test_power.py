"""What the simulation of the verdict is asked from the command line."""

import sys

import pytest

from experiments.power import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["power", *arguments])
    main()


def test_a_line_for_each_number_of_photos_and_a_column_for_each_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Of a hundred things one side has all wrong.
    few = ["--photos", "1", "100", "--points", "0", "100", "--pairs", "2"]
    run(monkeypatch, *few, "--photos-per-group", "1", "--churn", "1")

    header, alone, many = capsys.readouterr().out.splitlines()
    assert header.split() == ["photos", "0", "points", "100", "points"]
    assert alone.split() == ["1", "0.000", "0.000"]
    assert many.split()[::2] == ["100", "1.000"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--photos 100 0", "--photos and --pairs take whole numbers from 1, --seed from 0"),
        ("--pairs 0", "--photos and --pairs take whole numbers from 1, --seed from 0"),
        ("--seed=-1", "--photos and --pairs take whole numbers from 1, --seed from 0"),
        ("--points=-1", "--points takes numbers from 0 to 100"),
        ("--points 1 101", "--points takes numbers from 0 to 100"),
        ("--points nan", "--points takes numbers from 0 to 100"),
        ("--churn 0", "--churn takes numbers above 0, up to 1"),
        ("--churn 2", "--churn takes numbers above 0, up to 1"),
        ("--photos-per-group 0.5", "--photos-per-group takes numbers from 1 to 1000"),
        ("--photos-per-group inf", "--photos-per-group takes numbers from 1 to 1000"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    arguments: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = ["--photos", "20", "--pairs", "1"]
    with pytest.raises(SystemExit):
        run(monkeypatch, *few, *arguments.split())

    assert message in capsys.readouterr().err
