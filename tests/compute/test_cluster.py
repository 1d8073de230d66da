"""A real cluster of Ray on this machine: nodes that come, go, and see other files or processors.

The head has no core to compute on: it is the driver's node, as on a machine that only hands out.
Nodes are told apart by their loopback addresses.
"""

import hashlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stages.compute import determinism

determinism.configure()


from stages.compute import cluster  # noqa: E402
from stages.compute.cluster import OfPhotos, Read, _Crew, _slots, connected, spread  # noqa: E402
from stages.cross_validate import __main__ as cross_validate_stage  # noqa: E402
from stages.features import __main__ as features_stage  # noqa: E402
from stages.frozen.shards import of_same_backbone  # noqa: E402
from stages.outputs.backbone import BACKBONE_DIR, write_description  # noqa: E402
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE  # noqa: E402
from stages.outputs.features import (  # noqa: E402
    FEATURES_DIR,
    NETWORK_NAME,
    UNFINISHED_DIR,
    Description,
)
from stages.outputs.manifest import RAW_DIR  # noqa: E402
from stages.outputs.model import MODEL_DIR  # noqa: E402
from stages.outputs.predictions import PREDICTIONS_FILE  # noqa: E402
from stages.outputs.views import VIEWS_DIR  # noqa: E402
from stages.params.class_weights import ClassWeightsParams  # noqa: E402
from stages.params.cross_validate import CrossValidateParams  # noqa: E402
from stages.params.features import FeaturesParams  # noqa: E402
from stages.params.predict import PredictParams  # noqa: E402
from stages.params.views import ViewsParams  # noqa: E402
from stages.predict import __main__ as predict_stage  # noqa: E402
from stages.stage import run  # noqa: E402
from stages.views import __main__ as views_stage  # noqa: E402
from tests.legacy_weights import write_random_weights  # noqa: E402
from tests.small_project import (  # noqa: E402
    COLUMNS,
    IMAGE_SIZE,
    LABELS,
    write_network_and_features,
    write_tables,
)
from tests.training.changes import changed  # noqa: E402
from tests.training.miniature import small_settings  # noqa: E402
from waste_classifier.errors import InputError  # noqa: E402
from waste_classifier.head import Dense, Head  # noqa: E402
from waste_classifier.model import Contract, write_model  # noqa: E402
from waste_classifier.orientations import ORIENTATIONS  # noqa: E402

WHY = "needs Ray: the extra 'cluster'"
ROOT = Path(__file__).parents[2]
SETTINGS = FeaturesParams(image_size=32, batch_size=4)
VIEWS = ViewsParams(seed=5, count=2, ground=0.5)
MEMORY = 80 * 2**20
NODE = {"num_cpus": 1, "object_store_memory": MEMORY}


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """A cluster whose only node does not compute."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    pytest.importorskip("ray", reason=WHY)
    from ray.cluster_utils import Cluster

    # Ray takes it in a process that starts nodes.
    handler = signal.getsignal(signal.SIGTERM)
    arguments = {**NODE, "num_cpus": 0, "include_dashboard": False}
    nodes = Cluster(
        initialize_head=True, head_node_args={**arguments, "node_ip_address": "127.0.0.2"}
    )
    yield nodes
    nodes.shutdown()
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def two_nodes(head: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Two nodes of a core each, and RAY_ADDRESS set to their cluster."""
    monkeypatch.setenv("RAY_ADDRESS", head.address)
    standing = {node.node_ip_address: node for node in head.worker_nodes}
    nodes = [
        standing.get(address) or head.add_node(**NODE, node_ip_address=address)
        for address in ("127.0.0.3", "127.0.0.4")
    ]
    # One that a test before has removed is missed after some seconds only.
    head.wait_for_nodes(timeout=60)
    return nodes


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of conv1 to conv3, in the layout of the published files."""
    path = tmp_path_factory.mktemp("weights") / "resnet50.h5"
    return write_random_weights(path, ("conv1", "conv2", "conv3"))


def write_workspace(patch: pytest.MonkeyPatch, folder: Path, weights_file: Path) -> None:
    """Write 33 photos, that come in six shards, and weights, and go there."""
    patch.chdir(folder)
    patch.setattr("stages.outputs.features.SHARD_IMAGES", 6)
    write_tables()
    file = BACKBONE_DIR / "resnet50.h5"
    file.symlink_to(weights_file)
    write_description(BACKBONE_DIR, "file", file, None)
    Path("params.yaml").write_text("features: {image_size: 32, batch_size: 4}\n")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights_file: Path) -> Path:
    """A workspace without features."""
    write_workspace(monkeypatch, tmp_path, weights_file)
    return tmp_path


@pytest.fixture(scope="module")
def computed_here(
    tmp_path_factory: pytest.TempPathFactory, weights_file: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """The checksums of features and views that this machine computes alone."""
    with pytest.MonkeyPatch.context() as patch:
        write_workspace(patch, tmp_path_factory.mktemp("alone"), weights_file)
        features_stage.main(SETTINGS)
        views_stage.main(SETTINGS, VIEWS)
        return checksums(), checksums(VIEWS_DIR)


def checksums(directory: Path = FEATURES_DIR) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()
    }


@contextmanager
def without_cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS")
        yield


def at_first_shard(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Do something when the first shard has been written."""
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 1:
            action()
        print(line)

    monkeypatch.setattr("stages.frozen.shards.say", say)


