"""The classifier as a user has it: a folder that decides on photos, and says why.

Beside what a model has (`waste_classifier.model`), the folder may hold:

- `decision.json`: when it decides, and when it is unsure (`waste_classifier.decision`); without it
  the most probable label is always the decision.
- `novelty.npz`: how to tell that a photo is unlike the training ones (`waste_classifier.novelty`).
- `known_labels.npz`: how to tell a thing of none of the labels (`waste_classifier.known_labels`).
- `training_photos.npz`, `training_photos.zip`: what the nearest training photos are found in
  (`waste_classifier.training_photos`).
- `adaptation.npz`: what the features of another line are shifted by
  (`waste_classifier.adaptation`).
"""

from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from waste_classifier import adaptation, decision, known_labels, novelty, training_photos
from waste_classifier.adaptation import Adaptation
from waste_classifier.decision import Decision, always_decide, told_apart
from waste_classifier.errors import InputError
from waste_classifier.explanation import Explanation, class_activation_map
from waste_classifier.images import MAX_PIXELS, Photo, load_resized, resized_batches
from waste_classifier.known_labels import KnownLabels
from waste_classifier.model import Model
from waste_classifier.novelty import Novelty
from waste_classifier.training_photos import TrainingPhotos
from waste_classifier.unsure import UNSURE

Floats = npt.NDArray[np.float32]

#: What is read when it is first asked for.
_PARTS = ("decision", "novelty", "known_labels", "adaptation", "training_photos", "backbone")
#: Photos whose features are in memory at once.
BATCH_SIZE = 32


class Answer(NamedTuple):
    """What the classifier says of one photo."""

    decision: str  #: a label, or "unsure"
    reason: str  #: why it is unsure; empty for a label
    label: str  #: the most probable one
    probability: float  #: of that label
    probabilities: dict[str, float]  #: of every label, calibrated and for the user's mix
    distance: float | None  #: to the training photos, 1 at the limit; None: not known
    label_distance: float | None  #: to things of the labels, 1 at the limit; None: not known

    @property
    def is_sure(self) -> bool:
        """Whether it has a label."""
        return self.decision != UNSURE

    @property
    def shown_label(self) -> str:
        """The label that it decides on, which costs may choose; of an unsure one the likeliest."""
        return self.decision if self.is_sure else self.label

    @property
    def is_unlike(self) -> bool:
        """Whether the photo is unlike the training ones, as far as that is known."""
        return self.distance is not None and self.distance > 1

    @property
    def is_of_no_label(self) -> bool:
        """Whether it is unlike things of the labels, as far as that is known."""
        return self.label_distance is not None and self.label_distance > 1


