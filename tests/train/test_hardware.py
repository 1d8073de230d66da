"""What the machine says of itself."""

from pathlib import Path

from stages.train.hardware import cpu_flags, gpu_capability


def test_flags_are_read_from_cpuinfo(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16\n\nprocessor\t: 1\n")
    assert cpu_flags(cpuinfo) == {"fpu", "avx2", "avx512_bf16"}


def test_systems_without_cpuinfo_have_no_known_flags(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "cpuinfo") == frozenset()


def test_gpu_capability_is_a_version_or_none() -> None:
    capability = gpu_capability()
    assert capability is None or capability >= 3.0
