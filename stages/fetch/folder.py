"""What stands in one folder that was received."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SYSTEM_NAMES = {"thumbs.db", "desktop.ini", "__macosx"}


class Folder(NamedTuple):
    """A folder and what stands in it, each sorted.

    Its files may be many: no more than their number is kept, and they are listed when asked for.
    """

    path: Path
    folders: list[Path]
    file_count: int
    ignored: list[str]  #: names of hidden and system files and folders

    def file_names(self) -> list[str]:
        """List the folder again, and return the names of its files, sorted."""
        with os.scandir(self.path) as entries:
            names = [
                entry.name
                for entry in entries
                if not _is_ignored(entry.name) and not _is_folder(entry)
            ]
        names.sort()
        return names

    def file_paths(self) -> Iterator[Path]:
        """List the folder again, and return the paths of its files, sorted."""
        return (path_in(self.path, name) for name in self.file_names())


def list_folder(path: Path) -> Folder:
    """List a folder; a link counts as what it leads to."""
    folders: list[Path] = []
    file_count = 0
    ignored: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if _is_ignored(entry.name):
                ignored.append(entry.name)
            elif _is_folder(entry):
                folders.append(path / entry.name)
            else:
                file_count += 1
    return Folder(path, sorted(folders), file_count, sorted(ignored))


def path_in(folder: Path, name: str) -> Path:
    """Return the path of one of many files in a folder.

    `folder / name` enters the name itself into Python's table of interned strings, which grows with
    the names that live on, to more than they take. Of a joined string, copies are entered, which go
    with the path.
    """
    return Path(f"{folder}/{name}")


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    # `entry.is_dir` fails at a link to itself.
    return Path(entry).is_dir() if entry.is_symlink() else entry.is_dir()


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES
