"""Photos through a classifier, in their order, each in one or more orientations."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from stages.compute import determinism

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.export.formats import write_formats  # noqa: E402
from waste_classifier import Classifier  # noqa: E402
from waste_classifier import backbone as backbones  # noqa: E402
from waste_classifier.backbone import Backbone, save_network  # noqa: E402
from waste_classifier.errors import InputError, PhotoError  # noqa: E402
from waste_classifier.head import Dense, Head  # noqa: E402
from waste_classifier.images import Photo, load_resized  # noqa: E402
from waste_classifier.litert import LiteRTNetwork  # noqa: E402
from waste_classifier.model import Contract, Model, write_model  # noqa: E402
from waste_classifier.orientations import ORIENTATIONS, Orientation  # noqa: E402

ROOT = Path(__file__).parents[2]
LABELS = ["glass", "métal"]
#: Of the red of the top left pixel, 0 to 1: the logits are twice that and 0.
HEAD = Head(None, Dense(np.array([[2, 0]], np.float32), np.zeros(2, np.float32)))
#: Of the pixels of three photos, from the top left.
REDS = np.array([[[255, 0], [102, 51]], [[0, 0], [0, 255]], [[51, 51], [51, 51]]], np.uint8)


@pytest.fixture(scope="module")
def backbone_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = keras.Input((2, 2, 3))
    corner = keras.layers.Cropping2D(((0, 1), (0, 1)))(images)
    red = keras.layers.Rescaling(1 / 255)(keras.layers.Flatten()(corner)[:, :1])
    file = tmp_path_factory.mktemp("network") / "corner.keras"
    save_network(keras.Model(images, red), file)
    return file


@pytest.fixture
def make(backbone_file: Path, tmp_path: Path) -> Callable[..., Model]:
    """Return what makes a classifier of some orientations, in the folder `model`."""

    def written(orientations: Sequence[Orientation] = ORIENTATIONS) -> Model:
        folder = tmp_path / "model"
        folder.mkdir()
        write_model(folder, Contract(tuple(LABELS), tuple(orientations), 2), HEAD, backbone_file)
        return Model.load(folder)

    return written


@pytest.fixture
def arrays() -> list[npt.NDArray[np.uint8]]:
    photos = np.zeros((3, 2, 2, 3), np.uint8)
    photos[..., 0] = REDS
    return list(photos)


def glass(red: float) -> float:
    """Return the probability of glass that the head gives."""
    return 1 / (1 + math.exp(-2 * red))


@pytest.mark.parametrize(
    ("orientations", "expected"),
    [
        (("received",), [glass(1), glass(0), glass(0.2)]),
        (("turned",), [glass(0.2), glass(1), glass(0.2)]),
        (ORIENTATIONS, [(glass(1) + glass(0.2)) / 2, (glass(0) + glass(1)) / 2, glass(0.2)]),
    ],
)
@pytest.mark.parametrize("batch_size", [2, 8])
def test_probabilities_are_means_over_orientations(
    make: Callable[..., Model],
    arrays: list[npt.NDArray[np.uint8]],
    orientations: tuple[Orientation, ...],
    expected: list[float],
    batch_size: int,
) -> None:
    probabilities = make(orientations).predict(arrays, batch_size)

    assert probabilities.dtype == np.float32
    first = np.array(expected)
    np.testing.assert_allclose(probabilities, np.stack([first, 1 - first], axis=1), rtol=1e-6)


def test_files_images_and_arrays_give_the_same(
    make: Callable[..., Model], arrays: list[npt.NDArray[np.uint8]], tmp_path: Path
) -> None:
    classifier = make()
    images = [Image.fromarray(array) for array in arrays]
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    kinds: list[list[Photo]] = [
        [*paths],
        [str(path) for path in paths],
        [*images],
        [paths[0], images[1], arrays[2]],
    ]

    expected = classifier.predict(arrays)

    for photos in kinds:
        np.testing.assert_array_equal(classifier.predict(photos), expected)


def test_photos_of_any_size_are_resized(make: Callable[..., Model]) -> None:
    photos = [np.full((height, width, 3), 51, np.uint8) for height, width in ((60, 90), (1, 3))]

    probabilities = make().predict(photos)

    np.testing.assert_allclose(probabilities[:, 0], [glass(0.2)] * 2, rtol=1e-6)


def test_no_photos_give_no_probabilities(make: Callable[..., Model]) -> None:
    assert make().predict([]).shape == (0, 2)


def test_a_photo_that_is_gone_is_named(make: Callable[..., Model], tmp_path: Path) -> None:
    with pytest.raises(
        PhotoError, match=r"gone\.png: cannot be read \(No such file or directory\)"
    ):
        make().predict([tmp_path / "gone.png"])


def test_what_is_known_of_the_backbone_is_true(make: Callable[..., Model]) -> None:
    classifier = make()

    assert classifier.image_size == classifier.backbone.image_size == 2
    assert classifier.backbone.columns == 1
    assert classifier.backbone is classifier.backbone


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"PK")])
def test_a_damaged_backbone_is_named_when_it_is_needed(
    make: Callable[..., Model],
    arrays: list[npt.NDArray[np.uint8]],
    damage: Callable[[Path], object],
    tmp_path: Path,
) -> None:
    classifier = make()
    damage(tmp_path / "model/backbone.keras")

    with pytest.raises(InputError, match=r"^.*/model/backbone\.keras: not a network that Keras "):
        classifier.predict(arrays)

    # Features that are known already need none.
    assert classifier.predict_features(np.ones((1, 2, 1), np.float32)).shape == (1, 2)


def test_a_backend_that_another_project_has_set_does_not_matter(
    make: Callable[..., Model], tmp_path: Path
) -> None:
    make()
    program = (
        "import sys\n"
        "import numpy as np\n"
        "from waste_classifier import Classifier\n"
        "photo = np.zeros((2, 2, 3), np.uint8)\n"
        "print(Classifier.load(sys.argv[1]).predict([photo]).tolist())\n"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model")],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert printed == "[[0.5, 0.5]]\n"


def test_a_folder_that_was_moved_is_the_same_classifier(
    make: Callable[..., Model], arrays: list[npt.NDArray[np.uint8]], tmp_path: Path
) -> None:
    expected = make().predict(arrays)

    shutil.move(tmp_path / "model", tmp_path / "elsewhere")
    moved = Model.load(str(tmp_path / "elsewhere"))

    assert json.loads((tmp_path / "elsewhere/classifier.json").read_text("utf-8"))
    np.testing.assert_array_equal(moved.predict(arrays), expected)


@pytest.mark.parametrize(("image_size", "features"), [(3, 1), (2, 2)])
def test_a_backbone_of_another_classifier_is_refused(
    make: Callable[..., Model], tmp_path: Path, image_size: int, features: int
) -> None:
    make()
    images = keras.Input((image_size, image_size, 3))
    flat = keras.layers.Flatten()(images)[:, :features]
    save_network(keras.Model(images, flat), tmp_path / "model/backbone.keras")

    with pytest.raises(InputError, match="but the rest of the classifier expects 2 and 1"):
        Model.load(tmp_path / "model").predict([np.zeros((2, 2, 3), np.uint8)])


@pytest.fixture(scope="module")
def by_keras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a classifier whose network has stages."""
    images = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(4, 3, padding="same")(images)
    maps = keras.layers.ReLU(name="conv5_block3_out")(maps)
    mean = keras.ops.mean(maps, axis=(1, 2))
    deviation = keras.ops.sqrt(keras.ops.var(maps, axis=(1, 2)) + 1e-5)
    network = keras.Model(images, keras.layers.Concatenate()([mean, deviation]))
    random = np.random.default_rng(0)
    network.set_weights([random.normal(0, 0.1, array.shape) for array in network.get_weights()])
    folder = tmp_path_factory.mktemp("by_keras")
    save_network(network, folder / "backbone.keras")
    logits = Dense(random.normal(0, 0.1, (8, 2)).astype(np.float32), np.zeros(2, np.float32))
    contract = Contract(tuple(LABELS), tuple(ORIENTATIONS), 8)
    write_model(folder, contract, Head(None, logits), folder / "backbone.keras")
    return folder


