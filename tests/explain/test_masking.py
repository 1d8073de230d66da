"""What a map shows, hidden, and as much elsewhere."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stages.explain.masking import blurred, compare, losses_of, moved, strongest
from tests.classifier_folder import Colours, write_classifier
from waste_classifier.classifier import Classifier
from waste_classifier.orientations import Orientation


def test_the_strongest_places_are_as_many_as_the_share() -> None:
    seen = np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)

    assert strongest(seen, 0.5).tolist() == [[False, True], [True, False]]
    # At least one is hidden, however small the share.
    assert strongest(seen, 0.01).tolist() == [[False, True], [False, False]]


def test_a_moved_outline_has_the_same_form_and_overlaps_least() -> None:
    mask = np.zeros((6, 6), np.bool_)
    mask[:3, :3] = True

    elsewhere = moved(mask, np.random.default_rng(0))

    assert elsewhere.sum() == 9
    assert not (elsewhere & mask).any()
    # Of five columns in six, two moves overlap no more than any other.
    wide = np.zeros((6, 6), np.bool_)
    wide[:, :5] = True
    assert (moved(wide, np.random.default_rng(0)) & wide).sum() == 24


def test_what_is_masked_is_blurred_and_the_rest_is_as_it_was() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    mask = np.zeros((4, 4), np.bool_)
    mask[0, 0] = True

    changed = blurred(image, mask)

    assert changed[:8, :8].std() < image[:8, :8].std() / 3
    assert (changed[8:] == image[8:]).all()
    assert (changed[:8, 8:] == image[:8, 8:]).all()


class Corner(Colours):
    """A network that looks for its label in one corner alone."""

    def features(
        self, images: npt.NDArray[np.uint8], orientations: Sequence[Orientation]
    ) -> npt.NDArray[np.float32]:
        return super().features(images[:, :4, :4], orientations)

    def activations(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        seen = np.zeros((8, 8, 3), np.float32)
        seen[:4, :4] = image[:4, :4] / 255
        return seen


def classifier_of(network: Colours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classifier:
    folder = write_classifier(tmp_path / "classifier")
    monkeypatch.setattr(
        "waste_classifier.model._load_network", lambda folder, _: (folder / "network", network)
    )
    return Classifier.load(folder)


def test_hiding_what_the_network_looks_at_costs_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = classifier_of(Corner(), tmp_path, monkeypatch)
    image = np.full((8, 8, 3), (0, 0, 255), np.uint8)
    image[:4, :4] = (140, 110, 110)

    lost = losses_of(classifier, image, 0.25, np.random.default_rng(0))

    assert lost is not None
    # The corner takes on some of the blue around it, and glass is what is red.
    assert lost.shown > 0.05
    assert lost.elsewhere == pytest.approx(0, abs=1e-3)


class OnePlace(Colours):
    """A network whose maps have one place."""

    def activations(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(image.mean((0, 1), keepdims=True) / 255, np.float32)


def test_a_map_that_shows_all_has_nothing_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = classifier_of(OnePlace(), tmp_path, monkeypatch)
    image = np.full((8, 8, 3), (0, 0, 255), np.uint8)

    assert losses_of(classifier, image, 0.2, np.random.default_rng(0)) is None


def test_the_interval_draws_groups() -> None:
    lost = np.array([[0.4, 0.1], [0.2, 0.1], [0.3, 0.4]])

    compared = compare(lost, np.array([0, 1, 1]), 2000, 0)

    assert (compared.shown, compared.elsewhere) == pytest.approx((0.3, 0.2))
    assert compared.more == pytest.approx(2 / 3)
    # Of two groups the resamples are the first twice (0.3), the second twice (0.0), or both.
    assert (compared.low, compared.high) == pytest.approx((0.0, 0.3))


def test_photos_that_all_lose_as_much_have_an_interval_of_one_point() -> None:
    compared = compare(np.array([[0.3, 0.1]] * 4), np.arange(4), 100, 0)

    assert (compared.low, compared.high) == pytest.approx((0.2, 0.2))
