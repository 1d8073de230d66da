"""The page itself: what stands on it, and what happens when somebody uses it. Imports Gradio."""

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from starlette.middleware import Middleware

from waste_classifier.classifier import Classifier
from waste_classifier.decision_curve import FILE_NAME, DecisionCurve
from waste_classifier.errors import InputError
from waste_classifier.images import MAX_PIXELS
from waste_classifier.page.answers import MAX_PHOTOS, answers_html
from waste_classifier.page.header import header_html
from waste_classifier.page.origin import OwnPageAlone, own_names
from waste_classifier.page.purity import COSTS_DECIDE, curve_html
from waste_classifier.page.review import OvertakenError, Review

Result = TypeVar("Result")
#: A likely label error as it is shown: its position, the label decided on, HTML, and what the two
#: buttons say.
Shown = tuple[int, str | None, str, Any, Any]
#: Of one photo.
MAX_FILE_SIZE = "20mb"
#: Seconds: how often what was dropped is looked for, and how old it gets. The last of 20 people
#: who wait for each other must still find theirs.
DELETE_CACHE = (300, 3600)
#: What a photo waits in until those before it are answered, wherever they come from.
ANSWERS = "answers"
#: Fonts and colours of the machine that shows the page: no other host is asked for any.
THEME = gr.themes.Default(
    primary_hue="emerald",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)
#: Of what screen readers say when it changes; Gradio has no setting for it, and makes the elements
#: of a tab when the tab is opened.
SPOKEN = "spoken"
SPEAK = f"""() => new MutationObserver(() => {{
  for (const element of document.querySelectorAll(".{SPOKEN}:not([aria-live])"))
    element.setAttribute("aria-live", "polite");
}}).observe(document.body, {{childList: true, subtree: true}})"""
CSS = Path(__file__).with_name("page.css")


def build(classifier: Classifier, review: Review | None = None) -> gr.Blocks:
    """Return the page.

    Args:
        classifier: that it asks.
        review: likely label errors, if there are any to decide on.

    Raises:
        InputError: a file of the classifier's folder is damaged.
    """
    with gr.Blocks(
        title="Waste classifier", analytics_enabled=False, delete_cache=DELETE_CACHE
    ) as page:
        gr.HTML(header_html(classifier))
        with gr.Tabs():
            with gr.Tab("Photos"):
                _photos_tab(classifier)
            with gr.Tab("Purity"):
                _purity_tab(classifier)
            with gr.Tab("Label errors"):
                _review_tab(page, review)
        page.load(None, js=SPEAK)
    # Two people at once would wait twice as long each, for the same cores. It holds for each
    # `concurrency_id`.
    page.queue(default_concurrency_limit=1)
    return page


def launch(page: gr.Blocks, host: str, port: int) -> None:
    """Serve a page from a thread of its own, to this host's address alone."""
    page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        max_file_size=MAX_FILE_SIZE,
        theme=THEME,
        css_paths=[CSS],
        footer_links=[],
        # Photos would stay in the browser's storage.
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        ssr_mode=False,
        app_kwargs={"middleware": [Middleware(OwnPageAlone, names=own_names(host))]},
        # A message of ours reaches the user; what else fails may hold paths of this machine.
        show_error=False,
    )


def _photos_tab(classifier: Classifier) -> None:
    dropped = gr.File(
        label=f"Photos: drop up to {MAX_PHOTOS}, or choose them",
        file_count="multiple",
        height=160,
        elem_id="dropped",
    )
    gr.HTML(
        f"<p>JPEG, PNG, WebP, BMP or GIF, up to {MAX_FILE_SIZE.upper()} and "
        f"{MAX_PIXELS // 10**6} million pixels each. They stay on the machine that serves this "
        "page, and are deleted within two hours or when it stops.</p>"
    )
    with gr.Accordion("Use the camera", open=False):
        camera = gr.Image(
            label="Camera",
            sources=["webcam"],
            type="filepath",
            # Else Gradio decodes it first, however large it is.
            image_mode=None,
            buttons=[],
            elem_id="camera",
        )
    for component in (dropped, camera):
        _follow_no_addresses(component)
    progress = gr.HTML(elem_id="progress", elem_classes=SPOKEN)
    answers = gr.HTML(elem_id="answers")

    def answer_dropped(files: list[str] | None) -> Iterator[tuple[Any, Any, Any]]:
        for line, sections in answers_html(classifier, [Path(file) for file in files or []]):
            yield line, sections, gr.skip()
        # The next drop begins anew.
        yield gr.skip(), gr.skip(), None

    def answer_camera(file: str | None) -> Iterator[tuple[str, str]]:
        if file is not None:
            yield from answers_html(classifier, [Path(file)])

    dropped.upload(
        answer_dropped,
        dropped,
        [progress, answers, dropped],
        show_progress_on=answers,
        # What is dropped while others are answered is answered after them.
        trigger_mode="multiple",
        concurrency_id=ANSWERS,
        api_name="answer",
        api_visibility="undocumented",
    )
    camera.input(
        answer_camera,
        camera,
        [progress, answers],
        show_progress_on=answers,
        # Of what is taken while others are answered, the last is answered after them.
        trigger_mode="always_last",
        concurrency_id=ANSWERS,
        api_visibility="private",
    )


