"""A workspace to run the stage in, and small real images to give it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from stages import stage
from stages.fetch.__main__ import main
from stages.params.fetch import FetchParams


class Run(NamedTuple):
    code: int
    out: str
    err: str


RunFetch = Callable[..., Run]
SaveImage = Callable[..., Path]


def outputs() -> dict[str, bytes]:
    """Return the content of every file in `data` by its path there, "" of a folder.

    The lock, which stays, is left out with its folders.
    """
    data = Path("data")
    lock = data / ".unfinished/fetch/lock"
    return {
        path.relative_to(data).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in sorted(data.rglob("*"))
        if not lock.is_relative_to(path)
    }


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the current one."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def write_params(workspace: Path) -> Callable[..., None]:
    """Write params.yaml with a section `fetch` that reads `photos`, changed by the arguments.

    It names a table of corrections that has no rows yet.
    """
    (workspace / "corrections.csv").write_text("path,sha256,from,to\n")

    def write(**changes: Any) -> None:
        section = {
            "source": "path",
            "sample": {"seed": 7, "images": 60, "image_size": 32},
            "kaggle": {"dataset": "owner/name", "version": 1, "timeout": 5, "retries": 0},
            "path": "photos",
            "corrections": "corrections.csv",
            "expected_counts": None,
            "max_rejected": 0,
            "max_pixels": 10_000,
            "shard_images": 0,
        }
        # JSON is YAML.
        (workspace / "params.yaml").write_text(json.dumps({"fetch": section | changes}))

    return write


@pytest.fixture
def run_fetch(
    write_params: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> Callable[..., Run]:
    """Run the stage in the workspace, with changes to the section `fetch`."""

    def run(**changes: Any) -> Run:
        write_params(**changes)
        code = stage.run("fetch", FetchParams, main)
        return Run(code, *capsys.readouterr())

    return run


@pytest.fixture
def save_image() -> SaveImage:
    """Save a small image of random colours, the same for the same seed."""

    def save(path: Path, seed: int = 0, **options: Any) -> Path:
        pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, **options)
        return path

    return save


@pytest.fixture
def photos(workspace: Path, save_image: SaveImage) -> Path:
    """A folder `photos` in the workspace: two images of glass and one of paper."""
    folder = workspace / "photos"
    save_image(folder / "glass" / "1.jpg", seed=1)
    save_image(folder / "glass" / "2.png", seed=2)
    save_image(folder / "paper" / "1.jpg", seed=3)
    return folder
