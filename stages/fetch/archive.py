"""Extracts zip and tar archives that come from anywhere, trusting nothing in them."""

import errno
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, cast

from stages.fetch.incoming import require_free_space
from stages.fetch.names import collision_key, shown
from waste_classifier.errors import InputError

ZIP_SUFFIXES = (".zip",)
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

MAX_MEMBERS = 10_000_000
MAX_MEMBER_BYTES = 2**30
#: Folders that a member may stand in: labels need one, and wrappers two or three.
MAX_DEPTH = 20
#: Photos are compressed already: an archive that grows more than this is a bomb,
MAX_GROWTH = 100
#: unless what it grows to is harmless.
HARMLESS_BYTES = 2**30

LINK = "is a link, not the file or folder that it leads to"
#: Letters of a name in a message.
LONGEST_SHOWN = 200

_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    # Of names that can't be decoded or hold a null.
    ValueError,
    # Of headers that say they are longer than memory, or than a number can be.
    MemoryError,
    OverflowError,
)


class _Member(NamedTuple):
    name: str
    is_folder: bool
    size: int  #: bytes, as declared
    danger: str  #: why its kind is refused; empty if it is not
    open: Callable[[], IO[bytes]]


def extract(archive: Path, directory: Path, origin: str) -> None:
    """Extract an archive into an empty directory.

    The disk itself tells whether a name is there twice, so that memory holds the names of folders
    alone. Files whose names differ in nothing but case or Unicode form are extracted where the disk
    can tell them apart; `find_images` refuses them.

    Args:
        archive: A .zip or .tar(.gz, .bz2, .xz) file.
        directory: Where to; after an error it may be half full.
        origin: What messages call the archive.

    Raises:
        InputError: the archive is of another kind, damaged, too large for the disk, or holds a
            member that could do harm: encrypted, an absolute path, `..`, a backslash, a link, a
            device, a name that is there twice (of a folder also in other case or Unicode form), a
            name too long for the disk, more, larger or deeper members than the limits above.
    """
    most_bytes = max(HARMLESS_BYTES, MAX_GROWTH * archive.stat().st_size)
    total_bytes = 0
    folders: dict[str, str] = {}
    with _damage_reported(origin), _open(archive, directory, origin) as members:
        for count, member in enumerate(members, start=1):
            total_bytes += member.size
            danger = (
                member.danger
                or _danger_of_name(member)
                or _collision_of_folders(member, folders)
                or _danger_of_size(member.size, total_bytes, most_bytes, count)
            )
            if danger:
                raise _refusal(member, danger, origin)
            require_free_space(directory, member.size, origin)
            target = directory.joinpath(*PurePosixPath(member.name).parts)
            with _refused_names_reported(member, target, origin):
                _write(member, target)


def _open(archive: Path, directory: Path, origin: str) -> AbstractContextManager[Iterator[_Member]]:
    name = archive.name.lower()
    if name.endswith(ZIP_SUFFIXES):
        return _zip_members(archive, directory, origin)
    if name.endswith(TAR_SUFFIXES):
        return _tar_members(archive)
    raise InputError(
        f"{origin}: neither a folder nor an archive; expected a name that ends in "
        f"{', '.join(ZIP_SUFFIXES + TAR_SUFFIXES)}"
    )


@contextmanager
def _zip_members(archive: Path, directory: Path, origin: str) -> Iterator[Iterator[_Member]]:
    """Give the members of a zip, of which zipfile keeps the whole directory in memory."""
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        require_free_space(directory, sum(member.file_size for member in members), origin)
        yield (
            _Member(
                name=member.filename,
                is_folder=member.is_dir(),
                size=member.file_size,
                danger="is encrypted" if member.flag_bits & 0x1 else _danger_of_mode(member),
                open=partial(file.open, member),
            )
            for member in members
        )


@contextmanager
def _tar_members(archive: Path) -> Iterator[Iterator[_Member]]:
    with tarfile.open(archive) as file:
        yield (
            _Member(
                name=member.name,
                is_folder=member.isdir(),
                size=member.size,
                danger=_danger_of_type(member),
                open=cast(Callable[[], IO[bytes]], partial(file.extractfile, member)),
            )
            for member in _one_by_one(file)
        )
        _check_end(file)


