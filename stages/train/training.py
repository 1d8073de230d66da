"""One training from inputs to exported model; importing this module imports TensorFlow."""

import sys
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from stages.backbone_file import BACKBONE_DIR, read_backbone_file
from stages.feature_table import FEATURES_DIR, Features
from stages.hardware import choose_precision, cpu_flags, gpu_capability
from stages.manifest import RAW_DIR, SPLIT_FILE, ManifestRow, SplitRow
from stages.resnet50 import read_pretrained, restore
from stages.train import checkpoint
from stages.train.examples import examples_of
from stages.train.export import export_model
from stages.train.fit import fit, plan_phases
from stages.train.inputs import CLASS_WEIGHTS_FILE
from stages.train.log import EpochLog
from stages.train.model import Head, build_model, standardise, used_columns
from stages.train.params import TrainParams

MODEL_DIR = Path("data/model")


def train(
    manifest: Sequence[ManifestRow],
    rows: Sequence[SplitRow],
    labels: Sequence[str],
    features: Features,
    class_weights: npt.NDArray[np.float32],
    settings: TrainParams,
    seed: int,
) -> None:
    """Train, log every epoch, and export the best one to data/model/.

    Args:
        manifest: the table of all images.
        rows: the table of splits.
        labels: in the order of the model's output.
        features: of the images of the manifest.
        class_weights: `(labels,) float32`, weight in the loss.
        settings: section `train` of params.yaml.
        seed: all chance follows from it.
    """
    precision = choose_precision(settings.precision, cpu_flags(), gpu_capability())
    keras.config.set_dtype_policy(precision)
    weights_file = read_backbone_file()
    weights, last_stage = read_pretrained(weights_file) if weights_file else ({}, "conv5")
    keras.utils.set_random_seed(seed)
    head = Head.of(settings)
    model = build_model(
        len(labels), features.image_size, head, last_stage, settings.batch_norm_momentum
    )
    restore(model, weights)
    print(
        f"precision: {precision}; backbone: "
        + (f"conv1 to {last_stage}, pretrained" if weights else "random weights"),
        flush=True,
    )

    columns = used_columns(settings.pooling, last_stage)
    of_train, of_val = (
        examples_of(split, rows, labels, manifest, features.array, columns)
        for split in ("train", "val")
    )
    if features.pretrained:
        standardise(model, of_train)
    state = checkpoint.STATE_DIR / _fingerprint(rows, settings, seed, precision)
    checkpoint.delete_others(state)
    unfinished = checkpoint.load(state)
    with EpochLog(unfinished.progress.history if unfinished else []) as log:
        progress = fit(
            model,
            plan_phases(settings, features.pretrained),
            of_train,
            of_val,
            class_weights,
            settings,
            seed,
            checkpoint=unfinished,
            on_epoch=log.epoch,
            save=lambda current: checkpoint.save(state, current),
            verbose=1 if sys.stdout.isatty() else 0,
        )
        log.summary(progress, precision)
    export_model(MODEL_DIR, labels, features.image_size, head, last_stage, model.get_weights())
    checkpoint.delete(state)


def _fingerprint(rows: Sequence[SplitRow], settings: TrainParams, seed: int, precision: str) -> str:
    """Return the name of a training: parameters, libraries, code and every input are in it."""
    described = f"{settings!r} {seed} {precision} {tf.__version__} {keras.__version__}"
    stage = Path(__file__).parent
    code = [*stage.glob("*.py"), *stage.parent.glob("*.py")]
    tables = [SPLIT_FILE, CLASS_WEIGHTS_FILE]
    folders = [*BACKBONE_DIR.iterdir(), *FEATURES_DIR.iterdir()]
    images = [RAW_DIR / row.path for row in rows if row.split != "test"]
    return checkpoint.fingerprint(described, [*code, *tables, *folders, *images])
