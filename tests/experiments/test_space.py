"""What a search may try: read, checked against params.yaml, and drawn from."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from experiments.space import READ_SCHEMAS, read_sections, read_space, sections_of
from waste_classifier.errors import InputError

pytest.importorskip("optuna", reason="needs Optuna: the extra 'search'")

from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

ROOT = Path(__file__).parents[2]
CONTENT = YAML(typ="safe").load(ROOT / "params.yaml")
PARAMS = {name: CONTENT[name] for name in READ_SCHEMAS}


def write(folder: Path, text: str) -> Path:
    file = folder / "space.yaml"
    file.write_text(text)
    return file


def test_the_example_fits_params(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    space = read_space(ROOT / "experiments/spaces/head.yaml", read_sections())

    assert space["train.lr"] == FloatDistribution(3e-4, 6e-3, log=True)
    assert "class_weights.scheme" in space


def test_a_space_is_of_the_types_of_params(tmp_path: Path) -> None:
    space = read_space(
        write(
            tmp_path,
            "train.lr: {low: 1e-4, high: 1, log: true}\n"
            "train.weight_decay: {low: 0, high: 1, step: 0.05}\n"
            "train.head.epochs: {low: 10, high: 200}\n"
            "train.head.pooling: {choices: [mean, mean_std]}\n",
        ),
        PARAMS,
    )

    assert space == {
        "train.lr": FloatDistribution(1e-4, 1, log=True),
        "train.weight_decay": FloatDistribution(0, 1, step=0.05),
        "train.head.epochs": IntDistribution(10, 200),
        "train.head.pooling": CategoricalDistribution(["mean", "mean_std"]),
    }


def test_values_make_sections() -> None:
    values = {"train.lr": 3e-3, "train.head.epochs": 20, "train.head.pooling": "mean"}

    sections = sections_of(PARAMS, values)

    assert (sections.train.lr, sections.train.head.epochs, sections.train.head.pooling) == (
        *(0.003, 20, "mean"),
    )
    assert sections.train.head.units == PARAMS["train"]["head"]["units"]
    assert sections.class_weights.scheme == PARAMS["class_weights"]["scheme"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no keys|expected sections"),
        (
            "train.lrr: {low: 1, high: 2}",
            "train.lrr: not a key that a head",
        ),
        ("split.val: {low: 0.1, high: 0.2}", "split.val: not a key that a head"),
        ("train.head: {choices: [1]}", "train.head: not a key"),
        ("train.lr: [1, 2]", r"train.lr: expected {low, high}, with log: true"),
        ("train.lr: {low: 1e-4}", r"train.lr: expected {low, high}"),
        ("train.head.pooling: {choices: []}", "train.head.pooling: expected {low, high}"),
        ("train.head.units: {low: 1, high: 9, step: 0}", "train.head.units: expected {low"),
        ("train.lr: {low: 0, high: 1, log: true}", "train.lr: expected {low, high}"),
        ("train.lr: {low: false, high: true}", "train.lr: expected {low, high}"),
        ("train.lr: {low: 1e-4, hihg: 1}", "train.lr: expected {low, high}"),
        ("train.fine_tune.epochs: {choices: [0, 3]}", "train.fine_tune.epochs: not a key that a"),
        ("train.patience: {low: 1, high: 2}", "train.patience: not a key that a head"),
        ("train.augment.zoom: {low: 0, high: 0.2}", "train.augment.zoom: not a key that a head"),
        ("views.count: {low: 1, high: 8}", "views.count: not a key that a head"),
        ("class_weights.beta: {low: 0.5, high: 0.9999}", "beta: without effect beside class_weig"),
        ("train.lr: {low: 1e-4, high: 2}", r"train.lr: 2: Input should be less than or equal to 1"),
        (
            "train.head.pooling: {choices: [max]}",
            "train.head.pooling: 'max': Input should be",
        ),
        (
            "train.lr: {low: 1e-2, high: 1e-1}",
            "train.lr: params.yaml has 0.002, which is none of these values",
        ),
        ("train.head.units: {low: 96, high: 496, step: 100}", "params.yaml has 480, which is none"),
        ("train.lr: {low: 1e-4, high: 1, log: perhaps}", "train.lr: expected {low, high}"),
        ("train.lr: {low: 1e-2,", "not valid YAML"),
    ],
)
def test_a_wrong_space_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_space(write(tmp_path, text), PARAMS)

    assert str(caught.value).startswith(f"{tmp_path}/space.yaml: ")


def test_dropout_of_no_hidden_units_is_refused(tmp_path: Path) -> None:
    train = PARAMS["train"] | {"head": PARAMS["train"]["head"] | {"units": 0}}
    params = PARAMS | {"train": train}
    dropout, units = (
        "train.head.dropout: {low: 0, high: 0.5}\n",
        "train.head.units: {choices: [0, 9]}",
    )

    with pytest.raises(InputError, match=r"dropout: without effect beside train\.head\.units 0"):
        read_space(write(tmp_path, dropout), params)
    assert len(read_space(write(tmp_path, dropout + units), params)) == 2


def test_the_share_of_views_that_are_not_there_is_refused(tmp_path: Path) -> None:
    params = PARAMS | {"views": PARAMS["views"] | {"count": 0}}
    share = write(tmp_path, "train.head.view_share: {low: 0, high: 0.5}")

    assert len(read_space(share, PARAMS)) == 1
    with pytest.raises(InputError, match=r"view_share: without effect beside views\.count 0"):
        read_space(share, params)
