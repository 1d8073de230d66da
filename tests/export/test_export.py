"""The stage: a classifier in every format, each run by its own runtime."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from stages.compute import determinism

determinism.configure()

from stages.export import __main__ as stage  # noqa: E402  (after the set-up)
from stages.export import formats  # noqa: E402
from stages.export.checks import LARGEST_DIFFERENCES  # noqa: E402
from stages.export.formats import METADATA_NAME, write_formats  # noqa: E402
from stages.export.integers import in_integers  # noqa: E402
from stages.outputs.export import EXPORT_DIR, FILE_NAMES  # noqa: E402
from stages.outputs.features import FEATURES_DIR  # noqa: E402
from stages.outputs.manifest import RAW_DIR, Manifest  # noqa: E402
from stages.outputs.model import MODEL_DIR  # noqa: E402
from stages.outputs.predictions import PREDICTIONS_FILE, write_predictions  # noqa: E402
from stages.outputs.split import read_split  # noqa: E402
from stages.params.export import ExportParams, Format  # noqa: E402
from stages.params.predict import PredictParams  # noqa: E402
from stages.predict.__main__ import main as predict  # noqa: E402
from tests.small_project import (  # noqa: E402
    COLUMNS,
    LABELS,
    write_network_and_features,
    write_tables,
)
from waste_classifier import Classifier, InputError  # noqa: E402
from waste_classifier.head import Dense, Head  # noqa: E402
from waste_classifier.images import load_resized  # noqa: E402
from waste_classifier.litert import LiteRTNetwork  # noqa: E402
from waste_classifier.model import Contract, Model, write_model  # noqa: E402
from waste_classifier.orientations import ORIENTATIONS  # noqa: E402

ROOT = Path(__file__).parents[2]
FORMATS: list[Format] = ["float32", "float16", "int8", "onnx", "saved_model"]
SETTINGS = ExportParams(seed=1, formats=FORMATS, compared_images=9, representative_images=12)
RANDOM = np.random.default_rng(1)
HEAD = Head(
    hidden=Dense(RANDOM.normal(0, 0.2, (COLUMNS, 8)).astype(np.float32), np.zeros(8, np.float32)),
    logits=Dense(RANDOM.normal(0, 1, (8, 3)).astype(np.float32), np.zeros(3, np.float32)),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the stage has run."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_network_and_features(write_tables())
        MODEL_DIR.mkdir()
        network = FEATURES_DIR / "backbone.keras"
        write_model(MODEL_DIR, Contract(LABELS, ORIENTATIONS, 32), HEAD, network)
        predict(PredictParams(batch_size=8))
        export_in_another_process()
    return root


def export_in_another_process() -> None:
    code = (
        "from stages.export.__main__ import main\n"
        "from stages.params.export import ExportParams\n"
        f"main(ExportParams(**{SETTINGS.model_dump()}))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@pytest.fixture(autouse=True)
def workspace(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def content() -> dict[str, bytes]:
    files = [path for path in EXPORT_DIR.rglob("*") if path.is_file()]
    return {path.relative_to(EXPORT_DIR).as_posix(): path.read_bytes() for path in files}


def test_every_format_says_what_the_classifier_says() -> None:
    metrics = json.loads(Path("metrics/export.json").read_text())

    assert set(FILE_NAMES) <= set(metrics)
    for name, limit in LARGEST_DIFFERENCES.items():
        assert metrics[name]["largest_difference"] <= limit
    for name in FILE_NAMES:
        assert metrics[name]["agreement"] == 1
        assert metrics[name]["verdict"] == "not told apart"
    assert metrics["int8"]["bytes"] < metrics["float16"]["bytes"] < metrics["float32"]["bytes"]


def test_the_backbone_of_int8_computes_in_integers_and_its_pooling_does_not() -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(EXPORT_DIR / "int8.tflite"))

    # What flows has a row for each orientation, weights for each output.
    flowing = {
        (each["dtype"].__name__, int(each["shape"][-1]))
        for each in interpreter.get_tensor_details()
        if len(each["shape"]) == 4 and each["shape"][0] == len(ORIENTATIONS)
    }
    outputs = interpreter.get_signature_runner().get_output_details()
    assert ("int8", COLUMNS // 2) in flowing
    assert outputs["features"]["dtype"] is np.float32


def test_the_ranges_of_int8_are_of_the_photos_given() -> None:
    content = (EXPORT_DIR / "float32.tflite").read_bytes()
    dark, bright = (np.full((32, 32, 3), value, np.uint8) for value in (20, 220))

    assert in_integers(content, [dark]) != in_integers(content, [bright])


def test_photos_of_train_alone_and_of_every_label_give_the_ranges() -> None:
    split = {row.path: row.split for row in read_split()}

    photos = stage.representative_photos(Manifest(), SETTINGS)

    paths = [Path(str(photo)).relative_to(RAW_DIR).as_posix() for photo in photos]
    assert len(set(paths)) == SETTINGS.representative_images
    assert {split[path] for path in paths} == {"train"}
    assert {path.partition("/")[0] for path in paths} == set(LABELS)
    # The last ones count for most, and are not to be of one label.
    assert paths != sorted(paths)


def test_equal_classifiers_give_equal_bytes() -> None:
    before = content()

    export_in_another_process()

    assert content() == before


def test_a_file_says_how_photos_become_its_input() -> None:
    import onnx

    described = {
        each.key: each.value for each in onnx.load(EXPORT_DIR / "classifier.onnx").metadata_props
    }

    contract = json.loads(described[METADATA_NAME])
    assert contract["labels"] == list(LABELS)
    assert contract["image_size"] == 32
    assert contract["resizing"]["filter"] == "bilinear"
    for name in ("float32.tflite", "int8.tflite"):
        assert json.dumps(contract).encode() in (EXPORT_DIR / name).read_bytes()


def test_the_activations_of_a_file_are_those_of_the_network() -> None:
    photo = RANDOM.integers(0, 255, (32, 32, 3)).astype(np.uint8)
    network = LiteRTNetwork.load(EXPORT_DIR / "float32.tflite")

    by_keras = Model.load(MODEL_DIR).backbone

    np.testing.assert_allclose(network.activations(photo), by_keras.activations(photo), atol=1e-4)
    np.testing.assert_allclose(
        network.features(photo[None], ORIENTATIONS),
        by_keras.features(photo[None], ORIENTATIONS),
        atol=1e-4,
    )


def test_a_format_that_says_something_else_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = content()

    def write_another(
        folder: Path,
        model: Model,
        names: list[Format],
        representative: Sequence[npt.NDArray[np.uint8]],
    ) -> None:
        head = Head(HEAD.hidden, Dense(-HEAD.logits.kernel, HEAD.logits.bias))
        contract = Contract(model.labels, model.orientations, model.image_size)
        another = Model(contract, head, model.folder, model.backbone_sha256)
        write_formats(folder, another, names, representative)

    monkeypatch.setattr(formats, "write_formats", write_another)
    with pytest.raises(InputError, match=r"data/export: not written: float32: probabilities"):
        stage.main(SETTINGS)

    assert content() == before


@pytest.fixture
def copy(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of that workspace, which a test may change."""
    shutil.copytree(project, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


@pytest.mark.usefixtures("copy")
def test_predictions_of_features_in_half_precision_are_no_obstacle() -> None:
    rows = [row for row in read_split() if row.split != "train"]
    said = Model.load(MODEL_DIR).predict([RAW_DIR / row.path for row in rows])
    # As bfloat16 rounds them.
    write_predictions(PREDICTIONS_FILE, rows, LABELS, said * np.float32(0.99) + np.float32(0.0033))

    stage.main(SETTINGS.model_copy(update={"formats": ["float32"]}))

    metrics = json.loads(Path("metrics/export.json").read_text())
    assert metrics["float32"]["largest_difference"] < 1e-4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file for LiteRT instead of a Keras network."""
    folder = tmp_path / "classifier"
    folder.mkdir()
    for name in ("classifier.json", "head.npz"):
        (folder / name).write_bytes((MODEL_DIR / name).read_bytes())
    (folder / "classifier.tflite").write_bytes((EXPORT_DIR / "float32.tflite").read_bytes())
    return folder


@pytest.mark.parametrize(
    ("name", "difference"), [("float32", 1e-4), ("float16", 1e-2), ("int8", 0.05)]
)
def test_a_classifier_by_litert_says_the_same(folder: Path, name: str, difference: float) -> None:
    shutil.copy(EXPORT_DIR / FILE_NAMES[name], folder / "classifier.tflite")
    photos = sorted(Path("data/raw").rglob("*.png"))[:5]

    by_litert, by_keras = Classifier.load(folder), Model.load(MODEL_DIR)

    np.testing.assert_allclose(by_litert.predict(photos), by_keras.predict(photos), atol=difference)


def test_the_command_line_needs_no_tensorflow(folder: Path) -> None:
    code = (
        "import sys\n"
        "from waste_classifier.__main__ import main\n"
        "code = main(sys.argv[1:])\n"
        "assert not {'tensorflow', 'keras', 'scipy', 'sklearn', 'pandas'} & set(sys.modules)\n"
        "sys.exit(code)\n"
    )
    photo = "data/raw/glass/00.png"

    done = subprocess.run(
        [sys.executable, "-c", code, "predict", "--model", str(folder), photo],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )

    assert (done.returncode, done.stderr) == (0, "")
    expected = Classifier.load(folder).decide([photo])[0]
    assert done.stdout == f"{photo}\t{expected.decision}\t{expected.probability:.2f}\n"


def test_a_damaged_file_is_refused(folder: Path) -> None:
    (folder / "classifier.tflite").write_bytes(b"no network")

    with pytest.raises(InputError, match=r"classifier\.tflite: not a network that LiteRT can run"):
        Classifier.load_whole(folder)


def test_numpy_alone_resizes_as_the_contract_says() -> None:
    photo = Image.fromarray(RANDOM.integers(0, 255, (90, 70, 3)).astype(np.uint8))
    document = (ROOT / "docs/how-to/devices.md").read_text()
    (code,) = [each for each in re.findall("```python\n(.*?)```", document, re.S) if "def " in each]
    written: dict[str, Any] = {"np": np}
    exec(code, written)

    by_hand = written["resized"](np.asarray(photo), 32)

    # Pillow rounds after each direction.
    assert np.abs(by_hand.astype(int) - load_resized(photo, 32)).max() <= 1
