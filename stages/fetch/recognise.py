"""Recognises data sets whose folders are no labels: detection sets, and sets split already."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from stages.fetch.folder import Folder, list_folder

#: Of a file that may be of any size, as much as tells what it is.
_LOOKED_AT = 2**16
_ANNOTATION_SUFFIXES = {".json", ".xml", ".txt", ".csv"}

_COCO_KEYS = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')
_VOC = re.compile(rb"\A\s*(<\?xml[^>]*>\s*)?<annotation\b.*<(bndbox|object|filename)\b", re.DOTALL)
#: A class and a box or a polygon, as shares of width and height.
_YOLO = re.compile(rb"\A\s*\d+([ \t]+(0?\.\d+|[01](\.\d*)?|\d(\.\d+)?e-\d+)){4,}[ \t]*(\r?\n|\Z)")
_COLUMNS = re.compile(rb"\A[^\n]*x_?min[^\n]*y_?min|\A[^\n]*bbox", re.IGNORECASE)
_LABELME = re.compile(rb'"shapes"\s*:\s*\[')

_SPLIT = re.compile(
    r"(\w+[ _-])?"
    r"((?P<train>train|training)|(?P<val>val|valid|validation|dev)|(?P<test>test|testing))"
    r"([ _-]?(set|data|images|split))?\d*",
    re.IGNORECASE,
)


def find_boxes(wrappers: Iterable[Folder], labels: Iterable[Folder]) -> tuple[Path, str] | None:
    """Find a file that says where in photos things are, as detection sets have them.

    Args:
        wrappers: the folders around the label folders, outermost first.
        labels: the label folders, as they seem to be; the folders inside them are looked at too.

    Returns:
        The first such file, and its format; None: there is none.
    """
    for folder in _with_inner(wrappers, labels):
        for file in folder.file_paths():
            kind = _format_of_boxes(file)
            if kind:
                return file, kind
    return None


def find_splits(labels: Iterable[Folder]) -> tuple[list[str], list[str]]:
    """Find folders that are named as splits, whichever way they are nested with labels.

    Args:
        labels: the label folders, as they seem to be.

    Returns:
        Names of splits, and of the labels inside or around them (none if there are only splits);
        no names of splits: the set is not split.
    """
    outer = sorted(label.path.name for label in labels)
    inner = {label.path.name: [folder.name for folder in label.folders] for label in labels}
    splits = [name for name in outer if _split_of(name)]
    # Of one kind alone they may be labels: `crash test` and `smoke test`.
    if len(set(map(_split_of, splits))) > 1 or any(inner[name] for name in splits):
        return splits, sorted({name for split in splits for name in inner[split]})
    around = [name for name in outer if any(map(_split_of, inner[name]))]
    within = {name for label in around for name in inner[label] if _split_of(name)}
    return sorted(within), around


def _split_of(name: str) -> str | None:
    """Return `train`, `val` or `test` for a folder that is named so; None for another."""
    match = _SPLIT.fullmatch(name)
    return next(split for split, word in match.groupdict().items() if word) if match else None


def _with_inner(wrappers: Iterable[Folder], labels: Iterable[Folder]) -> Iterator[Folder]:
    yield from wrappers
    for label in labels:
        yield label
        yield from map(list_folder, label.folders)


def _format_of_boxes(file: Path) -> str | None:
    suffix = file.suffix.lower()
    if suffix not in _ANNOTATION_SUFFIXES or not file.is_file():
        return None
    text = _ends_of(file)
    if suffix == ".json":
        if len(set(_COCO_KEYS.findall(text))) > 1:
            return "COCO"
        return "LabelMe" if _LABELME.search(text) else None
    if suffix == ".xml":
        return "Pascal VOC" if _VOC.search(text) else None
    if suffix == ".txt":
        return "YOLO" if _YOLO.search(text) else None
    return "a table of boxes" if _COLUMNS.search(text) else None


def _ends_of(file: Path) -> bytes:
    """Return the first bytes of a file, and its last ones."""
    with file.open("rb") as opened:
        first = opened.read(_LOOKED_AT)
        opened.seek(max(_LOOKED_AT, file.stat().st_size - _LOOKED_AT))
        return first + opened.read(_LOOKED_AT)
