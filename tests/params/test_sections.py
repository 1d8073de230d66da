"""All sections of params.yaml: what each key may be, and what sections ask of each other."""

import hashlib
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.params.decide import DecideParams
from stages.params.fetch import FetchParams
from stages.params.reading import check_section
from stages.params.sections import SECTIONS, check_params
from stages.params.split import SplitParams
from waste_classifier.errors import InputError

PARAMS_FILE = Path(__file__).parents[2] / "params.yaml"
PARAMS = YAML(typ="safe").load(PARAMS_FILE)

#: Lowest and highest value of each number, as comments of params.yaml say.
RANGES: dict[str, tuple[float, float | None]] = {
    "fetch.sample.seed": (0, 4294967295),
    "fetch.sample.images": (60, 100_000),
    "fetch.sample.image_size": (32, 1024),
    "fetch.kaggle.version": (1, None),
    "fetch.kaggle.timeout": (1, 3600),
    "fetch.kaggle.retries": (0, 20),
    "fetch.max_rejected": (0, None),
    "fetch.max_pixels": (1, 1_000_000_000),
    "fetch.shard_images": (0, 10_000),
    "features.image_size": (32, 1024),
    "features.batch_size": (1, 1024),
    "views.seed": (0, 4294967295),
    "views.count": (0, 32),
    "views.ground": (0, 1),
    "duplicates.max_perceptual_distance": (0, 16),
    "duplicates.max_embedding_distance": (0, 1),
    "split.seed": (0, 4294967295),
    "explore.seed": (0, 4294967295),
    "explore.examples_per_label": (1, 20),
    "explore.duplicate_pairs": (1, 200),
    "explore.map_images": (10, 20_000),
    "train.seed": (0, 4294967295),
    "train.warmup_epochs": (0, 1000),
    "train.weight_decay": (0, 1),
    "train.patience": (1, None),
    "train.devices": (1, 64),
    "train.memory_mib": (1, None),
    "train.head.epochs": (0, 1000),
    "train.head.batch_size": (1, 1024),
    "train.head.units": (0, 16384),
    "train.head.mixup": (0, 100),
    "train.head.mixes": (1, 64),
    "train.head.view_share": (0, 1),
    "train.fine_tune.epochs": (0, 1000),
    "train.fine_tune.batch_size": (1, 1024),
    "train.fine_tune.frozen_views": (0, 100),
    "train.scratch.epochs": (0, 1000),
    "train.scratch.batch_size": (2, 1024),
    "train.augment.rotation": (0, 0.5),
    "train.augment.zoom": (0, 0.9),
    "train.augment.translation": (0, 0.9),
    "train.augment.brightness": (0, 1),
    "predict.batch_size": (1, 1024),
    "evaluate.seed": (0, 4294967295),
    "evaluate.bootstrap_samples": (100, 100_000),
    "evaluate.calibration_bins": (2, 100),
    "evaluate.sheet_images": (1, 200),
    "cross_validate.seed": (0, 2**32 - 1),
    "cross_validate.folds": (2, 20),
    "cross_validate.repeats": (1, 20),
    "label_errors.sheet_images": (1, 200),
    "novelty.batch_size": (1, 1024),
    "decide.seed": (0, 2**32 - 1),
    "decide.bootstrap_samples": (100, 100_000),
    "export.seed": (0, 2**32 - 1),
    "export.compared_images": (1, 10_000),
    "export.representative_images": (1, 1000),
    "explain.seed": (0, 2**32 - 1),
    "explain.mistakes": (1, 100),
    "explain.masked_images": (1, 10_000),
    "explain.bootstrap_samples": (100, 100_000),
}
#: From 0, below 1.
SHARES_BELOW_ONE = (
    "class_weights.beta",
    "train.label_smoothing",
    "train.head.feature_dropout",
    "train.head.dropout",
    "train.scratch.batch_norm_momentum",
    "train.augment.contrast",
    "train.augment.saturation",
)
#: Above 0.
POSITIVE = (
    *("split.val", "split.test", "train.lr", "train.fine_tune.lr"),
    *("decide.purity", "decide.confidence"),
)
#: What is allowed, and what is too much.
SHARES_UP_TO_HALF = {
    "novelty.refused": ((0, 0.49), 0.5),
    "explain.masked_share": ((0.001, 0.5), 0.501),
}
CHOICES = {
    "fetch.source": ("sample", "kaggle", "path"),
    "split.group_by": ("perceptual", "none"),  # and embedding, of pretrained weights
    "split.on_conflict": ("drop", "fail", "keep"),
    "class_weights.scheme": ("balanced", "effective_number", "sqrt", "none"),
    "train.test_time_augmentation": ("half_turn", "none"),
    "train.precision": ("auto", "float32", "mixed_bfloat16", "mixed_float16"),
    "bundle.format": ("float32", "float16", "int8"),
    "train.head.pooling": ("mean", "mean_std"),
    "train.fine_tune.first_block": (
        *("conv1", "conv2", "conv3"),
        *("conv4", *(f"conv4_block{block}" for block in range(2, 7))),
        *("conv5", *(f"conv5_block{block}" for block in (2, 3))),
    ),
    "train.augment.horizontal_flip": (True, False),
    "train.augment.vertical_flip": (True, False),
}
TEXTS = {
    "fetch.kaggle.dataset": ("owner/name", "own-er/n_ame-1"),
    "fetch.path": ("data/photos",),
    "fetch.corrections": ("corrections.csv",),
    "fetch.expected_counts": (None, {"glass": 501}),
    "backbone.weights": ("none", "imagenet", "weights/resnet50.h5"),
    "decide.mix": (None, {"glass": 0.4, "metal": 0.6}),
    "decide.costs": (None, {"glass": {"glass": 0, "unsure": 1.5}}),
    "export.formats": (["float32"], ["float32", "onnx"]),
    "card.name": ("Waste classifier",),
    "card.license": ("apache-2.0",),
    "card.data_license": ("MIT",),
    "backbone.sha256": (None, "0123456789abcdef" * 4),
}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the project's params with other values, keys with dots in them."""
    content: dict[str, Any] = deepcopy(PARAMS)
    for key, value in changes.items():
        *parents, last = key.split(".")
        reduce(lambda section, name: section[name], parents, content)[last] = value
    return content


