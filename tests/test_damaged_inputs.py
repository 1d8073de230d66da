"""For any bytes in a file that a stage reads, it does its work or says what is wrong with it."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stages.class_weights.__main__ as class_weights
import stages.duplicates.__main__ as duplicates
import stages.evaluate.__main__ as evaluate
import stages.explore.__main__ as explore
import stages.predict.__main__ as predict
import stages.split.__main__ as split
import stages.train.__main__ as train
from stages.outputs.backbone import read_weights_file
from stages.outputs.model import MODEL_DIR
from stages.params.explore import ExploreParams
from stages.params.reading import check_section, read_params
from stages.params.sections import SECTIONS, check_params
from tests.damaged import damaged_bytes, damaged_document, damaged_table
from tests.small_project import write_project
from waste_classifier.errors import InputError
from waste_classifier.model import Model

PARAMS = Path(__file__).parents[1] / "params.yaml"
SECTION: dict[str, Any] = {
    name: check_section(name, schema, read_params(PARAMS)) for name, schema in SECTIONS.items()
}
SMALL = ExploreParams(seed=1, examples_per_label=1, duplicate_pairs=1, map_images=10)
READERS: dict[str, Callable[[], object]] = {
    "check_params": check_params,
    "features": read_weights_file,
    "duplicates": lambda: duplicates.main(SECTION["duplicates"]),
    "split": lambda: split.main(SECTION["split"]),
    "class_weights": lambda: class_weights.main(SECTION["class_weights"]),
    "train": lambda: train.read_data(SECTION["train"]),
    "classifier": lambda: Model.load(MODEL_DIR),
    "predict": lambda: predict.main(SECTION["predict"]),
    "evaluate": lambda: evaluate.main(SECTION["evaluate"]),
    "explore": lambda: explore.main(SMALL),
}
#: Who reads which file of `data`, and how many damages of it are tried: few where each takes long.
TRIED = {
    ("check_params", "../params.yaml"): 60,
    ("features", "backbone/backbone.json"): 60,
    ("duplicates", "manifest.csv"): 60,
    ("duplicates", "features/features.json"): 60,
    ("duplicates", "features/00000.npy"): 60,
    ("split", "manifest.csv"): 60,
    ("split", "duplicates.csv"): 60,
    ("class_weights", "split.csv"): 60,
    ("train", "manifest.csv"): 30,
    ("train", "split.csv"): 30,
    ("train", "class_weights.json"): 60,
    ("train", "features/features.json"): 60,
    ("train", "features/00000.npy"): 30,
    ("train", "features/backbone.keras"): 10,
    ("classifier", "model/classifier.json"): 100,
    ("classifier", "model/head.npz"): 100,
    ("predict", "split.csv"): 60,
    ("predict", "manifest.csv"): 30,
    ("predict", "features/00000.npy"): 30,
    ("evaluate", "predictions.csv"): 10,
    ("evaluate", "manifest.csv"): 5,
    ("evaluate", "raw/glass/10.png"): 5,
    ("explore", "manifest.csv"): 5,
    ("explore", "split.csv"): 5,
    ("explore", "conflicts.csv"): 5,
    ("explore", "duplicates.csv"): 5,
    ("explore", "suspects.csv"): 5,
    ("explore", "features/00000.npy"): 5,
    ("explore", "raw/glass/00.png"): 3,
}
DAMAGES = {".csv": damaged_table, ".json": damaged_document}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which all stages have run."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        (root / "params.yaml").write_bytes(PARAMS.read_bytes())
        write_project()
        READERS["predict"]()
    return root


@pytest.fixture
def workspace(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    return project / "data"


@pytest.mark.parametrize(("reader", "name"), TRIED)
def test_any_bytes_are_read_or_refused_with_a_message(
    reader: str, name: str, workspace: Path
) -> None:
    kept = {path: path.read_bytes() for path in workspace.glob("*.*")} | {
        workspace / name: (workspace / name).read_bytes()
    }
    content = kept[workspace / name]
    kinds = [damaged_bytes(content)]
    if damage := DAMAGES.get(Path(name).suffix):
        kinds += 3 * [damage(content)]

    @settings(
        max_examples=TRIED[reader, name],
        derandomize=True,
        deadline=None,
        database=None,
        # A busy machine is no fault of what is drawn.
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.one_of(kinds))
    def read(damaged: bytes) -> None:
        (workspace / name).unlink()
        (workspace / name).write_bytes(damaged)
        try:
            with warnings.catch_warnings(action="ignore"):
                READERS[reader]()
        except InputError as error:
            assert str(error)
        finally:
            for path, before in kept.items():
                # Anew: a mapping of a file that shrinks would kill the process.
                path.unlink()
                path.write_bytes(before)

    read()
