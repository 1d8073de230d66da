"""Photos that DVC would overlook are refused; DVC itself says which ones those are."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fetch.conftest import RunFetch, SaveImage
from waste_classifier.checksum import sha256_of
from waste_classifier.corrections import Correction, write_corrections

DVC = str(Path(sys.executable).with_name("dvc"))


def dvc(*arguments: str) -> str:
    done = subprocess.run([DVC, *arguments], capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ("logs", "  logs (.dvcignore:1:logs)\n"),
        ("logs/\n", "  logs\n"),
        ("*.tmp.jpg", "  logs/1.tmp.jpg (.dvcignore:1:*.tmp.jpg)\n"),
        ("/data/raw/lo*", "  logs (.dvcignore:1:/data/raw/lo*)\n"),
        ("**/1.*\n!1.jpg\n!1.webp", "  logs/1.tmp.jpg (.dvcignore:1:**/1.*)\n"),
    ],
)
def test_a_pattern_of_the_user_that_reaches_into_the_photos(
    workspace: Path, save_image: SaveImage, run_fetch: RunFetch, patterns: str, message: str
) -> None:
    for path in ("logs/1.tmp.jpg", "logs/1.jpg", "glass/1.webp"):
        save_image(workspace.parent / "photos" / path)
    (workspace / ".dvcignore").write_text(patterns)

    run = run_fetch(path="../photos")

    assert (run.code, run.out) == (1, "")
    assert run.err == (
        f"error: ../photos: DVC would overlook these:\n{message}rename them, or change what "
        ".dvcignore says; a folder that holds `.dvc` is another project to DVC (sub_repo): take "
        "that out\n"
    )


def test_what_is_refused_is_what_dvc_ignores(
    workspace: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    paths = ["glass/1.jpg", "glass/2.jpg", "logs/1.jpg", "paper/1.bak.jpg", "paper/1.jpg"]
    for path in paths:
        save_image(workspace.parent / "photos" / path)
    dvc("init", "--no-scm", "--quiet")
    (workspace / ".dvcignore").write_text("logs\n*.bak.*\n1.*\n!/data/raw/paper/1.jpg\n")

    message = run_fetch(path="../photos").err

    ignored = dvc("check-ignore", *(f"data/raw/{path}" for path in paths)).split()
    assert ignored == ["data/raw/glass/1.jpg", "data/raw/logs/1.jpg", "data/raw/paper/1.bak.jpg"]
    refused = [line.split()[0] for line in message.splitlines() if line.startswith("  ")]
    assert refused == ["glass/1.jpg", "logs", "paper/1.bak.jpg"]


@pytest.mark.usefixtures("photos")
def test_photos_are_seen_under_the_label_that_was_decided_on(
    workspace: Path, run_fetch: RunFetch
) -> None:
    checksum = sha256_of(workspace / "photos/glass/2.png")
    decision = Correction("glass/2.png", checksum, "glass", "paper")
    write_corrections(workspace / "decided.csv", [decision])
    (workspace / ".dvcignore").write_text("/data/raw/paper/2.*\n")
    assert run_fetch().code == 0

    run = run_fetch(corrections="decided.csv")

    assert run.code == 1
    assert "  paper/2.png (.dvcignore:1:/data/raw/paper/2.*)\nrename" in run.err
    # A label that is ignored as a whole is named once, though what came to it stands between.
    (workspace / ".dvcignore").write_text("/data/raw/paper\n")
    assert run_fetch(corrections="decided.csv").err.count("  paper (") == 1


def test_photos_that_are_overlooked_where_they_come_from(
    workspace: Path, photos: Path, run_fetch: RunFetch
) -> None:
    (workspace / ".dvcignore").write_text("/photos/glass/2.*\n")
    assert "  glass/2.png (.dvcignore:1:/photos/glass/2.*)" in run_fetch().err

    # Elsewhere no pattern reaches them.
    photos.rename(workspace.parent / "elsewhere")
    assert run_fetch(path="../elsewhere").code == 0


def test_a_folder_that_is_another_project_to_dvc(photos: Path, run_fetch: RunFetch) -> None:
    (photos / "glass/.dvc").mkdir()
    run = run_fetch()
    assert run.code == 1
    assert "  glass (in sub_repo:glass)" in run.err


def test_patterns_of_this_project_leave_labels_alone(
    workspace: Path, photos: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    project = Path(__file__).parents[2] / ".dvcignore"
    (workspace / ".dvcignore").write_bytes(project.read_bytes())
    for label in ("logs", "__pycache__", "venv", "unfinished", "stages", "data"):
        save_image(photos / label / "1.jpg")
    assert run_fetch().code == 0
