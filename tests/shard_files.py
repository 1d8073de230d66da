"""The photos of a workspace, packed as stage fetch packs them."""

import shutil
from pathlib import Path

from stages.fetch.shards import packed
from stages.fetch.verify import SoundImage
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, ManifestRow
from stages.outputs.tables import read_table, write_table


def pack_photos(per_shard: int) -> None:
    """Replace the photos by shards, and the manifest by one that knows them."""
    rows = read_table(MANIFEST_FILE, ManifestRow)
    contents = [(RAW_DIR / row.path).read_bytes() for row in rows]
    rows = [row._replace(bytes=len(each)) for row, each in zip(rows, contents, strict=True)]
    shutil.rmtree(RAW_DIR)
    RAW_DIR.mkdir()
    sound = [SoundImage(row, "", each) for row, each in zip(rows, contents, strict=True)]
    images = packed(sound, RAW_DIR, per_shard)
    write_table(
        MANIFEST_FILE, [each.row for each in images if isinstance(each, SoundImage)], ManifestRow
    )


def damage_shard(number: int) -> Path:
    """Cut a shard in its first photo, and return it."""
    shard = RAW_DIR / f"{number:06}.tar"
    shard.write_bytes(shard.read_bytes()[:600])
    return shard
