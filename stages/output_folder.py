"""An output folder that appears whole or not at all, whenever its stage is killed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(directory: Path) -> Iterator[Path]:
    """Give an empty folder beside `directory`, which it replaces at the end of the `with` block.

    An error within the block leaves `directory` as it was. What a killed run left is removed.

    Args:
        directory: replaced if it exists.
    """
    prefix = f".{directory.name}-"
    directory.parent.mkdir(parents=True, exist_ok=True)
    for left_by_a_killed_run in directory.parent.glob(f"{prefix}*"):
        shutil.rmtree(left_by_a_killed_run)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=prefix) as temporary:
        # The temporary folder itself is readable by its owner alone.
        staging = Path(temporary) / directory.name
        staging.mkdir()
        yield staging
        shutil.rmtree(directory, ignore_errors=True)
        staging.replace(directory)
