"""What every command finds."""

from pathlib import Path

import pytest

from tests.classifier_folder import without_network, write_classifier
from tests.waste_classifier.commands.command_line import COLOURS, save


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A classifier, and a folder of two photos and a file that is none."""
    without_network(monkeypatch)
    monkeypatch.chdir(tmp_path)
    write_classifier(Path("classifier"))
    for name in ("glass", "metal"):
        save(Path("photos") / f"{name}.jpg", COLOURS[name])
    Path("photos/broken.jpg").write_text("no photo")
    Path("photos/notes.txt").write_text("not looked at")
    Path("photos/._glass.jpg").write_text("hidden by a system")
    return tmp_path
