"""Compute the features of every image with the frozen backbone: data/features/.

They depend on the images, the weights and the image size alone, so that every split and every
training of a head reuses them. Killed and run again, it goes on at the first unfinished shard and
ends with the same bytes.
"""

import sys

from stages.outputs.backbone import read_weights_file
from stages.outputs.features import FEATURES_DIR, UNFINISHED_DIR
from stages.outputs.manifest import RAW_DIR, Manifest
from stages.outputs.unfinished import fingerprint, folder_of, only_run
from stages.outputs.whole import replace_folder
from stages.params.features import FeaturesParams
from stages.stage import check_unchanged, run
from waste_classifier.orientations import ORIENTATIONS


def main(settings: FeaturesParams) -> None:
    """Read the manifest and the weights, write the features."""
    images = Manifest()
    weights_file = read_weights_file()

    with only_run(UNFINISHED_DIR, "computation of features") as unfinished:
        # Imports TensorFlow, which takes seconds that a mistake in the inputs should not.
        from stages.compute import determinism

        determinism.configure()
        from stages.features.compute import of_orientations
        from stages.frozen.backbone import FrozenBackbone
        from stages.frozen.shards import write_shards

        backbone = FrozenBackbone.restore(weights_file, settings.image_size)
        inputs = [weights_file] if weights_file else []
        folder = folder_of(unfinished, fingerprint(f"{settings!r} {backbone.precision}", inputs))
        write_shards(
            folder,
            backbone,
            RAW_DIR,
            images,
            settings.image_size,
            settings.batch_size,
            len(ORIENTATIONS),
            of_orientations,
        )
        backbone.describe(folder)
        check_unchanged()
        replace_folder(FEATURES_DIR, folder)

    last_stage = backbone.last_stage
    print(f"{len(images)} images, {backbone.columns} features of conv3 to {last_stage} each")
    if not backbone.pretrained:
        print(
            "random weights: these features see colour and layout, not things; they do not serve "
            "split.group_by: embedding"
        )


if __name__ == "__main__":
    sys.exit(run("features", FeaturesParams, main))
