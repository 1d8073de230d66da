"""Images per second of training, evaluation and decoding, against the bare arithmetic of each.

Compares (a) the epochs of stage train with the bare training step, which is the same compiled
`train_step`, called for one batch in memory after another, in each phase: the head on cached
features, fine-tuning from `train.fine_tune_from`, and training from random weights; (b) `predict`
of stage evaluate on image files with its forward passes alone, on pixels in memory; (c) decoding
and resizing alone with what the training steps on images consume. All take the images and the size
of the workspace, and are measured in one run.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.measure import (
    add_repetitions,
    interleave,
    print_ratio,
    print_values,
    seconds_of,
    whole_number,
)
from benchmarks.workspace import require
from stages import errors, tensorflow_setup
from stages.evaluate.__main__ import MODEL_FILE, EvaluateParams
from stages.feature_table import Features, read_features
from stages.images import resized_batches
from stages.manifest import (
    MANIFEST_FILE,
    RAW_DIR,
    SPLIT_FILE,
    ManifestRow,
    SplitName,
    SplitRow,
    labels_of,
    read_table,
)
from stages.orientations import ORIENTATIONS, orient
from stages.params import load_section, load_seed
from stages.train.__main__ import check_phases
from stages.train.inputs import CLASS_WEIGHTS_FILE, read_class_weights
from stages.train.params import TrainParams

if TYPE_CHECKING:
    from stages.train.examples import Examples
    from stages.train.feed import Feed

Item = TypeVar("Item")
#: Takes the number of a repetition, returns images per second.
Measure = Callable[[int], float]

PHASES = {
    "head": "head on cached features",
    "fine_tune": "fine-tuning",
    "scratch": "training from random weights",
}
PREDICT = "evaluate: predict on image files"
FORWARD = "evaluate: forward passes in memory"
DECODE = "decoding and resizing"
#: Of a training, in each repetition.
EPOCHS = 3


class Inputs(NamedTuple):
    """What the workspace has for a training."""

    settings: TrainParams
    seed: int
    manifest: list[ManifestRow]
    rows: list[SplitRow]
    labels: list[str]
    class_weights: npt.NDArray[np.float32]
    features: Features
    images: int  #: how many of a split are used, at most
    phases: list[str]  #: those of PHASES that are measured


def main() -> None:
    """Warm every measure up, take all side by side, then print values and ratios."""
    arguments = parse_arguments()
    require([MODEL_FILE])
    inputs = read_inputs(arguments.images, arguments.phases)
    tensorflow_setup.configure()
    measures = {**training_measures(inputs), **evaluation_measures(inputs), **decoding(inputs)}
    for measure in measures.values():
        measure(0)  # compiles graphs and reads the files once
    values = interleave(measures, arguments.repetitions)
    for name, speeds in values.items():
        print_values(name, speeds, "images/s")
    for name in (PHASES[phase] for phase in inputs.phases):
        epoch, step = epoch_name(name), step_name(name)
        print_ratio(f"{epoch} / bare step", values[epoch], values[step])
    print_ratio(f"{PREDICT} / forward passes in memory", values[PREDICT], values[FORWARD])
    for name in (PHASES[phase] for phase in inputs.phases if phase != "head"):
        print_ratio(f"{DECODE} / {step_name(name)}", values[DECODE], values[step_name(name)])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument(
        "--images",
        type=whole_number(1),
        default=256,
        help="how many of a split are used, at most (default 256)",
    )
    parser.add_argument(
        "--phases",
        nargs="+",
        choices=list(PHASES),
        default=list(PHASES),
        help="of training that are measured (default all)",
    )
    add_repetitions(parser, default=5)
    return parser.parse_args()


def read_inputs(images: int, phases: list[str]) -> Inputs:
    """Read what stage train reads.

    Raises:
        InputError: something is missing, or there is nothing to fine-tune.
    """
    manifest = read_table(MANIFEST_FILE, ManifestRow)
    rows = read_table(SPLIT_FILE, SplitRow)
    labels = labels_of(rows)
    # Every phase can be measured, whether params.yaml asks for it or not.
    settings = load_section("train", TrainParams).model_copy(
        update={"head_epochs": 1, "fine_tune_epochs": 1, "scratch_epochs": 1}
    )
    features = read_features(len(manifest))
    check_phases(settings, features)
    return Inputs(
        settings,
        load_seed(),
        manifest,
        rows,
        labels,
        read_class_weights(CLASS_WEIGHTS_FILE, labels),
        features,
        images,
        phases,
    )


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """Return up to `count` of the items, spread evenly over them."""
    positions = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[position] for position in positions]


def paths_of(inputs: Inputs, split: SplitName) -> list[Path]:
    """Return the image files of one split that are used."""
    paths = [RAW_DIR / row.path for row in inputs.rows if row.split == split]
    return evenly(paths, inputs.images)


def epoch_name(phase: str) -> str:
    """Return how the epochs of a phase are called in what is printed."""
    return f"{phase}: epoch"


def step_name(phase: str) -> str:
    """Return how the bare training step of a phase is called in what is printed."""
    return f"{phase}: bare step"


def training_measures(inputs: Inputs) -> dict[str, Measure]:
    """Return the speed of epochs and of bare steps, for each phase."""
    measures: dict[str, Measure] = {}
    for phase in inputs.phases:
        name = PHASES[phase]
        feed = make_feed(inputs, phase)
        measures[epoch_name(name)] = epochs_of(feed)
        measures[step_name(name)] = bare_steps_of(feed)
    return measures


def make_feed(inputs: Inputs, name: str) -> "Feed":
    """Return a phase of a training, ready and compiled as `stages.train.fit` does it."""
    import keras

    from stages.backbone_file import read_backbone_file
    from stages.hardware import choose_precision, cpu_flags, gpu_capability
    from stages.resnet50 import read_pretrained, restore
    from stages.train import fit
    from stages.train.examples import examples_of
    from stages.train.feed import prepare
    from stages.train.model import Head, build_model, used_columns

    settings = inputs.settings
    keras.config.set_dtype_policy(
        choose_precision(settings.precision, cpu_flags(), gpu_capability())
    )
    keras.utils.set_random_seed(inputs.seed)
    pretrained = name != "scratch"
    weights_file = read_backbone_file() if pretrained else None
    weights, last_stage = read_pretrained(weights_file) if weights_file else ({}, "conv5")
    model = build_model(
        len(inputs.labels),
        inputs.features.image_size,
        Head.of(settings),
        last_stage,
        settings.batch_norm_momentum,
    )
    restore(model, weights)
    columns = used_columns(settings.pooling, last_stage)

    def examples(split: SplitName, count: int) -> "Examples":
        rows = evenly([row for row in inputs.rows if row.split == split], count)
        features = inputs.features.array
        return examples_of(split, rows, inputs.labels, inputs.manifest, features, columns)

    of_train = examples("train", inputs.images)
    # Validation is not measured: one batch of it is enough.
    of_val = examples("val", settings.batch_size)
    phase = next(each for each in fit.plan_phases(settings, pretrained) if each.name == name)
    feed = prepare(model, phase, of_train, of_val, inputs.class_weights, settings, inputs.seed)
    fit._compile(feed, phase, settings)
    return feed


def epochs_of(feed: "Feed") -> Measure:
    """Return the speed of epochs of a training, without their validation."""
    from stages.train.fit import EpochReport, run_epochs

    def measure(_repetition: int) -> float:
        reports: list[EpochReport] = []
        run_epochs(feed, range(EPOCHS), lambda _epoch: None, reports.append, verbose=0)
        return sum(report.images for report in reports) / sum(report.seconds for report in reports)

    return measure


def bare_steps_of(feed: "Feed") -> Measure:
    """Return the speed of the training step on the batches of an epoch, once they are tensors."""
    import tensorflow as tf

    step = tf.function(feed.model.train_step, reduce_retracing=True)
    batches = list(feed.train_batches(range(1)))

    def all_steps() -> None:
        for batch in batches:
            logs = step(batch)
        float(logs["loss"])  # waits for a GPU

    return lambda _repetition: feed.images_per_epoch / seconds_of(all_steps)


def evaluation_measures(inputs: Inputs) -> dict[str, Measure]:
    """Return the speed of `predict` on files, and of its forward passes on pixels in memory."""
    import keras
    import tensorflow as tf

    from stages.evaluate.predict import predict
    from stages.resnet50 import fold_batch_norm

    settings = load_section("evaluate", EvaluateParams)
    half_turn = settings.test_time_augmentation == "half_turn"
    orientations = ORIENTATIONS if half_turn else ORIENTATIONS[:1]
    model = keras.saving.load_model(MODEL_FILE, compile=False)
    size = model.input_shape[1]
    paths = paths_of(inputs, "test")
    pixels = list(resized_batches(paths, size, settings.batch_size))

    def forward_alone() -> None:
        # Made anew each time, as `predict` does.
        folded = fold_batch_norm(model)
        forward = tf.function(
            lambda images: folded(tf.cast(images, tf.float32), training=False),
            input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)],
        )
        for batch in pixels:
            for orientation in orientations:
                forward(orient(batch, orientation)).numpy()

    def predict_files() -> None:
        predict(model, paths, settings.batch_size, orientations)

    return {
        PREDICT: lambda _repetition: len(paths) / seconds_of(predict_files),
        FORWARD: lambda _repetition: len(paths) / seconds_of(forward_alone),
    }


def decoding(inputs: Inputs) -> dict[str, Measure]:
    """Return the speed of decoding and resizing the images of the train split."""
    paths = paths_of(inputs, "train")

    def decode_all() -> None:
        for _batch in resized_batches(
            paths, inputs.features.image_size, inputs.settings.batch_size
        ):
            pass

    return {DECODE: lambda _repetition: len(paths) / seconds_of(decode_all)}


if __name__ == "__main__":
    sys.exit(errors.run(main))
