"""Pretrained weights: copied, downloaded with retries, checked against their checksum."""

import errno
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

from stages.backbone import __main__ as backbone
from stages.backbone.__main__ import copy_weights, download_with_retries, main
from stages.compute import determinism
from stages.outputs.backbone import read_weights_file
from stages.outputs.unfinished import only_run
from stages.params.backbone import BackboneParams
from stages.params.reading import load_section
from waste_classifier.errors import InputError

determinism.configure()


def bring(weights: str, sha256: str | None = None) -> None:
    main(BackboneParams(weights=weights, sha256=sha256))


def described() -> dict[str, str | None]:
    content: dict[str, str | None] = json.loads(Path("data/backbone/backbone.json").read_text())
    return content


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def weights_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv1_conv"]
    return path


def test_random_weights_bring_no_file(workspace: Path) -> None:
    bring("none")
    assert described() == {"weights": "none", "file": None, "sha256": None}
    assert read_weights_file() is None
    assert [path.name for path in (workspace / "data/backbone").iterdir()] == ["backbone.json"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mine.h5", "resnet50.h5"), ("mine.weights.h5", "resnet50.weights.h5")],
)
def test_a_file_is_copied_and_described(
    workspace: Path, weights_file: Path, name: str, expected: str
) -> None:
    source = weights_file.rename(workspace / name)
    checksum = hashlib.sha256(source.read_bytes()).hexdigest()

    bring(name, checksum)

    assert described() == {"weights": "file", "file": expected, "sha256": checksum}
    assert (workspace / "data/backbone" / expected).read_bytes() == source.read_bytes()
    assert read_weights_file() == Path("data/backbone", expected)


def test_what_stood_there_before_is_replaced(workspace: Path, weights_file: Path) -> None:
    bring(weights_file.name)
    bring("none")
    assert [path.name for path in (workspace / "data/backbone").iterdir()] == ["backbone.json"]


@pytest.mark.parametrize(
    ("weights", "sha256", "message"),
    [
        ("lost.h5", None, r"backbone\.weights: no such file: lost\.h5; expected none, imagenet"),
        ("imagnet", None, r"no such file: imagnet; expected none, imagenet"),
        ("model.pt", None, r"expected a file that ends in \.h5 or \.weights\.h5, got model\.pt"),
        ("text.h5", None, r"text\.h5 is not a whole HDF5 file"),
        ("short.h5", None, r"short\.h5 is not a whole HDF5 file"),
        ("mine.h5", "0" * 64, r"has sha256 [0-9a-f]{64}, but backbone\.sha256 asks for 0000"),
    ],
)
def test_bad_weights_say_what_is_wrong_and_leave_nothing(
    workspace: Path, weights_file: Path, weights: str, sha256: str | None, message: str
) -> None:
    (workspace / "model.pt").write_bytes(b"torch")
    (workspace / "text.h5").write_text("not weights")
    (workspace / "short.h5").write_bytes(weights_file.read_bytes()[:-200])

    with pytest.raises(InputError, match=message):
        bring(weights, sha256)

    assert not (workspace / "data/backbone").exists()


def test_a_malformed_checksum_is_refused_before_the_stage_runs() -> None:
    Path("params.yaml").write_text("backbone:\n  weights: mine.h5\n  sha256: ABC\n")

    with pytest.raises(InputError, match=r"backbone\.sha256: string should match .*, got 'ABC'"):
        load_section("backbone", BackboneParams)


def test_a_tilde_is_the_home_folder(weights_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(weights_file.parent))
    bring(f"~/{weights_file.name}")
    assert described()["file"] == "resnet50.h5"


def test_the_source_stays_as_it_was(tmp_path: Path, weights_file: Path) -> None:
    before = weights_file.read_bytes()
    (tmp_path / "out").mkdir()
    copy_weights(weights_file, tmp_path / "out")
    assert weights_file.read_bytes() == before


def test_a_failed_download_is_tried_again_after_longer_pauses(tmp_path: Path) -> None:
    pauses: list[float] = []
    answers: Iterator[bool] = iter([False, False, True])

    def download(directory: Path) -> Path:
        if not next(answers):
            raise OSError("connection reset")
        return directory / "resnet50.h5"

    path = download_with_retries(download, tmp_path, retries=4, sleep=pauses.append)

    assert path == tmp_path / "resnet50.h5"
    assert pauses == [1.0, 2.0]


def test_after_the_last_try_the_error_says_what_to_do(tmp_path: Path) -> None:
    def download(directory: Path) -> Path:
        raise OSError(f"network is unreachable for {directory.name}")

    with pytest.raises(
        InputError, match=r"imagenet could not be downloaded \(network is unreachable .*\); check"
    ):
        download_with_retries(download, tmp_path, retries=1, sleep=lambda _: None)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        ModuleNotFoundError("No module named 'torch'"),
    ],
)
def test_what_is_not_the_fault_of_the_network_is_not_tried_again(
    tmp_path: Path, error: Exception
) -> None:
    tries = 0

    def download(_directory: Path) -> Path:
        nonlocal tries
        tries += 1
        raise error

    with pytest.raises(type(error), match=str(error).replace("[", r"\[")):
        download_with_retries(download, tmp_path)
    assert tries == 1


class Server(http.server.BaseHTTPRequestHandler):
    """Fails once, then serves the same content for any path."""

    content = b"weights"
    failure = 503
    requests = 0

    def do_GET(self) -> None:
        type(self).requests += 1
        status = self.failure if self.requests == 1 else 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        pass


def test_imagenet_comes_from_keras_with_its_hash(
    workspace: Path, weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.src.applications import resnet

    content = weights_file.read_bytes()
    monkeypatch.setattr(Server, "content", content)
    monkeypatch.setattr(Server, "requests", 0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(resnet, "BASE_WEIGHTS_PATH", address)
    published = hashlib.md5(content).hexdigest()
    monkeypatch.setitem(resnet.WEIGHTS_HASHES, "resnet50", ("", published))
    monkeypatch.setattr(backbone, "FIRST_PAUSE_SECONDS", 0.0)
    try:
        bring("imagenet")
    finally:
        server.shutdown()

    assert Server.requests == 2
    assert described()["file"] == "resnet50.h5"
    assert (workspace / "data/backbone/resnet50.h5").read_bytes() == content


def test_a_download_of_another_hash_is_refused(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.src.applications import resnet

    monkeypatch.setattr(Server, "requests", 1)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(resnet, "BASE_WEIGHTS_PATH", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(backbone, "FIRST_PAUSE_SECONDS", 0.0)
    try:
        with pytest.raises(InputError, match="imagenet could not be downloaded"):
            bring("imagenet")
    finally:
        server.shutdown()

    assert not (workspace / "data/backbone").exists()


def test_a_server_that_has_no_such_file_is_not_asked_again(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.src.applications import resnet

    monkeypatch.setattr(Server, "requests", 0)
    monkeypatch.setattr(Server, "failure", 404)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(resnet, "BASE_WEIGHTS_PATH", f"http://127.0.0.1:{server.server_port}/")
    try:
        with pytest.raises(InputError, match=r"could not be downloaded \(.*404.*\); check"):
            bring("imagenet")
    finally:
        server.shutdown()

    assert Server.requests == 1
    assert not (workspace / "data/backbone").exists()


def test_two_runs_at_once_do_not_write_into_each_other(workspace: Path) -> None:
    with (
        only_run(workspace / "data/.unfinished/backbone", "stage backbone"),
        pytest.raises(InputError, match="another stage backbone runs in this workspace"),
    ):
        bring("none")
