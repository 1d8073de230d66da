"""All images of the split, and how each of them is seen: what examples are chosen from."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.outputs.features import (
    CHECKSUMS_NAME,
    DESCRIPTION_NAME,
    FEATURES_DIR,
    NETWORK_NAME,
    Description,
    Features,
    open_features,
)
from stages.outputs.manifest import MANIFEST_FILE, Manifest, ReceivedPhoto, labels_of
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.outputs.tables import MEND
from stages.outputs.views import DESCRIPTION_NAME as VIEWS_DESCRIPTION_NAME
from stages.outputs.views import VIEWS_DIR, Views, open_views
from stages.params.train import TrainParams
from stages.resnet50.layout import used_columns
from stages.training.examples import Examples
from stages.training.memory import allocate, release
from waste_classifier.batched import batched
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError
from waste_classifier.model import Contract
from waste_classifier.orientations import ORIENTATIONS

#: What a collection is read from: the manifest has the checksum of each image, the other files
#: those of features and views, and of what computed them.
COLLECTION_FILES = (
    MANIFEST_FILE,
    *(
        directory / name
        for directory, description in (
            (FEATURES_DIR, DESCRIPTION_NAME),
            (VIEWS_DIR, VIEWS_DESCRIPTION_NAME),
        )
        for name in (description, CHECKSUMS_NAME)
    ),
)
ROWS_AT_ONCE = 4096


class Collection(NamedTuple):
    """Images and their cached features."""

    contract: Contract  #: of a classifier: its labels, and how it sees photos
    columns: npt.NDArray[np.bool_]  #: `(d,)`, which of the backbone's features the head sees
    images: Manifest
    features: Features
    views: Views
    memory_mib: int  #: features above this size wait in a file

    def examples(self, rows: Iterable[SplitRow], with_views: bool = False) -> Examples:
        """Return some of the images, in the order of `rows`, to learn from with their views.

        Raises:
            InputError: the manifest has not all of them.
        """
        positions, numbers = self._looked_up(rows)
        # Random weights train on pixels.
        pretrained = self.features.description.pretrained
        columns = self.columns if pretrained else np.zeros_like(self.columns)
        seen = len(ORIENTATIONS) + (self.views.per_image if with_views and pretrained else 0)
        shape = (len(positions), seen, int(np.count_nonzero(columns)))
        features = allocate(shape, np.float32, self.memory_mib, "features")
        for start in range(0, len(positions), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            self.features.read(positions[some], columns, features[some, : len(ORIENTATIONS)])
            if seen > len(ORIENTATIONS):
                self.views.read(positions[some], columns, features[some, len(ORIENTATIONS) :])
            release(features)
        return Examples(
            photos=self.images.photos(positions),
            targets=np.eye(len(self.contract.labels), dtype=np.float32)[numbers],
            features=features,
        )

    def photos(self, rows: Iterable[SplitRow]) -> Sequence[ReceivedPhoto]:
        """Return the photos of some of the images, in the order of `rows`.

        Raises:
            InputError: the manifest has not all of them.
        """
        return self.images.photos(self._looked_up(rows)[0])

    def _looked_up(
        self, rows: Iterable[SplitRow]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return where images stand in the manifest, and the numbers of their labels, `(n,)` each.

        Rows may be many, and are taken as they come.
        """
        number_of = {label: number for number, label in enumerate(self.contract.labels)}
        positions, numbers = [np.empty(0, np.intp)], [np.empty(0, np.intp)]
        for some in batched(rows, ROWS_AT_ONCE):
            positions.append(self.images.positions_of([row.path for row in some], SPLIT_FILE))
            numbers.append(np.array([number_of[row.label] for row in some]))
        return np.concatenate(positions), np.concatenate(numbers)


def open_collection(settings: TrainParams, rows: Iterable[SplitRow]) -> Collection:
    """Open the images of the manifest and their features.

    Args:
        settings: section `train`.
        rows: of the split, which says what labels there are.

    Raises:
        InputError: a table is missing or damaged, or they do not belong together.
    """
    images = Manifest()
    features = open_features(images)
    description = features.description
    check_network(description)
    half_turn = settings.test_time_augmentation == "half_turn"
    orientations = ORIENTATIONS if half_turn else ORIENTATIONS[:1]
    return Collection(
        Contract(tuple(labels_of(rows)), orientations, description.image_size),
        used_columns(settings.head.pooling, description.last_stage),
        images,
        features,
        open_views(images) if settings.head.view_share else Views(0, None),
        settings.memory_mib,
    )


def check_network(description: Description) -> None:
    """Check that the network beside the features is theirs, before hours of training rely on it.

    Raises:
        InputError: it is missing or damaged.
    """
    file = FEATURES_DIR / NETWORK_NAME
    wanted = description.backbone_sha256
    if wanted is not None and (not file.is_file() or sha256_of(file) != wanted):
        raise InputError(f"{file}: missing, or not the network that the features are of; {MEND}")
