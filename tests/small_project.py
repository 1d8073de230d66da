"""The inputs of stages train and predict in the current directory, small enough for seconds."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from stages.outputs.backbone import BACKBONE_DIR, write_description
from stages.outputs.class_weights import CLASS_WEIGHTS_FILE, write_class_weights
from stages.outputs.conflicts import CONFLICTS_FILE, ConflictRow
from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateRow
from stages.outputs.features import FEATURES_DIR, NETWORK_NAME
from stages.outputs.manifest import (
    MANIFEST_FILE,
    RAW_DIR,
    Manifest,
    ManifestRow,
)
from stages.outputs.model import MODEL_DIR
from stages.outputs.split import SPLIT_FILE, SplitName, SplitRow
from stages.outputs.suspects import SUSPECTS_FILE, SuspectRow
from stages.outputs.tables import write_table
from stages.outputs.views import VIEWS_DIR
from tests.feature_files import write_feature_files, write_view_files
from tests.table_rows import manifest_row
from waste_classifier.checksum import sha256_of
from waste_classifier.head import Dense, Head
from waste_classifier.images import load_resized
from waste_classifier.model import Contract, write_model
from waste_classifier.orientations import ORIENTATIONS

if TYPE_CHECKING:
    import keras

LABELS = ("glass", "metal", "paper")
#: Of each label.
SPLITS: tuple[SplitName, ...] = ("train",) * 6 + ("val",) * 3 + ("test",) * 2
IMAGE_SIZE = 32
#: Mean and deviation of 512 channels, as of a backbone that ends with conv3.
COLUMNS = 1024


def write_tables() -> Manifest:
    """Write photos that are mostly red, green or blue, by label, and the tables about them."""
    random = np.random.default_rng(0)
    manifest: list[ManifestRow] = []
    rows: list[SplitRow] = []
    for channel, label in enumerate(LABELS):
        (RAW_DIR / label).mkdir(parents=True)
        for number, split in enumerate(SPLITS):
            pixels = random.integers(0, 100, (40, 36, 3))
            pixels[:, :, channel] += 120
            path = f"{label}/{number:02}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(RAW_DIR / path)
            manifest.append(manifest_row(path)._replace(sha256=sha256_of(RAW_DIR / path)))
            rows.append(SplitRow(path, label, path, split))
    write_table(MANIFEST_FILE, manifest, ManifestRow)
    write_table(SPLIT_FILE, rows, SplitRow)
    weights = dict.fromkeys(LABELS, 1.0)
    write_class_weights(CLASS_WEIGHTS_FILE, "none", dict.fromkeys(LABELS, 6), weights)
    BACKBONE_DIR.mkdir()
    write_description(BACKBONE_DIR, "none", None, None)
    return Manifest()


def write_project() -> None:
    """Write those tables, others, random features and a head on these: all but predictions.

    The network is none, so nothing here needs TensorFlow.
    """
    images = write_tables()
    first, second, other = (images[number].path for number in (0, 1, 12))
    pairs = [
        DuplicateRow(first, second, "perceptual", 2),
        DuplicateRow(first, other, "embedding", 0.1),
    ]
    write_table(DUPLICATES_FILE, pairs, DuplicateRow)
    write_table(CONFLICTS_FILE, [ConflictRow(first, "glass", "ab")], ConflictRow)
    write_table(SUSPECTS_FILE, [SuspectRow(first, "ends early")], SuspectRow)
    FEATURES_DIR.mkdir()
    network = FEATURES_DIR / NETWORK_NAME
    network.write_bytes(b"a network")
    random = np.random.default_rng(0)
    features = random.normal(size=(len(images), 2, COLUMNS))
    write_features_with(images, features.astype(np.float32))
    weights = random.normal(size=(COLUMNS, len(LABELS))).astype(np.float32)
    head = Head(None, Dense(weights, np.zeros(len(LABELS), np.float32)))
    MODEL_DIR.mkdir()
    write_model(MODEL_DIR, Contract(LABELS, ORIENTATIONS, IMAGE_SIZE), head, network)


def pixels_of(images: Manifest) -> npt.NDArray[np.uint8]:
    """Return all photos as a backbone sees them, `(n, 32, 32, 3) uint8`."""
    return np.stack([load_resized(RAW_DIR / path, IMAGE_SIZE) for path in images.texts("path")])


def build_pooling() -> "keras.Model":
    """Return a stand-in for the backbone: statistics of what one convolution makes of a photo."""
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(7)
    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="images")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
    # Named as the last stage that a backbone of these columns would end with.
    maps = keras.layers.Conv2D(
        COLUMNS // 2, 3, strides=2, activation="relu", name="conv3_block4_out"
    )(scaled)
    mean = keras.layers.GlobalAveragePooling2D()(maps)
    deviation = keras.ops.sqrt(keras.ops.var(maps, axis=(1, 2)) + 1e-5)
    return keras.Model(images, keras.layers.Concatenate()([mean, deviation]))


def write_network_and_features(images: Manifest) -> None:
    """Write that stand-in and what it says of all photos, as stage features would."""
    from waste_classifier.backbone import Backbone, save_network

    network = build_pooling()
    FEATURES_DIR.mkdir()
    save_network(network, FEATURES_DIR / NETWORK_NAME)
    features = Backbone(network).features(pixels_of(images), ORIENTATIONS)
    write_features_with(images, features)


def write_features_with(
    images: Manifest, features: npt.NDArray[np.float32], pretrained: bool = True
) -> None:
    """Write features beside a network that may be another, and no views."""
    write_view_files(VIEWS_DIR, images, np.empty((len(images), 0, COLUMNS), np.float32))
    network = FEATURES_DIR / NETWORK_NAME
    write_feature_files(
        FEATURES_DIR,
        images,
        features,
        pretrained=pretrained,
        image_size=IMAGE_SIZE,
        last_stage="conv3",
        backbone_sha256=sha256_of(network) if network.exists() else None,
    )
