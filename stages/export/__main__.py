"""Write the classifier in the formats of other runtimes: data/export/, and metrics/export.json.

Each file is loaded by its own runtime and held against the classifier on images of val: what its
Keras network says of them in float32, since predictions may be of features in fewer digits. Where a
file says something else, none is written, and the stage fails.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.export.checks import check_gates, compare_all, metrics_of, size_of, table
from stages.export.choose import spread_over_labels
from stages.outputs.export import EXPORT_DIR, FILE_NAMES
from stages.outputs.manifest import Manifest, ReceivedPhoto
from stages.outputs.model import MODEL_DIR
from stages.outputs.predictions import PREDICTIONS_FILE, read_predictions
from stages.outputs.split import SPLIT_FILE, iterate_split
from stages.outputs.whole import whole_folder
from stages.params.export import ExportParams
from stages.progress import counted, waiting
from stages.stage import run
from stages.tracking import StageLive
from waste_classifier.images import load_resized
from waste_classifier.model import Model


def main(settings: ExportParams) -> None:
    """Read the classifier, write each format, compare it."""
    model = Model.load(MODEL_DIR)
    images = Manifest()
    said = read_predictions(PREDICTIONS_FILE, "val")
    labels = [said.labels[position] for position in said.actual]
    compared = spread_over_labels(labels, settings.compared_images, settings.seed)
    paths = [said.paths[position] for position in compared]
    photos = images.photos(images.positions_of(paths, PREDICTIONS_FILE))
    representative = representative_photos(images, settings) if "int8" in settings.formats else []

    # Imports TensorFlow, which takes seconds that a mistake in the inputs should not.
    from stages.compute import determinism

    determinism.configure()
    from stages.export.formats import write_formats
    from stages.export.runtimes import open_runtimes

    with whole_folder(EXPORT_DIR) as folder:
        with waiting("export"):
            seen_in_training = [seen(photo, model) for photo in representative]
            write_formats(folder, model, settings.formats, seen_in_training)
        runtimes = open_runtimes(folder, settings.formats)
        expected: list[npt.NDArray[np.float32]] = []
        answers: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in runtimes}
        for photo in counted(photos, "comparison", len(photos), "images"):
            image = seen(photo, model)
            expected.append(model.predict([image])[0])
            for name, probabilities_of in runtimes.items():
                answers[name].append(probabilities_of(image))
        checks = compare_all(answers, np.stack(expected), said, compared, settings.seed)
        check_gates(checks, EXPORT_DIR)

    sizes: dict[str, int] = {
        name: size_of(EXPORT_DIR / FILE_NAMES[name]) for name in settings.formats
    }
    with StageLive("export") as live:
        live.log_metric("compared_images", len(photos), plot=False)
        for check in checks:
            for name, value in metrics_of(check, sizes[check.name]).items():
                live.log_metric(f"{check.name}/{name}", value, plot=False)
    print(table(checks, sizes))
    print(f"{len(photos)} images of val; written to {Path(EXPORT_DIR)}")


def representative_photos(images: Manifest, settings: ExportParams) -> Sequence[ReceivedPhoto]:
    """Return the photos of train that ranges are measured on, in random order."""
    rows = list(iterate_split(["train"]))
    labels = [row.label for row in rows]
    chosen = spread_over_labels(labels, settings.representative_images, settings.seed)
    paths = [rows[position].path for position in chosen]
    np.random.default_rng(settings.seed).shuffle(paths)
    return images.photos(images.positions_of(paths, SPLIT_FILE))


def seen(photo: ReceivedPhoto, model: Model) -> npt.NDArray[np.uint8]:
    """Return a photo as a model sees it; stage fetch has checked how large it is."""
    return load_resized(photo, model.image_size, max_pixels=None)


if __name__ == "__main__":
    sys.exit(run("export", ExportParams, main))
