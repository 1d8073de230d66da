"""From what was trained to the classifier, which must say the same."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from stages.compute import determinism
from waste_classifier.errors import InputError

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.resnet50.network import build_backbone  # noqa: E402
from stages.train.export import (  # noqa: E402
    choose_compared,
    export_classifier,
    write_backbone,
)
from tests.small_project import COLUMNS, build_pooling  # noqa: E402
from waste_classifier.backbone import Backbone, save_network  # noqa: E402
from waste_classifier.head import Dense, Head  # noqa: E402
from waste_classifier.model import Contract, Model  # noqa: E402
from waste_classifier.orientations import ORIENTATIONS  # noqa: E402

LABELS = ["glass", "métal", "paper"]
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
HEAD = Head(
    None,
    Dense(
        np.random.default_rng(1).normal(size=(COLUMNS, 3)).astype(np.float32),
        np.zeros(3, np.float32),
    ),
)


@pytest.fixture
def policy_as_before() -> Iterator[None]:
    """Sets the precision back that a test has set."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="module")
def backbone_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("network") / "backbone.keras"
    save_network(build_pooling(), file)
    return file


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for path, pixels in zip(paths, PIXELS, strict=True):
        Image.fromarray(pixels).save(path)
    return paths


@pytest.fixture
def export(
    tmp_path: Path, backbone_file: Path, photos: list[Path]
) -> Callable[..., tuple[Path, float]]:
    """Return what exports a classifier of which training says something else by some error."""
    features = Backbone.load(backbone_file).features(PIXELS, ORIENTATIONS)
    said = np.mean([HEAD(features[:, number]) for number in range(2)], axis=0)

    def exported(error: float, precision: str, name: str = "model") -> tuple[Path, float]:
        expected = said.copy()
        expected[1, 2] += error
        difference = export_classifier(
            tmp_path / name,
            Contract(tuple(LABELS), ORIENTATIONS, 32),
            HEAD,
            backbone_file,
            photos,
            expected,
            precision,
        )
        return tmp_path / name, difference

    return exported


def test_a_classifier_that_says_what_was_trained_is_delivered(
    export: Callable[..., tuple[Path, float]], photos: list[Path], backbone_file: Path
) -> None:
    folder, difference = export(0.0005, "float32")

    assert difference == pytest.approx(0.0005, abs=1e-5)
    assert sorted(path.name for path in folder.iterdir()) == [
        "backbone.keras",
        "classifier.json",
        "head.npz",
    ]
    assert (folder / "backbone.keras").read_bytes() == backbone_file.read_bytes()
    classifier = Model.load(folder)
    assert classifier.labels == ("glass", "métal", "paper")
    np.testing.assert_allclose(classifier.predict(photos).sum(axis=1), 1, rtol=1e-5)


def test_equal_inputs_give_equal_bytes(export: Callable[..., tuple[Path, float]]) -> None:
    first, _ = export(0, "float32", "first")
    second, _ = export(0, "float32", "second")

    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


@pytest.mark.parametrize(
    ("precision", "allowed", "refused"),
    [
        ("float32", 0.0009, 0.0011),
        ("mixed_float16", 0.019, 0.021),
        ("mixed_bfloat16", 0.09, 0.11),
    ],
)
def test_half_precision_may_differ_more(
    export: Callable[..., tuple[Path, float]], precision: str, allowed: float, refused: float
) -> None:
    export(allowed, precision)

    with pytest.raises(InputError, match="does not say what was trained"):
        export(refused, precision)


def test_a_classifier_that_says_something_else_leaves_the_one_before(
    export: Callable[..., tuple[Path, float]], tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/of_before.txt").write_text("old")

    with pytest.raises(InputError) as refused:
        export(0.25, "float32")

    assert str(refused.value) == (
        f"{tmp_path}/model: the classifier does not say what was trained: probabilities differ by "
        "up to 0.2500 on 2 val images, more than 0.001 (float32); set train.precision to float32, "
        "or run `dvc repro --force features`"
    )
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["of_before.txt"]
    assert not (tmp_path / ".unfinished").exists()


def test_a_probability_that_is_no_number_is_no_match(
    export: Callable[..., tuple[Path, float]],
) -> None:
    with pytest.raises(InputError, match="differ by up to nan"):
        export(np.nan, "mixed_bfloat16")


def test_an_older_classifier_is_replaced_whole(
    export: Callable[..., tuple[Path, float]], tmp_path: Path
) -> None:
    for left_over in ("model/left_over.txt", ".unfinished/model.new/of_a_killed_run.txt"):
        (tmp_path / left_over).parent.mkdir(parents=True)
        (tmp_path / left_over).write_text("old")

    folder, _ = export(0, "float32")

    assert len(list(folder.iterdir())) == 3
    assert not (folder / "left_over.txt").exists()
    assert not (tmp_path / ".unfinished").exists()


def one_hot(labels: list[int]) -> npt.NDArray[np.float32]:
    return np.eye(4, dtype=np.float32)[labels]


@pytest.mark.parametrize(
    ("labels", "count", "expected"),
    [
        # The first of each label, then others.
        ([1, 1, 0, 1, 3], 4, [2, 0, 4, 1]),
        ([0, 1, 2, 3], 2, [0, 1]),
        ([2, 2], 4, [0, 1]),
    ],
)
def test_photos_of_each_label_are_compared(
    labels: list[int], count: int, expected: list[int]
) -> None:
    assert choose_compared(one_hot(labels), count).tolist() == expected


@pytest.mark.usefixtures("policy_as_before")
def test_a_backbone_is_written_in_full_precision_without_batch_norm(tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    trained = build_backbone(32, "conv3")
    random = np.random.default_rng(0)
    for layer in trained.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    expected = np.asarray(trained(PIXELS.astype(np.float32)))
    keras.config.set_dtype_policy("mixed_bfloat16")
    half = build_backbone(32, "conv3")
    half.set_weights(trained.get_weights())

    write_backbone(tmp_path / "first.keras", half, 32, "conv3")
    write_backbone(tmp_path / "second.keras", half, 32, "conv3")

    assert (tmp_path / "first.keras").read_bytes() == (tmp_path / "second.keras").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.keras", "second.keras"]
    network = keras.saving.load_model(tmp_path / "first.keras")
    assert not [layer.name for layer in network.layers if layer.name.endswith("_bn")]
    written = Backbone.load(tmp_path / "first.keras").features(PIXELS, ["received"])[:, 0]
    # Its weights are those of before, since Keras keeps them in full precision.
    np.testing.assert_allclose(written, expected, rtol=1e-3, atol=1e-3)
