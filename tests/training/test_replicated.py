"""Several devices train as one does: two parts of this processor, and two processes on loopback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.two_machines import tf_configs
from waste_classifier.parallel import available_cores

ROOT = Path(__file__).parents[2]
SECONDS = 600

pytestmark = pytest.mark.skipif(available_cores() < 2, reason="needs two processor cores")


def start(case: str, folder: Path, tf_config: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.on_several_devices", case, str(folder)],
        cwd=ROOT,
        env={**os.environ, "TF_CONFIG": tf_config},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_two(case: str, folder: Path) -> list[subprocess.Popen[str]]:
    """Start two processes that train together; the first is the chief."""
    return [start(case, folder, tf_config) for tf_config in tf_configs()]


def wait_for_line(process: subprocess.Popen[str], start_of_line: str) -> None:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(start_of_line):
            return
    pytest.fail(f"no line {start_of_line!r} in {lines}")


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def finish(process: subprocess.Popen[str]) -> None:
    printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, printed


def trained(file: Path) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Return the weights that a training wrote, by their names, and its logs."""
    with np.load(file) as arrays:
        weights = dict(arrays)
    return weights, json.loads(str(weights.pop("logs", "[]")))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of trainings on one device and on two."""
    folder = tmp_path_factory.mktemp("compared")
    finish(start("compare", folder))
    return folder


@pytest.mark.parametrize("way", ["fine_tune", "augmented", "scratch"])
def test_weights_and_logs_of_an_epoch_on_two_devices_are_those_of_one(
    compared: Path, way: str
) -> None:
    # Of fourteen train images two are left out of batches of four; the last val batch is of two.
    one, logs_of_one = trained(compared / f"{way}-one.npz")
    several, logs = trained(compared / f"{way}-several.npz")

    assert [sorted(epoch) for epoch in logs] == [sorted(epoch) for epoch in logs_of_one]
    assert logs[0] == pytest.approx(logs_of_one[0], rel=1e-5)
    assert several.keys() == one.keys()
    for name, weights in one.items():
        np.testing.assert_allclose(several[name], weights, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("way", ["augmented", "scratch"])
def test_gradients_and_statistics_are_those_of_the_whole_batch(compared: Path, way: str) -> None:
    initial, _ = trained(compared / "initial.npz")
    one, _ = trained(compared / f"{way}-one.npz")
    several, _ = trained(compared / f"{way}-several.npz")

    moved = {name: float(np.abs(one[name] - initial[name]).max()) for name in initial}
    # Plain descent: by a gradient half as large, weights would move half as far.
    assert moved["conv4_block6_1_conv/kernel"] > 1e-6
    assert moved["hidden/kernel"] > 1e-6
    for name, weights in one.items():
        # Single precision has some 6e-8 of a number of about one.
        within = max(0.01 * moved[name], 5e-7)
        np.testing.assert_allclose(several[name], weights, rtol=0, atol=within, err_msg=name)
    # Random BatchNorm trains; pretrained does not.
    statistics = [name for name in moved if "moving" in name]
    assert [moved[name] > 0 for name in statistics] == [way == "scratch"] * len(statistics)


def test_killed_on_two_devices_it_ends_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    killed = start("resume", tmp_path)
    wait_for_line(killed, "again")
    wait_for_line(killed, "epoch")
    wait_for_line(killed, "epoch")
    kill(killed)
    whole, logs = trained(tmp_path / "whole.npz")
    assert not (tmp_path / "resumed.npz").exists()

    finish(start("resume", tmp_path))

    resumed, resumed_logs = trained(tmp_path / "resumed.npz")
    assert resumed_logs == logs
    assert resumed.keys() == whole.keys()
    for name, weights in whole.items():
        np.testing.assert_array_equal(resumed[name], weights)


def test_two_machines_end_with_equal_weights_and_a_kill_ends_both(
    compared: Path, tmp_path: Path
) -> None:
    # The second one has another head at first: it takes that of the chief.
    chief, other = start_two("machines", tmp_path)
    for process in (chief, other):
        wait_for_line(process, "again")
        wait_for_line(process, "epoch")
    kill(other)
    printed, _ = chief.communicate(timeout=60)

    assert chief.returncode == 1
    assert "machine 0 of 2: another machine of this training has ended" in printed
    one, _ = trained(compared / "fine_tune-one.npz")
    first, logs = trained(tmp_path / "machine-0.npz")
    second, logs_of_second = trained(tmp_path / "machine-1.npz")
    assert logs == logs_of_second
    assert first.keys() == second.keys() == one.keys()
    for name, weights in one.items():
        np.testing.assert_array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], weights, rtol=0, atol=1e-5, err_msg=name)


def test_a_machine_whose_others_do_not_come_ends_with_a_message(tmp_path: Path) -> None:
    chief, other = start_two("alone", tmp_path)
    kill(other)

    printed, _ = chief.communicate(timeout=SECONDS)

    assert chief.returncode == -signal.SIGKILL
    assert "error: machine 0 of 2: not all machines of TF_CONFIG (127.0.0.1:" in printed
