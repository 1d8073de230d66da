"""Put the classifier together as it is given away: data/classifier/.

What decides, what tells an unlike photo, the training photos, the network for LiteRT, the model
card: one folder that needs no TensorFlow.
"""

import shutil
import sys
from pathlib import Path

from stages.outputs.card import CARD_FILE
from stages.outputs.classifier import CLASSIFIER_DIR
from stages.outputs.decision import CURVE_FILE, DECISION_FILE
from stages.outputs.export import EXPORT_DIR, FILE_NAMES
from stages.outputs.model import MODEL_DIR
from stages.outputs.novelty import NOVELTY_DIR
from stages.outputs.whole import whole_folder
from stages.params.bundle import BundleParams
from stages.stage import run
from waste_classifier import known_labels, novelty, training_photos
from waste_classifier.classifier import Classifier
from waste_classifier.decision_curve import DecisionCurve
from waste_classifier.errors import InputError
from waste_classifier.model import DESCRIPTION_NAME, HEAD_NAME, LITERT_NAME

#: As the Hub names a model card.
CARD_NAME = "README.md"
#: What stands in the folder beside the network, and what it is a copy of.
PARTS = {
    DESCRIPTION_NAME: MODEL_DIR / DESCRIPTION_NAME,
    HEAD_NAME: MODEL_DIR / HEAD_NAME,
    DECISION_FILE.name: DECISION_FILE,
    CURVE_FILE.name: CURVE_FILE,
    novelty.FILE_NAME: NOVELTY_DIR / novelty.FILE_NAME,
    known_labels.FILE_NAME: NOVELTY_DIR / known_labels.FILE_NAME,
    training_photos.FILE_NAME: NOVELTY_DIR / training_photos.FILE_NAME,
    training_photos.THUMBNAILS_NAME: NOVELTY_DIR / training_photos.THUMBNAILS_NAME,
    CARD_NAME: CARD_FILE,
}


def main(settings: BundleParams) -> None:
    """Copy all parts into one folder, and read it as a user would."""
    parts = parts_of(settings)
    with whole_folder(CLASSIFIER_DIR) as folder:
        for name, part in parts.items():
            copy(part, folder / name)
        classifier = Classifier.load_whole(folder)
        DecisionCurve.load(folder / CURVE_FILE.name, classifier.labels)
    size = sum(file.stat().st_size for file in CLASSIFIER_DIR.iterdir())
    print(f"{CLASSIFIER_DIR}: {len(parts)} files, {size / 1e6:.1f} MB")


def parts_of(settings: BundleParams) -> dict[str, Path]:
    """Return what stands in the folder, and what it is a copy of."""
    return {**PARTS, LITERT_NAME: EXPORT_DIR / FILE_NAMES[settings.format]}


def copy(part: Path, target: Path) -> None:
    """Copy one file.

    Raises:
        InputError: it is not there.
    """
    try:
        shutil.copyfile(part, target)
    except FileNotFoundError:
        raise InputError(f"{part}: no such file; run `dvc repro release/dvc.yaml`") from None


if __name__ == "__main__":
    sys.exit(run("bundle", BundleParams, main))
