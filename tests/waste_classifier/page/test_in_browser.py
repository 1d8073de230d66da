"""The page in a real browser: drop, read, slide, decide; and nobody else is asked for anything."""

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.browser import CHROMIUM, needs_chromium
from tests.classifier_folder import Colours
from tests.waste_classifier.page.colours import LABELS, colour_classifier, save_photo
from tests.waste_classifier.page.test_decision_curve import written
from waste_classifier.corrections import read_corrections
from waste_classifier.page.review import Review

pytest.importorskip("gradio", reason="needs Gradio: the extra 'page'")

from waste_classifier.page.app import build, launch

pytestmark = needs_chromium
#: What a control is called where it has no name of its own: its label, or the text within.
UNNAMED = """
() => [...document.querySelectorAll("button, input, select, textarea, [role=tab], a[href]")]
  .filter(e => e.offsetParent !== null && e.tabIndex >= 0)
  .filter(e => !(e.getAttribute("aria-label") || e.innerText || e.title
    || (e.labels && [...e.labels].some(l => l.innerText))
    || (e.getAttribute("aria-labelledby") || "").split(" ")
        .some(id => document.getElementById(id)?.innerText)))
  .map(e => e.outerHTML.slice(0, 300))
"""
#: Its colours tell a label from a decision, but so do its words.
HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3')].map(e => e.tagName + e.innerText)"


class Served(NamedTuple):
    """A page that is served."""

    address: str
    folder: Path  #: with what was dropped, photos and tables
    corrections: Path
    asked: list[str]  #: addresses that this process connected to, or looked up


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    classifier = colour_classifier(folder / "model")
    curve = {name: {"recovery": [0.9, 0.8, 0.4], "threshold": [0.5, 0.7, None]} for name in LABELS}
    written(classifier.folder, labels=curve)
    for name in ("glass/a.png", "glass/b.png"):
        save_photo(folder / "raw" / name, "blue", 300)
    (folder / "label_errors.csv").write_text(
        "rank,path,label,suggested_label,quality\n"
        "1,glass/a.png,glass,metal,0.02\n2,glass/b.png,glass,metal,0.05\n"
    )
    corrections = folder / "corrections.csv"
    asked: list[str] = []

    def listen(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(args[1], tuple):
            asked.append(str(args[1][0]))
        elif event == "socket.getaddrinfo":
            asked.append(str(args[0]))

    sys.addaudithook(listen)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRADIO_TEMP_DIR", str(folder / "dropped"))
        page = build(
            classifier, Review.load(folder / "label_errors.csv", folder / "raw", corrections)
        )
        launch(page, "127.0.0.1", port)
        yield Served(f"http://127.0.0.1:{port}/", folder, corrections, asked)
        page.close(verbose=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
            ],
        )
        yield browser
        browser.close()


class Opened(NamedTuple):
    """The page in a window."""

    page: Page
    requests: list[str]
    errors: list[str]


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Opened]:
    yield from open_page(browser, served, 1200)


@pytest.fixture
def phone(browser: Browser, served: Served) -> Iterator[Opened]:
    yield from open_page(browser, served, 375)


def open_page(browser: Browser, served: Served, width: int) -> Iterator[Opened]:
    context = browser.new_context(viewport={"width": width, "height": 800}, permissions=["camera"])
    page = context.new_page()
    seen = Opened(page, [], [])
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on(
        "console",
        lambda message: seen.errors.append(message.text) if message.type == "error" else None,
    )
    page.goto(served.address)
    expect(page.get_by_role("heading", name="Waste classifier")).to_be_visible(timeout=30_000)
    yield seen
    context.close()


def drop(page: Page, *photos: Path) -> None:
    page.set_input_files("#dropped input[type=file]", list(photos))


def tab_to(page: Page, control: Locator) -> None:
    """Press Tab until a control has the focus; the page may still be building what lies before."""
    expect(control).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        if control.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("no press of Tab reaches the control")