def once_all_are_ready(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    """Hand out nothing before so many workers are ready: the first could do all before others."""
    hand_out = _Crew.hand_out
    started: list[bool] = []

    def wait_for_all(crew: "_Crew", waiting: deque[Any]) -> None:
        if started or len(crew._ready()) == workers:
            started.append(True)
            hand_out(crew, waiting)

    monkeypatch.setattr(_Crew, "hand_out", wait_for_all)


def count_those_at_work(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return what tells how many workers have had work at once."""
    results = _Crew.results
    counts: list[int] = []

    def counted(crew: _Crew, *arguments: Any) -> Iterator[Any]:
        counts.append(sum(bool(member.given) for member in crew._members.values()))
        return results(crew, *arguments)

    monkeypatch.setattr(_Crew, "results", counted)
    return lambda: max(counts)


def shard_lines(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if " of 33 images, " in line]


def error_lines(printed: str) -> list[str]:
    # A slow machine says there how far it has come.
    return [line for line in printed.splitlines() if not line.startswith("features: ")]


@pytest.mark.usefixtures("two_nodes", "workspace")
def test_features_and_views_have_the_bytes_of_this_machine(
    computed_here: tuple[dict[str, str], dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    expected, expected_views = computed_here
    capsys.readouterr()

    features_stage.main(SETTINGS)
    views_stage.main(SETTINGS, VIEWS)

    assert checksums() == expected
    assert checksums(VIEWS_DIR) == expected_views
    printed = capsys.readouterr().out
    assert [line.split(",")[0] for line in shard_lines(printed)[5::6]] == ["33 of 33 images"] * 2
    assert "another kind of processor" not in printed
    assert sorted(expected) == [f"{number:05}.npy" for number in range(6)] + [
        "SHA256SUMS",
        "backbone.keras",
        "features.json",
    ]


@pytest.mark.usefixtures("two_nodes")
def test_predictions_have_the_bytes_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stages.predict.apply.BATCHES_AT_ONCE", 1)
    write_network_and_features(write_tables())
    MODEL_DIR.mkdir(exist_ok=True)
    weights = np.random.default_rng(1).normal(size=(COLUMNS, 3)).astype(np.float32)
    head = Head(None, Dense(weights, np.zeros(3, np.float32)))
    contract = Contract(LABELS, ORIENTATIONS, IMAGE_SIZE)
    write_model(MODEL_DIR, contract, head, FEATURES_DIR / NETWORK_NAME)
    # Of another backbone: the network must run.
    Description.read(FEATURES_DIR)._replace(backbone_sha256=None).write(FEATURES_DIR)
    with without_cluster():
        predict_stage.main(PredictParams(batch_size=4))
    expected = PREDICTIONS_FILE.read_bytes()
    PREDICTIONS_FILE.unlink()

    predict_stage.main(PredictParams(batch_size=4))

    assert PREDICTIONS_FILE.read_bytes() == expected


@pytest.mark.usefixtures("two_nodes", "workspace")
def test_fine_tuned_folds_have_the_bytes_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sections = (
        CrossValidateParams(seed=1, folds=2, repeats=1),
        ClassWeightsParams(scheme="balanced", beta=0.999),
        changed(
            small_settings(), head__epochs=2, fine_tune__epochs=2, fine_tune__first_block="conv3"
        ),
    )
    with without_cluster():
        features_stage.main(SETTINGS)
        views_stage.main(SETTINGS, ViewsParams(seed=5, count=0, ground=0.5))
        cross_validate_stage.main(*sections)
    expected = CROSS_VALIDATION_FILE.read_bytes()
    CROSS_VALIDATION_FILE.unlink()
    capsys.readouterr()
    # Nothing but the heads trains here.
    monkeypatch.delattr("stages.cross_validate.scoring.score_fold")
    once_all_are_ready(monkeypatch, 2)
    most = count_those_at_work(monkeypatch)

    cross_validate_stage.main(*sections)

    assert most() == 2, "one worker waited while the other had both"
    assert CROSS_VALIDATION_FILE.read_bytes() == expected
    told, *lines = capsys.readouterr().out.splitlines()
    assert told == "2 folds train on the cluster"
    assert {line.split(",")[0] for line in lines} >= {"fold 0: 17 images", "fold 1: 16 images"}


def endless_on(node_id: str, make: Callable[..., OfPhotos]) -> Callable[..., OfPhotos]:
    """Return what makes workers, of which those on one node do not come to an end."""

    def make_worker(*parts: Any) -> OfPhotos:
        import ray

        if ray.get_runtime_context().get_node_id() == node_id:
            return lambda *_: time.sleep(600)  # type: ignore[return-value]
        return make(*parts)

    return make_worker


@pytest.mark.usefixtures("workspace", "words_travel")
def test_a_node_that_leaves_loses_what_it_was_at_alone(
    head: Any,
    two_nodes: list[Any],
    computed_here: tuple[dict[str, str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected, _ = computed_here
    capsys.readouterr()
    once_all_are_ready(monkeypatch, len(two_nodes))
    endless = endless_on(two_nodes[0].node_id, of_same_backbone)
    monkeypatch.setattr("stages.frozen.shards.of_same_backbone", endless)
    at_first_shard(monkeypatch, lambda: head.remove_node(two_nodes[0], allow_graceful=False))

    features_stage.main(SETTINGS)

    assert checksums() == expected
    printed = capsys.readouterr().out
    assert "127.0.0.3: a worker is gone, or its node; others take its photos" in printed
    assert len(shard_lines(printed)) == 6, "none was computed twice"


# Of the shards and the parameters of these tests, as the stage is run.
PROGRAM = """\
import sys
from stages.outputs import features
features.SHARD_IMAGES = 6
from stages.features.__main__ import FeaturesParams, main, run
sys.exit(run("features", FeaturesParams, main))
"""


def start_driver() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_after_first_shard() -> None:
    with start_driver() as driver:
        assert driver.stdout is not None
        # A slow machine says before that no worker has started yet.
        assert any(line.startswith("6 of 33 images, ") for line in driver.stdout)
        driver.kill()
        driver.communicate()


@pytest.mark.usefixtures("two_nodes", "workspace")
def test_a_driver_that_is_killed_leaves_no_workers_and_goes_on_at_the_next_shard(
    computed_here: tuple[dict[str, str], dict[str, str]],
) -> None:
    kill_after_first_shard()
    wait_until(lambda: not ray_workers())

    # On this machine too: where it ran is of no account.
    with without_cluster(), start_driver() as driver:
        printed, _ = driver.communicate()

    assert driver.returncode == 0
    assert len(shard_lines(printed)) < 6
    expected, _ = computed_here
    assert checksums() == expected
    assert [path.name for path in UNFINISHED_DIR.iterdir()] == ["lock"]


def ray_workers() -> list[str]:
    """Return the processes of Ray on this machine that compute."""
    listed = subprocess.run(
        ["ps", "-eo", "args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [line for line in listed if line.startswith(("ray::Worker", "ray::PhotoReader"))]


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


@contextmanager
def blind_node(address: str, mounts: Sequence[str]) -> Iterator[None]:
    """Run a node in a mount namespace of its own."""
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system allows no mount namespaces")
    ray = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", f"--address={address}"),
        *("--node-ip-address=127.0.0.5", "--num-cpus=1", f"--object-store-memory={MEMORY}"),
        "--block",
    ]
    script = " && ".join([*mounts, f"exec {shlex.join(ray)}"])
    with subprocess.Popen(
        [*namespace, "sh", "-c", script], stdout=subprocess.DEVNULL, start_new_session=True
    ) as node:
        try:
            yield
        finally:
            node.terminate()


def test_a_node_without_photos_or_code_gets_both_and_another_processor_is_told(
    head: Any,
    workspace: Path,
    computed_here: tuple[dict[str, str], dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected, _ = computed_here
    capsys.readouterr()
    monkeypatch.setenv("RAY_ADDRESS", head.address)
    cpuinfo = tmp_path_factory.mktemp("proc") / "cpuinfo"
    cpuinfo.write_text("model name\t: Abacus 3000\nflags\t\t: fpu sse2 avx\n")
    for seeing in list(head.worker_nodes):
        head.remove_node(seeing, allow_graceful=False)
    hidden = [workspace, ROOT / "stages", ROOT / "waste_classifier"]
    mounts = [shlex.join(["mount", "-t", "tmpfs", "none", str(folder)]) for folder in hidden]
    mounts.append(f"mount --bind {cpuinfo} /proc/cpuinfo")

    with blind_node(head.address, mounts):
        features_stage.main(SETTINGS)

    assert checksums() == expected
    told = [line for line in capsys.readouterr().out.splitlines() if "processor" in line]
    assert told == [
        "127.0.0.5: another kind of processor than this machine's (Abacus 3000, avx): what it "
        "computes may differ in the last bits"
    ]


def test_a_node_with_an_older_copy_of_the_photos_gets_those_of_the_driver(
    head: Any,
    workspace: Path,
    computed_here: tuple[dict[str, str], dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected, _ = computed_here
    monkeypatch.setenv("RAY_ADDRESS", head.address)
    for seeing in list(head.worker_nodes):
        head.remove_node(seeing, allow_graceful=False)
    older = tmp_path_factory.mktemp("older")
    shutil.copytree(workspace / RAW_DIR, older, dirs_exist_ok=True)
    # The first one alone is as it was, by which a node tells whether it sees photos.
    _, *others = sorted(older.glob("*/*.png"))
    for photo in others:
        photo.write_bytes(photo.read_bytes() + b"older")
    mounts = [shlex.join(["mount", "--bind", str(older), str(workspace / RAW_DIR)])]

    with blind_node(head.address, mounts):
        features_stage.main(SETTINGS)

    assert checksums() == expected


@pytest.mark.usefixtures("two_nodes", "workspace")
def test_a_broken_photo_is_one_line_of_error_as_on_this_machine(
    capfd: pytest.CaptureFixture[str],
) -> None:
    photo = RAW_DIR / "metal/03.png"
    photo.write_bytes(photo.read_bytes()[:100])

    assert run("features", FeaturesParams, features_stage.main) == 1

    assert error_lines(capfd.readouterr().err) == [
        "error: data/raw/metal/03.png: not the photo that data/manifest.csv describes; run `dvc "
        "checkout` to bring the photo back"
    ]
    assert not FEATURES_DIR.exists()


class Word(str):
    """A photo that is its name."""

    def read_bytes(self) -> bytes:
        return self.encode()


def lengths(die: Callable[[str], bool]) -> Callable[[], OfPhotos]:
    """Return what makes workers that count letters, and die over some words."""

    def make() -> OfPhotos:
        def of_photos(words: Sequence[str], _: Read) -> npt.NDArray[np.float32]:
            for word in words:
                if die(word):
                    os._exit(1)
            return np.array([len(word) for word in words], np.float32)

        return of_photos

    return make


@pytest.fixture
def words_travel() -> Iterator[None]:
    """Let nodes have the functions of this module, which no stage's code has."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.mark.usefixtures("two_nodes", "words_travel")
def test_other_versions_on_a_node_are_named(head: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = {**cluster.library_versions(), "keras": "1.0"}
    there = cluster.library_versions()["keras"]
    monkeypatch.setattr(cluster, "library_versions", lambda: here)

    with (
        connected(head.address),
        pytest.raises(
            InputError,
            match=rf"^127\.0\.0\.\d: a node of the cluster has keras {there}, not 1\.0; install",
        ),
    ):
        list(spread(lengths(lambda _: False), [("a", [Word("a")])]))


@pytest.mark.usefixtures("two_nodes", "words_travel")
def test_a_worker_that_dies_is_replaced_but_not_for_ever(
    head: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A worker takes seconds to start.
    monkeypatch.setattr(cluster, "DEATHS_PER_PIECE", 2)
    once = str(tmp_path / "died")

    def die(word: str) -> bool:
        if word == "always":
            return True
        if word == "once" and not os.path.exists(once):  # noqa: PTH110 (what travels is a string)
            with open(once, "w"):  # noqa: PTH123
                return True
        return False

    pieces = [(name, [Word(name)]) for name in ("a", "once", "three", "of")]
    ending = signal.getsignal(signal.SIGTERM)
    with connected(head.address):
        assert signal.getsignal(signal.SIGTERM) == ending, "Ray would take it"
        counted = dict(spread(lengths(die), pieces))
        assert {name: lengths.tolist() for name, lengths in counted.items()} == {
            "a": [1],
            "once": [4],
            "three": [5],
            "of": [2],
        }
        assert capsys.readouterr().out.count("a worker is gone") == 1

        with pytest.raises(InputError, match=r"^always and 0 photos after it: 2 workers died"):
            list(spread(lengths(die), [("always", [Word("always")])]))
    assert signal.getsignal(signal.SIGTERM) == ending


@pytest.mark.usefixtures("two_nodes", "words_travel")
def test_what_a_node_lacks_is_told_with_its_address(head: Any) -> None:
    def make() -> OfPhotos:
        def of_photos(*_: Any) -> npt.NDArray[np.float32]:
            raise InputError("/tmp: no room for 9 MiB of images")

        return of_photos

    with (
        connected(head.address),
        pytest.raises(InputError, match=r"^127\.0\.0\.\d: /tmp: no room for 9 MiB of images$"),
    ):
        list(spread(make, [("a", [Word("a")])]))


def node(resources: dict[str, float], alive: bool = True) -> dict[str, object]:
    return {
        "NodeID": "n",
        "NodeManagerAddress": "10.0.0.1",
        "Alive": alive,
        "Resources": resources,
    }


@pytest.mark.parametrize(
    ("nodes", "cores_and_gpus"),
    [
        ([node({"CPU": 8.0})], [(4, 0), (4, 0)]),
        ([node({"CPU": 11.0})], [(5, 0), (5, 0)]),
        # Fewer cores than threads: they take turns.
        ([node({"CPU": 2.0})], [(2, 0)]),
        ([node({"CPU": 16.0, "GPU": 2.0})], [(8, 1), (8, 1)]),
        ([node({"CPU": 1.0, "GPU": 2.0})], [(0.5, 1), (0.5, 1)]),
        ([node({}), node({"CPU": 4.0}, alive=False)], []),
    ],
)
def test_nodes_have_a_worker_per_gpu_or_per_so_many_cores_as_the_driver_has(
    nodes: list[dict[str, object]], cores_and_gpus: list[tuple[float, int]]
) -> None:
    assert [(slot.cores, slot.gpus) for slot in _slots(nodes, threads=4)] == cores_and_gpus


def error_with_address(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InputError) as raised:
        features_stage.main(SETTINGS)
    assert not FEATURES_DIR.exists()
    return str(raised.value)


@pytest.mark.usefixtures("workspace")
def test_an_address_without_ray_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)

    assert error_with_address("10.0.0.1:6379", monkeypatch) == (
        "RAY_ADDRESS is set to 10.0.0.1:6379, but Ray is not installed here; install the extra "
        "'cluster', or unset RAY_ADDRESS to compute on this machine"
    )


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "10.0.0.1", "local", "host:port"])
def test_an_address_of_another_form_is_an_error(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason=WHY)

    assert error_with_address(address, monkeypatch) == (
        f"RAY_ADDRESS: expected HOST:PORT of a cluster or auto, got '{address}'"
    )


@pytest.mark.usefixtures("workspace")
def test_an_address_where_no_cluster_is_is_an_error_within_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("ray", reason=WHY)
    monkeypatch.setattr(cluster, "SECONDS_TO_ANSWER", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert f"127.0.0.1:{port}, but no cluster can be reached there (no answer in 3 s)" in (
            error_with_address(f"127.0.0.1:{port}", monkeypatch)
        )

    assert "no cluster can be reached there ([Errno 111] Connection refused); docs/" in (
        error_with_address(f"127.0.0.1:{port}", monkeypatch)
    )