@pytest.fixture(scope="module")
def by_litert(by_keras: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by_litert") / "classifier"
    shutil.copytree(by_keras, folder)
    write_formats(folder, Model.load(by_keras), ["float32"], [])
    (folder / "float32.tflite").rename(folder / "classifier.tflite")
    return folder


@pytest.fixture
def photo() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["by_keras", "by_litert"])
def test_an_explanation_is_of_the_answer_given(
    name: str, photo: npt.NDArray[np.uint8], request: pytest.FixtureRequest
) -> None:
    classifier = Classifier.load(request.getfixturevalue(name))
    seen = load_resized(photo, 8)

    explanation = classifier.explain(photo)

    assert explanation.answer == classifier.decide([photo])[0]
    later = classifier.explain_seen(seen, classifier.features(seen[None])[0])
    np.testing.assert_array_equal(explanation.map, later.map)
    assert explanation.map.max() == 1


def test_an_explanation_takes_one_run_of_a_file_that_gives_all(
    by_litert: Path, photo: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    run = LiteRTNetwork.__call__

    def counted(network: LiteRTNetwork, image: npt.NDArray[np.uint8]) -> object:
        runs.append(image)
        return run(network, image)

    monkeypatch.setattr(LiteRTNetwork, "__call__", counted)

    Classifier.load(by_litert).explain(photo)

    assert len(runs) == 1


def test_the_network_up_to_its_last_stage_is_made_once(
    by_keras: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    last_stage_output = backbones.last_stage_output

    def counted(network: keras.Model) -> object:
        made.append(network)
        return last_stage_output(network)

    monkeypatch.setattr(backbones, "last_stage_output", counted)
    backbone = Backbone.load(by_keras / "backbone.keras")

    first, second = (backbone.activations(np.zeros((8, 8, 3), np.uint8)) for _ in range(2))

    np.testing.assert_array_equal(first, second)
    assert len(made) == 1


def test_threads_read_the_network_once(by_keras: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    load = Backbone.load

    def counted(file: Path) -> Backbone:
        read.append(file)
        return load(file)

    monkeypatch.setattr(Backbone, "load", counted)
    model = Model.load(by_keras)

    with ThreadPoolExecutor(4) as threads:
        networks = list(threads.map(lambda _: model.backbone, range(4)))

    assert len(read) == len(set(map(id, networks))) == 1
