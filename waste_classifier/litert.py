"""The network as LiteRT runs it: no TensorFlow, and an answer within a second of the start."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from waste_classifier.errors import InputError
from waste_classifier.notices import without_notices
from waste_classifier.orientations import Orientation
from waste_classifier.parallel import available_cores

#: Of the one signature that an exported file has.
INPUT = "image"
OUTPUTS = ("activations", "features", "probabilities")


class LiteRTNetwork:
    """An exported classifier, asked for its features; it sees all orientations by itself."""

    def __init__(self, run: Any, image_size: int, orientations: int, columns: int) -> None:
        """Take what `load` found in a file."""
        self.image_size = image_size
        self.orientations = orientations
        self.columns = columns
        self._run = run
        # One run at a time: they share the memory between its layers.
        self._lock = Lock()

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read an exported file.

        Raises:
            InputError: it is missing or damaged, or LiteRT is not installed.
        """
        try:
            with without_notices():
                from ai_edge_litert.interpreter import Interpreter

                interpreter = Interpreter(str(file), num_threads=available_cores())
                interpreter.allocate_tensors()
                run = interpreter.get_signature_runner()
            shapes = {
                name: tuple(int(side) for side in each["shape"])
                for details in (run.get_input_details(), run.get_output_details())
                for name, each in details.items()
            }
            if set(shapes) != {INPUT, *OUTPUTS}:
                raise ValueError(f"it has {', '.join(sorted(shapes))}")
        except ModuleNotFoundError as error:
            raise InputError(
                f"{file}: takes {error.name} to run, which is not installed; pip install "
                "ai-edge-litert"
            ) from None
        # Damaged files make LiteRT raise ValueError or RuntimeError.
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{file}: not a network that LiteRT can run ({error}); bring the folder back whole"
            ) from None
        return cls(run, shapes[INPUT][1], *shapes["features"])

    def __call__(self, image: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        """Return all outputs for one image, `(size, size, 3) uint8`, RGB."""
        with self._lock:
            outputs = self._run(**{INPUT: image[None]})
            return {name: np.array(values, np.float32) for name, values in outputs.items()}

    def features(
        self, images: npt.NDArray[np.uint8], orientations: Sequence[Orientation]
    ) -> npt.NDArray[np.float32]:
        """Return the features of a batch in each orientation, `(n, orientations, d) float32`.

        Args:
            images: `(n, size, size, 3) uint8`, RGB.
            orientations: those of the file.
        """
        self._check_orientations(orientations)
        return np.stack([self(image)["features"] for image in images])

    def activations(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the output of the last stage, `(h, w, c) float32`, of one image as received.

        Args:
            image: `(size, size, 3) uint8`, RGB.
        """
        activations: npt.NDArray[np.float32] = self(image)["activations"][0]
        return activations

    def features_and_activations(
        self, image: npt.NDArray[np.uint8], orientations: Sequence[Orientation]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return both of one image, by one run.

        Args:
            image: `(size, size, 3) uint8`, RGB.
            orientations: those of the file.

        Returns:
            features, `(orientations, d) float32`, and activations, `(h, w, c) float32`.
        """
        self._check_orientations(orientations)
        outputs = self(image)
        return outputs["features"], outputs["activations"][0]

    def _check_orientations(self, orientations: Sequence[Orientation]) -> None:
        if len(orientations) != self.orientations:
            raise ValueError(f"the file sees {self.orientations} orientations, not {orientations}")
