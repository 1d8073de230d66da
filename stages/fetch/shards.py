"""Packs images into shards as they come: tar files of so many each, as WebDataset reads them."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from math import ceil
from pathlib import Path

from stages.fetch.verify import SoundImage
from stages.outputs.rejected import RejectedRow
from waste_classifier.shards import SUFFIX

BLOCK = tarfile.BLOCKSIZE
#: Before an image: its header, and three blocks more where its name is long or foreign.
MOST_HEADERS = 4 * BLOCK


def shard_names(images: int, per_shard: int) -> list[str]:
    """Return the names of the shards that so many images fill; of 0 in each there are none."""
    return [_name(number) for number in range(ceil(images / per_shard))] if per_shard else []


def most_bytes(size: int) -> int:
    """Return how many bytes of a shard an image of `size` bytes takes at most."""
    return MOST_HEADERS + _whole_blocks(size)


def packed(
    verified: Iterable[SoundImage | RejectedRow], directory: Path, per_shard: int
) -> Iterator[SoundImage | RejectedRow]:
    """Write the sound ones of images, and yield all; rows then say where each stands.

    Equal images give equal bytes: headers hold neither times nor users. Memory does not grow with
    the number of images.

    Args:
        verified: sorted by path.
        directory: of the shards, empty.
        per_shard: sound images in each shard but the last.

    Raises:
        OSError: the disk is full or refuses to be written.
    """
    count = 0
    with ExitStack() as opened:
        for image in verified:
            if isinstance(image, RejectedRow):
                yield image
                continue
            if count % per_shard == 0:
                opened.close()
                file = opened.enter_context((directory / _name(count // per_shard)).open("xb"))
                shard = opened.enter_context(
                    tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)
                )
            member = tarfile.TarInfo(image.row.path)
            member.size = len(image.content)
            shard.addfile(member, io.BytesIO(image.content))
            offset = file.tell() - _whole_blocks(member.size)
            row = image.row._replace(shard=_name(count // per_shard), offset=offset)
            yield image._replace(row=row)
            count += 1


def _name(number: int) -> str:
    return f"{number:06}{SUFFIX}"


def _whole_blocks(size: int) -> int:
    return ceil(size / BLOCK) * BLOCK