def check(key: str, value: object) -> None:
    """Check the section of a key alone; reading files would take a minute for all values."""
    name, _, _ = key.partition(".")
    check_section(name, SECTIONS[name], changed({key: value}))


def refusal(key: str, value: object) -> str:
    with pytest.raises(InputError) as caught:
        check(key, value)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix("params.yaml: ")


def write_params(tmp_path: Path, changes: dict[str, Any]) -> Path:
    path = tmp_path / "params.yaml"
    YAML(typ="safe").dump(changed(changes), path)
    return path


def refusal_of_file(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        check_params(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def keys_of(section: dict[str, Any], prefix: str = "") -> set[str]:
    """Return the names of all values, with dots."""
    names = set()
    for name, value in section.items():
        names |= keys_of(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
    return names


def test_params_of_this_project_are_right_and_in_the_order_of_their_classes() -> None:
    check_params(PARAMS_FILE)

    assert list(PARAMS) == list(SECTIONS)


def test_every_key_is_tested_here() -> None:
    tested = {*RANGES, *SHARES_BELOW_ONE, *POSITIVE, *SHARES_UP_TO_HALF, *CHOICES, *TEXTS}

    assert tested == keys_of(PARAMS)


@pytest.mark.parametrize(("key", "ends"), RANGES.items())
def test_a_number_goes_from_its_lowest_to_its_highest(
    key: str, ends: tuple[float, float | None]
) -> None:
    lowest, highest = ends
    step = 1 if isinstance(lowest, int) and isinstance(highest, int | None) else 0.001
    check(key, lowest)
    assert refusal(key, lowest - step) == (
        f"{key}: input should be greater than or equal to {lowest}, got {lowest - step}"
    )
    if highest is not None:
        check(key, highest)
        assert refusal(key, highest + step) == (
            f"{key}: input should be less than or equal to {highest}, got {highest + step}"
        )


@pytest.mark.parametrize("key", SHARES_BELOW_ONE)
def test_a_share_may_be_nothing_but_not_all(key: str) -> None:
    check(key, 0)
    check(key, 0.999)
    assert refusal(key, -0.1) == f"{key}: input should be greater than or equal to 0, got -0.1"
    assert refusal(key, 1) == f"{key}: input should be less than 1, got 1"


@pytest.mark.parametrize("key", POSITIVE)
def test_some_numbers_are_above_zero(key: str) -> None:
    check(key, 1e-9)
    assert refusal(key, 0) == f"{key}: input should be greater than 0, got 0"
    assert refusal(key, 1.001).startswith(f"{key}: input should be less than ")


@pytest.mark.parametrize(("key", "ends"), SHARES_UP_TO_HALF.items())
def test_some_shares_go_up_to_half(key: str, ends: tuple[tuple[float, float], float]) -> None:
    allowed, too_much = ends
    for share in allowed:
        check(key, share)
    assert refusal(key, -0.001).startswith(f"{key}: input should be greater than ")
    assert refusal(key, too_much).startswith(f"{key}: input should be less than ")


@pytest.mark.parametrize("key", ["train.lr", "train.fine_tune.lr"])
def test_a_learning_rate_may_be_one(key: str) -> None:
    check(key, 1)


@pytest.mark.parametrize(("key", "choices"), CHOICES.items())
def test_a_choice_is_one_of_those_documented(key: str, choices: tuple[object, ...]) -> None:
    for choice in choices:
        check(key, choice)
    assert refusal(key, "nothing else").startswith(f"{key}: input should be ")


@pytest.mark.parametrize(("key", "texts"), TEXTS.items())
def test_a_text_is_of_its_form(key: str, texts: tuple[object, ...]) -> None:
    for text in texts:
        check(key, text)
    assert refusal(key, "").startswith(f"{key}: ")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("split.vall", 0.1, "split.vall: unknown key; did you mean 'split.val'?"),
        ("split.group_by", "perceptal", "did you mean 'perceptual'?"),
        ("train.test_time_augmentation", "half", "did you mean 'half_turn'?"),
        ("train.head.unit", 5, "train.head.unit: unknown key; did you mean 'train.head.units'?"),
        ("fetch.kaggle.dataset", "no owner", "fetch.kaggle.dataset: "),
        ("fetch.expected_counts", {"glass": "many"}, "fetch.expected_counts.glass: "),
        ("fetch.sample", None, "fetch.sample: expected a section with keys seed, images, "),
        ("backbone.sha256", "0123456789ABCDEF" * 4, "backbone.sha256: "),
        ("duplicates.max_perceptual_distance", 4.5, "duplicates.max_perceptual_distance: "),
        ("evaluate", None, "evaluate: expected a section with keys seed, "),
    ],
)
def test_mistakes_in_any_section(key: str, value: object, message: str) -> None:
    assert message in refusal(key, value)


COSTS = {
    "glass": {"glass": 0, "metal": 5, "unsure": 1},
    "metal": {"glass": 5, "metal": 0, "unsure": 1},
}


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        ({"glass": 0.2, "metal": 0.3}, "value error, the shares add up to 0.5 instead of 1, got "),
        ({"glass": 0.2, "metal": 0.802}, "value error, the shares add up to 1.002 instead of 1"),
        ({}, "value error, the shares add up to 0 instead of 1"),
    ],
)
def test_the_shares_of_a_mix_add_up_to_one(mix: dict[str, float], message: str) -> None:
    # Rounded shares may miss it by little.
    check("decide.mix", {"glass": 0.333, "metal": 0.333, "paper": 0.3334})
    assert refusal("decide.mix", mix).startswith(f"decide.mix: {message}")


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (
            {"glass": {"glass": 0}},
            "value error, glass: expected a cost of each of glass, unsure; missing or unknown: "
            "unsure, got {'glass': {'glass': 0}}",
        ),
        (
            {**COSTS, "metal": {"glass": 5, "steel": 0, "unsure": 1}},
            "value error, metal: expected a cost of each of glass, metal, unsure; missing or "
            "unknown: metal, steel, got ",
        ),
        ({}, "dictionary should have at least 1 item after validation, not 0, got {}"),
    ],
)
def test_costs_are_of_each_answer(costs: dict[str, dict[str, float]], message: str) -> None:
    check("decide.costs", COSTS)
    assert refusal("decide.costs", costs).startswith(f"decide.costs: {message}")


