"""What the page says of photos: the decision first, and a message for what is no photo."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from tests.waste_classifier.page.colours import LABELS, colour_classifier, save_photo
from waste_classifier.classifier import Classifier
from waste_classifier.images import MAX_PIXELS
from waste_classifier.page.answers import MAX_PHOTOS, NEAREST, answer, answers_html


class Seen(HTMLParser):
    """What a reader of a section sees: its texts, its pictures, and whatever could run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.alternatives: list[str | None] = []
        self.elements: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "img":
            self.alternatives.append(dict(attrs)["alt"])

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return colour_classifier(tmp_path_factory.mktemp("page") / "model")


def pictures(html: str) -> list[Image.Image]:
    contents = re.findall(r"data:image/jpeg;base64,([^\"]+)", html)
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in contents]


def test_a_sure_photo_has_its_label_first_and_why(classifier: Classifier, tmp_path: Path) -> None:
    section = answer(classifier, save_photo(tmp_path / "bottle.png", "lime"))

    assert section.heading == "glass"
    seen = Seen(section.html)
    assert seen.texts[:3] == ["glass", "probability 1.00", "bottle.png"]
    assert seen.texts[seen.texts.index("Probabilities") + 1 :][:2] == ["glass", "1.00"]
    assert seen.alternatives == [
        "The photo bottle.png",
        "The photo bottle.png, red where it speaks most for glass",
        "Training photo glass/1.jpg",
        "Training photo cardboard/1.jpg",
        "Training photo metal/1.jpg",
    ]
    photo, activation_map, nearest, *_ = pictures(section.html)
    assert photo.size == activation_map.size == (40, 40)
    # Its green is everywhere, so the map is hottest everywhere: 0.45 green and 0.55 of (122, 4, 3).
    assert activation_map.getpixel((20, 20)) == pytest.approx((67, 117, 2), abs=6)
    assert nearest.getpixel((4, 3)) == pytest.approx((0, 255, 0), abs=6)


@pytest.mark.parametrize(
    ("colour", "reason"),
    [
        ((128, 128, 0), "cardboard at 0.50, below 0.60"),
        ((0, 0, 255), "metal at 1.00: no threshold promises purity 0.9"),
        # To the nearest corner 2 ** 0.5, no rest: (2 / 1 + 0 / 1) / 2 is 1, and the limit 0.9.
        ((255, 255, 255), "unlike the training photos (distance 1.11, limit 1)"),
    ],
)
def test_an_unsure_photo_says_why(
    colour: tuple[int, int, int], reason: str, classifier: Classifier, tmp_path: Path
) -> None:
    section = answer(classifier, save_photo(tmp_path / "photo.png", colour))

    assert section.heading == "unsure"
    assert Seen(section.html).texts[:2] == ["Unsure", reason]


def test_where_costs_decide_the_map_is_of_what_they_decide(tmp_path: Path) -> None:
    classifier = colour_classifier(tmp_path / "model")
    # To call cardboard glass costs nothing, and to leave it does.
    free = ((1.0, 0.0, 1.0, 1.0),) * len(LABELS)
    classifier.__dict__["decision"] = classifier.decision._replace(costs=free)

    explanation = classifier.explain(Image.new("RGB", (40, 40), "red"))

    assert (explanation.answer.label, explanation.answer.decision) == ("cardboard", "glass")
    assert explanation.label == "glass"


def test_a_label_that_costs_choose_says_so(tmp_path: Path) -> None:
    classifier = colour_classifier(tmp_path / "model")
    # To call cardboard glass costs nothing, and all else does.
    costs = ((1.0, 0.0, 1.0, 1.0),) * len(LABELS)
    classifier.__dict__["decision"] = classifier.decision._replace(costs=costs)

    section = answer(classifier, save_photo(tmp_path / "box.png", "red"))

    assert Seen(section.html).texts[:2] == [
        "glass",
        "probability 0.00, and costs less than cardboard at 1.00",
    ]


