"""The formats: LiteRT in three widths, ONNX, SavedModel. Equal classifiers give equal bytes."""

import io
import json
import logging
import shutil
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from stages.export.canonical import canonical
from stages.export.graph import frozen_graph
from stages.export.integers import in_integers
from stages.outputs.export import FILE_NAMES
from waste_classifier.model import Model

#: Under which a file says how photos become its input.
METADATA_NAME = "waste_classifier"
#: Of ONNX's operators: the newest that tf2onnx writes.
ONNX_OPSET = 17


def write_formats(
    folder: Path,
    model: Model,
    formats: Collection[str],
    representative: Sequence[npt.NDArray[np.uint8]],
) -> None:
    """Write some formats of a model into a folder, under the names of `FILE_NAMES`.

    Args:
        folder: where to.
        model: with a Keras network.
        formats: by name.
        representative: images that the ranges of int8 are measured on, each
            `(size, size, 3) uint8`, RGB.
    """
    metadata = model.described()
    converters: dict[str, Callable[[Any, Mapping[str, Any]], bytes]] = {
        "float32": to_float32,
        "float16": to_float16,
        "int8": partial(to_int8, representative=representative),
        "onnx": to_onnx,
    }
    with quiet():
        graph = frozen_graph(model)
        for name in formats:
            if name == "saved_model":
                write_saved_model(graph, folder / FILE_NAMES[name])
            else:
                (folder / FILE_NAMES[name]).write_bytes(converters[name](graph, metadata))


def to_float32(graph: Any, metadata: Mapping[str, Any]) -> bytes:
    """Return a LiteRT file with the weights as they are."""
    return _with_metadata(_converter(graph).convert(), metadata)


def to_float16(graph: Any, metadata: Mapping[str, Any]) -> bytes:
    """Return a LiteRT file with weights of 16 bits, half as large."""
    converter = _converter(graph)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return _with_metadata(converter.convert(), metadata)


def to_int8(
    graph: Any, metadata: Mapping[str, Any], representative: Sequence[npt.NDArray[np.uint8]]
) -> bytes:
    """Return a LiteRT file whose backbone computes in integers of 8 bits."""
    return _with_metadata(in_integers(_converter(graph).convert(), representative), metadata)


def to_onnx(graph: Any, metadata: Mapping[str, Any]) -> bytes:
    """Return an ONNX file."""
    import tf2onnx

    signature = [tf.TensorSpec(each.shape, each.dtype, name=each.name) for each in _inputs(graph)]
    # Its optimisers leave another graph each time, by the addresses of its nodes; runtimes have
    # theirs, which they run as they load a file.
    with patch("tf2onnx.optimizer.optimize_graph", lambda converted, *_, **__: converted):
        model, _ = tf2onnx.convert.from_function(
            tf.function(graph), input_signature=signature, opset=ONNX_OPSET
        )
    model = canonical(model)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_NAME, json.dumps(metadata)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def write_saved_model(graph: Any, folder: Path) -> None:
    """Write a SavedModel, for TensorFlow and what reads its format."""
    module = tf.Module()
    module.serve = graph
    tf.saved_model.save(module, str(folder), signatures=graph)
    # A number drawn anew each time, which nothing reads.
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    shutil.rmtree(folder / "assets", ignore_errors=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the progress of converters, which they print as warnings, from the user."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            yield
    finally:
        logging.disable(level)


def _converter(graph: Any) -> Any:
    return tf.lite.TFLiteConverter.from_concrete_functions([graph], tf.Module())


def _inputs(graph: Any) -> list[Any]:
    inputs: list[Any] = list(graph.structured_input_signature[0])
    return inputs


def _with_metadata(content: bytes, metadata: Mapping[str, Any]) -> bytes:
    """Return a LiteRT file with an entry of metadata, JSON, in its own table of these."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