def test_mix_and_costs_name_the_same_labels() -> None:
    def check_both(mix: dict[str, float]) -> None:
        check_section("decide", DecideParams, changed({"decide.mix": mix, "decide.costs": COSTS}))

    check_both({"metal": 0.5, "glass": 0.5})
    with pytest.raises(InputError) as caught:
        check_both({"glass": 0.5, "paper": 0.5})
    assert str(caught.value).startswith(
        "params.yaml: decide.costs: value error, decide.mix names other labels; in one of the two "
        "alone: metal, paper, got "
    )


def test_val_and_test_leave_images_for_train() -> None:
    check_section("split", SplitParams, changed({"split.val": 0.5, "split.test": 0.499}))
    with pytest.raises(InputError) as caught:
        check_section("split", SplitParams, changed({"split.val": 0.5, "split.test": 0.5}))
    assert (
        "params.yaml: split.test: value error, val and test leave nothing for train; their sum "
        "must be below 1" in str(caught.value)
    )


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("seed", "seed: unknown section; expected one of: backbone, bundle, card, "),
        ("trian", "trian: unknown section; did you mean 'train'?"),
    ],
)
def test_a_section_of_no_stage_is_refused(tmp_path: Path, key: str, message: str) -> None:
    assert refusal_of_file(write_params(tmp_path, {key: 42})).startswith(message)


