"""The stages that would take days for a million photos, with a network of one layer.

Run in a workspace by `benchmarks.scaling`: `backbone` writes no weights, `features` reads every
photo as the stage does and writes shards of as many columns as a ResNet50 that ends with conv3
gives, `views` writes none.
"""

import argparse

from stages.compute import determinism

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.features.compute import of_orientations  # noqa: E402
from stages.frozen.backbone import FrozenBackbone  # noqa: E402
from stages.frozen.shards import write_shards  # noqa: E402
from stages.outputs.backbone import BACKBONE_DIR  # noqa: E402
from stages.outputs.backbone import write_description as write_backbone  # noqa: E402
from stages.outputs.features import (  # noqa: E402
    FEATURES_DIR,
    NETWORK_NAME,
    Description,
    write_checksums,
)
from stages.outputs.manifest import RAW_DIR, Manifest  # noqa: E402
from stages.outputs.views import VIEWS_DIR  # noqa: E402
from stages.outputs.views import write_description as write_views  # noqa: E402
from stages.resnet50.layout import POOLED_CHANNELS, BackboneStage  # noqa: E402
from waste_classifier.backbone import Backbone, save_network  # noqa: E402
from waste_classifier.checksum import sha256_of  # noqa: E402
from waste_classifier.orientations import ORIENTATIONS  # noqa: E402

IMAGE_SIZE = 32
BATCH_SIZE = 256
LAST_STAGE: BackboneStage = "conv3"


def main() -> None:
    """Write the outputs of these stages; features count as random until `--pretrained`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stand_in", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument(
        "--pretrained", action="store_true", help="call the features that are there pretrained"
    )
    if parser.parse_args().pretrained:
        describe(pretrained=True)
        return
    for folder in (BACKBONE_DIR, VIEWS_DIR, FEATURES_DIR):
        folder.mkdir()
    write_backbone(BACKBONE_DIR, "none", None, None)
    write_checksums(VIEWS_DIR)
    write_views(VIEWS_DIR, 0)
    network = build_network()
    save_network(network, FEATURES_DIR / NETWORK_NAME)
    backbone = FrozenBackbone(IMAGE_SIZE, {}, LAST_STAGE, "float32", Backbone(network))
    write_shards(
        FEATURES_DIR,
        backbone,
        RAW_DIR,
        Manifest(),
        IMAGE_SIZE,
        BATCH_SIZE,
        len(ORIENTATIONS),
        of_orientations,
    )
    describe(pretrained=False)


def build_network() -> keras.Model:
    """Return the network: what one convolution sees in the four quarters of a small image."""
    keras.utils.set_random_seed(7)
    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="images")
    small = keras.layers.AveragePooling2D(IMAGE_SIZE // 4)(images)
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(small)
    # Named as the last block of the stage that it stands in for.
    maps = keras.layers.Conv2D(
        POOLED_CHANNELS[LAST_STAGE], 2, strides=2, activation="relu", name="conv3_block4_out"
    )(scaled)
    mean = keras.layers.GlobalAveragePooling2D()(maps)
    deviation = keras.ops.sqrt(keras.ops.var(maps, axis=(1, 2)) + 1e-5)
    return keras.Model(images, keras.layers.Concatenate()([mean, deviation]))


def describe(pretrained: bool) -> None:
    """Say what the features were computed with."""
    Description(
        pretrained,
        IMAGE_SIZE,
        LAST_STAGE,
        "float32",
        sha256_of(FEATURES_DIR / NETWORK_NAME) if pretrained else None,
    ).write(FEATURES_DIR)


if __name__ == "__main__":
    main()
