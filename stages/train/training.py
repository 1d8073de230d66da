"""One training from examples to classifier; importing this module imports TensorFlow."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras

from stages.compute.precision import Precision
from stages.outputs.backbone import read_weights_file
from stages.outputs.features import FEATURES_DIR, NETWORK_NAME, Description
from stages.outputs.model import MODEL_DIR
from stages.params.train import TrainParams
from stages.progress import waiting
from stages.resnet50.network import build_backbone
from stages.resnet50.weights import read_pretrained, restore
from stages.train.examples import TrainingData
from stages.train.export import (
    COMPARED_PHOTOS,
    choose_compared,
    export_classifier,
    predict_features,
    predict_pixels,
    write_backbone,
)
from stages.train.fit import BestAndResume, run_task
from stages.train.log import EpochLog
from stages.train.model import (
    SCALE_OF_RANDOM,
    build_head,
    build_network,
    exported_head,
    standardise,
)
from stages.train.phases import Phase
from stages.train.tasks import head_task, network_task


class Parts(NamedTuple):
    """What has been trained."""

    head: keras.Model
    backbone: keras.Model | None  #: None: it is as it was restored
    network: keras.Model | None  #: both as one model, where blocks of the backbone were trained


def train(
    data: TrainingData,
    phases: Sequence[Phase],
    settings: TrainParams,
    precision: Precision,
    state: Path,
) -> None:
    """Run the phases, log every epoch, and deliver the best one to data/model/.

    Args:
        data: what is learned from.
        phases: at least one, in order.
        settings: section `train`; all chance follows from its seed.
        precision: in which blocks of the backbone train, as Keras's dtype policy.
        state: folder for what resuming needs.

    Raises:
        InputError: an image can't be read, the loss is no number, the disk is full, or the
            classifier does not say what was trained.
    """
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(settings.seed)
    with EpochLog() as log:
        keeper = BestAndResume(state, log, settings.patience, settings.seed)
        parts = run_phases(data, phases, settings, keeper, log)
        with log.timed("export"), waiting("export of the classifier"):
            difference = deliver(parts, data, precision, state)
        log.summary(keeper.progress, precision, difference)


def run_phases(
    data: TrainingData,
    phases: Sequence[Phase],
    settings: TrainParams,
    keeper: BestAndResume,
    log: EpochLog,
) -> Parts:
    """Run what is left of the phases and return the parts with their best weights.

    Args:
        data: what is learned from.
        phases: all of them, in order.
        settings: section `train`.
        keeper: of the best epoch; it knows which phases are done.
        log: of the times that it takes.
    """
    momentum = settings.scratch.batch_norm_momentum
    labels = len(data.contract.labels)
    pretrained = data.backbone.pretrained
    scale = 1.0 if pretrained else SCALE_OF_RANDOM
    head = build_head(int(data.columns.sum()), labels, settings.head, momentum, scale)
    if pretrained:
        standardise(head, data.train.as_received)
    backbone = network = None
    for phase in phases[keeper.progress.phase :]:
        with log.timed("preparation"):
            if phase.name == "head":
                task = head_task(phase, head, data.train, data.val, data.class_weights, settings)
            else:
                backbone = restored_backbone(data.backbone, momentum)
                network = build_network(backbone, head, data.columns)
                task = network_task(
                    phase, network, data.train, data.val, data.class_weights, settings
                )
        with log.timed("epochs"):
            run_task(task, settings, keeper)
    return Parts(head, backbone, network)


def restored_backbone(description: Description, batch_norm_momentum: float) -> keras.Model:
    """Return the backbone that the features are of, ready to be trained.

    Args:
        description: of the features.
        batch_norm_momentum: of random weights.
    """
    weights_file = read_weights_file()
    backbone = build_backbone(description.image_size, description.last_stage, batch_norm_momentum)
    if weights_file:
        weights, _ = read_pretrained(weights_file)
        restore(backbone, weights)
    return backbone


def deliver(parts: Parts, data: TrainingData, precision: Precision, state: Path) -> float:
    """Write the classifier, if it says of some val images what training says of them.

    Returns:
        The largest difference between a probability of training and the classifier's.
    """
    contract = data.contract
    compared = choose_compared(data.val.targets, COMPARED_PHOTOS)
    photos = [data.val.photos[number] for number in compared]
    if parts.backbone is None or parts.network is None:
        precision_seen = data.backbone.precision
        features = data.val.features[compared][:, : len(contract.orientations)]
        expected = predict_features(parts.head, features)
        backbone_file = FEATURES_DIR / NETWORK_NAME
    else:
        precision_seen = precision
        expected = predict_pixels(parts.network, photos, contract.orientations)
        backbone_file = state / NETWORK_NAME
        last_stage = data.backbone.last_stage
        write_backbone(backbone_file, parts.backbone, contract.image_size, last_stage)
    head = exported_head(parts.head, data.columns)
    return export_classifier(
        MODEL_DIR, contract, head, backbone_file, photos, expected, precision_seen
    )
