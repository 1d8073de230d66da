"""The folder of a classifier: what stands in it, what is refused, and what needs no TensorFlow."""

import hashlib
import importlib.metadata
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import waste_classifier
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.head import Dense, Head
from waste_classifier.images import Photo
from waste_classifier.model import Contract, Model, write_model
from waste_classifier.orientations import ORIENTATIONS

ROOT = Path(__file__).parents[2]
LABELS = ["glass", "métal"]
#: Logits of the two labels are the only feature and 0.
HEAD = Head(None, Dense(np.array([[1, 0]], np.float32), np.zeros(2, np.float32)))
NETWORK = b"a network, which nothing here looks at"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "network.keras").write_bytes(NETWORK)
    folder = tmp_path / "model"
    folder.mkdir()
    write_model(
        folder, Contract(tuple(LABELS), tuple(ORIENTATIONS), 64), HEAD, tmp_path / "network.keras"
    )
    return folder


def change(folder: Path, **values: Any) -> None:
    file = folder / "classifier.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **values}))


def test_the_folder_describes_itself(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "backbone.keras",
        "classifier.json",
        "head.npz",
    ]
    assert (folder / "backbone.keras").read_bytes() == NETWORK
    described = json.loads((folder / "classifier.json").read_text("utf-8"))
    assert described == {
        "labels": ["glass", "métal"],
        "image_size": 64,
        "orientations": ["received", "turned"],
        "resizing": {"filter": "bilinear", "antialias": True, "keep_aspect_ratio": False},
        "backbone_sha256": hashlib.sha256(NETWORK).hexdigest(),
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("keras", "numpy", "pillow", "tensorflow")
        },
    }


def test_equal_inputs_give_equal_bytes(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    # A network that stands in its place already is left there.
    (again / "backbone.keras").write_bytes(NETWORK)

    write_model(
        again, Contract(tuple(LABELS), tuple(ORIENTATIONS), 64), HEAD, again / "backbone.keras"
    )

    for path in folder.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_a_loaded_classifier_knows_what_was_written(folder: Path) -> None:
    classifier = waste_classifier.Classifier.load(str(folder))

    assert classifier.labels == ("glass", "métal")
    assert classifier.image_size == 64
    assert classifier.orientations == ("received", "turned")
    assert classifier.backbone_sha256 == hashlib.sha256(NETWORK).hexdigest()


def test_probabilities_are_the_mean_over_orientations(folder: Path) -> None:
    features = np.array([[[0], [math.log(3)]], [[math.log(4)], [math.log(4)]]], np.float32)

    probabilities = Model.load(folder).predict_features(features)

    # 1/2 and 3/4 of glass; twice 4/5.
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, [[0.625, 0.375], [0.8, 0.2]], rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 2, 2)])
def test_features_of_other_orientations_or_another_backbone_are_refused(
    folder: Path, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"expected \(n, 2, 1\) features"):
        Model.load(folder).predict_features(np.zeros(shape, np.float32))


def as_file(pixels: npt.NDArray[np.uint8], folder: Path) -> Photo:
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder / "photo.png"


def as_image(pixels: npt.NDArray[np.uint8], _folder: Path) -> Photo:
    return Image.fromarray(pixels)


def as_array(pixels: npt.NDArray[np.uint8], _folder: Path) -> Photo:
    return pixels


@pytest.mark.parametrize(
    ("kind", "name"), [(as_file, r"/photo\.png"), (as_image, "photo 0"), (as_array, "photo 0")]
)
def test_a_photo_over_the_limit_is_refused_whatever_it_is(
    folder: Path,
    kind: Callable[[npt.NDArray[np.uint8], Path], Photo],
    name: str,
    tmp_path: Path,
) -> None:
    photo = kind(np.zeros((10, 11, 3), np.uint8), tmp_path)

    with pytest.raises(PhotoError, match=rf"{name}: 11 x 10 pixels, more than the limit of 109$"):
        Model.load(folder).predict([photo], max_pixels=109)


