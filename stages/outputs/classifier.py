"""data/classifier/: the classifier as it is given away; `waste_classifier.classifier` reads it."""

from pathlib import Path

CLASSIFIER_DIR = Path("data/classifier")
