"""Many people at once, and those who ask for what is not theirs."""

import json
import re
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from tests.waste_classifier.page.colours import COLOURS, colour_classifier, save_photo

pytest.importorskip("gradio", reason="needs Gradio: the extra 'page'")

from waste_classifier.page.app import build, launch

PEOPLE = 20
HEADINGS = {"cardboard": "cardboard", "glass": "glass", "metal": "unsure"}


class Served(NamedTuple):
    """A page that is served."""

    address: str
    looked_up: list[str]  #: hosts that this process asked for


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    looked_up: list[str] = []

    def listen(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            looked_up.append(str(args[0]))

    sys.addaudithook(listen)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRADIO_TEMP_DIR", str(folder / "dropped"))
        page = build(colour_classifier(folder / "model"))
        launch(page, "127.0.0.1", port)
        yield Served(f"http://127.0.0.1:{port}/", looked_up)
        page.close(verbose=False)


def call(address: str, path: str) -> str:
    """Ask for the answer on a file that stands where the page is served; return what happens."""
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    asked = requests.post(
        f"{address}gradio_api/call/answer", json={"data": [[file]]}, timeout=60
    ).json()
    return requests.get(f"{address}gradio_api/call/answer/{asked['event_id']}", timeout=60).text


def upload(address: str, photo: Path) -> str:
    """Return where the page keeps a photo that is dropped on it."""
    answer = requests.post(
        f"{address}gradio_api/upload", files={"files": (photo.name, photo.read_bytes())}, timeout=60
    )
    path: str = answer.json()[0]
    return path


def test_twenty_people_get_the_answers_for_their_own_photos(served: Served, tmp_path: Path) -> None:
    labels = [list(COLOURS)[number % 3] for number in range(PEOPLE)]

    def ask(number: int) -> str:
        photo = save_photo(tmp_path / f"photo_{number}.png", COLOURS[labels[number]])
        return call(served.address, upload(served.address, photo))

    with ThreadPoolExecutor(PEOPLE) as people:
        answers = list(people.map(ask, range(PEOPLE)))

    for number, happened in enumerate(answers):
        first = re.search("^event: generating\ndata: (.*)$", happened, re.MULTILINE)
        assert first is not None, happened
        line, sections, _ = json.loads(first[1])
        assert line == f"<p>1 of 1 done: {HEADINGS[labels[number]]}</p>"
        assert f'<p class="file">photo_{number}.png</p>' in sections


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_photo_is_fetched_from_an_address(scheme: str, served: Served) -> None:
    happened = call(served.address, f"{scheme}://photos.invalid/bottle.jpg")

    assert "event: error" in happened
    assert "no address is followed" in happened
    assert {*served.looked_up} == {"127.0.0.1"}


def test_no_file_of_the_machine_is_answered_or_shown(served: Served, tmp_path: Path) -> None:
    secret = save_photo(tmp_path / "secret.png", "lime")

    assert "event: error" in call(served.address, str(secret))
    for path in (secret, Path(__file__), Path("/etc/passwd")):
        answer = requests.get(f"{served.address}gradio_api/file={path}", timeout=30)
        assert answer.status_code == 403
