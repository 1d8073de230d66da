"""The stage on several devices and machines: these are processes on loopback."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from stages.compute import determinism
from stages.outputs.backbone import BACKBONE_DIR, write_description
from stages.outputs.features import FEATURES_DIR
from stages.outputs.views import VIEWS_DIR
from stages.params.features import FeaturesParams
from stages.params.train import TrainParams
from stages.stage import run
from stages.train.__main__ import main
from tests.feature_files import write_view_files
from tests.pipeline.workspace import contents
from tests.small_project import IMAGE_SIZE, write_tables
from tests.training.changes import changed
from tests.training.miniature import small_settings
from tests.two_machines import tf_configs
from waste_classifier.parallel import available_cores

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.features.__main__ import main as compute_features  # noqa: E402
from tests.legacy_weights import write_random_weights  # noqa: E402

ROOT = Path(__file__).parents[2]
OUTPUTS = ("data/model", "metrics", "plots")
SECONDS = 600
# An epoch of the head, then two in which the last block of conv4 trains.
SETTINGS = changed(
    small_settings(),
    lr=1e-5,
    head__epochs=1,
    fine_tune__epochs=2,
    fine_tune__first_block="conv4_block6",
)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs of a training, with a backbone that ends with conv4."""
    folder = tmp_path_factory.mktemp("pretrained")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    with chdir(folder):
        images = write_tables()
        stages = ("conv1", "conv2", "conv3", "conv4")
        file = write_random_weights(BACKBONE_DIR / "resnet50.h5", stages)
        write_description(BACKBONE_DIR, "file", file, None)
        compute_features(FeaturesParams(image_size=IMAGE_SIZE, batch_size=33))
        columns = np.load(next(FEATURES_DIR.glob("*.npy"))).shape[-1]
        write_view_files(VIEWS_DIR, images, np.empty((33, 0, columns), np.float32))
    keras.config.set_dtype_policy(policy)
    return folder


@pytest.fixture
def workspace(pretrained: Path, tmp_path: Path) -> Path:
    """A folder for copies of these inputs."""
    for name in ("first", "second"):
        write_params(Path(shutil.copytree(pretrained, tmp_path / name)))
    return tmp_path


def write_params(folder: Path, **values: object) -> None:
    section = changed(SETTINGS, **values).model_dump()
    with (folder / "params.yaml").open("w") as file:
        YAML().dump({"train": section}, file)


def start(folder: Path, tf_config: str = "") -> subprocess.Popen[str]:
    """Start the stage in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "stages.train"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CONFIG": tf_config},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(stage: subprocess.Popen[str]) -> str:
    """Return what a stage has printed when it has ended well."""
    printed, _ = stage.communicate(timeout=SECONDS)
    assert stage.returncode == 0, printed
    return printed


def kill_after(stage: subprocess.Popen[str], start_of_line: str) -> None:
    assert stage.stdout is not None
    for line in stage.stdout:
        if line.startswith(start_of_line):
            stage.send_signal(signal.SIGKILL)
            stage.communicate()
            return
    pytest.fail(f"no line {start_of_line!r}")


def start_two(workspace: Path) -> list[subprocess.Popen[str]]:
    """Start the stage in two folders, as of two machines; the first is the chief."""
    folders = (workspace / "first", workspace / "second")
    return [
        start(folder, tf_config) for folder, tf_config in zip(folders, tf_configs(), strict=True)
    ]


def test_two_machines_train_the_chief_alone_writes_and_a_kill_ends_both(workspace: Path) -> None:
    before = contents(workspace / "second", ".")
    chief, other = start_two(workspace)
    kill_after(chief, "epoch 1:")
    printed, _ = other.communicate(timeout=60)
    assert other.returncode == 1
    assert "error: machine 1 of 2: another machine of this training has ended" in printed
    assert "Traceback" not in printed

    chief, other = start_two(workspace)
    resumed = finish(chief)
    finish(other)

    assert "epoch 0:" not in resumed
    assert (workspace / "first/data/model/head.npz").is_file()
    assert (workspace / "first/metrics/train.json").is_file()
    assert contents(workspace / "second", ".") == before


def test_machines_of_other_parameters_are_refused(workspace: Path) -> None:
    write_params(workspace / "second", fine_tune__lr=0.002)

    stages = start_two(workspace)
    printed = [stage.communicate(timeout=SECONDS)[0] for stage in stages]

    assert [stage.returncode for stage in stages] == [1, 1]
    assert "error: machine 1 of 2: parameters, data, code, libraries or kind of" in printed[1]
    assert "error: machine 0 of 2: another machine of this training has ended" in printed[0]


@pytest.mark.parametrize(
    ("values", "tf_config", "message"),
    [
        pytest.param(
            {"devices": 64},
            "",
            "error: params.yaml: train.devices is 64, but this machine has ",
            marks=pytest.mark.skipif(available_cores() >= 64, reason="needs fewer than 64 cores"),
        ),
        ({}, "{", "error: TF_CONFIG: no JSON"),
    ],
)
def test_what_can_not_be_is_one_message(
    workspace: Path,
    values: dict[str, object],
    tf_config: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_params(workspace / "first", **values)
    monkeypatch.chdir(workspace / "first")
    monkeypatch.setenv("TF_CONFIG", tf_config)

    assert run("train", TrainParams, main) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(message)