def test_dropped_photos_are_answered_and_what_is_none_is_named(
    opened: Opened, served: Served
) -> None:
    page = opened.page
    (served.folder / "notes.txt").write_text("glass")

    drop(
        page,
        save_photo(served.folder / "bottle.png", "lime"),
        served.folder / "notes.txt",
        save_photo(served.folder / "can.png", "blue"),
    )

    expect(page.locator("#progress")).to_have_text("3 of 3 done: glass, no answer, unsure")
    articles = page.locator("#answers article")
    expect(articles).to_have_count(2)
    expect(articles.nth(0).get_by_role("heading", name="glass")).to_be_visible()
    expect(articles.nth(1)).to_contain_text("metal at 1.00: no threshold promises purity 0.9")
    expect(page.get_by_alt_text("The photo bottle.png", exact=True)).to_be_visible()
    expect(page.locator("#answers .message")).to_have_text(
        "notes.txt: not an image of JPEG, PNG, WebP, BMP or GIF"
    )
    assert page.evaluate(HEADINGS)[:2] == ["H1Waste classifier", "H2glass"]
    # The next drop begins anew.
    drop(page, save_photo(served.folder / "box.png", "red"))
    expect(page.locator("#progress")).to_have_text("1 of 1 done: cardboard")
    expect(articles).to_have_count(1)


