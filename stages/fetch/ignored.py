"""Whether DVC would overlook photos, since a pattern of `.dvcignore` matches their names.

DVC itself is asked: what it ignores follows from all such files on the way, and from rules of its
own (a folder that holds `.dvc` is another project to it).
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from stages.fetch.layout import ImageFile, first_lines
from stages.fetch.names import shown
from stages.outputs.manifest import RAW_DIR
from waste_classifier.errors import InputError


def check_seen_by_dvc(
    images: Iterable[ImageFile], source: Path | None, shards: list[str], origin: str
) -> None:
    """Check that DVC sees every photo where it comes from, and where it goes.

    Args:
        images: as `find_images` returns them.
        source: the user's own folder, which DVC watches; None: it does not watch where they are.
        shards: names of the tar files that they go to; none: each stays a file of its own.
        origin: what messages call where they come from.

    Raises:
        InputError: it would overlook some: a change there would go unnoticed, or `dvc checkout`
            bring back fewer.
    """
    from dvc.fs import localfs
    from dvc.ignore import DvcIgnoreFilter

    ignored_by = DvcIgnoreFilter(localfs, str(Path.cwd()))
    lines = list(_ignored(ignored_by, [(RAW_DIR, shards)] if shards else []))
    # Those that go to shards, from where DVC does not watch, stand nowhere that it looks at.
    looked_at = images if source is not None or not shards else ()
    for (folder, label), group in groupby(looked_at, lambda image: (image.folder, image.label)):
        names = [(image.received_name, image.name) for image in group]
        places = [] if shards else [(RAW_DIR / label, [name for _, name in names])]
        if source is not None:
            places.append((folder, [name for name, _ in names]))
        lines += _ignored(ignored_by, places)
    if lines:
        once = list(dict.fromkeys(lines))
        raise InputError(
            "\n  ".join([f"{origin}: DVC would overlook these:", *first_lines(once)])
            + "\nrename them, or change what .dvcignore says; a folder that holds `.dvc` is "
            "another project to DVC (sub_repo): take that out"
        )


def _ignored(ignored_by: Any, places: Iterable[tuple[Path, list[str]]]) -> Iterator[str]:
    """Yield what DVC ignores of files in folders, and the pattern that says so."""
    for folder, names in places:
        # DVC's filter knows the rules of a folder once it was asked about it.
        if ignored_by.is_ignored_dir(str(folder)):
            yield _described(ignored_by, folder, folder.name)
            continue
        _, seen = ignored_by(str(folder), [], names)
        for name in sorted(set(names) - set(seen)):
            yield _described(ignored_by, folder / name, f"{folder.name}/{name}")


def _described(ignored_by: Any, path: Path, name: str) -> str:
    patterns = [str(info) for info in ignored_by.check_ignore(str(path)).pattern_infos]
    return shown(name) + (f" ({patterns[-1]})" if patterns else "")
