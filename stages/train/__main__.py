"""Train on the train split and keep the epoch of lowest loss on the val split.

On a pretrained backbone the head trains first, on the cached features of the images; then the last
blocks are fine-tuned with it. Random weights train whole, in one phase.

Writes the classifier to data/model/, curves and summary through dvclive. Killed and run again, it
goes on after the last epoch that it saved and ends with the same bytes. Of several machines, which
TF_CONFIG names, the first alone writes.
"""

import os
import shutil
import sys
from contextlib import nullcontext

from stages.outputs.backbone import BACKBONE_DIR, read_weights_file
from stages.outputs.backbone import DESCRIPTION_NAME as BACKBONE_DESCRIPTION_NAME
from stages.outputs.class_weights import CLASS_WEIGHTS_FILE, read_class_weights
from stages.outputs.model import MODEL_DIR
from stages.outputs.split import SPLIT_FILE, iterate_split
from stages.outputs.unfinished import fingerprint, folder_of, only_run
from stages.outputs.whole import UNFINISHED
from stages.params.train import TrainParams
from stages.stage import check_unchanged, run
from stages.training.collection import COLLECTION_FILES, open_collection
from stages.training.examples import TrainingData
from stages.training.machines import read_machines
from stages.training.phases import plan_phases

INPUTS = [
    *COLLECTION_FILES,
    SPLIT_FILE,
    CLASS_WEIGHTS_FILE,
    BACKBONE_DIR / BACKBONE_DESCRIPTION_NAME,
]
STATE_DIR = MODEL_DIR.parent / UNFINISHED / "train"


def main(settings: TrainParams) -> None:
    """Read the tables and features, then train as the only training of this workspace."""
    machines = read_machines(os.environ)
    data = read_data(settings)
    phases = plan_phases(settings, data.backbone.pretrained, data.backbone.last_stage)

    with only_run(STATE_DIR, "training") if machines.is_chief else nullcontext() as unfinished:
        # Imports TensorFlow, which takes seconds that a mistake in the inputs should not.
        from stages.compute import determinism

        determinism.configure()
        from stages.compute.precision import native_precision
        from stages.train.deliver import assist, train_and_deliver
        from stages.training.replicas import open_replicas

        precision = native_precision(settings.precision)
        replicas = open_replicas(settings.devices, machines, phases, precision)
        work = fingerprint(f"{settings.of_results} {precision} {len(machines.addresses)}", INPUTS)
        if unfinished is None:
            assist(data, phases, settings, precision, replicas, work)
            return
        state = folder_of(unfinished, work)
        train_and_deliver(data, phases, settings, precision, state, replicas)
        check_unchanged()
        shutil.rmtree(state)


def read_data(settings: TrainParams) -> TrainingData:
    """Read what a training learns from.

    Raises:
        InputError: a table is missing or damaged, or they do not belong together.
    """
    collection = open_collection(settings, iterate_split())
    train = collection.examples(iterate_split(["train"]), with_views=True)
    val = collection.examples(iterate_split(["val"]))
    class_weights = read_class_weights(CLASS_WEIGHTS_FILE, collection.contract.labels)
    return TrainingData(
        collection.contract,
        collection.columns,
        train,
        val,
        class_weights,
        collection.features.description,
        read_weights_file(),
    )


if __name__ == "__main__":
    sys.exit(run("train", TrainParams, main))
