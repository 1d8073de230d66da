"""A folder that decides on photos, and says why; `tests.classifier_folder` has what it sees."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.classifier_folder import without_network, write_classifier
from waste_classifier import Classifier
from waste_classifier.adaptation import Adaptation
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.known_labels import KnownLabels
from waste_classifier.training_photos import TrainingPhotos

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    without_network(monkeypatch)
    return write_classifier(tmp_path / "classifier")


def photo(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (20, 10), colour)


def test_a_sure_photo_gets_its_label(folder: Path) -> None:
    glass, metal = Classifier.load(folder).decide([photo(RED), photo(GREEN)])

    assert (glass.decision, metal.decision) == ("glass", "metal")
    assert glass.reason == ""
    assert glass.is_sure
    # Logits are 10, 0 and 0.
    assert glass.probability == pytest.approx(1 / (1 + 2 * np.exp(-10)), abs=1e-6)
    assert list(glass.probabilities) == ["glass", "metal", "paper"]
    assert glass.distance == pytest.approx(0, abs=0.01)


def test_an_unsure_photo_says_why(folder: Path) -> None:
    mixed, paper, dark = Classifier.load(folder).decide(
        [photo((160, 140, 0)), photo(BLUE), photo((0, 0, 0))]
    )

    assert [each.decision for each in (mixed, paper, dark)] == ["unsure"] * 3
    assert mixed.reason == f"glass at {mixed.probability:.2f}, below 0.90"
    assert paper.reason == "paper at 1.00: no threshold promises purity 0.98"
    assert dark.reason.startswith("unlike the training photos (distance 1.25")
    assert dark.distance is not None
    assert dark.distance > 1


def test_a_distance_just_beyond_the_limit_is_shown_as_beyond(folder: Path) -> None:
    classifier = Classifier.load(folder)
    assert classifier.novelty is not None
    (dark,) = classifier.decide([photo((0, 0, 0))])
    assert dark.distance is not None
    # Now 1.001 times as far as the limit.
    limit = classifier.novelty.limit * dark.distance / np.float32(1.001)
    classifier.novelty._replace(limit=np.asarray(limit, np.float32)).save(folder / "novelty.npz")

    (answer,) = Classifier.load(folder).decide([photo((0, 0, 0))])

    assert answer.reason == "unlike the training photos (distance 1.001, limit 1)"


def test_without_a_decision_it_is_never_unsure_and_without_novelty_nothing_is_unlike(
    folder: Path,
) -> None:
    (folder / "decision.json").unlink()
    (folder / "novelty.npz").unlink()

    answers = Classifier.load(folder).decide([photo((160, 140, 0)), photo((0, 0, 0))])

    assert [answer.decision for answer in answers] == ["glass", "glass"]
    assert answers[0].distance is None


def test_a_thing_of_no_label_is_unsure_and_says_so(folder: Path) -> None:
    # The logits of this classifier are its hidden layer: pure colours are what is known.
    known = KnownLabels(
        label_means=10 * np.eye(3, dtype=np.float32),
        whitening_within=np.eye(3, dtype=np.float32),
        mean=np.full(3, 10 / 3, np.float32),
        whitening_overall=np.diag([0.1, 0.1, 0.1]).astype(np.float32),
        usual=np.asarray(0, np.float32),
        limit=np.asarray(40, np.float32),
    )
    known.save(folder / "known_labels.npz")
    (folder / "novelty.npz").unlink()

    red, white = Classifier.load(folder).decide([photo(RED), photo((255, 200, 255))])

    assert red.decision == "glass"
    assert not red.is_of_no_label
    assert white.is_of_no_label
    assert white.decision == "unsure"
    assert white.reason.startswith("like things of none of the labels (distance")


def test_known_labels_of_another_head_are_refused(folder: Path) -> None:
    two = np.eye(2, dtype=np.float32)
    usual, limit = np.zeros((), np.float32), np.ones((), np.float32)
    known = KnownLabels(two, two, np.zeros(2, np.float32), two, usual, limit)
    known.save(folder / "known_labels.npz")

    with pytest.raises(InputError, match=r"known_labels\.npz: of \(2, 2\) labels and hidden"):
        Classifier.load_whole(folder)


def test_an_explanation_shows_where_and_like_what(folder: Path) -> None:
    half = Image.new("RGB", (20, 10), "black")
    half.paste(RED, (0, 0, 10, 10))

    explanation = Classifier.load(folder).explain(half, nearest=2)

    assert explanation.label == "glass"
    assert explanation.map.shape == (8, 8)
    assert explanation.map[:, :3].min() > 0.9
    assert explanation.map[:, 5:].max() == 0
    assert explanation.nearest[0].path == "glass/0.jpg"
    assert len(explanation.nearest) == 2


def test_another_label_can_be_asked_for(folder: Path) -> None:
    classifier = Classifier.load(folder)

    assert classifier.explain(photo(RED), label="metal").label == "metal"
    with pytest.raises(InputError, match="no label 'wood'; expected one of glass, metal, paper"):
        classifier.explain(photo(RED), label="wood")


def test_a_photo_that_is_none_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("no photo")

    with pytest.raises(PhotoError, match=r"photo\.jpg: not an image"):
        Classifier.load(folder).decide([tmp_path / "photo.jpg"])


def test_a_limit_of_pixels_holds_for_answers_and_explanations_alike(folder: Path) -> None:
    classifier = Classifier.load(folder)

    for limit in (200, None):
        (answer,) = classifier.decide([photo(RED)], max_pixels=limit)
        assert classifier.explain(photo(RED), max_pixels=limit).answer == answer
    with pytest.raises(PhotoError, match="20 x 10 pixels, more than the limit of 199"):
        classifier.decide([photo(RED)], max_pixels=199)
    with pytest.raises(PhotoError, match="20 x 10 pixels, more than the limit of 199"):
        classifier.explain(photo(RED), max_pixels=199)


def test_bytes_are_no_photo(folder: Path) -> None:
    classifier = Classifier.load(folder)
    content: Any = b"\xff\xd8\xff"

    with pytest.raises(TypeError, match=r"^photo 0: .* got bytes; wrap bytes by `Image\.open\("):
        classifier.decide([content])
    with pytest.raises(TypeError, match=r"^the photo: .* got bytes; wrap bytes by `Image\.open\("):
        classifier.explain(content)


def test_an_adapted_classifier_adapts_whatever_it_is_asked(folder: Path) -> None:
    # All photos of the line look green to it.
    green = Adaptation(np.zeros(6, np.float32), np.eye(6, dtype=np.float32)[1])
    green.save(folder / "adaptation.npz")
    classifier = Classifier.load(folder)

    (probabilities,) = classifier.predict([photo(RED)])
    (answer,) = classifier.decide([photo(RED)])

    assert classifier.labels[probabilities.argmax()] == answer.label == "metal"


def test_a_photo_without_a_name_is_called_the_photo(folder: Path) -> None:
    with pytest.raises(PhotoError, match=r"^the photo: expected an array"):
        Classifier.load(folder).explain(np.zeros((4, 4), np.uint8))


def test_arrays_of_another_classifier_are_refused(folder: Path) -> None:
    Adaptation(np.ones(5, np.float32), np.zeros(5, np.float32)).save(folder / "adaptation.npz")
    with pytest.raises(
        InputError, match=r"adaptation\.npz: of 5 features, but the classifier has 6"
    ):
        Classifier.load_whole(folder)

    (folder / "adaptation.npz").unlink()
    two = np.zeros((1, 2), np.float32)
    photos = TrainingPhotos(np.array(["a.jpg"]), np.array(["glass"]), two, None)
    photos.save(folder / "training_photos.npz")
    with pytest.raises(InputError, match=r"training_photos\.npz: of 2 components, but"):
        Classifier.load_whole(folder)


def test_parts_of_another_classifier_are_refused(folder: Path) -> None:
    described = json.loads((folder / "decision.json").read_text())
    described["labels"] = ["metal", "glass", "paper"]
    (folder / "decision.json").write_text(json.dumps(described))

    with pytest.raises(InputError, match=r"decision\.json: of labels metal, glass, paper, but"):
        Classifier.load_whole(folder)