def test_there_is_a_limit_where_none_is_named(folder: Path) -> None:
    # One pixel in memory.
    photo = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (10_000, 5001, 3))

    with pytest.raises(PhotoError, match="5001 x 10000 pixels, more than the limit of 50000000"):
        Model.load(folder).predict([photo])


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as refused:
        Model.load(folder)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"3",
        b"[" * 100_000,
    ],
)
def test_a_damaged_description_is_named(folder: Path, content: bytes) -> None:
    file = folder / "classifier.json"
    file.write_bytes(content)

    message = refusal(folder)

    assert message.startswith(f"{file}: not the description of a classifier (")
    assert message.endswith("; bring the folder back whole")


@pytest.mark.parametrize(
    "values",
    [
        {"labels": None},
        {"labels": "glass"},
        {"labels": ["glass", 2]},
        {"orientations": []},
        {"orientations": ["upside_down"]},
        {"orientations": ["turned", "received"]},
        {"orientations": "received"},
        {"image_size": "large"},
        {"image_size": None},
    ],
)
def test_a_description_of_something_else_is_named(folder: Path, values: dict[str, Any]) -> None:
    change(folder, **values)

    assert "classifier.json: not the description of a classifier (" in refusal(folder)


@pytest.mark.parametrize(
    "key", ["labels", "image_size", "orientations", "resizing", "backbone_sha256"]
)
def test_a_description_that_lacks_a_key_names_it(folder: Path, key: str) -> None:
    file = folder / "classifier.json"
    described = json.loads(file.read_text("utf-8"))
    del described[key]
    file.write_text(json.dumps(described))

    assert f"not the description of a classifier (KeyError('{key}'))" in refusal(folder)


def test_a_folder_without_a_classifier_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere") == (
        f"{tmp_path}/nowhere/classifier.json: no such file; name the folder of a trained "
        "classifier, or train one"
    )


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"PK\x03\x04")])
def test_a_damaged_head_is_named(folder: Path, damage: Callable[[Path], object]) -> None:
    damage(folder / "head.npz")

    assert refusal(folder).startswith(f"{folder}/head.npz: can't be read (")


def test_another_resizing_is_refused(folder: Path) -> None:
    change(folder, resizing={"filter": "nearest"})

    assert refusal(folder) == (
        f"{folder}/classifier.json: made for photos resized by {{'filter': 'nearest'}}, but this "
        "version does {'filter': 'bilinear', 'antialias': True, 'keep_aspect_ratio': False}"
    )


def test_another_number_of_labels_than_the_head_has_is_refused(folder: Path) -> None:
    change(folder, labels=["glass", "metal", "paper"])

    assert refusal(folder) == (
        f"{folder}/classifier.json: names 3 labels, but head.npz gives 2 probabilities; bring the "
        "folder back whole"
    )


def imported_by(program: str, *arguments: str) -> set[str]:
    """Return the names of the modules that a program has imported at its end, of any package."""
    printed = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {name.split(".")[0] for name in printed.split()}


def test_the_package_alone_imports_nothing_heavy() -> None:
    program = "import waste_classifier; waste_classifier.InputError, waste_classifier.PhotoError"

    heavy = {"tensorflow", "keras", "numpy", "scipy", "PIL"}
    assert not heavy & imported_by(program)


def test_loading_and_features_need_no_tensorflow(folder: Path) -> None:
    program = (
        "import sys\n"
        "import numpy as np\n"
        "from waste_classifier import Classifier\n"
        "features = np.zeros((3, 2, 1), np.float32)\n"
        "probabilities = Classifier.load(sys.argv[1]).predict_features(features)\n"
        "assert probabilities.tolist() == [[0.5, 0.5]] * 3\n"
    )

    imported = imported_by(program, str(folder))

    assert "waste_classifier" in imported
    assert not {"tensorflow", "keras"} & imported


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Clasifier'"):
        waste_classifier.Clasifier  # noqa: B018