@pytest.mark.parametrize("key", ["fetch.sourc", "train.augment.zom", "evaluate.sed"])
def test_all_sections_are_checked(tmp_path: Path, key: str) -> None:
    message = refusal_of_file(write_params(tmp_path, {key: 1}))

    assert message.startswith(f"{key}: unknown key; did you mean '{key[:-1]}")


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_must_be_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / "params.yaml"
    YAML(typ="safe").dump({key: PARAMS[key] for key in PARAMS if key != name}, path)

    assert refusal_of_file(path) == f"section '{name}' is missing"


def test_the_classifier_can_not_run_on_a_format_that_is_not_written(tmp_path: Path) -> None:
    given = {"export.formats": ["float32"], "bundle.format": "int8"}

    assert refusal_of_file(write_params(tmp_path, given)) == (
        "bundle.format is int8, which export.formats leaves out: add it there, or set "
        "bundle.format to one of these"
    )


def test_decisions_are_wanted_of_the_labels_that_are_expected(tmp_path: Path) -> None:
    given = {
        "fetch.expected_counts": {"glass": 9, "metal": 9},
        "decide.mix": {"glass": 0.5, "wood": 0.5},
    }

    assert refusal_of_file(write_params(tmp_path, given)) == (
        "decide.mix and fetch.expected_counts name different labels: metal, wood, in one of them "
        "alone; give both the same"
    )
    given["decide.mix"] = {"glass": 0.5, "metal": 0.5}
    check_params(write_params(tmp_path, given))


@pytest.mark.parametrize("source", ["sample", "kaggle"])
def test_photos_that_are_given_and_not_read(tmp_path: Path, source: str) -> None:
    given = {"fetch.path": "/data/photos.zip", "fetch.source": source}
    assert refusal_of_file(write_params(tmp_path, given)) == (
        f"fetch.path is /data/photos.zip, but fetch.source is {source}, which does not read it: "
        "set fetch.source to path, or fetch.path to data/photos"
    )


