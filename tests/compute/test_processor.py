"""What tells one kind of processor from another."""

from pathlib import Path

from stages.compute import determinism

determinism.configure()

from stages.compute.processor import Processor  # noqa: E402  (after the set-up of TensorFlow)


def processor(folder: Path, cpuinfo: str) -> Processor:
    file = folder / "cpuinfo"
    file.write_text(cpuinfo)
    return Processor.here(file)._replace(gpus=())


def test_name_and_instructions_for_arithmetic_tell_processors_apart(tmp_path: Path) -> None:
    cores = "processor\t: 0\nmodel name\t: Abacus 3000\nflags\t\t: fpu sse2 avx2{} umip\n"
    narrow = processor(tmp_path, cores.format(""))

    assert narrow == ("Abacus 3000", frozenset({"sse2", "avx2"}), ())
    assert str(narrow) == "Abacus 3000, avx2"
    # What a newer kernel names besides makes no other processor.
    assert processor(tmp_path, cores.format(" fsrm")) == narrow
    wide = processor(tmp_path, cores.format(" avx512f"))
    assert wide != narrow
    assert str(wide) == "Abacus 3000, avx512f"
    assert str(wide._replace(gpus=("H100",))) == "H100, Abacus 3000, avx512f"


def test_a_processor_that_linux_does_not_describe_has_no_name(tmp_path: Path) -> None:
    assert str(processor(tmp_path, "")) == "unnamed, no AVX"
    assert Processor.here(tmp_path / "none")[:2] == ("", frozenset())
