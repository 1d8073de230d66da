"""The features of a batch of images in all orientations; imports TensorFlow."""

from stages.frozen.backbone import FrozenBackbone
from stages.frozen.shards import Compute
from waste_classifier.orientations import ORIENTATIONS


def of_orientations(backbone: FrozenBackbone) -> Compute:
    """Return what computes features, `(n, orientations, d) float32`, with this backbone."""
    return lambda batch, _: backbone.runner.features(batch, ORIENTATIONS)
