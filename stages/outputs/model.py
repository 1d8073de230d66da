"""data/model/: the trained classifier; `waste_classifier.model` says what stands in it."""

from pathlib import Path

MODEL_DIR = Path("data/model")
