"""Twenty people at once: each gets the answer for the photo of theirs."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file

from tests.waste_classifier.page.colours import COLOURS, colour_classifier, save_photo
from waste_classifier.page.app import build, launch

PEOPLE = 20
HEADINGS = {"cardboard": "cardboard", "glass": "glass", "metal": "unsure"}


def test_twenty_people_get_the_answers_for_their_own_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "dropped"))
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    page = build(colour_classifier(tmp_path / "model"))
    launch(page, "127.0.0.1", port)
    labels = [list(COLOURS)[number % 3] for number in range(PEOPLE)]

    def ask(number: int) -> Any:
        photo = save_photo(tmp_path / f"photo_{number}.png", COLOURS[labels[number]])
        client = Client(f"http://127.0.0.1:{port}", verbose=False, analytics_enabled=False)
        job = client.submit([handle_file(str(photo))], api_name="/answer")
        job.result(timeout=120)
        return job.outputs()[0]

    try:
        with ThreadPoolExecutor(PEOPLE) as people:
            answers = list(people.map(ask, range(PEOPLE)))
    finally:
        page.close(verbose=False)

    for number, (line, sections, *_) in enumerate(answers):
        assert line == f"<p>1 of 1 done: {HEADINGS[labels[number]]}</p>"
        assert f'<p class="file">photo_{number}.png</p>' in sections
