"""The frozen backbone: ResNet50 with the weights that it came with; imports TensorFlow."""

from pathlib import Path
from typing import NamedTuple, Self

import keras

from stages.compute.precision import Precision, native_precision
from stages.outputs.features import (
    NETWORK_NAME,
    Description,
)
from stages.resnet50.folding import fold_batch_norm
from stages.resnet50.layout import BackboneStage
from stages.resnet50.network import build_backbone
from stages.resnet50.weights import LayerWeights, read_pretrained, restore
from waste_classifier.backbone import Backbone, save_network
from waste_classifier.checksum import sha256_of

# Of random weights: any, but always the same.
RANDOM_WEIGHTS_SEED = 0


class FrozenBackbone(NamedTuple):
    """The backbone as it was restored, and what it takes to build it again."""

    image_size: int
    weights: LayerWeights  #: empty: random ones
    last_stage: BackboneStage  #: of ResNet50, that it ends with
    precision: Precision  #: that the hardware computes natively
    runner: Backbone  #: the network in that precision

    @property
    def pretrained(self) -> bool:
        """Whether its weights were."""
        return bool(self.weights)

    @property
    def columns(self) -> int:
        """How many features it gives of an image."""
        return self.runner.columns

    @classmethod
    def restore(cls, weights_file: Path | None, image_size: int) -> Self:
        """Build the backbone.

        Args:
            weights_file: pretrained weights, or None for random ones.
            image_size: pixels, width and height.

        Raises:
            InputError: the file is not one of ResNet50 weights.
        """
        weights, last_stage = read_pretrained(weights_file) if weights_file else ({}, "conv5")
        return cls.build(image_size, weights, last_stage, native_precision())

    @classmethod
    def build(
        cls,
        image_size: int,
        weights: LayerWeights,
        last_stage: BackboneStage,
        precision: Precision,
    ) -> Self:
        """Build it of what another has: they compute the same."""
        network = _network(image_size, weights, last_stage, precision)
        return cls(image_size, weights, last_stage, precision, Backbone(network))

    def save(self, file: Path) -> None:
        """Write the network in float32, whatever precision computed the features."""
        save_network(_network(self.image_size, self.weights, self.last_stage, "float32"), file)

    def describe(self, folder: Path) -> None:
        """Write what features were computed with, and the network unless it is a random one."""
        network = folder / NETWORK_NAME
        if self.pretrained:
            self.save(network)
        Description(
            pretrained=self.pretrained,
            image_size=self.image_size,
            last_stage=self.last_stage,
            precision=self.precision,
            backbone_sha256=sha256_of(network) if self.pretrained else None,
        ).write(folder)


def _network(
    image_size: int, weights: LayerWeights, last_stage: BackboneStage, precision: Precision
) -> keras.Model:
    # Names of layers are numbered: equal ones make equal files. It forgets the precision too.
    keras.backend.clear_session()
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(RANDOM_WEIGHTS_SEED)
    network = build_backbone(image_size, last_stage)
    restore(network, weights)
    return fold_batch_norm(network)
