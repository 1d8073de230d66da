"""What a search may try: read, checked against params.yaml, and drawn from."""

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FixedTrial
from ruamel.yaml import YAML

from experiments.space import read_space, recipe_of, suggest
from waste_classifier.errors import InputError

ROOT = Path(__file__).parents[2]
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")


def write(folder: Path, text: str) -> Path:
    file = folder / "space.yaml"
    file.write_text(text)
    return file


def test_the_example_fits_params() -> None:
    space = read_space(ROOT / "experiments/spaces/head.yaml", PARAMS)

    assert space["train.lr"] == {"low": 3e-4, "high": 3e-3, "log": True}
    assert "class_weights.scheme" in space


def test_values_are_drawn_as_the_space_says_and_make_a_recipe(tmp_path: Path) -> None:
    space = read_space(
        write(
            tmp_path,
            "train.lr: {low: 1e-4, high: 1e-2, log: true}\n"
            "train.head.epochs: {low: 10, high: 200}\n"
            "train.head.pooling: {choices: [mean, mean_std]}\n",
        ),
        PARAMS,
    )
    default: dict[str, Any] = {"train.lr": 1e-3, "train.head.epochs": 60}
    drawn = {"train.lr": 3e-3, "train.head.epochs": 20, "train.head.pooling": "mean"}

    values = suggest(FixedTrial(drawn), space, default)  # type: ignore[arg-type]

    assert values == drawn
    recipe = recipe_of(PARAMS, values)
    assert (recipe.train.lr, recipe.train.head.epochs, recipe.train.head.pooling) == (
        *(0.003, 20, "mean"),
    )
    assert recipe.train.head.units == PARAMS["train"]["head"]["units"]
    assert recipe.class_weights.scheme == PARAMS["class_weights"]["scheme"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no keys|expected sections"),
        (
            "train.lrr: {low: 1, high: 2}",
            "train.lrr: not a key of params.yaml below train",
        ),
        ("split.val: {low: 0.1, high: 0.2}", "split.val: not a key of params.yaml below train"),
        ("train.head: {choices: [1]}", "train.head: not a key"),
        ("train.lr: [1, 2]", r"train.lr: expected {low, high}, with log: true"),
        ("train.lr: {low: 1e-4}", r"train.lr: expected {low, high}"),
        ("train.lr: {low: 1e-4, high: 2}", r"train.lr: 2: Input should be less than or equal to 1"),
        (
            "train.head.pooling: {choices: [max]}",
            "train.head.pooling: 'max': Input should be",
        ),
        (
            "train.lr: {low: 1e-2, high: 1e-1}",
            "train.lr: params.yaml has 0.001, which lies",
        ),
        ("train.lr: {low: 1e-2,", "not valid YAML"),
    ],
)
def test_a_wrong_space_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_space(write(tmp_path, text), PARAMS)

    assert str(caught.value).startswith(f"{tmp_path}/space.yaml: ")
