"""Score every image by a training that has seen neither it nor its group: cross-validation.

The images are shared out among folds. Those of one fold are scored by a training on all others, in
the phases of stage train. It keeps its last epoch: there is no val split to choose one by, and the
held-out images choose nothing. Killed and run again, it goes on in the fold that it was in, on a
cluster with those that were not finished.
"""

import shutil
import sys
from collections.abc import Mapping

from stages.cross_validate.folds import assign_folds
from stages.outputs.backbone import BACKBONE_DIR
from stages.outputs.backbone import DESCRIPTION_NAME as BACKBONE_DESCRIPTION_NAME
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, write_cross_validation
from stages.outputs.split import SPLIT_FILE, read_split
from stages.outputs.unfinished import fingerprint, folder_of, only_run
from stages.outputs.whole import UNFINISHED
from stages.params.class_weights import ClassWeightsParams
from stages.params.cross_validate import CrossValidateParams
from stages.params.reading import Params
from stages.params.train import TrainParams
from stages.stage import check_unchanged, run_with
from stages.training.collection import COLLECTION_FILES, open_collection
from stages.training.machines import ALONE
from stages.training.phases import plan_phases

INPUTS = [*COLLECTION_FILES, SPLIT_FILE, BACKBONE_DIR / BACKBONE_DESCRIPTION_NAME]
STATE_DIR = CROSS_VALIDATION_FILE.parent / UNFINISHED / "cross_validate"
SECTIONS: Mapping[str, type[Params]] = {
    "cross_validate": CrossValidateParams,
    "class_weights": ClassWeightsParams,
    "train": TrainParams,
}


def main(
    cross_validate: CrossValidateParams, class_weights: ClassWeightsParams, train: TrainParams
) -> None:
    """Read the split and the features, train once for each fold, write what each training says."""
    rows = read_split()
    collection = open_collection(train, rows)
    description = collection.features.description
    phases = plan_phases(train, description.pretrained, description.last_stage)
    folds = assign_folds(rows, cross_validate)

    with only_run(STATE_DIR, "cross-validation") as unfinished:
        # Imports TensorFlow, which takes seconds that a mistake in the inputs should not.
        from stages.compute import determinism

        determinism.configure()
        from stages.compute.precision import native_precision
        from stages.cross_validate.held_out import Recipe
        from stages.cross_validate.scoring import score_folds
        from stages.training.replicas import open_replicas

        precision = native_precision(train.precision)
        replicas = open_replicas(train.devices, ALONE, phases, precision)
        settings = f"{cross_validate!r} {class_weights!r} {train.of_results} {precision}"
        state = folder_of(unfinished, fingerprint(settings, INPUTS))
        recipe = Recipe(phases, train, class_weights, replicas)
        probabilities = score_folds(collection, rows, folds, recipe, state)
        labels = collection.contract.labels
        write_cross_validation(CROSS_VALIDATION_FILE, rows, folds, labels, probabilities)
        check_unchanged()
        shutil.rmtree(state)


if __name__ == "__main__":
    sys.exit(run_with(SECTIONS, main))