class Classifier(Model):
    """Decides on photos."""

    @cached_property
    def decision(self) -> Decision:
        """How it decides.

        Raises:
            InputError: the file is damaged, or of other labels.
        """
        file = self.folder / decision.FILE_NAME
        if not file.exists():
            return always_decide(self.labels)
        read = Decision.load(file)
        if read.labels != self.labels:
            raise InputError(
                f"{file}: of labels {', '.join(read.labels)}, but the classifier has "
                f"{', '.join(self.labels)}; bring the folder back whole"
            )
        return read

    @cached_property
    def novelty(self) -> Novelty | None:
        """What photos are held against; None where the folder has none.

        Raises:
            InputError: the file is damaged, or of another network.
        """
        file = self.folder / novelty.FILE_NAME
        if not file.exists():
            return None
        read = Novelty.load(file)
        self._check_features(file, len(read.mean))
        return read

    @cached_property
    def known_labels(self) -> KnownLabels | None:
        """What things are held against; None where the folder has none.

        Raises:
            InputError: the file is damaged, or of another head.
        """
        file = self.folder / known_labels.FILE_NAME
        if not file.exists():
            return None
        read = KnownLabels.load(file)
        if read.label_means.shape != (self.head.labels, self.head.width):
            raise InputError(
                f"{file}: of {read.label_means.shape} labels and hidden values, but the "
                f"classifier has {(self.head.labels, self.head.width)}; bring the folder back whole"
            )
        return read

    @cached_property
    def adaptation(self) -> Adaptation | None:
        """What features are shifted by; None where the folder has nothing.

        Raises:
            InputError: the file is damaged, or of another network.
        """
        file = self.folder / adaptation.FILE_NAME
        if not file.exists():
            return None
        read = Adaptation.load(file)
        self._check_features(file, len(read.factor))
        return read

    @cached_property
    def training_photos(self) -> TrainingPhotos | None:
        """What the nearest training photos are found in; None where the folder has none.

        Raises:
            InputError: the file is damaged, or of another novelty.
        """
        file = self.folder / training_photos.FILE_NAME
        if not file.exists():
            return None
        read = TrainingPhotos.load(file)
        components = read.coordinates.shape[1]
        if self.novelty is not None and components != len(self.novelty.whitening):
            raise InputError(
                f"{file}: of {components} components, but {novelty.FILE_NAME} beside it has "
                f"{len(self.novelty.whitening)}; bring the folder back whole"
            )
        return read

    def _check_features(self, file: PathLike[str], columns: int) -> None:
        if columns != self.head.features:
            raise InputError(
                f"{file}: of {columns} features, but the classifier has "
                f"{self.head.features}; bring the folder back whole"
            )

    @classmethod
    def load_whole(cls, folder: str | PathLike[str]) -> Self:
        """Read all files of a folder at once, so that whatever is wrong with one is said now.

        Raises:
            InputError: a file is missing or damaged.
        """
        classifier = cls.load(folder)
        for name in _PARTS:
            getattr(classifier, name)
        return classifier

    def decide(
        self,
        photos: Sequence[Photo],
        batch_size: int = BATCH_SIZE,
        max_pixels: int | None = MAX_PIXELS,
    ) -> list[Answer]:
        """Return what it says of each photo.

        Args:
            photos: paths, images of Pillow, or arrays `(h, w, 3) uint8`, RGB, of any size.
            batch_size: photos in memory at once.
            max_pixels: width x height of the largest photo accepted; None: no limit.

        Raises:
            InputError: a photo can't be read (`PhotoError`), or a file of the folder can't.
            TypeError: a single photo was given, or something else than photos.
            ValueError: `batch_size` is below 1.
        """
        batches = resized_batches(photos, self.image_size, batch_size, max_pixels)
        return [answer for batch in batches for answer in self.answers(self.features(batch))]

    def features(self, images: npt.NDArray[np.uint8]) -> Floats:
        """Return the features of resized images, `(n, orientations, d) float32`, adapted.

        Args:
            images: `(n, size, size, 3) uint8`, RGB.
        """
        return self._adapted(super().features(images))

    def _adapted(self, features: Floats) -> Floats:
        return features if self.adaptation is None else self.adaptation(features)

    def answers(self, features: Floats) -> list[Answer]:
        """Return what it says of photos whose features are known.

        Args:
            features: `(n, orientations, d) float32`, of `features`.
        """
        probabilities = self.decision.calibrated(self.predict_features(features))
        positions = self.decision.decide(probabilities)
        mean = features.mean(axis=1)
        nothing = [None] * len(mean)
        distances = nothing if self.novelty is None else self.novelty.distances(mean).tolist()
        label_distances = (
            nothing
            if self.known_labels is None
            else self.known_labels.distances(self.head.representation(mean)).tolist()
        )
        return [
            self._answer(*of_photo)
            for of_photo in zip(
                probabilities, positions.tolist(), distances, label_distances, strict=True
            )
        ]

    def _answer(
        self,
        probabilities: npt.NDArray[np.floating],
        position: int,
        distance: float | None,
        label_distance: float | None,
    ) -> Answer:
        likeliest = int(probabilities.argmax())
        reason = "" if position >= 0 else self.decision.reason(probabilities)
        # These come first: what a probability says of such a photo, nothing has shown.
        if label_distance is not None and label_distance > 1:
            shown = told_apart(label_distance, 1)[0]
            reason = f"like things of none of the labels (distance {shown}, limit 1)"
        if distance is not None and distance > 1:
            shown = told_apart(distance, 1)[0]
            reason = f"unlike the training photos (distance {shown}, limit 1)"
        return Answer(
            decision=UNSURE if reason else self.labels[position],
            reason=reason,
            label=self.labels[likeliest],
            probability=float(probabilities[likeliest]),
            probabilities=dict(zip(self.labels, map(float, probabilities), strict=True)),
            distance=distance,
            label_distance=label_distance,
        )

    def explain(
        self,
        photo: Photo,
        label: str | None = None,
        nearest: int = 4,
        max_pixels: int | None = MAX_PIXELS,
    ) -> Explanation:
        """Return where in a photo a label is seen, and which training photos it looks like.

        Args:
            photo: a path, an image of Pillow, or an array `(h, w, 3) uint8`, RGB.
            label: that is asked for; None: that of the decision, or the most probable one where
                it is unsure.
            nearest: how many training photos.
            max_pixels: width x height of the largest photo accepted; None: no limit.

        Raises:
            InputError: the photo can't be read (`PhotoError`), or there is no such label.
            TypeError: it is no photo of these kinds.
        """
        image = load_resized(photo, self.image_size, max_pixels)
        features, activations = self.backbone.features_and_activations(image, self.orientations)
        return self._explained(self._adapted(features), activations, label, nearest)

    def explain_seen(
        self,
        image: npt.NDArray[np.uint8],
        features: Floats,
        label: str | None = None,
        nearest: int = 4,
    ) -> Explanation:
        """Return the same of a photo that was seen already.

        Args:
            image: `(size, size, 3) uint8`, RGB, resized.
            features: `(orientations, d) float32`, of `features`.
            label: as of `explain`.
            nearest: as of `explain`.

        Raises:
            InputError: there is no such label.
        """
        return self._explained(features, self.backbone.activations(image), label, nearest)

    def _explained(
        self, features: Floats, activations: Floats, label: str | None, nearest: int
    ) -> Explanation:
        """Return the explanation of a photo that is known by what the network makes of it.

        Args:
            features: `(orientations, d) float32`, adapted.
            activations: `(h, w, c) float32`, of the photo as received.
            label: as of `explain`.
            nearest: as of `explain`.
        """
        answer = self.answers(features[None])[0]
        label = answer.shown_label if label is None else label
        if label not in self.labels:
            raise InputError(f"no label {label!r}; expected one of {', '.join(self.labels)}")
        neighbours = []
        if self.training_photos is not None and self.novelty is not None:
            place = self.novelty.coordinates(features.mean(axis=0, keepdims=True))[0]
            neighbours = self.training_photos.nearest(place, nearest)
        number = self.labels.index(label)
        factor = None if self.adaptation is None else self.adaptation.factor
        # The first orientation is the photo as received.
        seen = class_activation_map(self.head, features[0], activations, number, factor)
        return Explanation(answer, label, seen, neighbours)