def test_what_is_no_photo_is_named_and_the_others_are_answered(
    classifier: Classifier, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("glass")
    (tmp_path / "empty.jpg").touch()
    photos = [
        save_photo(tmp_path / "bottle.png", "lime"),
        tmp_path / "notes.txt",
        tmp_path / "empty.jpg",
        # What is no image by its name is one by its content.
        save_photo(tmp_path / "can.txt", "red"),
    ]

    line, sections = list(answers_html(classifier, photos))[-1]

    assert line == "<p>4 of 4 done: glass, no answer, no answer, cardboard</p>"
    texts = Seen(sections).texts
    assert "notes.txt: not an image of JPEG, PNG, WebP, BMP or GIF" in texts
    assert "empty.jpg: empty file" in texts
    # Where this machine keeps what was dropped is nobody's business.
    assert str(tmp_path) not in sections


def test_a_photo_of_too_many_pixels_is_refused(classifier: Classifier, tmp_path: Path) -> None:
    Image.new("1", (10_000, MAX_PIXELS // 10_000 + 1)).save(tmp_path / "huge.png")

    texts = Seen(answer(classifier, tmp_path / "huge.png").html).texts

    assert texts == ["huge.png: 10000 x 5001 pixels, more than the limit of 50000000"]


def test_the_first_answer_is_there_before_the_last(classifier: Classifier, tmp_path: Path) -> None:
    photos = [save_photo(tmp_path / f"{name}.png", "red") for name in "ab"]

    (first, shown), (last, all_shown) = answers_html(classifier, photos)

    assert (first, last) == (
        "<p>1 of 2 done: cardboard</p>",
        "<p>2 of 2 done: cardboard, cardboard</p>",
    )
    assert all_shown.startswith(shown)


def test_photos_beyond_the_limit_are_left_out_and_named(
    classifier: Classifier, tmp_path: Path
) -> None:
    photo = save_photo(tmp_path / "one.png", "red")
    more = [save_photo(tmp_path / f"{name}.png", "lime") for name in ("late", "later")]

    *_, (line, sections) = answers_html(classifier, [photo] * MAX_PHOTOS + more)

    assert line.startswith(f"<p>{MAX_PHOTOS} of {MAX_PHOTOS} done: ")
    assert Seen(sections).texts[0] == (
        "22 photos, but at most 20 are answered at once: drop the last 2 again, from late.png on"
    )
    assert "glass" not in line


def test_no_photos_no_answers(classifier: Classifier) -> None:
    assert list(answers_html(classifier, [])) == []


def test_names_run_nowhere(classifier: Classifier, tmp_path: Path) -> None:
    name = '"><script>alert(1)<'
    elements = Seen(answer(classifier, save_photo(tmp_path / name, "lime")).html).elements
    (tmp_path / f"{name}.txt").write_text("glass")
    message = Seen(answer(classifier, tmp_path / f"{name}.txt").html)

    assert "script" not in elements | message.elements
    assert message.texts == [f"{name}.txt: not an image of JPEG, PNG, WebP, BMP or GIF"]


def test_a_folder_without_training_photos_shows_none(tmp_path: Path) -> None:
    classifier = colour_classifier(tmp_path / "model")
    (classifier.folder / "training_photos.npz").unlink()

    texts = Seen(answer(classifier, save_photo(tmp_path / "bottle.png", "lime")).html).texts

    assert "Nearest training photos" not in texts


def test_without_thumbnails_training_photos_are_named(tmp_path: Path) -> None:
    classifier = colour_classifier(tmp_path / "model")
    (classifier.folder / "training_photos.zip").unlink()

    seen = Seen(answer(classifier, save_photo(tmp_path / "bottle.png", "lime")).html)

    nearest = seen.texts[seen.texts.index("Nearest training photos") + 1 :]
    assert nearest[:2] == ["glass/1.jpg: ", "glass"]
    assert len(seen.alternatives) == 2
    assert len(nearest) <= 2 * NEAREST


def test_a_damaged_folder_is_named_in_place_of_an_answer(tmp_path: Path) -> None:
    classifier = colour_classifier(tmp_path / "model")
    (classifier.folder / "training_photos.zip").write_bytes(b"no archive")

    section = answer(classifier, save_photo(tmp_path / "bottle.png", "lime"))

    assert section.heading == "no answer"
    assert "training_photos.zip: can't be read" in Seen(section.html).texts[0]
