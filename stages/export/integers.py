"""The backbone in integers: weights of 8 bits, and 8 bits for what flows between its layers.

The ranges of what flows are fixed beforehand, by photos (Jacob et al. 2018, "Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"), and are moving means
over these, so that a single photo does not widen one for all. What is pooled stays in float32,
since the head sees deviations of channels, which 8 bits would blur. The head has weights of 8 bits,
and makes 8 bits of its inputs as they come.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from ai_edge_quantizer import quantizer
from ai_edge_quantizer.calibrator import CalibrationMode
from ai_edge_quantizer.qtyping import TFLOperationName

from stages.export.graph import SIGNATURE
from waste_classifier.litert import INPUT
from waste_classifier.notices import without_notices
from waste_classifier.parallel import available_cores

BITS = 8
#: Of the backbone, and by what the names of their outputs match. Other additions are of what is
#: pooled, and other paddings of the photo.
IN_INTEGERS = {
    TFLOperationName.CONV_2D: ".*",
    TFLOperationName.MAX_POOL_2D: ".*",
    TFLOperationName.PAD: ".*pool1_pad.*",
    TFLOperationName.ADD: ".*_block[0-9]+_out.*",
}


def in_integers(content: bytes, images: Sequence[npt.NDArray[np.uint8]]) -> bytes:
    """Return a LiteRT file whose backbone computes in integers.

    Args:
        content: the same in float32.
        images: that ranges are measured on, each `(size, size, 3) uint8`, RGB; in random order,
            since the last ones count for most.
    """
    network = quantizer.Quantizer(content)
    for operation, names in IN_INTEGERS.items():
        network.add_static_config(names, operation, activation_num_bits=BITS, weight_num_bits=BITS)
    network.add_dynamic_config(".*", TFLOperationName.FULLY_CONNECTED, num_bits=BITS)
    with without_notices():
        ranges = network.calibrate(
            {SIGNATURE: [{INPUT: image[np.newaxis]} for image in images]},
            num_threads=available_cores(),
            mode=CalibrationMode.CALIBRATION_PROFILER_BASED,
        )
    quantised = network.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return bytes(quantised.quantized_model)
