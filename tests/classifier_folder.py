"""A whole classifier that needs no network: its features are what colours a photo has."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from waste_classifier import model
from waste_classifier.decision import Decision
from waste_classifier.head import Dense, Head
from waste_classifier.known_labels import KnownLabels
from waste_classifier.model import Contract, write_model
from waste_classifier.novelty import Novelty
from waste_classifier.orientations import Orientation
from waste_classifier.training_photos import TrainingPhotos

LABELS = ("glass", "metal", "paper")
SIZE = 8
#: The logits are ten times the shares of red, green and blue.
HEAD = Head(
    None,
    Dense(
        np.concatenate([10 * np.eye(3), np.zeros((3, 3))]).astype(np.float32),
        np.zeros(3, np.float32),
    ),
)


class Colours:
    """Stands in for a network: mean and deviation of each colour, 0 to 1."""

    image_size = SIZE
    columns = 6

    def features(
        self, images: npt.NDArray[np.uint8], orientations: Sequence[Orientation]
    ) -> npt.NDArray[np.float32]:
        shares = images / 255
        seen = np.concatenate([shares.mean((1, 2)), shares.std((1, 2)) + 1e-3], axis=1)
        seen = seen.astype(np.float32)
        return np.stack([seen for _ in orientations], axis=1)

    def activations(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(image / 255, np.float32)

    def features_and_activations(
        self, image: npt.NDArray[np.uint8], orientations: Sequence[Orientation]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        return self.features(image[None], orientations)[0], self.activations(image)


def write_classifier(folder: Path, thresholds: Sequence[float | None] = (0.9, 0.9, None)) -> Path:
    """Write it; photos that are dark are unlike those that it was trained on."""
    folder.mkdir()
    network = folder.with_name("network")
    network.write_bytes(b"a network")
    write_model(folder, Contract(LABELS, ("received", "turned"), SIZE), HEAD, network)
    even = (1 / 3, 1 / 3, 1 / 3)
    decision = Decision(LABELS, 1.0, even, even, 0.98, 0.95, tuple(thresholds), None)
    (folder / "decision.json").write_text(json.dumps(decision.to_json()))
    means = np.concatenate([np.eye(3), np.zeros((3, 3))], axis=1).astype(np.float32)
    novelty = Novelty(
        mean=np.zeros(6, np.float32),
        scale=np.ones(6, np.float32),
        components=np.eye(6, 3, dtype=np.float32),
        whitening=np.eye(3, dtype=np.float32),
        label_means=means[:, :3],
        usual=np.full((3, 2), 0.5, np.float32),
        limit=np.asarray(0.8, np.float32),
    )
    novelty.save(folder / "novelty.npz")
    # Nothing is so far from these that it would be of no label.
    known = KnownLabels(
        label_means=HEAD.logits(means),
        whitening_within=np.eye(3, dtype=np.float32),
        mean=np.zeros(3, np.float32),
        whitening_overall=np.zeros((3, 3), np.float32),
        usual=np.asarray(0, np.float32),
        limit=np.asarray(1000, np.float32),
    )
    known.save(folder / "known_labels.npz")
    photos = TrainingPhotos(
        np.array([f"{label}/0.jpg" for label in LABELS]),
        np.array(LABELS),
        novelty.coordinates(means),
        None,
    )
    photos.save(folder / "training_photos.npz")
    return folder


def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every classifier see colours."""
    monkeypatch.setattr(model, "_load_network", lambda folder, _: (folder / "network", Colours()))
