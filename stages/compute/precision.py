"""What the machine computes natively, and the precision that follows from it."""

from collections.abc import Set
from pathlib import Path
from typing import Literal

import tensorflow as tf

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return the features of the processor as Linux names them; empty on other systems."""
    if not cpuinfo.exists():
        return frozenset()
    for line in cpuinfo.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return frozenset(value.split())
    return frozenset()


def gpu_capability() -> float | None:
    """Return the CUDA compute capability of the first GPU, such as 8.0, or None without one."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    major, minor = tf.config.experimental.get_device_details(gpus[0]).get(
        "compute_capability", (0, 0)
    )
    return float(f"{major}.{minor}")


def choose_precision(wanted: str, cpu_flags: Set[str], gpu_capability: float | None) -> Precision:
    """Return the Keras dtype policy: `wanted`, or for `auto` what the hardware computes natively.

    Args:
        wanted: `auto` or a dtype policy.
        cpu_flags: features of the processor as Linux names them.
        gpu_capability: CUDA compute capability of the first GPU (8.0 Ampere, 7.0 Volta), or None.
    """
    if wanted != "auto":
        return wanted  # type: ignore[return-value]
    if gpu_capability is not None:
        if gpu_capability >= 8.0:
            return "mixed_bfloat16"
        return "mixed_float16" if gpu_capability >= 7.0 else "float32"
    return "mixed_bfloat16" if cpu_flags & {"avx512_bf16", "amx_bf16"} else "float32"


def native_precision(wanted: str = "auto") -> Precision:
    """Return `choose_precision` for this machine."""
    return choose_precision(wanted, cpu_flags(), gpu_capability())
