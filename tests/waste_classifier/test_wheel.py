"""What `pip install .` brings: all of the classifier, and nothing of the pipeline."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def test_a_wheel_holds_the_classifier_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "waste_classifier", source / "waste_classifier", ignore=without)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    # What stands beside it in the repository is not taken.
    (source / "stages").mkdir()
    (source / "stages/__init__.py").touch()

    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", *command, "--wheel-dir", str(tmp_path), str(source)], check=True
    )

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if ".dist-info/" not in name}
    kinds = (".py", ".css", ".typed")
    written = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "waste_classifier").rglob("*")
        if path.suffix in kinds or path.name == "py.typed"
    }
    assert held == written


def test_what_it_takes_fits_a_small_device() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    taken: dict[str, int] = {}
    waiting = list(pyproject["project"]["dependencies"])
    while waiting:
        requirement = Requirement(waiting.pop())
        is_needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if requirement.name in taken or not is_needed:
            continue
        # As `pip install --no-compile` leaves it.
        files = metadata.files(requirement.name) or []
        sources = [Path(str(file.locate())) for file in files if file.suffix != ".pyc"]
        taken[requirement.name] = sum(source.stat().st_size for source in sources)
        waiting += metadata.requires(requirement.name) or []

    assert {"ai-edge-litert", "numpy", "pillow", "tqdm", "flatbuffers"} <= set(taken)
    assert 100e6 < sum(taken.values()) < 150e6, taken
