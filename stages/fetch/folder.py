"""What stands in one folder that was received."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SYSTEM_NAMES = {"thumbs.db", "desktop.ini", "__macosx"}


class Folder(NamedTuple):
    """A folder and what stands in it, each sorted."""

    path: Path
    folders: list[Path]
    files: list[str]  #: names
    ignored: list[str]  #: names of hidden and system files and folders

    @property
    def file_paths(self) -> Iterator[Path]:
        """The files."""
        return (self.path / name for name in self.files)


def list_folder(path: Path) -> Folder:
    """List a folder; a link counts as what it leads to."""
    folder = Folder(path, [], [], [])
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


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES
