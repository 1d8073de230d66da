"""Finds the label folders in what was received, and brings their images into place.

Names are brought to Unicode's composed form (NFC): the same data set then has the same paths
whether it was packed on Linux, Windows or macOS (which writes accents as separate characters).
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from waste_classifier.errors import InputError
from waste_classifier.images import FORMATS

_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}
_SYSTEM_NAMES = {"thumbs.db", "desktop.ini", "__macosx"}


class ImageFile(NamedTuple):
    """A file that should be an image, as received; its content is still unknown.

    There may be many: each holds no more than two names and what it shares with others.
    """

    label: str
    name: str
    folder: Path  #: where it was received
    received_name: str  #: its name there

    @property
    def source(self) -> Path:
        """The file received."""
        return self.folder / self.received_name

    @property
    def path(self) -> str:
        """Where it goes, as tables name it."""
        return f"{self.label}/{self.name}"


class Layout(NamedTuple):
    """What stands in a folder of label folders."""

    images: list[ImageFile]  #: sorted by the path that tables name
    ignored: Counter[str]  #: hidden and system files (Thumbs.db): how many of each name
    loose: list[str]  #: paths of other files beside the label folders, as README.md


class _Folder(NamedTuple):
    path: Path
    folders: list[Path]
    files: list[str]  #: names
    ignored: list[str]  #: names

    @property
    def file_paths(self) -> Iterator[Path]:
        return (self.path / name for name in self.files)


def find_images(root: Path, origin: str) -> Layout:
    """Find the images in `root/<label>/`, or in such folders inside a wrapper folder.

    Hidden and system files are ignored, as are other files beside the label folders.

    Args:
        root: The folder received.
        origin: What messages call it.

    Raises:
        InputError: no or one label, a label without images, a folder inside a label folder, an
            image beside the label folders, or names that tables or other systems can't hold.
    """
    wrappers = [_list_folder(root)]
    labels = [_list_folder(folder) for folder in wrappers[0].folders]
    while len(labels) == 1 and labels[0].folders:
        wrappers += labels
        labels = [_list_folder(folder) for folder in wrappers[-1].folders]

    if not labels:
        raise InputError(
            f"{origin}: no label folders; expected one folder of images for each label, "
            "as in glass/1.jpg, paper/1.jpg"
        )
    problems = [
        f"{_shown(path.relative_to(root))}: {problem}"
        for path, problem in _problems(wrappers, labels)
    ]
    if problems:
        raise InputError("\n  ".join([f"{origin}:", *problems]))
    return Layout(
        images=[
            image
            for label in sorted(labels, key=lambda label: f"{composed(label.path.name)}/")
            for image in _images_of(label)
        ],
        ignored=Counter(_shown(name) for folder in wrappers + labels for name in folder.ignored),
        loose=[
            _shown(file.relative_to(root)) for wrapper in wrappers for file in wrapper.file_paths
        ],
    )


def place_images(
    images: Iterable[ImageFile], directory: Path, transfer: Callable[[Path, Path], object]
) -> None:
    """Bring each image to `directory/<label>/<name>` by `transfer(source, target)`."""
    for image in images:
        target = directory / image.path
        target.parent.mkdir(parents=True, exist_ok=True)
        transfer(image.source, target)


def composed(name: str) -> str:
    """Return a name in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", name)


def collision_key(name: str) -> str:
    """Return what two names share that Windows or macOS would take for the same."""
    return composed(composed(name).casefold())


def _list_folder(path: Path) -> _Folder:
    folder = _Folder(path, [], [], [])
    with os.scandir(path) as entries:
        for entry in entries:
            if _is_ignored(entry.name):
                folder.ignored.append(entry.name)
            # `entry.is_dir` fails at a link to itself.
            elif (path / entry.name).is_dir():
                folder.folders.append(path / entry.name)
            else:
                folder.files.append(entry.name)
    for names in (folder.folders, folder.files, folder.ignored):
        names.sort()
    return folder


def _images_of(label: _Folder) -> list[ImageFile]:
    name = composed(label.path.name)
    return sorted(ImageFile(name, composed(file), label.path, file) for file in label.files)


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def _problems(wrappers: list[_Folder], labels: list[_Folder]) -> Iterator[tuple[Path, str]]:
    for wrapper in wrappers:
        for file in filter(_looks_like_image, wrapper.file_paths):
            yield file, "an image beside the label folders; move it into one"
    if len(labels) == 1:
        yield labels[0].path, "the only label; at least two are needed"
    for label in labels:
        for folder in label.folders:
            yield folder, "a folder inside a label folder; move its images up"
        if not label.files and not label.folders:
            yield label.path, "a label without images; add some or remove the folder"
        for file in label.file_paths:
            if not file.is_file():
                yield file, "a broken link or a special file; remove it"
    yield from _problems_of_names(wrappers[-1].path, [label.path.name for label in labels])
    for label in labels:
        yield from _problems_of_names(label.path, label.files)


def _problems_of_names(folder: Path, siblings: list[str]) -> Iterator[tuple[Path, str]]:
    names: dict[str, str] = {}
    for name in siblings:
        if not _fits_tables(name):
            yield folder / name, "a name that is not plain UTF-8; rename it"
        other = names.setdefault(collision_key(name), name)
        if other != name:
            yield (
                folder / name,
                f"differs from {other!r} in nothing but case or Unicode form; rename one",
            )


def _looks_like_image(path: Path) -> bool:
    if path.suffix.lower() in _IMAGE_SUFFIXES:
        return True
    if not path.is_file():
        return False
    try:
        with Image.open(path, formats=FORMATS):
            return True
    except OSError:
        return False


def _fits_tables(name: str) -> bool:
    # Python's csv writes a carriage return without quotes, and then can't read it.
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\r" not in name


def _shown(path: Path | str) -> str:
    """Return a path as messages show it: line breaks and bytes that are not UTF-8 escaped."""
    text = str(path).replace("\r", "\\r").replace("\n", "\\n")
    return text.encode(errors="backslashreplace").decode()
