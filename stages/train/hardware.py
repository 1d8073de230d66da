"""What the machine computes natively, as far as the choice of precision needs it."""

from pathlib import Path

import tensorflow as tf


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
