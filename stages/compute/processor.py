"""What computes: processors of one kind give equal bytes; importing this imports TensorFlow."""

from pathlib import Path
from typing import NamedTuple, Self

import tensorflow as tf

from stages.compute.precision import cpu_flags

CPUINFO = Path("/proc/cpuinfo")
#: Flags of instructions that sums are computed with; others come and go with the kernel.
ARITHMETIC = ("amx", "avx", "f16c", "fma", "sse")


class Processor(NamedTuple):
    """The kind of processor of a machine, as far as the last bits of results follow from it."""

    name: str  #: as Linux names it; empty on other systems
    instructions: frozenset[str]  #: for arithmetic, as Linux names them
    gpus: tuple[str, ...]  #: names of their kinds: a worker sees fewer of a kind than its machine

    def __str__(self) -> str:
        """Return what a person tells it by."""
        widest = max((flag for flag in self.instructions if "avx" in flag), default="no AVX")
        return ", ".join([*self.gpus, self.name or "unnamed", widest])

    @classmethod
    def here(cls, cpuinfo: Path = CPUINFO) -> Self:
        """Return that of this machine."""
        flags = (flag for flag in cpu_flags(cpuinfo) if flag.startswith(ARITHMETIC))
        gpus = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        kinds = {str(each.get("device_name", "GPU")) for each in details}
        return cls(_name(cpuinfo), frozenset(flags), tuple(sorted(kinds)))


def _name(cpuinfo: Path) -> str:
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return ""
