"""Photos of files, folders and archives, one after the other, and what becomes of each."""

import os
import stat
import sys
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from waste_classifier.batched import batched
from waste_classifier.classifier import BATCH_SIZE, Answer, Classifier
from waste_classifier.commands.progress import say
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.images import MAX_PIXELS, LargePhotoError, Photo, load_resized
from waste_classifier.parallel import map_in_threads
from waste_classifier.unreadable import Unreadable

#: Of files in folders and archives, those that are looked at.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
#: Of a file in an archive, unpacked, or of a pipe: either may go on for ever.
MOST_BYTES = 256 * 2**20


class Found(NamedTuple):
    """A photo that was found, read when it is needed."""

    name: str
    photo: Photo


class Result(NamedTuple):
    """What became of a photo."""

    found: Found
    image: npt.NDArray[np.uint8] | None  #: as the classifier saw it; None: not readable
    answer: Answer | None
    features: npt.NDArray[np.float32] | None  #: `(orientations, d)`
    error: InputError | None  #: why it has no answer; None if it has one


class Frame(NamedTuple):
    """A photo of a stream."""

    name: str
    content: bytes

    def __str__(self) -> str:
        """Return what errors call it."""
        return self.name

    def read_bytes(self) -> bytes:
        """Return its content."""
        return self.content


class ZipMember(NamedTuple):
    """A file in an archive."""

    archive: zipfile.ZipFile  #: opened once: it reads the list of all its files then
    member: zipfile.ZipInfo  #: not its name, which another file in the archive may have too

    def __str__(self) -> str:
        """Return what errors call it."""
        return f"{self.archive.filename}/{self.member.filename}"

    def read_bytes(self) -> bytes:
        """Return its content.

        Raises:
            PhotoError: it is damaged, encrypted, or too large.
        """
        try:
            with self.archive.open(self.member) as file:
                content = file.read(MOST_BYTES + 1)
        # Damaged archives make zipfile raise anything: NotImplementedError, RuntimeError.
        except Exception as error:
            raise PhotoError(f"{self}: can't be unpacked ({error})") from None
        if len(content) > MOST_BYTES:
            raise PhotoError(f"{self}: more than {MOST_BYTES // 2**20} MiB when unpacked")
        return content


def find_photos(
    names: Iterable[str | Path], left_out: Counter[str] | None = None
) -> Iterator[Found]:
    """Yield the photos of files, folders (with all folders in them) and .zip archives.

    Of folders and archives it yields what has the extension of an image, sorted, one at a time. A
    folder that can't be read and an archive that is damaged stand for their photos, as an
    `Unreadable`; so does, where others have photos, what has none.

    Args:
        names: of files, folders and archives.
        left_out: counts, by kind, what in folders and archives is not looked at.

    Raises:
        InputError: a file or folder is not there.
    """
    paths = [Path(name) for name in names]
    left_out = Counter() if left_out is None else left_out
    # Before work that would be in vain.
    for path in paths:
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{path}: no such file or folder") from None
        except OSError as error:
            refuse(error)
    empty: list[Path] = []
    any_photo = False
    for path in paths:
        is_empty = True
        for found in _of_path(path, left_out):
            is_empty = False
            any_photo = any_photo or is_of_photo(found)
            yield found
        if is_empty:
            empty.append(path)
    if any_photo:
        for path in empty:
            yield _unreadable(path, "no photos found")


def is_of_photo(found: Found) -> bool:
    """Return whether what was found is a photo, not what gives none."""
    return not isinstance(found.photo, Unreadable)


def is_photo(name: str) -> bool:
    """Return whether a file in a folder is looked at: not what systems hide there."""
    return name.lower().endswith(EXTENSIONS) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is one that systems hide, or keep for themselves."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    return base.startswith(".") or base == "__MACOSX"


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder that is there.

    Raises:
        InputError: this user may not look at it.
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        refuse(error)


def told(left_out: Counter[str]) -> str:
    """Return a line on what was not looked at; empty where that is nothing."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted((+left_out).items()))
    return f"not looked at: {kinds}; photos are {', '.join(EXTENSIONS)}" if kinds else ""


def say_left_out(left_out: Counter[str]) -> None:
    """Say on standard error what was not looked at, if anything."""
    if line := told(left_out):
        say(line, sys.stderr)


def _of_path(path: Path, left_out: Counter[str]) -> Iterator[Found]:
    if path.is_dir():
        yield from _of_folder(path, left_out)
    elif path.is_fifo():
        yield _of_pipe(path)
    elif _is_archive(path):
        yield from _of_archive(path, left_out)
    else:
        yield Found(str(path), path)


def _is_archive(path: Path) -> bool:
    extension = path.suffix.lower()
    # Phones put videos, and others archives, behind the picture of a photo.
    return extension == ".zip" or (
        extension not in EXTENSIONS and path.is_file() and zipfile.is_zipfile(path)
    )


def _of_folder(folder: Path, left_out: Counter[str]) -> Iterator[Found]:
    errors: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        # `Path.is_symlink` raises where a path is too long.
        links = [name for name in folders if os.path.islink(f"{parent}/{name}")]  # noqa: PTH114
        left_out["link to a folder"] += len(links)
        for file in sorted(files):
            if is_photo(file):
                path = Path(parent, file)
                if _is_pipe_or_device(path):
                    left_out["pipe or device"] += 1
                else:
                    yield Found(str(path), path)
            elif not is_hidden(file):
                left_out[kind_of(file)] += 1
    for error in errors:
        yield _unreadable(error.filename, _refusal(error))


def _is_pipe_or_device(path: Path) -> bool:
    """Return whether what is no folder is no file either; a link that leads nowhere is one."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    # That is said when it is decided on.
    except OSError:
        return False


