"""One training from inputs to exported model; importing this module imports TensorFlow."""

import sys
from pathlib import Path

import keras
import tensorflow as tf

from stages.manifest import RAW_DIR, SPLIT_FILE, SplitRow
from stages.train import checkpoint
from stages.train.export import export_model
from stages.train.fit import fit, load_split, plan_phases
from stages.train.hardware import cpu_flags, gpu_capability
from stages.train.inputs import BACKBONE_DIR, CLASS_WEIGHTS_FILE, read_backbone_file
from stages.train.log import EpochLog
from stages.train.model import build_model, choose_precision, describe_layers, restore_backbone
from stages.train.params import TrainParams

MODEL_DIR = Path("data/model")


def train(
    rows: list[SplitRow],
    labels: list[str],
    class_weight: dict[int, float],
    settings: TrainParams,
    seed: int,
) -> None:
    """Train, log every epoch, and export the best one to data/model/.

    Args:
        rows: the table of splits.
        labels: in the order of the model's output.
        class_weight: weight in the loss per label, by its position in `labels`.
        settings: section `train` of params.yaml.
        seed: all chance follows from it.
    """
    precision = choose_precision(settings.precision, cpu_flags(), gpu_capability())
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(seed)
    model = build_model(
        len(labels), settings.image_size, settings.dropout, settings.batch_norm_momentum
    )
    weights_file = read_backbone_file()
    restored = restore_backbone(model, weights_file) if weights_file else frozenset()
    print(f"precision: {precision}", describe_layers(model, restored), sep="\n", flush=True)

    state = checkpoint.STATE_DIR / _fingerprint(rows, settings, seed, precision)
    checkpoint.delete_others(state)
    unfinished = checkpoint.load(state)
    with EpochLog(unfinished.progress.history if unfinished else []) as log:
        progress = fit(
            model,
            plan_phases(settings, pretrained=bool(restored)),
            load_split(rows, "train", RAW_DIR, labels, settings),
            load_split(rows, "val", RAW_DIR, labels, settings),
            class_weight,
            restored,
            settings,
            seed,
            checkpoint=unfinished,
            on_epoch=log.epoch,
            save=lambda current: checkpoint.save(state, current),
            verbose=1 if sys.stdout.isatty() else 0,
        )
        log.summary(progress, precision)
    export_model(MODEL_DIR, labels, settings.image_size, model.get_weights())
    checkpoint.delete(state)


def _fingerprint(rows: list[SplitRow], settings: TrainParams, seed: int, precision: str) -> str:
    """Return the name of a training: parameters, libraries, code and every input are in it."""
    described = f"{settings!r} {seed} {precision} {tf.__version__} {keras.__version__}"
    stage = Path(__file__).parent
    code = [*stage.glob("*.py"), *stage.parent.glob("*.py")]
    inputs = [SPLIT_FILE, CLASS_WEIGHTS_FILE, *BACKBONE_DIR.iterdir()]
    images = [RAW_DIR / row.path for row in rows if row.split != "test"]
    return checkpoint.fingerprint(described, [*code, *inputs, *images])
