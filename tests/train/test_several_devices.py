"""The stage on several devices and machines: these are processes on loopback."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from stages.compute import determinism
from stages.outputs.backbone import BACKBONE_DIR, write_description
from stages.outputs.features import FEATURES_DIR
from stages.outputs.manifest import read_columns
from stages.outputs.views import VIEWS_DIR
from stages.params.features import FeaturesParams
from tests.feature_files import write_view_files
from tests.pipeline.workspace import contents
from tests.small_project import COLUMNS, IMAGE_SIZE, write_tables
from tests.training.changes import changed
from tests.training.miniature import small_settings
from waste_classifier.parallel import available_cores

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.features.__main__ import main as compute_features  # noqa: E402
from tests.legacy_weights import write_legacy_weights  # noqa: E402

ROOT = Path(__file__).parents[2]
OUTPUTS = ("data/model", "metrics", "plots")
SECONDS = 240
# An epoch of the head, then two in which the last block of conv4 trains.
SETTINGS = changed(
    small_settings(), head__epochs=1, fine_tune__epochs=3, fine_tune__first_block="conv4_block6"
)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs of a training, with a backbone that ends with conv4."""
    folder = tmp_path_factory.mktemp("pretrained")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(3)
    with chdir(folder):
        images = write_tables()
        size = (IMAGE_SIZE, IMAGE_SIZE, 3)
        model = keras.applications.ResNet50(include_top=False, weights=None, input_shape=size)
        stages = ("conv1", "conv2", "conv3", "conv4")
        file = write_legacy_weights(BACKBONE_DIR / "resnet50.h5", model, stages)
        write_description(BACKBONE_DIR, "file", file, None)
        compute_features(FeaturesParams(image_size=IMAGE_SIZE, batch_size=33))
        columns = np.load(next(FEATURES_DIR.glob("*.npy"))).shape[-1]
        write_view_files(VIEWS_DIR, images, np.empty((33, 0, columns), np.float32))
    keras.config.set_dtype_policy(policy)
    return folder
