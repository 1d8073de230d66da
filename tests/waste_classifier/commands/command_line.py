"""Photos of one colour, a folder that nobody may look into, and a command on them."""

import os
from pathlib import Path

from PIL import Image

from waste_classifier.__main__ import main

COLOURS = {"glass": (255, 0, 0), "metal": (0, 255, 0), "dark": (0, 0, 0)}


def save(file: Path, colour: tuple[int, int, int]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), colour).save(file, quality=95)


def run(*arguments: object) -> int:
    command, *others = map(str, arguments)
    return main([command, "--model", "classifier", *others])


def make_unreadable(folder: Path) -> None:
    """Make folders within one, deeper than a path may be long: nobody may look into the last."""
    folder.mkdir(parents=True)
    opened = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("b" * 250, dir_fd=opened)
        inner = os.open("b" * 250, os.O_RDONLY, dir_fd=opened)
        os.close(opened)
        opened = inner
    os.close(opened)
