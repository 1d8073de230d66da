"""The Kaggle source, with the real client against a local server that answers as Kaggle does."""

import base64
import hashlib
import io
import json
import logging
import os
import shutil
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kagglesdk.kaggle_client
import kagglesdk.kaggle_env
import pytest

from stages.fetch.kaggle import LONGEST_WAIT
from tests.fetch.conftest import Run, RunFetch, outputs

API = "/v1/datasets.DatasetApiService/DownloadDataset"
INTROSPECT = "/v1/security.OAuthService/IntrospectToken"
STORAGE = "/storage/archive.zip"
SIGNATURE = "0123abcd"
SIGNED = f"{STORAGE}?X-Goog-Credential=someone%40x.example&X-Goog-Signature={SIGNATURE}"


@dataclass
class Answer:
    """An HTTP response; `announced` is a Content-Length other than the true one."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None


@dataclass
class Request:
    path: str
    authorization: str | None
    body: Any


def api_error(status: int, message: str, **headers: str) -> Answer:
    body = json.dumps({"code": status, "message": message}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"Content-Type": "application/json"} | named)


def stored(content: bytes, md5_of: bytes | None = None) -> Answer:
    digest = base64.b64encode(hashlib.md5(md5_of or content).digest()).decode()
    return Answer(
        200,
        content,
        {
            "Content-Type": "application/zip",
            "Accept-Ranges": "bytes",
            "ETag": '"1"',
            "x-goog-hash": f"crc32c=AAAAAA==, md5={digest}",
        },
    )


class KaggleServer:
    """Answers each path with its answers in turn, the last one again and again."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: dict[str, list[Answer]] = {
            API: [Answer(302, headers={"Location": STORAGE})],
            INTROSPECT: [
                Answer(
                    200,
                    json.dumps({"active": True, "username": "someone"}).encode(),
                    {"Content-Type": "application/json"},
                )
            ],
            STORAGE: [],
        }
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else None
                outer.requests.append(Request(self.path, self.headers["Authorization"], body))
                answers = outer.answers[self.path]
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(answer.announced or len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def sign_storage(self) -> None:
        """Send requests on to an address with a signature, as Kaggle does."""
        self.answers[API] = [Answer(302, headers={"Location": SIGNED})]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def requests_to(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]


@pytest.fixture
def archive(photos: Path) -> bytes:
    """The archive of the folder `photos`, inside a wrapper folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for path in sorted(photos.rglob("*.*")):
            file.write(path, Path("Wrapper") / path.relative_to(photos))
    shutil.rmtree(photos)
    return buffer.getvalue()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, no Kaggle settings in the environment, and `kaggle` not yet imported."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    # What the stage itself sets is taken back as well.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in [name for name in os.environ if name.startswith(("KAGGLE_", "XDG_"))]:
        monkeypatch.delenv(name)
    for name in [name for name in sys.modules if name.split(".")[0] == "kaggle"]:
        monkeypatch.delitem(sys.modules, name)
    client = kagglesdk.kaggle_client
    monkeypatch.setattr(client, "KaggleHttpClient", client.KaggleHttpClient)
    return folder


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited between tries; nothing is waited in truth."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def server(
    home: Path, archive: bytes, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> Iterator[KaggleServer]:
    """A local Kaggle that has the archive, and a token for it in the environment."""
    del home, waits
    kaggle = KaggleServer()
    kaggle.answers[STORAGE] = [stored(archive)]
    environment = kagglesdk.kaggle_env
    monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, kaggle.url)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "secret-token")
    yield kaggle
    kaggle.stop()


@pytest.fixture
def run_kaggle(run_fetch: RunFetch) -> Callable[..., Run]:
    """Run the stage with the source `kaggle`."""

    def run(retries: int = 0, timeout: int = 5, **changes: Any) -> Run:
        kaggle = {"dataset": "owner/name", "version": 3, "timeout": timeout, "retries": retries}
        return run_fetch(source="kaggle", kaggle=kaggle, **changes)

    return run


def assert_refused(run: Run, *messages: str) -> None:
    assert run.code == 1
    for message in messages:
        assert message in run.err
    assert run.out == ""
    assert "Traceback" not in run.err
    assert outputs() == {}


def test_the_stated_version_is_downloaded(
    server: KaggleServer, run_kaggle: RunFetch, home: Path
) -> None:
    run = run_kaggle(expected_counts={"glass": 2, "paper": 1})

    assert (run.code, run.err) == (0, "")
    assert run.out.startswith("glass ")
    assert server.requests_to(API)[0].body == {
        "ownerSlug": "owner",
        "datasetSlug": "name",
        "datasetVersionNumber": 3,
    }
    assert server.requests_to(API)[0].authorization == "Bearer secret-token"
    assert sorted(path.name for path in Path("data").iterdir()) == [
        ".unfinished",
        "manifest.csv",
        "raw",
        "rejected.csv",
        "suspects.csv",
    ]
    assert list(home.iterdir()) == []


@pytest.mark.usefixtures("server")
def test_labels_that_were_decided_on_are_those_of_the_download_too(
    archive: bytes, run_kaggle: RunFetch
) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        checksum = hashlib.sha256(file.read("Wrapper/glass/2.png")).hexdigest()
    Path("decided.csv").write_text(f"path,sha256,from,to\nglass/2.png,{checksum},glass,paper\n")

    run = run_kaggle(corrections="decided.csv", expected_counts={"glass": 2, "paper": 1})

    assert (run.code, run.err) == (0, "")
    assert "labels corrected by decided.csv: 1 applied, 0 kept, 0 already done\n" in run.out
    assert sorted(path.name for path in Path("data/raw/paper").iterdir()) == ["1.jpg", "2.png"]


def test_a_username_and_key(
    server: KaggleServer, run_kaggle: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    monkeypatch.setenv("KAGGLE_KEY", "key")

    assert run_kaggle().code == 0

    basic = base64.b64encode(b"someone:key").decode()
    assert server.requests_to(API)[0].authorization == f"Basic {basic}"


def test_a_kaggle_json(
    server: KaggleServer, run_kaggle: RunFetch, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    (home / ".kaggle").mkdir()
    (home / ".kaggle/kaggle.json").write_text('{"username": "someone", "key": "key"}')

    assert run_kaggle().code == 0

    assert str(server.requests_to(API)[0].authorization).startswith("Basic ")


def test_without_credentials_the_download_is_anonymous(
    server: KaggleServer, run_kaggle: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")

    run = run_kaggle()

    assert (run.code, run.err) == (0, "no Kaggle credentials found: trying without\n")
    assert server.requests_to(API)[0].authorization is None


def test_a_terminal_shows_progress(
    server: KaggleServer, run_kaggle: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run = run_kaggle()
    assert run.code == 0
    assert "100%" in run.err
    assert len(server.requests_to(STORAGE)) == 1


# --- credentials -------------------------------------------------------------------------------


def test_missing_credentials(
    server: KaggleServer, run_kaggle: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    server.answers[API] = [api_error(401, "Unauthenticated")]
    assert_refused(
        run_kaggle(),
        "no Kaggle credentials found",
        "Kaggle wants credentials, or refused those it got (401: Unauthenticated)",
        "make an API token at https://www.kaggle.com/settings/api",
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[1]",
        '"text"',
        "null",
        '{"username": "someone"}',
        '{"username": "", "key": ""}',
        '{"username": "someone", "key": 5}',
        '\ufeff{"username": "someone", "key": "key"}',
    ],
)
def test_a_malformed_kaggle_json(
    server: KaggleServer,
    run_kaggle: RunFetch,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    folder = home / ".kaggle"
    folder.mkdir()
    (folder / "kaggle.json").write_text(content)

    run = run_kaggle()

    assert_refused(run, f"{folder}/kaggle.json: malformed; expected", "make an API token")
    assert server.requests == []


def test_half_a_key(
    server: KaggleServer, run_kaggle: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    assert_refused(run_kaggle(), "only one of KAGGLE_USERNAME and KAGGLE_KEY is set")
    assert server.requests == []


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "schlüssel", "x" * 5000])
@pytest.mark.usefixtures("server")
def test_a_malformed_token(
    run_kaggle: RunFetch, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", token)
    run = run_kaggle()
    assert_refused(run, "the Kaggle token (KAGGLE_API_TOKEN", "is malformed; make an API token")
    assert token not in run.err


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_token(server: KaggleServer, run_kaggle: RunFetch, status: int) -> None:
    server.answers[INTROSPECT] = [api_error(status, "Invalid token")]
    run = run_kaggle()
    assert_refused(run, "refused", "make an API token at")
    assert "secret-token" not in run.err


def test_an_expired_token(server: KaggleServer, run_kaggle: RunFetch) -> None:
    body = json.dumps({"active": False}).encode()
    server.answers[INTROSPECT] = [Answer(200, body, {"Content-Type": "application/json"})]
    assert_refused(run_kaggle(), "Kaggle refused the token (KAGGLE_API_TOKEN)")


@pytest.mark.usefixtures("server")
def test_a_client_that_is_to_print_all_keeps_the_token_to_itself(
    run_kaggle: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERBOSE", "true")
    run = run_kaggle()
    assert run.code == 0
    assert "secret-token" not in run.out + run.err


# --- the API -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "messages"),
    [
        (401, ["Kaggle wants credentials, or refused those it got (401: No.)"]),
        (403, ["denies access to owner/name (403: No.)", "/datasets/owner/name", "accept the"]),
        (404, ["no version 3 of owner/name (404: No.)", "fetch.kaggle.version"]),
        (418, ["Kaggle failed (418: No.); run again"]),
        (429, ["Kaggle limits how often it may be asked (429: No.); wait a while"]),
        (500, ["Kaggle is out of order (500: No.); run again later"]),
        (503, ["Kaggle is out of order (503: No.); run again later"]),
    ],
)
def test_errors_of_the_api(
    server: KaggleServer, run_kaggle: RunFetch, status: int, messages: list[str]
) -> None:
    server.answers[API] = [api_error(status, "No.")]
    assert_refused(run_kaggle(), *messages)


def test_busy_then_fine(server: KaggleServer, run_kaggle: RunFetch, waits: list[float]) -> None:
    server.answers[API].insert(0, api_error(429, "Slow down.", Retry_After="7"))
    assert run_kaggle(retries=1).code == 0
    assert waits.count(7) == 1


def test_no_wait_is_longer_than_the_limit(
    server: KaggleServer, run_kaggle: RunFetch, waits: list[float]
) -> None:
    server.answers[API].insert(0, api_error(429, "Slow down.", Retry_After="86400"))
    assert run_kaggle(retries=1).code == 0
    assert max(waits) == LONGEST_WAIT


def test_ill_then_fine(server: KaggleServer, run_kaggle: RunFetch) -> None:
    server.answers[API][:0] = [api_error(500, "No."), api_error(503, "No.")]
    server.answers[INTROSPECT][:0] = [api_error(502, "No.")]
    assert run_kaggle(retries=2).code == 0


def test_a_token_that_can_not_be_checked(server: KaggleServer, run_kaggle: RunFetch) -> None:
    server.answers[INTROSPECT] = [api_error(503, "No.")]
    assert_refused(run_kaggle(), "Kaggle is out of order (503: No.); run again later")


# --- the network -------------------------------------------------------------------------------


def test_no_connection(server: KaggleServer, run_kaggle: RunFetch) -> None:
    server.stop()
    assert_refused(
        run_kaggle(retries=2), "no connection to Kaggle after 3 tries", "fetch.source to path"
    )


def test_a_server_that_is_silent(
    server: KaggleServer, run_kaggle: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = kagglesdk.kaggle_env
        monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, url)
        monkeypatch.delenv("KAGGLE_API_TOKEN")
        assert_refused(run_kaggle(timeout=1), "no connection to Kaggle", "Read timed out")
    assert server.requests == []


# --- the storage -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 503])
def test_errors_of_the_storage(server: KaggleServer, run_kaggle: RunFetch, status: int) -> None:
    server.sign_storage()
    server.answers[SIGNED] = [Answer(status, b"<Error/>", {"Content-Type": "application/xml"})]
    run = run_kaggle()
    assert_refused(
        run,
        f"Kaggle's storage does not give owner/name ({status}: {status} ",
        f"{STORAGE}?[…]); run again later, or get https://www.kaggle.com/datasets/owner/name with",
    )
    assert "no version" not in run.err
    assert SIGNATURE not in run.err


@pytest.mark.parametrize("retries", [0, 2])
def test_no_signature_is_printed_when_the_storage_is_gone(
    server: KaggleServer, run_kaggle: RunFetch, caplog: pytest.LogCaptureFixture, retries: int
) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    address = f"http://127.0.0.1:{port}{SIGNED}"
    server.answers[API] = [Answer(302, headers={"Location": address})]

    run = run_kaggle(retries=retries)

    assert_refused(run, f"no connection to Kaggle after {retries + 1} tries", f"{STORAGE}?[…]")
    assert SIGNATURE not in run.err
    assert caplog.text.count("Retrying (") == retries
    assert f"{STORAGE}?[…]" in caplog.text or not retries
    assert SIGNATURE not in caplog.text


def test_no_signature_is_printed_when_a_download_breaks_off(
    server: KaggleServer, run_kaggle: RunFetch, archive: bytes
) -> None:
    server.sign_storage()
    cut = stored(archive)
    cut.body, cut.announced = archive[:1000], len(archive)
    server.answers[SIGNED] = [cut]
    run = run_kaggle(retries=1)
    assert_refused(run, "broke off (")
    assert SIGNATURE not in run.err


def test_a_message_of_the_server_does_not_command_the_terminal(
    server: KaggleServer, run_kaggle: RunFetch
) -> None:
    server.answers[API] = [api_error(403, "No.\x1b[2J")]
    assert_refused(run_kaggle(), r"(403: No.\x1b[2J)")


def test_a_download_that_breaks_off(
    server: KaggleServer, run_kaggle: RunFetch, archive: bytes
) -> None:
    cut = stored(archive)
    cut.body, cut.announced = archive[:1000], len(archive)
    server.answers[STORAGE] = [cut]
    assert_refused(run_kaggle(retries=1), "broke off (", "from Kaggle broke 2 times")


def test_a_download_that_breaks_off_once(
    server: KaggleServer, run_kaggle: RunFetch, archive: bytes
) -> None:
    cut = stored(archive)
    cut.body, cut.announced = archive[:1000], len(archive)
    server.answers[STORAGE].insert(0, cut)

    run = run_kaggle(retries=1)

    assert run.code == 0
    assert run.err.startswith("download of owner/name: broke off (")


def test_other_bytes_than_announced(
    server: KaggleServer, run_kaggle: RunFetch, archive: bytes
) -> None:
    server.answers[STORAGE] = [stored(archive, md5_of=b"other")]
    assert_refused(run_kaggle(retries=1), "the MD5 differs from the announced one", "broke 2 times")


def test_without_an_announced_md5(
    server: KaggleServer, run_kaggle: RunFetch, archive: bytes
) -> None:
    server.answers[STORAGE] = [Answer(200, archive)]
    assert run_kaggle().code == 0


@pytest.mark.parametrize("content", [b"", b"<Error>AccessDenied</Error>"])
def test_no_archive_at_all(server: KaggleServer, run_kaggle: RunFetch, content: bytes) -> None:
    server.answers[STORAGE] = [stored(content)]
    assert_refused(run_kaggle(), "owner/name (version 3) from Kaggle: truncated or corrupt")


def test_a_corrupt_archive(server: KaggleServer, run_kaggle: RunFetch, archive: bytes) -> None:
    corrupt = bytearray(archive)
    corrupt[200] ^= 0xFF
    server.answers[STORAGE] = [stored(bytes(corrupt))]
    assert_refused(run_kaggle(), "owner/name (version 3) from Kaggle: truncated or corrupt")


def test_too_little_space(
    server: KaggleServer, run_kaggle: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(".")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert_refused(run_kaggle(), "owner/name needs 0 MiB of disk space", "free some space")
    assert len(server.requests_to(STORAGE)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file size")
@pytest.mark.usefixtures("server")
def test_a_disk_that_fills_up(run_kaggle: RunFetch) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        run = run_kaggle(retries=3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_refused(run, "error: data: no room to write it (File too large); free some space")
