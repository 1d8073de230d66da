"""The stage that checks params.yaml before any other runs."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.check_params.__main__ import main
from stages.outputs.params_checked import PARAMS_CHECKED_FILE
from stages.params.sections import SECTIONS
from stages.stage import exit_code

Content = dict[str, Any]

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


@pytest.mark.parametrize("section", SECTIONS)
def test_a_typo_in_any_section(
    params: Path, section: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = next(iter(SECTIONS[section].model_fields))

    change(params, lambda content: content[section].update({f"{key}x": content[section].pop(key)}))

    assert_refused(f"{section}.{key}x: unknown key; did you mean '{section}.{key}'?", capsys)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda content: content["train"]["augment"].update(rotatoin=0.1),
            "train.augment.rotatoin: unknown key; did you mean 'train.augment.rotation'?",
        ),
        (
            lambda content: content.update(evalute=content.pop("evaluate")),
            "evalute: unknown section; did you mean 'evaluate'?",
        ),
        (lambda content: content.pop("predict"), "section 'predict' is missing"),
        (lambda content: content["split"].pop("val"), "split.val: missing key"),
        (
            lambda content: content["train"].update(lr="fast"),
            "train.lr: input should be a valid number, got 'fast'",
        ),
        (
            lambda content: content["features"].update(image_size=32.5),
            "features.image_size: input should be a valid integer, got 32.5",
        ),
        (
            lambda content: content["evaluate"].update(calibration_bins=1),
            "evaluate.calibration_bins: input should be greater than or equal to 2, got 1",
        ),
        (
            lambda content: content["class_weights"].update(scheme="balance"),
            "class_weights.scheme: input should be 'balanced', 'effective_number', 'sqrt' or "
            "'none', got 'balance'; did you mean 'balanced'?",
        ),
        (
            lambda content: content["split"].update(val=0.5, test=0.5),
            "split.test: value error, val and test leave nothing for train; their sum must be "
            "below 1, got 0.5",
        ),
        (
            lambda content: (
                content["backbone"].update(weights="none"),
                content["split"].update(group_by="embedding"),
            ),
            "split.group_by is embedding, which needs pretrained weights: set backbone.weights to "
            "imagenet or to a file, or split.group_by to perceptual",
        ),
        (
            lambda content: (
                content["backbone"].update(weights="imagenet"),
                content["train"]["head"].update(epochs=0),
                content["train"]["fine_tune"].update(epochs=0),
            ),
            "train.head.epochs and train.fine_tune.epochs are both 0; set one above 0",
        ),
    ],
)
def test_other_mistakes(
    params: Path,
    edit: Callable[[Content], object],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(params, edit)

    assert_refused(message, capsys)


def change(params: Path, edit: Callable[[Content], object]) -> None:
    yaml = YAML()
    content = yaml.load(params)
    edit(content)
    yaml.dump(content, params)


def assert_refused(message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(main) == 1

    assert capsys.readouterr().err == f"error: params.yaml: {message}\n"
    assert not PARAMS_CHECKED_FILE.exists()


def test_a_file_of_weights_of_a_user_that_is_none_is_named(
    params: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(params, lambda content: content["backbone"].update(weights="~nobody_here/x.h5"))

    assert exit_code(main) == 1

    error = capsys.readouterr().err
    assert error.startswith("error: params.yaml: backbone.weights: no such file: ~nobody_here/x.h5")
