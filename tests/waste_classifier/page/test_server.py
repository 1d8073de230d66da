"""Serving the page: where it listens, what stops it, and what is left of what was dropped."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.waste_classifier.page.colours import colour_classifier
from waste_classifier.errors import InputError
from waste_classifier.page.server import serve

ROOT = Path(__file__).parents[3]
#: Serves a classifier whose network is another one.
SERVE = """
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
# Under `nohup` it would stay ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from tests.classifier_folder import Colours
from waste_classifier.classifier import Classifier
from waste_classifier.page.server import serve
Classifier.backbone = Colours()
serve(Path(sys.argv[1]), host=sys.argv[2], port=0)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


@pytest.mark.skipif(find_spec("gradio") is None, reason="needs Gradio: the extra 'page'")
@pytest.mark.parametrize(
    ("host", "stop"),
    [("127.0.0.1", signal.SIGINT), ("::1", signal.SIGTERM), ("127.0.0.1", signal.SIGHUP)],
)
def test_what_was_dropped_is_deleted_when_it_stops(
    host: str, stop: signal.Signals, tmp_path: Path
) -> None:
    colour_classifier(tmp_path / "model")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path / "model"), host],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), "HTTP_PROXY": "http://192.0.2.1:9"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        said = re.fullmatch(
            r"(http://(.*):[1-9]\d*)  \(Ctrl-C stops it\)\n", server.stdout.readline()
        )
        assert said is not None, server.communicate()
        assert said[2].strip("[]") == host
        upload(said[1])
        assert len(list(temporary.rglob("secret.jpg"))) == 1
        # A page of another site asks, by this address or by a name that it has made lead here.
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                upload(said[1], headers)
        assert len(list(temporary.rglob("secret.jpg"))) == 1
    finally:
        server.send_signal(stop)
        _, errors = server.communicate(timeout=60)

    assert list(temporary.iterdir()) == []
    assert "Traceback" not in errors
    assert server.returncode == (0 if stop == signal.SIGINT else 128 + stop)


def upload(address: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="secret.jpg"\r\n\r\n'
        b"content\r\n--x--\r\n"
    )
    request = urllib.request.Request(
        f"{address}/gradio_api/upload",
        body,
        {"Content-Type": "multipart/form-data; boundary=x", **headers},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=30) as answer:
        assert b"secret.jpg" in answer.read()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            InputError, match=rf"^can't listen at 127.0.0.1, port {port} .*; give another --host or"
        ):
            serve(tmp_path, port=port)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "nowhere.invalid"])
def test_an_address_of_another_machine_is_named(host: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"^can't listen at {re.escape(host)}, port"):
        serve(tmp_path, host=host, port=free_port())


def test_a_folder_that_is_none_is_named_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file; name the folder of a trained classifier"):
        serve(tmp_path / "none", port=free_port())


def test_without_gradio_it_says_what_to_install_and_signals_do_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)]
    monkeypatch.setattr(os, "environ", os.environ.copy())
    classifier = colour_classifier(tmp_path / "model")
    monkeypatch.setattr(type(classifier), "load_whole", lambda _: classifier)
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "waste_classifier.page.app", raising=False)

    with pytest.raises(InputError, match=r"`make install LOCK=requirements-page\.lock`"):
        serve(tmp_path / "model", port=free_port())
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)] == before


def test_importing_the_server_waits_for_no_gradio() -> None:
    command = "import sys, waste_classifier.page.server as s; print('gradio' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert said.stdout == "False\n"
