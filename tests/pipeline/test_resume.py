"""A stage that is killed goes on where it was, and ends as if it had never stopped."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.pipeline.workspace import contents, run, start, wait_for_line

# As `python -m stages.features`, but that a shard has few images, so that there are several.
FEATURES_IN_SHARDS_OF_20 = """
import sys
from stages.features.__main__ import main
from stages.outputs import features
from stages.params.features import FeaturesParams
from stages.stage import run

features.SHARD_IMAGES = 20
sys.exit(run("features", FeaturesParams, main))
"""


def kill(stage: subprocess.Popen[str]) -> list[str]:
    """Kill a stage; return the lines that it had printed and nobody had read."""
    stage.send_signal(signal.SIGKILL)
    rest, _ = stage.communicate()
    return rest.splitlines()


def kill_after(stage: subprocess.Popen[str], start_of_line: str) -> list[str]:
    """Kill a stage when it prints such a line; return all lines that it printed."""
    return wait_for_line(stage, start_of_line) + kill(stage)


def epochs(lines: list[str]) -> list[int]:
    return [int(line.split(":")[0].split()[1]) for line in lines if line.startswith("epoch ")]


def images_done(lines: list[str]) -> list[int]:
    return [int(line.split()[0]) for line in lines if line.endswith(" images/s")]


def test_a_training_killed_at_several_points_ends_with_the_same_bytes(workspace: Path) -> None:
    # The tiny pipeline trains four epochs: 0 and 1 of the head, 2 and 3 fine-tuning.
    outputs = ("data/model", "plots/train", "metrics")
    expected = contents(workspace, *outputs)
    unfinished = workspace / "data/.unfinished/train"

    # Before the first epoch has ended, after it, and within the second phase.
    training = start(workspace, "-m", "stages.train")
    while not (unfinished.is_dir() and any(path.is_dir() for path in unfinished.iterdir())):
        assert training.poll() is None
        time.sleep(0.01)
    before_any = kill(training)
    first = kill_after(start(workspace, "-m", "stages.train"), "epoch 0:")
    second = kill_after(start(workspace, "-m", "stages.train"), "epoch 2:")
    interrupted_model = contents(workspace, "data/model")
    last = run(workspace, sys.executable, "-m", "stages.train").stdout.splitlines()

    assert epochs(before_any) == []
    assert epochs(first)[0] == 0
    # An epoch that ended soon after one was saved is trained again; one that was saved, but not
    # printed, is not.
    assert 1 <= epochs(second)[0] <= epochs(first)[-1] + 2
    assert epochs(second)[0] < (epochs(last) or [4])[0] <= epochs(second)[-1] + 2
    assert interrupted_model == {
        path: content for path, content in expected.items() if path.startswith("data/model/")
    }, "left as it was until the end"
    assert contents(workspace, *outputs) == expected
    assert [path.name for path in unfinished.iterdir()] == ["lock"]


def test_a_second_training_is_refused_while_one_runs_until_it_is_asked_to_end(
    workspace: Path,
) -> None:
    training = start(workspace, "-m", "stages.train")
    wait_for_line(training, "epoch 0:")
    training.send_signal(signal.SIGSTOP)

    refused = run(workspace, sys.executable, "-m", "stages.train", check=False)
    training.send_signal(signal.SIGCONT)
    training.terminate()
    _, messages = training.communicate()

    assert refused.returncode == 1
    assert f"error: another training runs in this workspace (process {training.pid} holds " in (
        refused.stdout
    )
    assert "Traceback" not in refused.stdout
    assert training.returncode == 128 + signal.SIGTERM
    assert messages.splitlines()[-1] == "terminated"
    assert "Traceback" not in messages


def test_features_killed_go_on_at_the_next_shard_and_end_with_the_same_bytes(
    workspace: Path,
) -> None:
    # One shard of 60 images, computed in batches of 20.
    features = workspace / "data/features"
    expected = contents(workspace, "data/features")
    whole = np.load(features / "00000.npy")
    shutil.rmtree(features)

    killed = kill_after(start(workspace, "-c", FEATURES_IN_SHARDS_OF_20), "20 of 60 images")
    left = features.exists()
    last = run(workspace, sys.executable, "-c", FEATURES_IN_SHARDS_OF_20).stdout.splitlines()

    assert images_done(killed)[0] == 20
    # A shard that had been saved, but not printed, is not computed again.
    assert images_done(last) in ([40, 60], [60], [])
    assert not left, "an output that is not whole"
    shards = [np.load(features / f"0000{number}.npy") for number in range(3)]
    assert [len(shard) for shard in shards] == [20, 20, 20]
    assert np.concatenate(shards).tobytes() == whole.tobytes()
    for name in ("data/features/backbone.keras", "data/features/features.json"):
        assert (workspace / name).read_bytes() == expected[name]
    unfinished = workspace / "data/.unfinished/features"
    assert [path.name for path in unfinished.iterdir()] == ["lock"]