def notes_of(tmp_path: Path, changes: dict[str, Any]) -> list[str]:
    path = write_params(tmp_path, changes)
    return [note.removeprefix(f"{path}: ") for note in check_params(path)]


def test_photos_that_are_not_there_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corrections.csv").touch()
    absent = "no such file or folder"
    pulled = "If the outputs of stage fetch are here all the same (`dvc pull`), add --allow-missing"

    assert notes_of(tmp_path, {"fetch.source": "path", "fetch.path": "/nowhere"})[1:] == [
        f"fetch.path: '/nowhere': {absent}. {pulled}"
    ]
    assert notes_of(tmp_path, {"fetch.source": "path", "fetch.path": "my/photos"})[1:] == [
        f"fetch.path: 'my/photos': {absent} (a queued experiment sees only what git tracks: give "
        f"an absolute path). {pulled}"
    ]
    assert notes_of(tmp_path, {"fetch.source": "path", "fetch.path": "a\0b"})[1:] == [
        f"fetch.path: 'a\\x00b': {absent} (a queued experiment sees only what git tracks: give an "
        f"absolute path). {pulled}"
    ]
    assert notes_of(tmp_path, {})[1:] == [
        "fetch.path: 'data/photos' is not there; DVC asks for it whatever fetch.source is. `git "
        "checkout data/photos` brings it back"
    ]
    (tmp_path / "data/photos").mkdir(parents=True)
    assert notes_of(tmp_path, {})[1:] == []


@pytest.mark.parametrize("table", ["decided.csv", "a\0b"])
def test_a_table_of_corrections_that_is_not_there_is_noted(tmp_path: Path, table: str) -> None:
    assert notes_of(tmp_path, {"fetch.corrections": table})[1:] == [
        f"fetch.corrections: {table!r} is not there; DVC asks for it, if only with a header. `git "
        "checkout corrections.csv` brings back the one of that name"
    ]


@pytest.mark.parametrize(
    ("changes", "without", "with_effect"),
    [
        (
            {},
            ["fetch.kaggle", "fetch.path", "class_weights.beta", "views", "train.fine_tune"],
            ["fetch.sample", "train.scratch", "train.devices"],
        ),
        ({"fetch.source": "kaggle"}, ["fetch.sample"], ["fetch.kaggle"]),
        ({"fetch.source": "path"}, ["fetch.sample", "fetch.kaggle"], ["fetch.path"]),
        ({"class_weights.scheme": "effective_number"}, [], ["class_weights.beta"]),
        ({"backbone.sha256": "0" * 64}, ["backbone.sha256"], []),
        (
            {"backbone.weights": "imagenet", "train.fine_tune.epochs": 1},
            ["train.scratch"],
            [
                "train.head.mixup",
                "train.head.mixes",
                "train.fine_tune",
                "train.fine_tune.lr",
                "train.augment.zoom",
                "duplicates.max_embedding_distance",
                "backbone.sha256",
            ],
        ),
        (
            {"backbone.weights": "imagenet", "train.fine_tune.epochs": 0},
            [
                "train.fine_tune.lr",
                "train.fine_tune.first_block",
                "train.augment.zoom",
                "train.devices",
                "train.precision",
            ],
            ["train.fine_tune.epochs", "train.augment.vertical_flip", "train.head.epochs"],
        ),
        (
            {
                "backbone.weights": "imagenet",
                "train.head.epochs": 0,
                "train.head.units": 0,
                "train.fine_tune.epochs": 1,
            },
            ["train.head.batch_size", "train.head.mixup", "train.head.dropout"],
            ["train.head.epochs", "train.head.feature_dropout"],
        ),
        (
            {"backbone.weights": "imagenet", "views.count": 0},
            ["views.seed", "views.ground", "train.head.view_share"],
            ["views", "views.count"],
        ),
        (
            {"backbone.weights": "imagenet", "train.head.view_share": 0},
            ["views"],
            ["train.head.view_share", "train.lr"],
        ),
        (
            {
                "backbone.weights": "imagenet",
                "train.head.epochs": 0,
                "train.fine_tune.epochs": 1,
            },
            ["train.lr", "views", "train.head.view_share"],
            ["train.fine_tune.lr"],
        ),
        ({"backbone.weights": "imagenet"}, [], ["views", "views.seed", "train.head.view_share"]),
    ],
)
def test_settings_without_effect_are_noted(
    tmp_path: Path, changes: dict[str, Any], without: list[str], with_effect: list[str]
) -> None:
    note = notes_of(tmp_path, changes)[0]

    names = note.removeprefix("without effect beside the other values: ").split(", ")
    assert set(without) <= set(names)
    assert not set(with_effect) & set(names)
    sections = {"fetch.sample", "fetch.kaggle", "views", "train.fine_tune", "train.scratch"}
    known = keys_of(PARAMS) | sections
    assert set(names) <= known