def _of_pipe(path: Path) -> Found:
    """Return the photo that a pipe gives, which gives it once: pictures ask for it again."""
    try:
        with path.open("rb") as pipe:
            content = pipe.read(MOST_BYTES + 1)
    except OSError as error:
        return _unreadable(path, _refusal(error))
    if len(content) > MOST_BYTES:
        return _unreadable(path, f"more than {MOST_BYTES // 2**20} MiB")
    return Found(str(path), Frame(str(path), content))


def _unreadable(name: str | Path, reason: str) -> Found:
    return Found(str(name), Unreadable(str(name), f"{name}: {reason}"))


def kind_of(name: str) -> str:
    """Return what kind of a file a name is of: its extension, if it has one."""
    return Path(name).suffix.lower() or "without an extension"


def refuse(error: OSError) -> NoReturn:
    """Say of a folder or file that it can't be read.

    Raises:
        InputError: always.
    """
    raise InputError(f"{error.filename}: {_refusal(error)}") from None


def _refusal(error: OSError) -> str:
    why = error.strerror or error
    return f"can't be read ({why}); let this user read it, or leave it out"


def _of_archive(path: Path, left_out: Counter[str]) -> Iterator[Found]:
    try:
        # Closed with the last photo of it.
        archive = zipfile.ZipFile(path)
        members = sorted(archive.infolist(), key=lambda member: member.filename)
    except OSError as error:
        yield _unreadable(path, _refusal(error))
        return
    except zipfile.BadZipFile:
        yield _unreadable(path, "not a whole zip archive; copy it again")
        return
    # Damaged archives make zipfile raise anything.
    except Exception as error:
        yield _unreadable(path, f"can't be opened ({error}); copy it again")
        return
    for member in members:
        parts = [part for part in member.filename.split("/") if part not in ("", ".", "..")]
        if any(map(is_hidden, parts)) or member.is_dir():
            continue
        if is_photo(member.filename):
            photo = ZipMember(archive, member)
            yield Found(str(photo), photo)
        else:
            left_out[kind_of(member.filename)] += 1


def results(
    classifier: Classifier,
    photos: Iterable[Found],
    batch_size: int = BATCH_SIZE,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[Result]:
    """Yield what becomes of photos, in order; memory does not grow with their number.

    One that can't be read does not stop the others.

    Args:
        classifier: that decides on them.
        photos: of `find_photos`.
        batch_size: photos in memory at once.
        max_pixels: width x height of the largest photo accepted.
    """
    size = classifier.image_size

    def read(found: Found) -> tuple[Found, npt.NDArray[np.uint8] | None, InputError | None]:
        try:
            return found, load_resized(found.photo, size, max_pixels, found.name), None
        except InputError as error:
            return found, None, error

    opened = map_in_threads(read, photos)
    for batch in batched(opened, batch_size):
        images = [image for _, image, _ in batch if image is not None]
        features = classifier.features(np.stack(images)) if images else np.empty(0, np.float32)
        answered = zip(classifier.answers(features) if images else [], features, strict=True)
        for found, image, error in batch:
            answer, of_photo = (None, None) if image is None else next(answered)
            yield Result(found, image, answer, of_photo, error)


def say_unread(error: InputError) -> None:
    """Say on standard error why a photo can't be read, and which option mends that, if one does."""
    advice = "; accept it by --max-pixels" if isinstance(error, LargePhotoError) else ""
    say(f"error: {error}{advice}", sys.stderr)


def photos_by_label(folder: Path, left_out: Counter[str]) -> dict[str, list[Found]]:
    """Return the photos in each folder of a folder, by its name in composed form, as labels are.

    Args:
        folder: of these.
        left_out: as of `find_photos`.

    Raises:
        InputError: it is not there or can't be read, or has no folder with photos.
    """
    if not is_folder(folder):
        raise InputError(f"{folder}: no such folder; expected one with a folder for each label")
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        refuse(error)
    shown = [each for each in inside if not is_hidden(each.name)]
    folders = [each for each in shown if is_folder(each)]
    left_out["beside the folders of labels"] += len(shown) - len(folders)
    found: dict[str, list[Found]] = {}
    for each in folders:
        # As macOS writes it, an accent may be a letter of its own.
        label = unicodedata.normalize("NFC", each.name)
        found.setdefault(label, []).extend(_of_folder(each, left_out))
    found = {label: photos for label, photos in found.items() if photos}
    if not found:
        raise InputError(f"{folder}: no folder with photos in it; expected one for each label")
    return found
