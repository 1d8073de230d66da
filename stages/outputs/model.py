"""data/model/: the trained classifier; `waste_classifier.model` says what stands in it."""

from pathlib import Path

MODEL_DIR = Path("data/model")
#: Labels, image size and orientations.
DESCRIPTION_FILE = MODEL_DIR / "classifier.json"