def test_a_wrong_choice_in_a_list_is_answered_by_the_choices() -> None:
    message = refusal("export.formats", ["float32", "float99"])

    assert message.startswith("export.formats.1: input should be 'float32', 'float16', 'int8'")
    assert message.endswith("got 'float99'")


def test_a_file_of_weights_needs_its_checksum(tmp_path: Path) -> None:
    file = tmp_path / "resnet50.h5"
    file.write_bytes(b"weights")
    checksum = hashlib.sha256(b"weights").hexdigest()
    given = {"backbone.weights": str(file)}

    assert refusal_of_file(write_params(tmp_path, given)) == (
        "backbone.sha256 is missing, which tells what is in the file of backbone.weights: set it "
        f"to {checksum}, as {file} is now"
    )
    check_params(write_params(tmp_path, {**given, "backbone.sha256": checksum}))
    assert refusal_of_file(write_params(tmp_path, {"backbone.weights": "image_net"})) == (
        "backbone.weights: no such file: image_net; expected none, imagenet or the path of an .h5 "
        "or .weights.h5 file"
    )


@pytest.mark.parametrize(
    ("counts", "labels"),
    [({1: 20, 2: 3}, ["1", "2"]), ({0: 1, "glass": 2}, ["0", "glass"]), ({-1: 1}, ["-1"])],
)
def test_labels_of_digits_are_text(counts: dict[Any, int], labels: list[str]) -> None:
    section = check_section("fetch", FetchParams, changed({"fetch.expected_counts": counts}))
    assert list(section.expected_counts or {}) == labels


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({True: 1}, "the label True is no text to YAML; write it in quotes"),
        ({1.5: 1}, "the label 1.5 is no text to YAML; write it in quotes"),
        ({None: 1}, "the label None is no text to YAML; write it in quotes"),
        ({1: 1, "1": 2}, "a label stands there twice, as a number and as text; take one out"),
    ],
)
def test_labels_that_yaml_takes_for_something_else(counts: dict[Any, int], message: str) -> None:
    assert message in refusal("fetch.expected_counts", counts)


def test_groups_by_embedding_need_pretrained_weights(tmp_path: Path) -> None:
    grouping = {"split.group_by": "embedding"}

    assert refusal_of_file(write_params(tmp_path, {**grouping, "backbone.weights": "none"})) == (
        "split.group_by is embedding, which needs pretrained weights: set backbone.weights to "
        "imagenet or to a file, or split.group_by to perceptual"
    )
    for weights, checksum in (("imagenet", None), ("weights/resnet50.h5", "0" * 64)):
        given = {"backbone.weights": weights, "backbone.sha256": checksum}
        check_params(write_params(tmp_path, {**grouping, **given}))


def test_random_weights_train_in_epochs_from_scratch(tmp_path: Path) -> None:
    random = {"backbone.weights": "none", "train.head.epochs": 0, "train.fine_tune.epochs": 0}

    check_params(write_params(tmp_path, {**random, "train.scratch.epochs": 1}))
    assert refusal_of_file(write_params(tmp_path, {**random, "train.scratch.epochs": 0})) == (
        "train.scratch.epochs is 0, but random weights train in these epochs alone; set it above "
        "0, or backbone.weights to pretrained ones"
    )


