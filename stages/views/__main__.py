"""Compute the features of augmented views of every image with the frozen backbone: data/views/.

The head trains on them beside the images as received, so that it learns what a thing looks like on
other ground, nearer and farther, in other light and through other cameras. They cost nothing once
the head is trained. Killed and run again, it goes on at the first unfinished shard and ends with
the same bytes.
"""

import sys
from collections.abc import Mapping
from functools import partial

from stages.outputs.backbone import read_weights_file
from stages.outputs.features import write_checksums
from stages.outputs.manifest import RAW_DIR, Manifest
from stages.outputs.unfinished import fingerprint, folder_of, only_run
from stages.outputs.views import UNFINISHED_VIEWS_DIR, VIEWS_DIR, write_description
from stages.outputs.whole import replace_folder, whole_folder
from stages.params.features import FeaturesParams
from stages.params.reading import Params
from stages.params.views import ViewsParams
from stages.stage import check_unchanged, run_with

SECTIONS: Mapping[str, type[Params]] = {
    "features": FeaturesParams,
    "views": ViewsParams,
}
STRIDE = 32  # pixels, of ResNet50


def main(features: FeaturesParams, views: ViewsParams) -> None:
    """Read the manifest and the weights, write the features of the views."""
    images = Manifest()
    weights_file = read_weights_file()
    if weights_file is None or views.count == 0:
        with whole_folder(VIEWS_DIR) as folder:
            write_checksums(folder)
            write_description(folder, 0)
        print("no views" + (": random weights train on pixels" if weights_file is None else ""))
        return

    with only_run(UNFINISHED_VIEWS_DIR, "computation of views") as unfinished:
        # Imports TensorFlow, which takes seconds that a mistake in the inputs should not.
        from stages.compute import determinism

        determinism.configure()
        from stages.frozen.backbone import FrozenBackbone
        from stages.frozen.shards import write_shards
        from stages.views.compute import ViewsOfBatch

        size = view_size(features.image_size)
        backbone = FrozenBackbone.restore(weights_file, size)
        settings = f"{features!r} {views!r} {backbone.precision}"
        folder = folder_of(unfinished, fingerprint(settings, [weights_file]))
        write_shards(
            folder,
            backbone,
            RAW_DIR,
            images,
            features.image_size,
            features.batch_size,
            views.count,
            partial(ViewsOfBatch, settings=views),
        )
        write_description(folder, views.count)
        check_unchanged()
        replace_folder(VIEWS_DIR, folder)
    print(f"{len(images)} images, {views.count} views of {size} pixels each")


def view_size(image_size: int) -> int:
    """Return the width and height of a view, in pixels: two thirds, in whole strides of ResNet50.

    A view takes about half of the time of an image then. It shows a part of it, so that what is
    seen is about as large in pixels as in the image.
    """
    return max(STRIDE, round(image_size * 2 / 3 / STRIDE) * STRIDE)


if __name__ == "__main__":
    sys.exit(run_with(SECTIONS, main))
