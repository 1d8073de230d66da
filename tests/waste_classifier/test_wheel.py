"""What `pip install .` brings: all of the classifier, and nothing of the pipeline."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

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