def _follow_no_addresses(component: gr.components.Component) -> None:
    """Make a component take what was dropped alone: Gradio would fetch a file from any host."""
    move = component.async_move_resource_to_block_cache

    async def move_dropped(file: Any) -> Any:
        if "://" in str(file):
            raise gr.Error("Drop the photo itself: no address is followed", print_exception=False)
        return await move(file)

    component.async_move_resource_to_block_cache = move_dropped


def _purity_tab(classifier: Classifier) -> None:
    file = classifier.folder / FILE_NAME
    if not file.exists():
        gr.HTML(
            f"<p>The folder has no {FILE_NAME}, so what each purity would cost is not known.</p>"
        )
        return
    curve = DecisionCurve.load(file, classifier.labels)
    least, most = curve.purities[0], curve.purities[-1]
    asked = min(max(classifier.decision.purity, least), most)
    if classifier.decision.costs is not None:
        gr.HTML(COSTS_DECIDE)
    purity = gr.Slider(
        least,
        most,
        asked,
        step=0.005,
        label="Purity: share of the photos with a label that bear the right one",
        buttons=[],
        elem_id="purity",
    )
    table = gr.HTML(curve_html(curve, asked), elem_id="recovery", elem_classes=SPOKEN)
    purity.change(
        lambda value: curve_html(curve, value),
        purity,
        table,
        show_progress="hidden",
        trigger_mode="always_last",
        # It waits for no photo.
        concurrency_id="purity",
        api_visibility="private",
    )


def _review_tab(page: gr.Blocks, review: Review | None) -> None:
    if review is None:
        gr.HTML(
            "<p>There are no likely label errors to decide on: start the page beside the "
            "pipeline's data, or with --label-errors and --photos.</p>"
        )
    elif not review.errors:
        gr.HTML("<p>The table of label errors is empty: no label is likely wrong.</p>")
    else:
        _place_review(page, review)


def _place_review(page: gr.Blocks, review: Review) -> None:
    gr.HTML(
        "<p>Does the photo show what is suggested? Decisions are written at once to "
        f"<code>{escape(str(review.corrections))}</code>.</p>"
    )
    position = gr.State(0)
    seen = gr.State(None)
    shown = gr.HTML(elem_id="review", elem_classes=SPOKEN)
    with gr.Row(elem_id="decide"):
        accept = gr.Button("Accept", variant="primary", min_width=80)
        keep = gr.Button("Keep", min_width=80)
    with gr.Row(elem_id="turn"):
        previous = gr.Button("Previous", size="sm", min_width=80)
        following = gr.Button("Next", size="sm", min_width=80)
    outputs = [position, seen, shown, accept, keep]

    turns = _ReviewTurns(review)
    # It waits for no photo.
    options = {"show_progress": "hidden", "concurrency_id": "review", "api_visibility": "private"}
    page.load(turns.first, None, outputs, **options)
    accept.click(turns.accept, [position, seen], outputs, **options)
    keep.click(turns.keep, [position, seen], outputs, **options)
    previous.click(turns.previous, [position], outputs, **options)
    following.click(turns.following, [position], outputs, **options)


class _ReviewTurns:
    """What is shown after each click on a button of the review."""

    def __init__(self, review: Review) -> None:
        self._review = review

    def first(self) -> Shown:
        return self._at(_or_message(self._review.first))

    def accept(self, place: int, seen: str | None) -> Shown:
        return self._at(_or_message(lambda: self._decide(place, True, seen)))

    def keep(self, place: int, seen: str | None) -> Shown:
        return self._at(_or_message(lambda: self._decide(place, False, seen)))

    def previous(self, place: int) -> Shown:
        return self._at((place - 1) % len(self._review.errors))

    def following(self, place: int) -> Shown:
        return self._at((place + 1) % len(self._review.errors))

    def _at(self, place: int) -> Shown:
        error = self._review.errors[place]
        return (
            place,
            # Before what is shown: a decision between the two is taken for one that nobody saw.
            _or_message(lambda: self._review.decided(place)),
            _or_message(lambda: self._review.html(place)),
            gr.update(value=f"Accept: {error.suggested_label}"),
            gr.update(value=f"Keep: {error.label}"),
        )

    def _decide(self, place: int, accepted: bool, seen: str | None) -> int:
        try:
            return self._review.decide(place, accepted, seen)
        except OvertakenError as error:
            # Unlike an error, it lets the same photo be shown anew.
            gr.Warning(escape(str(error)), title="Not done")
            return place


def _or_message(work: Callable[[], Result]) -> Result:
    """Return what some work returns; what is wrong with its files is shown to the user."""
    try:
        return work()
    except InputError as error:
        raise gr.Error(escape(str(error)), title="Not done", print_exception=False) from None