def _one_by_one(file: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := file.next()) is not None:
        yield member
        # It would keep the header of each, however many there are.
        file.members.clear()  # type: ignore[attr-defined]


def _check_end(file: tarfile.TarFile) -> None:
    """Check that a tar was read to its mark of the end, and the checksum after it.

    tarfile takes a damaged header, or no more data, for the end of the archive.
    """
    content = cast(IO[bytes], file.fileobj)
    content.seek(file.offset)
    if content.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("its end is missing")
    while content.read(2**20):
        pass


def _write(member: _Member, target: Path) -> None:
    if member.is_folder:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as content, target.open("xb") as file:
        shutil.copyfileobj(content, file)


def _refusal(member: _Member, problem: str, origin: str) -> InputError:
    return InputError(
        f"{origin}: {_abridged(member.name)!r} {problem}; nothing was extracted: mend that and "
        "pack again"
    )


@contextmanager
def _refused_names_reported(member: _Member, target: Path, origin: str) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise _refusal(member, _collision_on_disk(member, target), origin) from None
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise InputError(
            f"{origin}: {_abridged(member.name)!r} has a longer name than this disk can hold; "
            "shorten it and pack again"
        ) from None


def _abridged(name: str) -> str:
    return name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}…"


def _danger_of_mode(member: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return LINK
    return "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "is a device"


def _danger_of_type(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return LINK
    return "" if member.isreg() or member.isdir() else "is a device"


def _danger_of_name(member: _Member) -> str:
    path = PurePosixPath(member.name)
    if path.is_absolute() or member.name[1:2] == ":":
        return "is an absolute path"
    if ".." in path.parts:
        return "leads outside by '..'"
    if "\\" in member.name:
        return "has a backslash in its name, where folders need /"
    if len(path.parts) > MAX_DEPTH:
        return f"stands in more than {MAX_DEPTH - 1} folders (label folders alone do)"
    return "" if path.parts or member.is_folder else "has no name"


def _danger_of_size(size: int, total_bytes: int, most_bytes: int, count: int) -> str:
    if count > MAX_MEMBERS:
        return f"is one more than the {MAX_MEMBERS} members that an archive may have"
    if size > MAX_MEMBER_BYTES:
        return f"is larger than {MAX_MEMBER_BYTES} bytes"
    if total_bytes > most_bytes:
        return f"makes the content more than {MAX_GROWTH} times as large as the archive"
    return ""


def _collision_of_folders(member: _Member, folders: dict[str, str]) -> str:
    """Enter the folders of a member into `folders`; say with which other one collides, if it does.

    A disk that can't tell two of them apart would make one of them, without an error.

    Args:
        member: a folder itself, or in some.
        folders: spelling by collision key; it ends in `/`.
    """
    parts = PurePosixPath(member.name).parts
    for depth in range(1, len(parts) + member.is_folder):
        spelling = "/".join(parts[:depth]) + "/"
        other = folders.setdefault(collision_key(spelling), spelling)
        if other != spelling:
            return f"can't be told from {other!r} on every system"
    return ""


def _collision_on_disk(member: _Member, target: Path) -> str:
    """Say why the disk refuses a member that stands where another does."""
    if member.is_folder or not target.is_file():
        return "is a file where another one needs a folder, or the other way round"
    if any(entry.name == target.name for entry in target.parent.iterdir()):
        return "is there twice"
    return "can't be told from another one on this disk"


@contextmanager
def _damage_reported(origin: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise InputError(
            f"{origin}: truncated or corrupt ({shown(error)}); get it again from where it came"
        ) from None
    except NotImplementedError as error:
        raise InputError(f"{origin}: {error}; pack it again in the usual way") from None
    except OSError as error:
        # Damage that gzip or bz2 reports has no error number, an offset outside the file is an
        # invalid argument; a full disk has a number of its own.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise InputError(
            f"{origin}: truncated or corrupt ({shown(error)}); get it again from where it came"
        ) from None
