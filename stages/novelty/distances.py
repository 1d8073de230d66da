"""The features that distances are of, and the limit on distances."""

import numpy as np
import numpy.typing as npt

from stages.novelty.fit import fit_novelty, held_out_distances, limit_of
from stages.outputs.features import open_features
from stages.outputs.manifest import Manifest
from stages.progress import progress
from waste_classifier.images import resized_batches
from waste_classifier.model import Model
from waste_classifier.orientations import ORIENTATIONS

Floats = npt.NDArray[np.float32]


def network_features(
    model: Model, images: Manifest, positions: npt.NDArray[np.intp], batch_size: int
) -> tuple[Floats, bool]:
    """Return the features of some images by the network of a model, and whether they were cached.

    They are, where its backbone is the frozen one. The mean over the orientations is taken.

    Args:
        model: whose network sees them.
        images: of the manifest.
        positions: `(n,)`, rows of the manifest.
        batch_size: images per forward pass.

    Returns:
        `(n, d) float32`.
    """
    cached = open_features(images)
    if cached.description.backbone_sha256 == model.backbone_sha256:
        seen = [ORIENTATIONS.index(each) for each in model.orientations]
        features = np.empty((len(positions), cached.columns), np.float32)
        for start in range(0, len(positions), batch_size):
            some = slice(start, start + batch_size)
            features[some] = cached.read(positions[some])[:, seen].mean(axis=1)
        return features, True
    from stages.compute import determinism

    determinism.configure()
    photos = images.photos(positions)
    features = np.empty((len(photos), model.head.features), np.float32)
    done = 0
    with progress("features", len(photos), "images") as bar:
        # Stage fetch has checked how large they are.
        for batch in resized_batches(photos, model.image_size, batch_size, max_pixels=None):
            of_batch = model.backbone.features(batch, model.orientations).mean(axis=1)
            features[done : done + len(batch)] = of_batch
            done += len(batch)
            bar.update(len(batch))
    return features, False


def limit_on_own_photos(
    features: Floats,
    targets: npt.NDArray[np.intp],
    splits: npt.NDArray[np.str_],
    folds: npt.NDArray[np.intp],
    groups: npt.NDArray[np.str_],
    k: int,
    frozen: bool,
    refused: float,
) -> float:
    """Return the distance beyond which a share of photos lies that were not fitted to.

    Args:
        features: `(n, d)`, of all images.
        targets: `(n,)`, positions of their labels.
        splits: `(n,)`, of each; the test images have no say.
        folds: `(n,)`, which photos of one thing share.
        groups: `(n,)`, of each; photos of one group show one thing.
        k: number of labels.
        frozen: whether the backbone has learned from none of them; else those of train look more
            alike to it than others do, and the limit is on the photos of val.
        refused: the share.
    """
    known = splits != "test"
    if frozen:
        distances = held_out_distances(features[known], targets[known], groups[known], folds[known])
        return limit_of(distances, groups[known].tolist(), refused)

    train, val = splits == "train", splits == "val"
    fitted = fit_novelty(features[train], targets[train], groups[train].tolist(), k)
    distances = fitted.raw_distances(features[val])
    return limit_of(distances, groups[val].tolist(), refused)
