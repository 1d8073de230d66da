"""Several devices train as one does: two parts of this processor, and two processes on loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from waste_classifier.parallel import available_cores

ROOT = Path(__file__).parents[2]
SECONDS = 600

pytestmark = pytest.mark.skipif(available_cores() < 2, reason="needs two processor cores")


def start(case: str, file: Path, tf_config: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.on_several_devices", case, str(file)],
        cwd=ROOT,
        env={**os.environ, "TF_CONFIG": tf_config},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def trained(case: str, folder: Path) -> dict[str, Any]:
    """Return the weights by run and name, and the logs of each run, that a case wrote."""
    process = start(case, folder / f"{case}.npz")
    _, messages = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, messages
    return written(folder / f"{case}.npz")


def written(file: Path) -> dict[str, Any]:
    with np.load(file) as arrays:
        return {
            name: json.loads(str(values)) if name.endswith(":logs") else values
            for name, values in arrays.items()
        }


def of_run(results: dict[str, Any], run: str) -> dict[str, Any]:
    return {
        name.removeprefix(f"{run}:"): values
        for name, values in results.items()
        if name.startswith(f"{run}:")
    }


def two_machines(case: str, folder: Path) -> list[subprocess.Popen[str]]:
    """Start two processes that train together; the first is the chief."""
    addresses = []
    sockets = [socket.socket() for _ in range(2)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
        addresses.append(f"127.0.0.1:{opened.getsockname()[1]}")
    for opened in sockets:
        opened.close()
    return [
        start(
            case,
            folder / f"{index}.npz",
            json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]


@pytest.fixture(scope="module")
def fine_tuned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return trained("fine_tune", tmp_path_factory.mktemp("fine_tuned"))


def assert_same_epochs(several: list[dict[str, float]], one: list[dict[str, float]]) -> None:
    assert len(several) == len(one) > 0
    for ours, theirs in zip(several, one, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_fine_tuning_on_two_devices_ends_with_the_weights_of_one(
    fine_tuned: dict[str, Any],
) -> None:
    one, several = of_run(fine_tuned, "one"), of_run(fine_tuned, "several")

    # Of fourteen train images two are left out of batches of four; the last val batch is of two.
    assert_same_epochs(several.pop("logs"), one.pop("logs"))
    assert several.keys() == one.keys()
    for name, weights in one.items():
        np.testing.assert_allclose(several[name], weights, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("case", ["augmented", "scratch"])
def test_gradients_and_statistics_are_those_of_the_whole_batch(case: str, tmp_path: Path) -> None:
    results = trained(case, tmp_path)
    initial, one, several = (of_run(results, run) for run in ("initial", "one", "several"))

    assert_same_epochs(several.pop("logs"), one.pop("logs"))
    moved = {name: np.abs(one[name] - weights).max() for name, weights in initial.items()}
    # Plain descent: a gradient that is half as large would move weights half as far.
    assert moved["hidden/kernel"] > 1e-7
    for name, weights in one.items():
        within = max(0.01 * moved[name], 1e-6)
        np.testing.assert_allclose(several[name], weights, rtol=0, atol=within, err_msg=name)
    # Pretrained BatchNorm does not train; random BatchNorm does.
    statistics = [name for name in moved if "moving" in name]
    assert [moved[name] > 0 for name in statistics] == [case == "scratch"] * len(statistics)


def test_a_training_on_two_devices_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    results = trained("resume", tmp_path)
    whole, resumed = of_run(results, "whole"), of_run(results, "resumed")

    assert resumed.pop("logs") == whole.pop("logs")
    assert resumed.keys() == whole.keys()
    for name, weights in whole.items():
        np.testing.assert_array_equal(resumed[name], weights)


def test_two_machines_end_with_equal_weights_those_of_one_device(
    fine_tuned: dict[str, Any], tmp_path: Path
) -> None:
    # The second one starts with another head: it takes what the chief has.
    for process in two_machines("machines", tmp_path):
        _, messages = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, messages

    first, second = (of_run(written(tmp_path / f"{n}.npz"), "several") for n in range(2))
    one = of_run(fine_tuned, "one")
    assert first.pop("logs") == second.pop("logs")
    for name, weights in first.items():
        np.testing.assert_array_equal(second[name], weights)
        np.testing.assert_allclose(weights, one[name], rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_machine_that_is_killed_ends_the_other_with_a_message(
    victim: int, tmp_path: Path
) -> None:
    processes = two_machines("endless", tmp_path)
    for process in processes:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("epoch"):
            assert process.poll() is None

    processes[victim].send_signal(signal.SIGKILL)
    processes[victim].communicate()
    _, messages = processes[1 - victim].communicate(timeout=60)

    assert processes[1 - victim].returncode == 1
    assert f"machine {1 - victim} of 2: another machine of this training has ended" in messages


def test_a_machine_whose_others_do_not_come_ends_with_a_message(tmp_path: Path) -> None:
    first, second = two_machines("alone", tmp_path)
    second.kill()
    second.communicate()

    _, messages = first.communicate(timeout=SECONDS)

    assert first.returncode == 1
    assert "error: machine 0 of 2: not all machines of TF_CONFIG (127.0.0.1:" in messages
