"""One training from examples to a network; importing this module imports TensorFlow."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras

from stages.compute.precision import Precision
from stages.outputs.features import Description
from stages.params.train import TrainParams
from stages.resnet50.network import build_backbone
from stages.resnet50.weights import read_pretrained, restore
from stages.training.examples import TrainingData
from stages.training.fit import BestAndResume, run_task, run_task_replicated
from stages.training.model import SCALE_OF_RANDOM, build_head, build_network, standardise
from stages.training.phases import Phase
from stages.training.replicas import Replicas
from stages.training.reports import TrainingLog
from stages.training.resume import Progress, Weights
from stages.training.tasks import head_task, network_task


class BegunHead(NamedTuple):
    """A head that another process has begun a training with."""

    weights: Weights
    progress: Progress  #: of the training


class Trained(NamedTuple):
    """What has been trained."""

    head: keras.Model
    backbone: keras.Model | None  #: None: it is as it was restored
    network: keras.Model | None  #: both as one model, where blocks of the backbone were trained


def train(
    data: TrainingData,
    phases: Sequence[Phase],
    settings: TrainParams,
    precision: Precision,
    keeper: BestAndResume,
    log: TrainingLog,
    replicas: Replicas | None = None,
    begun: BegunHead | None = None,
) -> Trained:
    """Run what is left of the phases and return what they trained, with its best weights.

    The head trains on one device, of the chief where there are several machines.

    Args:
        data: what is learned from.
        phases: at least one, in order.
        settings: section `train`; all chance follows from its seed.
        precision: in which blocks of the backbone train, as Keras's dtype policy.
        keeper: of the best epoch; it knows which phases are done.
        log: of the times that it takes.
        replicas: where blocks of the backbone train on several devices.
        begun: the head that it goes on from; None: a new one.

    Raises:
        InputError: an image can't be read, the loss is no number, the disk is full, a batch can't
            be shared out evenly among the devices, or another machine is gone.
    """
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(settings.seed)
    momentum = settings.scratch.batch_norm_momentum
    labels = len(data.contract.labels)
    pretrained = data.backbone.pretrained
    scale = 1.0 if pretrained else SCALE_OF_RANDOM
    head = build_head(int(data.columns.sum()), labels, settings.head, momentum, scale)
    if begun:
        head.set_weights(begun.weights)
        keeper.go_on_after(begun.progress)
    elif pretrained:
        standardise(head, data.train.as_received)
    backbone = network = None
    for phase in phases[keeper.progress.phase :]:
        if phase.name == "head" and replicas and not replicas.machines.is_chief:
            continue
        with log.timed("preparation"):
            if phase.name == "head":
                task = head_task(phase, head, data.train, data.val, data.class_weights, settings)
            else:
                backbone = restored_backbone(data.weights_file, data.backbone, momentum)
                network = build_network(backbone, head, data.columns)
                task = network_task(
                    phase, network, data.train, data.val, data.class_weights, settings
                )
        with log.timed("epochs"):
            if replicas is None or phase.name == "head":
                run_task(task, settings, keeper)
            else:
                run_task_replicated(task, settings, keeper, replicas)
    return Trained(head, backbone, network)


def restored_backbone(
    weights_file: Path | None, description: Description, batch_norm_momentum: float
) -> keras.Model:
    """Return the backbone that the features are of, ready to be trained.

    Args:
        weights_file: pretrained ones; None: random ones.
        description: of the features.
        batch_norm_momentum: of random weights.
    """
    backbone = build_backbone(description.image_size, description.last_stage, batch_norm_momentum)
    if weights_file:
        weights, _ = read_pretrained(weights_file)
        restore(backbone, weights)
    return backbone
