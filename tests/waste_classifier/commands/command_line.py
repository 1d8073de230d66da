"""Photos of one colour, and a command on them."""

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
