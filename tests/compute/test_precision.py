"""What the machine says of itself, and the precision that follows."""

from pathlib import Path

import pytest

from stages.compute import determinism

determinism.configure()

from stages.compute.precision import (  # noqa: E402  (after the set-up of TensorFlow)
    choose_precision,
    cpu_flags,
    gpu_capability,
    native_precision,
)


def test_flags_are_read_from_cpuinfo(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16\n\nprocessor\t: 1\n")
    assert cpu_flags(cpuinfo) == {"fpu", "avx2", "avx512_bf16"}


def test_processors_that_are_not_x86_have_no_known_flags(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert cpu_flags(cpuinfo) == frozenset()


def test_systems_without_cpuinfo_have_no_known_flags(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "cpuinfo") == frozenset()


def test_gpu_capability_is_a_version_or_none() -> None:
    capability = gpu_capability()
    assert capability is None or capability >= 3.0


@pytest.mark.parametrize(
    ("wanted", "cpu_flags", "gpu_capability", "expected"),
    [
        ("auto", {"avx2"}, None, "float32"),
        ("auto", {"avx512_bf16"}, None, "mixed_bfloat16"),
        ("auto", {"amx_bf16"}, None, "mixed_bfloat16"),
        ("auto", {"avx512_bf16"}, 8.0, "mixed_bfloat16"),
        ("auto", {"avx512_bf16"}, 7.5, "mixed_float16"),
        ("auto", {"avx512_bf16"}, 6.1, "float32"),
        ("float32", {"avx512_bf16"}, 9.0, "float32"),
    ],
)
def test_precision_is_what_the_hardware_has(
    wanted: str, cpu_flags: set[str], gpu_capability: float | None, expected: str
) -> None:
    assert choose_precision(wanted, cpu_flags, gpu_capability) == expected


def test_this_machine_has_a_precision_and_takes_what_is_named() -> None:
    assert native_precision() in ("float32", "mixed_bfloat16", "mixed_float16")
    assert native_precision("mixed_float16") == "mixed_float16"
