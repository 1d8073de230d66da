"""Images per second of training, prediction and decoding, against the bare arithmetic of each.

Compares (a) the epochs of stage train with the bare training step, which is the same compiled
`train_step`, called for one batch in memory after another, in each phase: the head on cached
features, fine-tuning from `train.fine_tune.first_block`, and training from random weights; (b) the
classifier of `data/model` on image files with its forward passes alone, on pixels in memory; (c)
decoding and resizing alone with what the training steps on images consume. All take the images and
the size of the workspace, and are measured in one run.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

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
from stages.compute import determinism
from stages.outputs.backbone import read_weights_file
from stages.outputs.class_weights import CLASS_WEIGHTS_FILE, read_class_weights
from stages.outputs.manifest import ReceivedPhoto
from stages.outputs.model import MODEL_DIR
from stages.outputs.split import SPLIT_FILE, SplitName, SplitRow
from stages.outputs.tables import read_table
from stages.params.predict import PredictParams
from stages.params.reading import load_section
from stages.params.train import TrainParams
from stages.resnet50.layout import BackboneStage, used_columns
from stages.stage import exit_code
from stages.training.collection import Collection, open_collection
from stages.training.examples import Examples
from stages.training.phases import plan_phases
from waste_classifier.errors import InputError
from waste_classifier.evenly import evenly
from waste_classifier.images import resized_batches
from waste_classifier.model import Model

if TYPE_CHECKING:
    from stages.training.tasks import Task

#: Takes the number of a repetition, returns images per second.
Measure = Callable[[int], float]

PHASES = {
    "head": "head on cached features",
    "fine_tune": "fine-tuning",
    "scratch": "training from random weights",
}
PREDICT = "classifier on image files"
FORWARD = "classifier on pixels in memory"
DECODE = "decoding and resizing"
#: Of a training, in each repetition.
EPOCHS = 3


class Inputs(NamedTuple):
    """What the workspace has for a training."""

    settings: TrainParams
    rows: list[SplitRow]
    class_weights: npt.NDArray[np.float32]
    collection: Collection
    most: int  #: how many images of a split are used
    phases: list[str]  #: those of PHASES that are measured


def main() -> None:
    """Warm every measure up, take all side by side, then print values and ratios."""
    arguments = parse_arguments()
    require([MODEL_DIR])
    inputs = read_inputs(arguments.images, arguments.phases)
    determinism.configure()
    measures = {**training_measures(inputs), **prediction_measures(inputs), **decoding(inputs)}
    for measure in measures.values():
        measure(0)  # compiles graphs and reads the files once
    values = interleave(measures, arguments.repetitions)
    for name, speeds in values.items():
        print_values(name, speeds, "images/s")
    for name in (PHASES[phase] for phase in inputs.phases):
        epoch, step = epoch_name(name), step_name(name)
        print_ratio(f"{epoch} / bare step", values[epoch], values[step])
    print_ratio(f"{PREDICT} / on pixels in memory", values[PREDICT], values[FORWARD])
    for name in (PHASES[phase] for phase in inputs.phases if phase != "head"):
        print_ratio(f"{DECODE} / {step_name(name)}", values[DECODE], values[step_name(name)])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput", description=str(__doc__).splitlines()[0]
    )
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


def read_inputs(most: int, phases: list[str]) -> Inputs:
    """Read what stage train reads.

    Raises:
        InputError: something is missing or damaged.
    """
    rows = read_table(SPLIT_FILE, SplitRow)
    settings = load_section("train", TrainParams)
    collection = open_collection(settings, rows)
    on_features = sorted({*phases} - {"scratch"})
    if on_features and not collection.features.description.pretrained:
        raise InputError(
            f"data/features: of random weights, which {' and '.join(on_features)} can't train on; "
            "name --phases scratch, or set backbone.weights and run `dvc repro`"
        )
    # Every phase can be measured, whether params.yaml asks for it or not.
    one_epoch = {name: getattr(settings, name).model_copy(update={"epochs": 1}) for name in PHASES}
    return Inputs(
        settings.model_copy(update=one_epoch),
        rows,
        read_class_weights(CLASS_WEIGHTS_FILE, collection.contract.labels),
        collection,
        most,
        phases,
    )


def rows_of(inputs: Inputs, split: SplitName, most: int) -> list[SplitRow]:
    """Return up to `most` images of one split, which lie evenly among them."""
    rows = [row for row in inputs.rows if row.split == split]
    return [rows[position] for position in evenly(len(rows), most)]


def photos_of(inputs: Inputs, split: SplitName) -> list[ReceivedPhoto]:
    """Return the images of one split that are used."""
    paths = [row.path for row in rows_of(inputs, split, inputs.most)]
    return list(inputs.collection.images.photos_by_path(paths, SPLIT_FILE).values())


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
        task = make_task(inputs, phase)
        measures[epoch_name(name)] = epochs_of(task)
        measures[step_name(name)] = bare_steps_of(task)
    return measures


def make_task(inputs: Inputs, name: str) -> "Task":
    """Return a phase of a training, ready and compiled.

    Raises:
        InputError: there is nothing to fine-tune.
    """
    import keras

    from stages.compute.precision import native_precision
    from stages.resnet50.network import build_backbone
    from stages.training.fit import compile_model
    from stages.training.model import SCALE_OF_RANDOM, build_head, build_network
    from stages.training.run import restored_backbone
    from stages.training.tasks import head_task, network_task

    settings = inputs.settings
    description = inputs.collection.features.description
    momentum = settings.scratch.batch_norm_momentum
    keras.config.set_dtype_policy(native_precision(settings.precision))
    keras.utils.set_random_seed(settings.seed)
    last_stage: BackboneStage = "conv5" if name == "scratch" else description.last_stage
    phases = plan_phases(settings, pretrained=name != "scratch", last_stage=last_stage)
    phase = next(each for each in phases if each.name == name)

    train = examples(inputs, "train", inputs.most)
    # Validation is not measured: one batch of it is enough.
    val = examples(inputs, "val", phase.batch_size)
    columns = used_columns(settings.head.pooling, last_stage)
    scale = SCALE_OF_RANDOM if name == "scratch" else 1.0
    head = build_head(
        int(columns.sum()), len(inputs.collection.contract.labels), settings.head, momentum, scale
    )
    if name == "head":
        task = head_task(phase, head, train, val, inputs.class_weights, settings)
    else:
        backbone = (
            build_backbone(description.image_size, last_stage, momentum)
            if name == "scratch"
            else restored_backbone(read_weights_file(), description, momentum)
        )
        network = build_network(backbone, head, columns)
        task = network_task(phase, network, train, val, inputs.class_weights, settings)
    compile_model(task, settings)
    return task


def examples(inputs: Inputs, split: SplitName, most: int) -> Examples:
    """Return up to `most` images of one split."""
    return inputs.collection.examples(rows_of(inputs, split, most))


def epochs_of(task: "Task") -> Measure:
    """Return the speed of epochs of a training, without their validation."""
    import keras

    from stages.training.fit import fit_epochs

    started = [0.0]
    seconds: list[float] = []

    def start(_epoch: int, _logs: object) -> None:
        started[0] = time.perf_counter()

    def stop(_logs: object) -> None:
        seconds.append(time.perf_counter() - started[0])

    timer = keras.callbacks.LambdaCallback(on_epoch_begin=start, on_test_begin=stop)

    def measure(_repetition: int) -> float:
        seconds.clear()
        fit_epochs(task, range(EPOCHS), [timer])
        return EPOCHS * images_per_epoch(task) / sum(seconds)

    return measure


def bare_steps_of(task: "Task") -> Measure:
    """Return the speed of the training step on the batches of an epoch, once they are tensors."""
    import tensorflow as tf

    from stages.training.batches import batches

    step = tf.function(task.model.train_step, reduce_retracing=True)
    in_memory = list(batches(task.train_rows, range(1), task.batch_size, drop_remainder=True))

    def all_steps() -> None:
        for batch in in_memory:
            logs = step(batch)
        float(logs["loss"])  # waits for a GPU

    return lambda _repetition: images_per_epoch(task) / seconds_of(all_steps)


def images_per_epoch(task: "Task") -> int:
    """Return how many images an epoch trains on: those of its whole batches."""
    return task.steps_per_epoch * task.batch_size


def prediction_measures(inputs: Inputs) -> dict[str, Measure]:
    """Return the speed of the classifier on files, and on pixels in memory."""
    batch_size = load_section("predict", PredictParams).batch_size
    classifier = Model.load(MODEL_DIR)
    photos = photos_of(inputs, "test")
    pixels = list(resized_batches(photos, classifier.image_size, batch_size, max_pixels=None))

    def forward_alone() -> None:
        for batch in pixels:
            features = classifier.backbone.features(batch, classifier.orientations)
            classifier.predict_features(features)

    def predict_files() -> None:
        classifier.predict(photos, batch_size, max_pixels=None)

    return {
        PREDICT: lambda _repetition: len(photos) / seconds_of(predict_files),
        FORWARD: lambda _repetition: len(photos) / seconds_of(forward_alone),
    }


def decoding(inputs: Inputs) -> dict[str, Measure]:
    """Return the speed of decoding and resizing the images of the train split."""
    photos = photos_of(inputs, "train")
    size = inputs.collection.features.description.image_size
    batch_size = inputs.settings.fine_tune.batch_size

    def decode_all() -> None:
        for _batch in resized_batches(photos, size, batch_size, max_pixels=None):
            pass

    return {DECODE: lambda _repetition: len(photos) / seconds_of(decode_all)}


if __name__ == "__main__":
    sys.exit(exit_code(main))