def test_photos_dropped_meanwhile_are_answered_too(
    opened: Opened, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened.page
    go_on = Event()
    features = Colours.features

    def wait(network: Colours, *images: Any) -> Any:
        go_on.wait(30)
        return features(network, *images)

    monkeypatch.setattr(Colours, "features", wait)
    drop(page, save_photo(served.folder / "early.png", "lime"))
    uploaded = page.locator("#dropped a[download]")
    expect(uploaded).to_have_count(1)
    drop(page, save_photo(served.folder / "late.png", "red"))
    expect(uploaded).to_have_count(2)
    go_on.set()

    expect(page.locator("#progress")).to_have_text("2 of 2 done: glass, cardboard")


def test_photos_are_chosen_by_keyboard(opened: Opened, served: Served) -> None:
    page = opened.page
    upload = page.get_by_role("button", name="Click to upload or drop files").first

    with page.expect_file_chooser() as choosing:
        tab_to(page, upload)
        page.keyboard.press("Enter")
    assert choosing.value.is_multiple()
    choosing.value.set_files(save_photo(served.folder / "bottle.png", "lime"))

    expect(page.locator("#progress")).to_have_text("1 of 1 done: glass")


def test_a_file_above_the_limit_is_refused_by_name(opened: Opened, served: Served) -> None:
    page = opened.page
    large = save_photo(served.folder / "large.png", "red")
    with large.open("ab") as file:
        file.truncate(21 * 2**20)

    drop(page, large)

    expect(page.get_by_test_id("toast-body")).to_contain_text("large.png")


def test_the_camera_takes_a_photo(opened: Opened) -> None:
    page = opened.page
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("button", name="Click to Access Webcam").click()
    capture = page.get_by_role("button", name="capture photo")
    expect(capture).to_be_visible()
    page.wait_for_function("document.querySelector('#camera video').readyState >= 2")
    capture.click()

    expect(page.locator("#answers article")).to_have_count(1, timeout=30_000)


def test_the_slider_changes_the_numbers_by_mouse_and_keyboard(opened: Opened) -> None:
    page = opened.page
    page.get_by_role("tab", name="Purity").click()
    table = page.locator("#recovery")
    expect(table).to_contain_text("At purity 0.9: 25.0% of all things are unsure")

    page.locator("#purity input[type=range]").press("End")

    expect(table).to_contain_text("At purity 0.995: 80.0% of all things are unsure")
    expect(table.get_by_role("row", name=re.compile("glass"))).to_contain_text("40.0%")
    expect(table.get_by_role("row", name=re.compile("glass"))).to_contain_text("never")


def test_accept_and_keep_write_the_table_by_keyboard(opened: Opened, served: Served) -> None:
    page = opened.page
    page.get_by_role("tab", name="Label errors").press("Enter")
    review = page.locator("#review")
    expect(review).to_contain_text("1 of 2")
    expect(page.get_by_alt_text("The photo glass/a.png")).to_be_visible()

    page.get_by_role("button", name="Accept: metal").press("Enter")
    expect(review).to_contain_text("2 of 2")
    expect(review).to_contain_text("1 decided")
    page.get_by_role("button", name="Keep: glass").press("Enter")
    expect(review).to_contain_text("stays glass")

    rows = read_corrections(served.corrections).values()
    assert [(each.path, each.from_label, each.to_label) for each in rows] == [
        ("glass/a.png", "glass", "metal"),
        ("glass/b.png", "glass", "glass"),
    ]
    page.get_by_role("button", name="Next").press("Enter")
    expect(review).to_contain_text("is metal")


def test_what_somebody_decided_meanwhile_is_shown_and_not_reversed(
    opened: Opened, phone: Opened, served: Served
) -> None:
    served.corrections.unlink(missing_ok=True)
    for page in (opened.page, phone.page):
        page.reload()
        page.get_by_role("tab", name="Label errors").click()
        expect(page.locator("#review")).to_contain_text("none yet")
    keep = phone.page.get_by_role("button", name="Keep: glass")
    opened.page.get_by_role("button", name="Accept: metal").click()
    expect(opened.page.locator("#review")).to_contain_text("2 of 2")

    keep.click()

    expect(phone.page.get_by_test_id("toast-body")).to_contain_text(
        "glass/a.png: somebody decided meanwhile; look again"
    )
    expect(phone.page.locator("#review")).to_contain_text("1 of 2")
    expect(phone.page.locator("#review")).to_contain_text("is metal")
    # Whoever has seen it may change it.
    keep.click()
    expect(phone.page.locator("#review")).to_contain_text("2 of 2")
    rows = read_corrections(served.corrections).values()
    assert [(each.path, each.to_label) for each in rows] == [("glass/a.png", "glass")]


def test_a_decision_that_cannot_be_written_says_so(opened: Opened, served: Served) -> None:
    page = opened.page
    page.get_by_role("tab", name="Label errors").click()
    expect(page.locator("#review")).to_contain_text("of 2")
    kept = served.corrections.read_bytes() if served.corrections.exists() else None
    served.corrections.write_text("another table\n")

    page.get_by_role("button", name="Accept: metal").click()

    expect(page.get_by_test_id("toast-body")).to_contain_text("not a table with the columns")
    assert served.corrections.read_text() == "another table\n"
    served.corrections.unlink()
    if kept is not None:
        served.corrections.write_bytes(kept)


@pytest.mark.parametrize("tab", ["Photos", "Purity", "Label errors"])
def test_a_phone_needs_no_horizontal_scroll_and_every_control_has_a_name(
    tab: str, phone: Opened, served: Served
) -> None:
    page = phone.page
    name = f"{'long' * 30}.png"
    drop(page, save_photo(served.folder / name, "lime", 300))
    expect(page.locator("#answers article")).to_have_count(1)
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("tab", name=tab).click()
    expect(page.get_by_role("tabpanel")).to_be_visible()

    widths = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
    assert max(widths) <= 375
    wide = "e => [...e.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > 376)"
    assert page.locator("#answers").evaluate(f"e => ({wide})(e).length") == 0
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate("[...document.images].filter(e => e.offsetParent && !e.alt).length") == 0
    spoken = page.locator({"Photos": "#progress", "Purity": "#recovery"}.get(tab, "#review"))
    expect(spoken).to_have_attribute("aria-live", "polite")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title() == "Waste classifier"


def test_nobody_else_is_asked_for_anything(opened: Opened, served: Served) -> None:
    page = opened.page
    drop(page, save_photo(served.folder / "bottle.png", "lime"))
    expect(page.locator("#answers article")).to_have_count(1)
    for tab in ("Purity", "Label errors"):
        page.get_by_role("tab", name=tab).click()

    hosts = {urlsplit(url).hostname for url in opened.requests if url.startswith(("http", "ws"))}
    assert hosts == {"127.0.0.1"}
    assert {*served.asked} <= {"127.0.0.1", "localhost", "::1"}
    assert opened.errors == []


def test_what_is_dropped_goes_to_the_one_folder_that_is_deleted(
    opened: Opened, served: Served
) -> None:
    photo = save_photo(served.folder / "kept.png", "lime", 41)
    drop(opened.page, photo)
    expect(opened.page.locator("#answers article")).to_have_count(1)

    dropped = list((served.folder / "dropped").rglob("kept.png"))
    assert len(dropped) == 1
    assert sorted(served.folder.rglob("kept.png")) == sorted([photo, *dropped])
