"""Bring the pretrained ResNet50 weights to data/backbone/, so that DVC hashes and caches them."""

import shutil
import socket
import sys
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from stages.outputs.backbone import BACKBONE_DIR, write_description
from stages.outputs.unfinished import only_run
from stages.outputs.whole import UNFINISHED, explain_disk_error, whole_folder
from stages.params.backbone import BackboneParams, weights_path
from stages.stage import run
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError

UNFINISHED_DIR = BACKBONE_DIR.parent / UNFINISHED / BACKBONE_DIR.name
TIMEOUT_SECONDS = 60
RETRIES = 4
FIRST_PAUSE_SECONDS = 1.0


def main(settings: BackboneParams) -> None:
    """Copy or download the weights and describe them."""
    with only_run(UNFINISHED_DIR, "stage backbone"), whole_folder(BACKBONE_DIR) as folder:
        weights_file = _bring(settings.weights, folder)
        checksum = _check(weights_file, settings) if weights_file else None
        weights = settings.weights if settings.weights in ("none", "imagenet") else "file"
        write_description(folder, weights, weights_file, checksum)
    print(f"backbone weights: {settings.weights}" + (f", sha256 {checksum}" if checksum else ""))


def _bring(weights: str, directory: Path) -> Path | None:
    """Put the file of weights into `directory` and return its path; None for random weights."""
    if weights == "none":
        return None
    if weights == "imagenet":
        return download_with_retries(download_imagenet, directory)
    return copy_weights(weights_path(weights), directory)


def copy_weights(source: Path, directory: Path) -> Path:
    """Copy a file of weights; its ending tells Keras the layout, so it stays.

    Raises:
        InputError: no such file, or its name does not end in `.h5`.
    """
    if not source.is_file():
        raise InputError(
            f"params.yaml: backbone.weights: no such file: {source}; "
            "expected none, imagenet or the path of an .h5 or .weights.h5 file"
        )
    if source.suffix != ".h5":
        raise InputError(
            f"params.yaml: backbone.weights: expected a file that ends in .h5 or .weights.h5, "
            f"got {source}"
        )
    ending = ".weights.h5" if source.name.endswith(".weights.h5") else ".h5"
    return Path(shutil.copyfile(source, directory / f"resnet50{ending}"))


def download_imagenet(directory: Path) -> Path:
    """Download the ImageNet weights that Keras publishes for ResNet50 without its top.

    Keras checks them against the hash that it ships.
    """
    # Before the first import of Keras.
    from stages.compute import determinism

    determinism.configure()
    # Keras exports neither the address nor the hash; its version is pinned for their sake too.
    from keras.src.applications import resnet
    from keras.utils import get_file

    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    return Path(
        get_file(
            fname="resnet50.h5",
            origin=resnet.BASE_WEIGHTS_PATH + name,
            file_hash=resnet.WEIGHTS_HASHES["resnet50"][1],
            cache_dir=directory,
            cache_subdir="",
        )
    )


def download_with_retries(
    download: Callable[[Path], Path],
    directory: Path,
    retries: int = RETRIES,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Call `download(directory)`, again after 1, 2, 4, … seconds where the network fails.

    Raises:
        InputError: the last try failed too, or the server refused.
    """
    for attempt in range(retries + 1):
        try:
            return download(directory)
        except Exception as error:
            cause = cause_of(error)
            if not is_of_network(cause):
                raise
            if attempt == retries or not is_passing(cause):
                raise InputError(
                    f"backbone.weights: imagenet could not be downloaded ({error}); check the "
                    "network, or get the file elsewhere and set backbone.weights to its path"
                ) from None
            print(f"download failed ({error}), trying again", file=sys.stderr)
            sleep(FIRST_PAUSE_SECONDS * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")


def cause_of(error: Exception) -> BaseException:
    """Return what `keras.utils.get_file` hides in a plain Exception."""
    return error.__context__ if type(error) is Exception and error.__context__ else error


def is_of_network(cause: BaseException) -> bool:
    """Tell whether a download failed by the network or the server, not by the disk or the code."""
    if isinstance(cause, OSError):
        return explain_disk_error(cause) is None
    # get_file raises ValueError where what came has another hash, as after a cut.
    return isinstance(cause, HTTPException | ValueError)


def is_passing(cause: BaseException) -> bool:
    """Tell whether a failure may be over at the next try."""
    return not isinstance(cause, HTTPError) or cause.code in (408, 429) or cause.code >= 500


def _check(weights_file: Path, settings: BackboneParams) -> str:
    import h5py

    checksum = sha256_of(weights_file)
    if settings.sha256 not in (None, checksum):
        raise InputError(
            f"backbone.weights: {settings.weights} has sha256 {checksum}, "
            f"but backbone.sha256 asks for {settings.sha256}"
        )
    try:
        h5py.File(weights_file).close()
    except OSError as error:
        raise InputError(
            f"backbone.weights: {settings.weights} is not a whole HDF5 file ({error}); get it again"
        ) from None
    return checksum


if __name__ == "__main__":
    sys.exit(run("backbone", BackboneParams, main))
