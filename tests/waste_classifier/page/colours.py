"""A classifier that tells colours apart: red is cardboard, green is glass, blue is metal."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.classifier_folder import SIZE, Colours
from waste_classifier.classifier import Classifier
from waste_classifier.decision import Decision
from waste_classifier.head import Dense, Head
from waste_classifier.model import Contract, write_model
from waste_classifier.novelty import Novelty
from waste_classifier.training_photos import TrainingPhotos, write_thumbnails

LABELS = ("cardboard", "glass", "metal")
COLOURS = {"cardboard": "red", "glass": "lime", "metal": "blue"}
#: Logits, where a channel is full: so sure that the probability is 1.00.
SURE = 20.0


def colour_classifier(folder: Path) -> Classifier:
    """Return one whose folder has everything but a network."""
    folder.mkdir(parents=True)
    (folder / "backbone.keras").write_bytes(b"no network")
    kernel = np.zeros((6, 3), np.float32)
    kernel[:3] = SURE * np.eye(3)
    head = Head(None, Dense(kernel, np.zeros(3, np.float32)))
    write_model(folder, Contract(LABELS, ("received",), SIZE), head, folder / "backbone.keras")
    even = (1 / 3, 1 / 3, 1 / 3)
    decision = Decision(LABELS, 1.0, even, even, 0.9, 0.95, (0.6, 0.7, None), None)
    (folder / "decision.json").write_text(json.dumps(decision.to_json()))
    channels = np.eye(6, 3, dtype=np.float32)
    corners = np.eye(3, dtype=np.float32)
    Novelty(
        mean=np.zeros(6, np.float32),
        scale=np.ones(6, np.float32),
        components=channels,
        whitening=corners,
        label_means=corners,
        usual=np.ones((3, 2), np.float32),
        limit=np.float32(0.9),  # type: ignore[arg-type]
    ).save(folder / "novelty.npz")
    TrainingPhotos(
        np.array(["cardboard/1.jpg", "glass/1.jpg", "metal/1.jpg"]), np.array(LABELS), corners, None
    ).save(folder / "training_photos.npz")
    write_thumbnails(
        folder / "training_photos.zip", [Image.new("RGB", (9, 6), COLOURS[name]) for name in LABELS]
    )
    classifier = Classifier.load(folder)
    classifier.__dict__["_network"] = Colours()
    return classifier


def save_photo(file: Path, colour: str | tuple[int, int, int], size: int = 40) -> Path:
    """Write a photo of one colour; its content decides the format, PNG."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), colour).save(file, "PNG")
    return file
