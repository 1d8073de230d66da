"""Finds the label folders in what was received, and brings their images into place."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.fetch.folder import Folder, list_folder, path_in
from stages.fetch.names import collision_key, composed, problem_of_name, shown
from stages.fetch.recognise import find_boxes, find_splits
from waste_classifier.errors import InputError
from waste_classifier.images import open_file
from waste_classifier.unsure import UNSURE

_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}
_ARCHIVE_SUFFIXES = {".zip", ".tar", ".tgz", ".gz", ".bz2", ".tbz2", ".xz", ".txz", ".7z", ".rar"}
#: Folders around the label folders; there is a reason for two or three.
MAX_WRAPPERS = 10
#: Problems that a message names; the others are counted.
MAX_PROBLEMS = 20
QUEUED = "A queued experiment sees only what git tracks: give it fetch.path as an absolute path"


class ImageFile(NamedTuple):
    """A file that should be an image, as received; its content is still unknown."""

    label: str
    name: str
    folder: Path  #: where it was received
    received_name: str  #: its name there

    @property
    def source(self) -> Path:
        """The file received."""
        return path_in(self.folder, self.received_name)

    @property
    def path(self) -> str:
        """Where it goes, as tables name it."""
        return f"{self.label}/{self.name}"


class ImageFiles:
    """The images of label folders, sorted by the path that tables name.

    They may be many: their folders are listed anew whenever images are iterated, one at a time, so
    that memory holds the names of one label at most.
    """

    def __init__(
        self, folders: Iterable[Folder], moved: Mapping[str, ImageFile] | None = None
    ) -> None:
        """Name the folders.

        Args:
            folders: of labels.
            moved: images that get another label or name, by the path that they have without.
        """
        # As paths are sorted: `glass-clear/1.jpg` comes before `glass/1.jpg`.
        self._folders = sorted(folders, key=lambda folder: f"{_label_of(folder)}/")
        self._moved = dict(moved or {})

    @property
    def labels(self) -> list[str]:
        """The label of each folder."""
        return list(map(_label_of, self._folders))

    def with_moved(self, moved: Mapping[str, ImageFile]) -> "ImageFiles":
        """Return the same images, some of them under another label or name.

        Args:
            moved: these, by the path that they have in the folders.
        """
        return ImageFiles(self._folders, moved)

    def __len__(self) -> int:
        """Return how many there were when the folders were found."""
        return sum(folder.file_count for folder in self._folders)

    def __iter__(self) -> Iterator[ImageFile]:
        """List the folders again."""
        received = chain.from_iterable(map(_images_of, self._folders))
        staying = (image for image in received if image.path not in self._moved)
        by_path = attrgetter("path")
        return merge(staying, sorted(self._moved.values(), key=by_path), key=by_path)


class Layout(NamedTuple):
    """What stands in a folder of label folders."""

    images: ImageFiles
    ignored: Counter[str]  #: hidden and system files (Thumbs.db): how many of each name
    loose: list[str]  #: paths of other files beside the label folders, as README.md


def find_images(root: Path, origin: str) -> Layout:
    """Find the images in `root/<label>/`, or in such folders inside a wrapper folder.

    Hidden and system files are ignored, as are other files beside the label folders.

    Args:
        root: The folder received.
        origin: What messages call it.

    Raises:
        InputError: no or one label, a label without images, a folder inside a label folder, an
            image beside the label folders, a link to a folder, names that tables or other systems
            can't hold, a detection set, or a set that is split already.
    """
    wrappers = [list_folder(root)]
    labels = [list_folder(folder) for folder in wrappers[0].folders]
    while len(labels) == 1 and labels[0].folders:
        if len(wrappers) > MAX_WRAPPERS:
            raise InputError(
                f"{origin}: no label folders within {MAX_WRAPPERS} folders that each hold one "
                "folder; give the folder that holds the label folders"
            )
        wrappers += labels
        labels = [list_folder(folder) for folder in wrappers[-1].folders]

    _check_task(root, wrappers, labels, origin)
    _check_found(wrappers[-1], labels, origin)
    _raise_problems(root, _problems(wrappers, labels), origin)
    return Layout(
        images=ImageFiles(labels),
        ignored=Counter(shown(name) for folder in wrappers + labels for name in folder.ignored),
        loose=[
            shown(file.relative_to(root)) for wrapper in wrappers for file in wrapper.file_paths()
        ],
    )


def place_images(
    images: Iterable[ImageFile], directory: Path, transfer: Callable[[Path, Path], object]
) -> ImageFiles:
    """Bring each image to `directory/<label>/<name>` by `transfer(source, target)`.

    Args:
        images: iterated once: they need not stay where they are.
        directory: of label folders; it holds none yet.
        transfer: brings a file to its place.

    Returns:
        The images as they stand there.
    """
    for image in images:
        target = directory / image.path
        target.parent.mkdir(parents=True, exist_ok=True)
        transfer(image.source, target)
    return ImageFiles(map(list_folder, directory.iterdir()))


def first_lines(lines: list[str]) -> list[str]:
    """Return the lines that a message shows, and how many there are more."""
    more = len(lines) - MAX_PROBLEMS
    return [*lines[:MAX_PROBLEMS], f"and {more} more"] if more > 0 else lines


def _check_task(root: Path, wrappers: list[Folder], labels: list[Folder], origin: str) -> None:
    """Refuse what was made for another task, where advice on single folders would mislead."""
    boxes = find_boxes(wrappers, labels)
    if boxes:
        file, kind = boxes
        name = shown(file.relative_to(root))
        raise InputError(
            f"{origin}: {name} says where things are in photos ({kind}): a detection set, whose "
            "folders are no labels. Crop each thing to an image of its own, in a folder for each "
            "label (glass/1.jpg, paper/1.jpg), and give that folder. If the folders are labels all "
            "the same, take that file (and those like it) out"
        )
    splits, names = find_splits(labels)
    if splits:
        label = shown(names[0]) if names else "glass"
        raise InputError(
            f"{origin}: the folders {', '.join(map(shown, splits))} are splits, not labels; this "
            "pipeline splits itself (split.val and split.test). Put the images of one label from "
            f"all of them into one folder of that name, as {label}/1.jpg, without folders for "
            "splits in or around it; images of one name need new names"
        )


def _check_found(around: Folder, labels: list[Folder], origin: str) -> None:
    """Refuse a folder that holds no label folders, also where it holds them packed once more."""
    archives = list(filter(_is_archive, around.file_paths()))
    if len(labels) == 1:
        inner = list(filter(_is_archive, labels[0].file_paths()))
        archives = inner if len(inner) == labels[0].file_count else []
    elif labels:
        return
    if archives:
        raise InputError(
            f"{origin}: no label folders, but another archive ({shown(archives[0].name)}); unpack "
            "it, and give what is in it: a folder or archive of label folders"
        )
    if not labels:
        queued = ".dvc/tmp/exps" in Path.cwd().as_posix()
        raise InputError(
            f"{origin}: no label folders; expected one folder of images for each label, as in "
            "glass/1.jpg, paper/1.jpg" + f". {QUEUED}" * queued
        )


def _raise_problems(root: Path, problems: Iterator[tuple[Path, str]], origin: str) -> None:
    lines = [f"{shown(path.relative_to(root))}: {problem}" for path, problem in problems]
    if lines:
        raise InputError("\n  ".join([f"{origin}:", *first_lines(lines)]))


def _label_of(folder: Folder) -> str:
    return composed(folder.path.name)


def _images_of(folder: Folder) -> Iterator[ImageFile]:
    label = _label_of(folder)
    names = folder.file_names()
    names.sort(key=composed)
    for received_name in names:
        yield ImageFile(label, composed(received_name), folder.path, received_name)


def _problems(wrappers: list[Folder], labels: list[Folder]) -> Iterator[tuple[Path, str]]:
    for wrapper in wrappers:
        for file in filter(_looks_like_image, wrapper.file_paths()):
            yield file, "an image beside the label folders; move it into one"
    for folder in (*wrappers[1:], *labels):
        if folder.path.is_symlink():
            yield (
                folder.path,
                "a link to a folder, behind which DVC does not see changes; put the folder itself "
                "there",
            )
    if len(labels) == 1:
        yield labels[0].path, "the only label; at least two are needed"
    for label in labels:
        for inner in label.folders:
            yield (
                inner,
                "a folder inside a label folder; move its images up, or it beside the others if it "
                "is a label",
            )
        if not label.file_count and not label.folders:
            yield label.path, "a label without images; add some or remove the folder"
        for file in label.file_paths():
            if _is_archive(file):
                yield file, "an archive; unpack it there and take it out"
            elif not file.is_file():
                yield file, "a broken link or a special file; remove it"
    yield from (
        (label.path, "what the classifier says where it knows none; name the label otherwise")
        for label in labels
        if label.path.name == UNSURE
    )
    yield from _problems_of_names(wrappers[-1].path, [label.path.name for label in labels])
    for label in labels:
        yield from _problems_of_names(label.path, label.file_names())


def _problems_of_names(folder: Path, siblings: Sequence[str]) -> Iterator[tuple[Path, str]]:
    shared = _shared_hashes(siblings)
    names: dict[str, str] = {}
    for name in siblings:
        problem = problem_of_name(name)
        if problem:
            yield folder / name, f"{problem}, which not every system can hold; rename it"
        key = collision_key(name)
        if hash(key) in shared and (other := names.setdefault(key, name)) != name:
            yield (
                folder / name,
                f"differs from '{shown(other)}' in nothing but case or Unicode form; rename one",
            )


def _shared_hashes(names: Sequence[str]) -> set[int]:
    """Return the hashes of collision keys that several names have.

    A hash takes 8 bytes, where a key takes some 60. Different keys may have one hash, too.
    """
    hashes = np.fromiter((hash(collision_key(name)) for name in names), np.int64, len(names))
    hashes.sort()
    return set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())


def _is_archive(file: Path) -> bool:
    return file.suffix.lower() in _ARCHIVE_SUFFIXES


def _looks_like_image(path: Path) -> bool:
    if path.suffix.lower() in _IMAGE_SUFFIXES:
        return True
    if not path.is_file():
        return False
    try:
        with open_file(path):
            return True
    # Of damaged headers Pillow raises anything.
    except Exception:
        return False
