"""params.yaml is read strictly: each mistake stops the stage with a line that names the key."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from stages.params.reading import Params, Seed, check_names, load_section, read_params
from waste_classifier.errors import InputError


class Augment(Params):
    zoom: float = Field(ge=0, lt=1)
    flip: bool


class Train(Params):
    lr: float = Field(gt=0, le=1)
    epochs: int = Field(ge=0)
    precision: Literal["auto", "float32"]
    augment: Augment
    sha256: str | None
    counts: dict[str, int] | None = None


class Seeded(Params):
    seed: Seed


GOOD = """
train:
  lr: 1e-3
  epochs: 5
  precision: auto
  augment:
    zoom: 0.1
    flip: true
  sha256: null
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_section("train", Train, path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_a_good_section(tmp_path: Path) -> None:
    train = load_section("train", Train, write(tmp_path, GOOD))
    assert train == Train(
        lr=0.001,
        epochs=5,
        precision="auto",
        augment=Augment(zoom=0.1, flip=True),
        sha256=None,
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-05", 1e-5), ("1e-5", 1e-5), ("1.5E-3", 0.0015), ("1", 1.0), (".5", 0.5)],
)
def test_floats_are_read_as_dvc_writes_them(tmp_path: Path, text: str, value: float) -> None:
    path = write(tmp_path, GOOD.replace("1e-3", text))
    assert load_section("train", Train, path).lr == value


def test_other_sections_are_not_checked(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "split: anything\n")
    assert load_section("train", Train, path).epochs == 5


def test_a_section_cannot_be_changed(tmp_path: Path) -> None:
    train = load_section("train", Train, write(tmp_path, GOOD))
    with pytest.raises(ValueError, match="frozen"):
        train.epochs = 6


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # Unknown keys, with the nearest right one.
        ("lr:", "lrr:", "train.lrr: unknown key; did you mean 'train.lr'?"),
        ("epochs:", "epoch:", "train.epoch: unknown key; did you mean 'train.epochs'?"),
        ("zoom:", "zoomm:", "train.augment.zoomm: unknown key; did you mean 'train.augment.zoom'?"),
        ("sha256: null", "sha256: null\n  xyz: 1", "train.xyz: unknown key; expected one of: "),
        ("sha256: null", "sha256: null\n  5: 1", "train.5: keys should be strings, got 5"),
        # Missing keys.
        ("  epochs: 5\n", "", "train.epochs: missing key"),
        ("    flip: true\n", "", "train.augment.flip: missing key"),
        ("train:", "fetch:", "section 'train' is missing"),
        # Wrong types.
        ("epochs: 5", "epochs: '5'", "train.epochs: input should be a valid integer, got '5'"),
        ("epochs: 5", "epochs: 5.0", "train.epochs: input should be a valid integer, got 5.0"),
        ("epochs: 5", "epochs: true", "train.epochs: input should be a valid integer, got True"),
        ("epochs: 5", "epochs:", "train.epochs: input should be a valid integer, got None"),
        ("1e-3", "1e-3x", "train.lr: input should be a valid number, got '1e-3x'"),
        ("1e-3", "[1]", "train.lr: input should be a valid number, got [1]"),
        ("flip: true", "flip: yes", "train.augment.flip: input should be a valid boolean"),
        ("flip: true", "flip: 1", "train.augment.flip: input should be a valid boolean, got 1"),
        ("sha256: null", "sha256: 5", "train.sha256: input should be a valid string, got 5"),
        ("sha256: null", "sha256: null\n  counts: {a: x}", "train.counts.a: input should be a"),
        ("sha256: null", "sha256: null\n  counts: {1: 2}", "train.counts.1"),
        # Out of range.
        ("1e-3", "0", "train.lr: input should be greater than 0, got 0"),
        ("1e-3", "1.5", "train.lr: input should be less than or equal to 1, got 1.5"),
        ("1e-3", ".nan", "train.lr: input should be a finite number, got nan"),
        ("1e-3", ".inf", "train.lr: input should be a finite number, got inf"),
        ("zoom: 0.1", "zoom: 1.0", "train.augment.zoom: input should be less than 1, got 1.0"),
        ("epochs: 5", "epochs: -1", "train.epochs: input should be greater than or equal to 0"),
        (
            "precision: auto",
            "precision: float23",
            "train.precision: input should be 'auto' or 'float32', got 'float23'; "
            "did you mean 'float32'?",
        ),
        # A section replaced by something else.
        (
            GOOD[GOOD.index("train:") :],
            "train: 5",
            "train: expected a section with keys lr, epochs",
        ),
        (GOOD[GOOD.index("train:") :], "train:", "train: expected a section with keys lr, epochs"),
        (
            "augment:\n    zoom: 0.1\n    flip: true",
            "augment: 5",
            "train.augment: expected a section with keys zoom, flip, got 5",
        ),
        # Not a params file at all.
        (GOOD, "", "expected sections, got NoneType"),
        (GOOD, "- a\n- b\n", "expected sections, got list"),
        (GOOD, "train: {", "not valid YAML: "),
        (GOOD, "train:\n\t lr: 1", "not valid YAML: "),
        ("epochs: 5", "epochs: 5\n  epochs: 6", "not valid YAML: "),
        ("epochs: 5", "epochs: !!python/name:os.system", "not valid YAML: "),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert GOOD.count(old) == 1
    assert message in refusal(write(tmp_path, GOOD.replace(old, new)))


def test_a_typo_is_one_mistake(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("lr:", "lrr:"))
    assert refusal(path) == "train.lrr: unknown key; did you mean 'train.lr'?"


def test_more_mistakes_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("1e-3", "5").replace("epochs: 5", "epochs: x"))
    assert refusal(path).endswith("got 5 (and 1 more)")


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"train: {lr: caf\xe9}")
    assert "not valid YAML" in refusal(path)


def test_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "params.yaml") == "no such file; run from the root of the repository"


@pytest.mark.parametrize("seed", [0, 42, 2**32 - 1])
def test_a_good_seed(tmp_path: Path, seed: int) -> None:
    path = write(tmp_path, f"split: {{seed: {seed}}}")
    assert load_section("split", Seeded, path).seed == seed


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.0", "true", "x", "null", ""])
def test_a_bad_seed(tmp_path: Path, seed: str) -> None:
    with pytest.raises(InputError, match=r"params\.yaml: split\.seed: input should be .*, got "):
        load_section("split", Seeded, write(tmp_path, f"split: {{seed: {seed}}}"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trian", "trian: unknown section; did you mean 'train'?"),
        ("seed", "seed: unknown section; expected one of: split, train"),
        ("5", "5: unknown section; expected one of: split, train"),
    ],
)
def test_an_unknown_section(tmp_path: Path, name: str, message: str) -> None:
    path = write(tmp_path, f"{GOOD}\n{name}: 1\nsplit: 5\n")
    with pytest.raises(InputError) as caught:
        check_names(["train", "split"], read_params(path), path)
    assert str(caught.value) == f"{path}: {message}"


def test_known_sections_need_not_be_there(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    check_names(["train", "split"], read_params(path), path)


@pytest.mark.parametrize("value", ["2024-13-45", "!!int abc", "!!float abc", "0x_"])
def test_values_that_yaml_takes_for_something_else(tmp_path: Path, value: str) -> None:
    text = GOOD.replace("epochs: 5", f"epochs: {value}")
    assert refusal(write(tmp_path, text))


def test_a_directory_in_place_of_the_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "Is a directory"