@pytest.mark.parametrize(("head", "fine_tune"), [(1, 0), (0, 1)])
def test_pretrained_weights_train_in_either_phase(
    tmp_path: Path, head: int, fine_tune: int
) -> None:
    pretrained = {"backbone.weights": "imagenet", "train.scratch.epochs": 0}
    phases = {"train.head.epochs": head, "train.fine_tune.epochs": fine_tune}

    check_params(write_params(tmp_path, {**pretrained, **phases}))
    assert refusal_of_file(write_params(tmp_path, {**pretrained, **dict.fromkeys(phases, 0)})) == (
        "train.head.epochs and train.fine_tune.epochs are both 0; set one above 0"
    )


@pytest.mark.parametrize(("weights", "phase"), [("none", "scratch"), ("imagenet", "fine_tune")])
def test_devices_share_a_batch_evenly(tmp_path: Path, weights: str, phase: str) -> None:
    changes = {"backbone.weights": weights, f"train.{phase}.epochs": 1, "train.devices": 3}
    path = write_params(tmp_path, changes | {f"train.{phase}.batch_size": 8})

    assert refusal_of_file(path) == (
        f"train.{phase}.batch_size is 8, which train.devices: 3 can't share out evenly; set it to "
        "a multiple of 3"
    )

    notes_of(tmp_path, changes | {f"train.{phase}.batch_size": 9})


@pytest.mark.parametrize(("weights", "phase"), [("none", "scratch"), ("imagenet", "fine_tune")])
def test_in_mixed_float16_one_device_trains(tmp_path: Path, weights: str, phase: str) -> None:
    changes = {
        "backbone.weights": weights,
        f"train.{phase}.epochs": 1,
        f"train.{phase}.batch_size": 8,
        "train.precision": "mixed_float16",
    }

    assert refusal_of_file(write_params(tmp_path, {**changes, "train.devices": 2})) == (
        "train.precision is mixed_float16, which trains on one device alone: Keras's scaling of "
        "the loss fails on several; set it to float32 or mixed_bfloat16, or train.devices to 1"
    )

    check_params(write_params(tmp_path, {**changes, "train.devices": 1}))
    # Of auto, stage train knows what it is.
    auto = {"train.devices": 2, "train.precision": "auto"}
    check_params(write_params(tmp_path, {**changes, **auto}))


def test_a_head_alone_trains_on_one_device_in_any_precision(tmp_path: Path) -> None:
    head = {"backbone.weights": "imagenet", "train.fine_tune.epochs": 0}
    devices = {"train.devices": 2, "train.precision": "mixed_float16"}

    check_params(write_params(tmp_path, {**head, **devices}))


@pytest.mark.parametrize(
    ("weights", "epochs", "named"),
    [
        ("none", {"scratch": 2, "head": 1, "fine_tune": 1}, ["scratch"]),
        ("none", {"scratch": 3, "head": 1, "fine_tune": 1}, []),
        ("imagenet", {"scratch": 1, "head": 120, "fine_tune": 1}, ["fine_tune"]),
        ("imagenet", {"scratch": 1, "head": 1, "fine_tune": 2}, ["head", "fine_tune"]),
        ("imagenet", {"scratch": 1, "head": 3, "fine_tune": 0}, []),
    ],
)
def test_a_warm_up_as_long_as_a_phase_is_noted(
    tmp_path: Path, weights: str, epochs: dict[str, int], named: list[str]
) -> None:
    changes = {f"train.{phase}.epochs": number for phase, number in epochs.items()}
    given = {"backbone.weights": weights, "train.warmup_epochs": 2, **changes}

    notes = [note for note in notes_of(tmp_path, given) if "warmup" in note]

    assert notes == [
        f"train.warmup_epochs is 2, all of train.{phase}.epochs: {epochs[phase]}, so that the "
        "learning rate rises to the end and never decays; to let it, lower train.warmup_epochs"
        for phase in named
    ]
