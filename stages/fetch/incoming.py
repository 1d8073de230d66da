"""A temporary directory for what comes in, and the step that turns it into the stage's outputs."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.outputs.unfinished import only_run, scratch_folder
from stages.outputs.whole import UNFINISHED, disk_errors_explained
from waste_classifier.errors import InputError


@contextmanager
def incoming_directory(data_dir: Path) -> Iterator[Path]:
    """Give a fresh folder below `data_dir/.unfinished`, removed at the end whatever happens.

    It stands beside the outputs, so that these can be moved into place by a rename. What a killed
    run left there is removed first.

    Raises:
        InputError: another fetch is at work here, or the disk is full or refuses access.
    """
    with (
        disk_errors_explained(data_dir),
        only_run(data_dir / UNFINISHED / "fetch", "fetch") as folder,
    ):
        directory = scratch_folder(folder)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def require_free_space(directory: Path, size: int, what: str) -> None:
    """Check that `size` bytes of `what` fit on the disk of `directory`.

    Raises:
        InputError: they do not.
    """
    free = shutil.disk_usage(directory).free
    if size > free:
        raise InputError(
            f"{what} needs {_mib(size)} of disk space, but this disk has {_mib(free)} left; free "
            "some space and run again"
        )


def publish(outputs: Iterable[tuple[Path, Path]], replaced_dir: Path) -> None:
    """Rename each `(finished, target)`: all of them or, after an error, none.

    What stood at a target goes to `replaced_dir`, on the same file system.
    """
    replaced_dir.mkdir()
    done: list[tuple[Path, Path]] = []
    try:
        for finished, target in outputs:
            moves = [(finished, target)]
            if target.exists():
                moves.insert(0, (target, replaced_dir / target.name))
            for source, destination in moves:
                source.rename(destination)
                done.append((source, destination))
    except BaseException:
        for source, destination in reversed(done):
            destination.rename(source)
        raise


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
