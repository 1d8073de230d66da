"""One training, logged, and its best epoch as the classifier; importing this imports TensorFlow."""

from collections.abc import Sequence
from pathlib import Path

from stages.compute.precision import Precision
from stages.outputs.features import FEATURES_DIR, NETWORK_NAME
from stages.outputs.model import MODEL_DIR
from stages.params.train import TrainParams
from stages.progress import waiting
from stages.train.export import COMPARED_PHOTOS, choose_compared, export_classifier, write_backbone
from stages.train.log import EpochLog
from stages.training.examples import TrainingData
from stages.training.fit import BestAndResume
from stages.training.model import exported_head
from stages.training.phases import Phase
from stages.training.probabilities import predict
from stages.training.replicas import Replicas
from stages.training.reports import Unlogged
from stages.training.run import Trained, train

#: What the chief tells the other machines, which wait for it to end with them.
DELIVERED = "delivered"


def train_and_deliver(
    data: TrainingData,
    phases: Sequence[Phase],
    settings: TrainParams,
    precision: Precision,
    state: Path,
    replicas: Replicas | None,
) -> None:
    """Run the phases, log every epoch, and deliver the best one to data/model/.

    Args:
        data: what is learned from, with val images.
        phases: at least one, in order.
        settings: section `train`.
        precision: in which blocks of the backbone train, as Keras's dtype policy.
        state: folder for what resuming needs; its name tells one work from another.
        replicas: where blocks of the backbone train on several devices.

    Raises:
        InputError: an image can't be read, the loss is no number, the disk is full, the
            classifier does not say what was trained, or another machine is gone.
    """
    if replicas:
        replicas.agree(state.name)
    with EpochLog() as log:
        keeper = BestAndResume(state, log, settings.patience, settings.seed)
        trained = train(data, phases, settings, precision, keeper, log, replicas)
        with log.timed("export"), waiting("export of the classifier"):
            difference = deliver(trained, data, precision, state)
        log.summary(keeper.progress, precision, difference)
    if replicas:
        replicas.agree(DELIVERED)


def assist(
    data: TrainingData,
    phases: Sequence[Phase],
    settings: TrainParams,
    precision: Precision,
    replicas: Replicas | None,
    work: str,
) -> None:
    """Train along with the chief of several machines, which alone writes, until it has delivered.

    Args:
        data: what is learned from, with val images.
        phases: at least one, in order.
        settings: section `train`.
        precision: in which blocks of the backbone train, as Keras's dtype policy.
        replicas: of all machines; None where the head alone trains, which takes one device.
        work: tells it from another; that of the chief must be the same.

    Raises:
        InputError: the chief does other work, or another machine is gone.
    """
    if replicas is None:
        return
    replicas.agree(work)
    log = Unlogged()
    keeper = BestAndResume(None, log, settings.patience, settings.seed)
    train(data, phases, settings, precision, keeper, log, replicas)
    replicas.agree(DELIVERED)


def deliver(trained: Trained, data: TrainingData, precision: Precision, state: Path) -> float:
    """Write the classifier, if it says of some val images what training says of them.

    Returns:
        The largest difference between a probability of training and the classifier's.
    """
    contract, val = data.contract, data.val
    compared = val.some(choose_compared(val.targets, COMPARED_PHOTOS))
    expected = predict(trained, compared, contract.orientations)
    if trained.backbone is None:
        precision_seen = data.backbone.precision
        backbone_file = FEATURES_DIR / NETWORK_NAME
    else:
        precision_seen = precision
        backbone_file = state / NETWORK_NAME
        last_stage = data.backbone.last_stage
        write_backbone(backbone_file, trained.backbone, contract.image_size, last_stage)
    head = exported_head(trained.head, data.columns)
    return export_classifier(
        MODEL_DIR, contract, head, backbone_file, compared.photos, expected, precision_seen
    )
