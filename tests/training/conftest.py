"""What several tests train or look at; Keras is imported by the fixtures that need it."""

import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stages.params.train import TrainParams
from stages.training.examples import Examples
from tests.small_project import write_network_and_features, write_tables
from tests.training.changes import changed
from tests.training.miniature import build_miniature, make_examples, small_settings

if TYPE_CHECKING:
    import keras


@pytest.fixture
def miniature(settings: TrainParams) -> "keras.Model":
    """A network with the layer names that training relies on."""
    return build_miniature(settings)


@pytest.fixture
def head(miniature: "keras.Model") -> "keras.Model":
    """The part of the miniature from features to probabilities, with the same layers."""
    import keras

    return keras.Model(miniature.get_layer("features").output, miniature.outputs[0])


@pytest.fixture
def examples(miniature: "keras.Model", tmp_path: Path) -> tuple[Examples, Examples]:
    """Fourteen images to train on and six for validation, with the features of the miniature."""
    return make_examples(miniature, tmp_path)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs of a training, with features of a stand-in for the backbone."""
    from stages.compute import determinism

    determinism.configure()
    folder = tmp_path_factory.mktemp("project")
    with chdir(folder):
        write_network_and_features(write_tables())
    return folder


@pytest.fixture
def workspace(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of that, as the current directory; precision is as before at the end."""
    import keras

    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    policy = keras.config.dtype_policy()
    yield tmp_path
    keras.config.set_dtype_policy(policy)


@pytest.fixture(scope="module")
def head_alone(settings: TrainParams) -> TrainParams:
    """Settings of a head that learns these colours at once."""
    return changed(settings, head__epochs=8, head__mixup=0.0, fine_tune__epochs=0, warmup_epochs=0)


@pytest.fixture(scope="module")
def settings() -> TrainParams:
    """Section `train` of params.yaml, for few and small images."""
    return small_settings()
