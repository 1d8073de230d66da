"""From what was trained to the classifier in data/model/, and the check that both say the same."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from stages.outputs.whole import whole_folder
from stages.resnet50.folding import fold_batch_norm
from stages.resnet50.layout import BackboneStage
from stages.resnet50.network import build_backbone
from waste_classifier.backbone import save_network
from waste_classifier.errors import InputError
from waste_classifier.head import Head
from waste_classifier.images import Photo
from waste_classifier.model import Contract, Model, write_model

#: Of a probability, by the precision in which training saw the photos; the classifier is float32.
LARGEST_DIFFERENCES = {"float32": 0.001, "mixed_float16": 0.02, "mixed_bfloat16": 0.1}
#: How many photos are compared, of each label before others.
COMPARED_PHOTOS = 4


def export_classifier(
    directory: Path,
    contract: Contract,
    head: Head,
    backbone_file: Path,
    compared: Sequence[Photo],
    expected: npt.NDArray[np.float32],
    precision: str,
) -> float:
    """Write the classifier; `directory` appears if it says what training says, or not at all.

    Args:
        directory: replaced if it exists.
        contract: its labels, and how it sees photos.
        head: trained.
        backbone_file: `.keras`, of the backbone that the head was trained on.
        compared: photos that the classifier is tried on.
        expected: `(compared, labels)`, what training says of them.
        precision: in which training saw them.

    Returns:
        The largest difference between a probability that was expected and the classifier's.

    Raises:
        InputError: that is more than `LARGEST_DIFFERENCES` allows, or the disk is full.
    """
    with whole_folder(directory) as folder:
        write_model(folder, contract, head, backbone_file)
        said = Model.load(folder).predict(compared, max_pixels=None)
        difference = float(np.abs(said - expected).max())
        if not difference <= LARGEST_DIFFERENCES[precision]:
            raise InputError(
                f"{directory}: the classifier does not say what was trained: probabilities differ "
                f"by up to {difference:.4f} on {len(compared)} val images, more than "
                f"{LARGEST_DIFFERENCES[precision]} ({precision}); set train.precision to float32, "
                "or run `dvc repro --force features`"
            )
    return difference


def choose_compared(targets: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.intp]:
    """Return positions of up to `count` images, the first of each label before others."""
    labels = targets.argmax(axis=1)
    _, firsts = np.unique(labels, return_index=True)
    rest = np.setdiff1d(np.arange(len(labels)), firsts)
    return np.concatenate([firsts, rest])[:count]


def write_backbone(
    file: Path, trained: keras.Model, image_size: int, last_stage: BackboneStage
) -> None:
    """Write a trained backbone for inference: float32, its BatchNorm folded.

    Args:
        file: `.keras`.
        trained: as `build_backbone` returned it, whatever its precision.
        image_size: pixels, width and height.
        last_stage: of ResNet50, that it ends with.
    """
    weights = trained.get_weights()
    # Names of layers are numbered: equal ones make equal files.
    keras.backend.clear_session()
    keras.config.set_dtype_policy("float32")
    copy = build_backbone(image_size, last_stage)
    copy.set_weights(weights)
    save_network(fold_batch_norm(copy), file)
