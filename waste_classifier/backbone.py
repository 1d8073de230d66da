"""The backbone: a Keras network from pixels to features. Importing this imports TensorFlow."""

import json
import os
import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from waste_classifier.errors import InputError
from waste_classifier.notices import without_notices
from waste_classifier.orientations import Orientation, orient

# Another project may have set another one, which `import keras` would take.
os.environ["KERAS_BACKEND"] = "tensorflow"
# Its start-up notices say nothing to a user, and without a GPU one is called an error.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

with without_notices():
    import keras
    import tensorflow as tf

# The earliest time a zip archive can hold.
EARLIEST_TIME = (1980, 1, 1, 0, 0, 0)


class Backbone:
    """A network that is run on batches of photos, in some orientations each."""

    def __init__(self, network: keras.Model) -> None:
        """Compile `network`: `(n, size, size, 3) float32`, RGB 0..255, to `(n, d) float32`."""
        self.network = network
        self.image_size: int = network.input_shape[1]
        self.columns: int = network.output_shape[1]
        # One signature for batches of any length: the shorter last one compiles nothing anew.
        self._forward = tf.function(
            lambda images: network(tf.cast(images, tf.float32), training=False),
            input_signature=[
                tf.TensorSpec((None, self.image_size, self.image_size, 3), tf.uint8),
            ],
        )

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a network that `save_network` wrote.

        Raises:
            InputError: it is missing or damaged, or needs a newer Keras.
        """
        try:
            return cls(keras.saving.load_model(file, compile=False))
        # Keras raises anything at a damaged file: OSError, ValueError, KeyError, TypeError.
        except Exception as error:
            needed = _keras_version(file)
            if needed is not None and _release(needed) > _release(keras.__version__):
                raise InputError(
                    f"{file}: written by Keras {needed}, which Keras {keras.__version__} can't "
                    f"read; install keras>={needed}"
                ) from None
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(
                f"{file}: not a network that Keras {keras.__version__} can read ({reason}); bring "
                "the folder back whole"
            ) from None

    def features(
        self, images: npt.NDArray[np.uint8], orientations: Sequence[Orientation]
    ) -> npt.NDArray[np.float32]:
        """Return the features of a batch in each orientation, `(n, orientations, d) float32`.

        Args:
            images: `(n, size, size, 3) uint8`, RGB.
            orientations: in which the network sees each image.
        """
        seen = [self._forward(orient(images, each)).numpy() for each in orientations]
        return np.stack(seen, axis=1)

    def activations(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the output of the last residual stage for one image, `(h, w, c) float32`.

        Args:
            image: `(size, size, 3) uint8`, RGB.
        """
        activations: npt.NDArray[np.float32] = np.asarray(
            self._to_last_stage(image[None].astype(np.float32), training=False), np.float32
        )[0]
        return activations

    def features_and_activations(
        self, image: npt.NDArray[np.uint8], orientations: Sequence[Orientation]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return both of one image; features are those of `features`, to the bit.

        Args:
            image: `(size, size, 3) uint8`, RGB.
            orientations: in which the network sees it.

        Returns:
            features, `(orientations, d) float32`, and activations, `(h, w, c) float32`.
        """
        return self.features(image[None], orientations)[0], self.activations(image)

    @cached_property
    def _to_last_stage(self) -> keras.Model:
        return keras.Model(self.network.input, last_stage_output(self.network))


def last_stage_output(network: keras.Model) -> Any:
    """Return the symbolic output of the last residual block of a ResNet50."""
    ends = [layer for layer in network.layers if layer.name.endswith("_out")]
    return ends[-1].output


def save_network(network: keras.Model, file: Path) -> None:
    """Write a `.keras` file; equal weights give equal bytes.

    What differs between two savings of one model is left out: the date of saving, the times in the
    archive, and the `shared_object_id` of config entries, which are addresses in memory.
    """
    raw = file.with_name(f"raw-{file.name}")
    network.save(raw)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(file, "w") as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "metadata.json":
                content = _to_json({**json.loads(content), "date_saved": ""})
            elif name == "config.json":
                content = _to_json(_without_object_ids(json.loads(content)))
            new.writestr(zipfile.ZipInfo(name, EARLIEST_TIME), content)
    raw.unlink()


def _keras_version(file: Path) -> str | None:
    """Return the version of Keras that wrote a `.keras` file; None where it does not say."""
    try:
        with zipfile.ZipFile(file) as archive:
            return str(json.loads(archive.read("metadata.json"))["keras_version"])
    # Damaged archives make zipfile raise anything.
    except Exception:
        return None


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version: `3.15.0rc1` is (3, 15)."""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _without_object_ids(config: Any) -> Any:
    if isinstance(config, dict):
        return {
            key: _without_object_ids(value)
            for key, value in config.items()
            if key != "shared_object_id"
        }
    if isinstance(config, list):
        return [_without_object_ids(value) for value in config]
    return config


def _to_json(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True).encode()
