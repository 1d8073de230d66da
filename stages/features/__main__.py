"""Compute the features of every image with the frozen backbone: data/features/.

They depend on the images, the weights and the image size alone, so that every split and every
training of a head reuses them.
"""

import sys
from typing import Annotated

from pydantic import Field

from stages import errors, params
from stages.backbone_file import read_backbone_file
from stages.errors import InputError
from stages.feature_table import FEATURES_DIR
from stages.manifest import MANIFEST_FILE, RAW_DIR, ManifestRow, read_table


class FeaturesParams(params.Params):
    """Section `features` of params.yaml."""

    image_size: Annotated[int, Field(ge=32, le=1024)]
    batch_size: Annotated[int, Field(ge=1, le=1024)]


def main() -> None:
    """Read the manifest and the weights, write the features."""
    settings = params.load_section("features", FeaturesParams)
    rows = read_table(MANIFEST_FILE, ManifestRow)
    if not rows:
        raise InputError(f"{MANIFEST_FILE}: no images; check section 'fetch' of params.yaml")
    weights_file = read_backbone_file()

    # Imports TensorFlow, which takes seconds that a mistake in the parameters should not.
    from stages import tensorflow_setup

    tensorflow_setup.configure()
    from stages.features.extract import load_backbone, write_features

    backbone, last_stage = load_backbone(weights_file, settings.image_size)
    paths = [RAW_DIR / row.path for row in rows]
    pretrained = weights_file is not None
    write_features(FEATURES_DIR, backbone, paths, settings.batch_size, pretrained, last_stage)
    print(f"{len(rows)} images, {backbone.output_shape[1]} features of conv3 to {last_stage} each")
    if not pretrained:
        print(
            "random weights: these features see colour and layout, not things; they serve neither "
            "split.group_by: embedding nor the search for label errors"
        )


if __name__ == "__main__":
    sys.exit(errors.run(main))
