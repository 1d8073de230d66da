"""data/model/: the trained classifier; `waste_classifier.classifier` says what stands in it."""

from pathlib import Path

MODEL_DIR = Path("data/model")
