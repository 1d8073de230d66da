"""What the page says of dropped photos: one section each, with the decision first."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from waste_classifier.classifier import Classifier
from waste_classifier.errors import InputError
from waste_classifier.explanation import Explanation, overlay
from waste_classifier.images import load
from waste_classifier.page.pictures import data_uri, smaller
from waste_classifier.training_photos import Neighbour

#: Photos that are answered at once: others wait meanwhile.
MAX_PHOTOS = 20
#: Pixels of the longest side of a photo on the page.
SHOWN_SIDE = 480
NEAREST = 5


class Section(NamedTuple):
    """What the page says of one photo."""

    heading: str  #: in a word: the label, "unsure", or that there is no answer
    html: str


def answers_html(classifier: Classifier, photos: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Yield, after each photo, a line on those so far, and their sections.

    A photo that can't be read gets a message in its place; the others are answered all the same.

    Args:
        classifier: that is asked.
        photos: files, shown by their names; those beyond `MAX_PHOTOS` are left out, which a
            message says.
    """
    asked = photos[:MAX_PHOTOS]
    before = _left_out(photos)
    sections: list[Section] = []
    for photo in asked:
        sections.append(answer(classifier, photo))
        headings = ", ".join(escape(section.heading) for section in sections)
        yield (
            f"<p>{len(sections)} of {len(asked)} done: {headings}</p>",
            before + "".join(section.html for section in sections),
        )


def answer(classifier: Classifier, photo: Path) -> Section:
    """Return the section of one photo: what it is, or what is wrong with its file."""
    try:
        image = load(photo, name=photo.name)
        explanation = classifier.explain(image, nearest=NEAREST)
    except InputError as error:
        return Section("no answer", message_html(str(error)))
    return Section(explanation.answer.decision, explanation_html(photo.name, image, explanation))


def message_html(message: str) -> str:
    """Return a section that says what went wrong."""
    return f'<p class="message">{escape(message)}</p>'


def explanation_html(name: str, image: Image.Image, explanation: Explanation) -> str:
    """Return the section of one photo.

    Args:
        name: of the photo.
        image: RGB.
        explanation: of its answer.
    """
    answer = explanation.answer
    shown = smaller(image, SHOWN_SIDE)
    seen = overlay(shown, explanation.map)
    label = escape(explanation.label)
    if answer.is_sure:
        kind, heading = "sure", escape(answer.decision)
        why = f"probability {answer.probabilities[answer.decision]:.2f}"
        # By costs alone.
        if answer.decision != answer.label:
            why += escape(f", and costs less than {answer.label} at {answer.probability:.2f}")
    else:
        kind, heading, why = "unsure", "Unsure", escape(answer.reason)
    return (
        f'<article class="answer {kind}">'
        f'<h2>{heading}</h2><p class="why">{why}</p><p class="file">{escape(name)}</p>'
        '<div class="columns"><div class="pictures">'
        + _figure(shown, f"The photo {name}", "Photo")
        + _figure(
            seen,
            f"The photo {name}, red where it speaks most for {explanation.label}",
            f"Where it speaks for {label}: red most, dark least",
        )
        + "</div>"
        + f'<div class="numbers">{_probabilities(answer.probabilities)}'
        + f"{_nearest(explanation.nearest)}</div></div></article>"
    )


def _left_out(photos: Sequence[Path]) -> str:
    count = len(photos) - MAX_PHOTOS
    if count <= 0:
        return ""
    return message_html(
        f"{len(photos)} photos, but at most {MAX_PHOTOS} are answered at once: drop the last "
        f"{count} again, from {photos[MAX_PHOTOS].name} on"
    )


def _figure(image: Image.Image, alternative: str, caption: str) -> str:
    return (
        f'<figure><img src="{data_uri(image)}" alt="{escape(alternative)}" '
        f'width="{image.width}" height="{image.height}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _probabilities(probabilities: dict[str, float]) -> str:
    likeliest_first = sorted(probabilities.items(), key=lambda item: -item[1])
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        f'<td class="bar" aria-hidden="true"><div style="width:{100 * probability:.1f}%"></div>'
        f'</td><td class="number">{probability:.2f}</td></tr>'
        for label, probability in likeliest_first
    )
    return f'<table class="probabilities"><caption>Probabilities</caption>{rows}</table>'


def _nearest(neighbours: Sequence[Neighbour]) -> str:
    if not neighbours:
        return ""
    items = "".join(
        f"<li>{_thumbnail(neighbour)}<span>{escape(neighbour.label)}</span></li>"
        for neighbour in neighbours
    )
    return f'<h3>Nearest training photos</h3><ul class="nearest">{items}</ul>'


def _thumbnail(neighbour: Neighbour) -> str:
    if neighbour.thumbnail is None:
        return f"{escape(neighbour.path)}: "
    return (
        f'<img src="{data_uri(neighbour.thumbnail)}" alt="Training photo {escape(neighbour.path)}">'
    )
