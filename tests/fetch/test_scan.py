"""JPEGs whose scan is damaged though they end as they should: refused, listed, or taken."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.fetch.scan import damage_of_scan
from stages.outputs.manifest import MANIFEST_FILE, ManifestRow
from stages.outputs.rejected import REJECTED_FILE, RejectedRow
from stages.outputs.suspects import SUSPECTS_FILE, SuspectRow
from stages.outputs.tables import read_table
from tests.fetch.conftest import RunFetch, outputs

END = b"\xff\xd9"


def jpeg(size: tuple[int, int] = (128, 96), **options: Any) -> bytes:
    coarse = np.random.default_rng(1).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", **options)
    return file.getvalue()


def cut(content: bytes, share: float) -> bytes:
    """Leave out the end of a file but for its mark, as tools that repair files do."""
    return content[: int(share * len(content))] + END


def with_size(content: bytes, width: int, height: int) -> bytes:
    """Say another size in the header of a frame (ITU-T T.81, B.2.2)."""
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_whole_scans_are_whole(options: dict[str, Any]) -> None:
    assert damage_of_scan(jpeg(**options)) == ("", 0.0)


def test_grey_and_four_colours_are_whole() -> None:
    for mode in ("L", "CMYK"):
        file = io.BytesIO()
        Image.new(mode, (40, 30), 128 if mode == "L" else (1, 2, 3, 4)).save(file, "JPEG")
        assert damage_of_scan(file.getvalue()) == ("", 0.0)


def test_the_share_that_is_missing_is_that_of_flat_grey() -> None:
    half = cut(jpeg(), 0.6)
    pixels = np.asarray(Image.open(io.BytesIO(half)))
    missing = (pixels == 128).all(axis=(1, 2))
    assert 0.2 < missing.mean() < 0.8

    warning, share = damage_of_scan(half)

    assert warning == "Corrupt JPEG data: premature end of data segment"
    assert share == pytest.approx(missing.mean(), abs=0.02)


def test_zeros_in_a_scan_are_noticed() -> None:
    content = jpeg(quality=95)
    half = len(content) // 2

    warning, _ = damage_of_scan(content[:half] + bytes(len(content) - half - 2) + END)

    assert warning.startswith("Corrupt JPEG data")


@pytest.mark.parametrize(
    "content", [cut(jpeg(), 0.6), with_size(jpeg((64, 48)), 900, 900)], ids=["cut", "large header"]
)
def test_a_photo_whose_lower_part_is_missing_is_refused(
    content: bytes, photos: Path, run_fetch: RunFetch
) -> None:
    (photos / "glass/half.jpg").write_bytes(content)

    run = run_fetch(max_pixels=1_000_000)

    assert run.code == 1
    assert "1 image refused:\n  glass/half.jpg: its lower " in run.err
    assert "% is missing (Corrupt JPEG data: premature end of data segment)" in run.err
    assert outputs() == {}

    run = run_fetch(max_pixels=1_000_000, max_rejected=1)

    assert run.code == 0
    (row,) = read_table(REJECTED_FILE, RejectedRow)
    assert row.path == "glass/half.jpg"


def test_a_photo_that_is_damaged_a_little_is_listed(photos: Path, run_fetch: RunFetch) -> None:
    (photos / "glass/damaged.jpg").write_bytes(cut(jpeg(), 0.95))

    run = run_fetch(max_pixels=1_000_000)

    assert run.code == 0
    assert "accepted, but likely damaged: 1 (see data/suspects.csv" in run.out
    assert read_table(SUSPECTS_FILE, SuspectRow) == [
        SuspectRow("glass/damaged.jpg", "Corrupt JPEG data: premature end of data segment")
    ]
    assert "glass/damaged.jpg" in [row.path for row in read_table(MANIFEST_FILE, ManifestRow)]


@pytest.mark.usefixtures("photos")
def test_sound_photos_make_an_empty_list(run_fetch: RunFetch) -> None:
    assert "damaged" not in run_fetch().out
    assert read_table(SUSPECTS_FILE, SuspectRow) == []
