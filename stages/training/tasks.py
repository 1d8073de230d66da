"""Each phase made ready: the part of the network that trains in it, and the rows that it sees."""

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from stages.params.train import AugmentParams, TrainParams
from stages.resnet50.folding import fold_batch_norm
from stages.training.augment import augmented, draw
from stages.training.batches import FixedRows, Rows
from stages.training.examples import Examples
from stages.training.mixing_head import mixing_head
from stages.training.mixup import MixedFeatures, unmixed
from stages.training.model import freeze, set_trainable
from stages.training.phases import Phase
from stages.training.pixels import (
    AugmentedPixels,
    ShuffledRows,
    load_images,
    no_draws,
    outputs_of,
)
from waste_classifier.orientations import ORIENTATIONS


@dataclass(frozen=True)
class Task:
    """One phase made ready."""

    phase: Phase
    model: keras.Model  #: the part of the network that trains, with what stands behind it
    train_rows: Rows
    val_rows: Rows  #: of none, the last epoch is the one to keep

    @property
    def batch_size(self) -> int:
        """Rows in a batch: no more than there are."""
        return min(self.phase.batch_size, len(self.train_rows))

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of an epoch."""
        return len(self.train_rows) // self.batch_size


def head_task(
    phase: Phase,
    head: keras.Model,
    train: Examples,
    val: Examples,
    class_weights: npt.NDArray[np.float32],
    settings: TrainParams,
) -> Task:
    """Make the phase of the head ready: it trains on cached features."""
    set_trainable(head, pretrained=True, tuned=())
    orientations = usable_orientations(settings.augment)
    mixed = MixedFeatures(
        train,
        class_weights,
        orientations,
        settings.head.view_share,
        settings.head.mixup,
        settings.head.mixes,
        settings.seed,
    )
    seen_alone = FixedRows(unmixed(val.as_received), val.targets)
    return Task(phase, mixing_head(head), mixed, seen_alone)


def network_task(
    phase: Phase,
    network: keras.Model,
    train: Examples,
    val: Examples,
    class_weights: npt.NDArray[np.float32],
    settings: TrainParams,
) -> Task:
    """Make a phase ready in which blocks train: on pixels, or on what frozen layers say of them.

    Raises:
        InputError: an image is missing or damaged, or there is no room for them.
    """
    frozen, tuned = freeze(network, phase.name == "fine_tune", settings.fine_tune.first_block)
    size, memory_mib = network.input_shape[1], settings.memory_mib
    pixels = load_images(train.photos, size, memory_mib)
    val_pixels = load_images(val.photos, size, memory_mib)

    if frozen is None or settings.fine_tune.frozen_views == 0:
        return Task(
            phase,
            augmented(network, settings.augment),
            AugmentedPixels(pixels, train.targets, class_weights, settings.seed),
            FixedRows([val_pixels, no_draws(len(val))], val.targets),
        )
    frozen = fold_batch_norm(frozen)
    augmented_frozen = augmented(frozen, settings.augment, always=True)
    views = [
        outputs_of(
            augmented_frozen,
            [pixels, draw(len(train), settings.seed, view)],
            phase.batch_size,
            memory_mib,
        )
        for view in range(settings.fine_tune.frozen_views)
    ]
    val_inputs = outputs_of(frozen, [val_pixels], phase.batch_size, memory_mib)
    return Task(
        phase,
        tuned,
        ShuffledRows(views, train.targets, class_weights, settings.seed),
        FixedRows(val_inputs, val.targets),
    )


def usable_orientations(augment: AugmentParams) -> list[int]:
    """Return the orientations of cached features that augmentation allows, by position."""
    both_flips = augment.horizontal_flip and augment.vertical_flip
    return [number for number, name in enumerate(ORIENTATIONS) if name == "received" or both_flips]
