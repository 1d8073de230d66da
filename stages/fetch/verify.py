"""Decodes every image once: what is sound goes to the manifest, the rest is rejected."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import imagehash
from PIL import ImageStat

from stages.fetch.names import shown
from stages.fetch.scan import MOST_MISSING, damage_of_scan
from stages.outputs.manifest import ManifestRow
from stages.outputs.rejected import RejectedRow
from stages.outputs.suspects import SuspectRow
from stages.outputs.tables import write_sorted
from waste_classifier.errors import InputError
from waste_classifier.images import ImageError, decoded
from waste_classifier.parallel import map_in_threads

JPEG_START = b"\xff\xd8\xff"


class SoundImage(NamedTuple):
    """An image that was accepted."""

    row: ManifestRow  #: as of an image that is a file of its own
    suspicion: str  #: why its file is likely damaged; empty: nothing says so
    content: bytes  #: of its file


class Verdict(NamedTuple):
    """What came of all images."""

    counts: Counter[str]  #: of sound images by label
    rejected: list[RejectedRow]
    suspects: list[SuspectRow]  #: of the sound ones


def verify_images(
    images: Iterable[tuple[str, Path]], max_pixels: int
) -> Iterator[SoundImage | RejectedRow]:
    """Decode images on all cores, each read once.

    Args:
        images: What tables call each, `<label>/<name>`, and its file.
        max_pixels: Width x height above which an image is rejected without being decoded.

    Yields:
        What stands in the manifest of a sound image, or why one is rejected, in the order of
        `images`.

    Raises:
        InputError: there is no memory for an image.
        OSError: a file can't be read.
    """
    return map_in_threads(lambda image: _verify_image(*image, max_pixels), images)


def write_manifest(file: Path, verified: Iterable[SoundImage | RejectedRow]) -> Verdict:
    """Write the rows of sound images as they come.

    Args:
        file: the manifest.
        verified: sorted by path.
    """
    verdict = Verdict(Counter(), [], [])

    def sound() -> Iterator[ManifestRow]:
        for image in verified:
            if isinstance(image, RejectedRow):
                verdict.rejected.append(image)
                continue
            row, suspicion, _ = image
            verdict.counts[row.label] += 1
            if suspicion:
                verdict.suspects.append(SuspectRow(row.path, suspicion))
            yield row

    write_sorted(file, sound(), ManifestRow)
    return verdict


def check_rejected(rejected: Sequence[RejectedRow], max_rejected: int, origin: str) -> None:
    """Check that no more than `max_rejected` images from `origin` were rejected.

    Raises:
        InputError: more were; the message lists every one and why.
    """
    if len(rejected) > max_rejected:
        lines = [f"{row.path}: {row.reason}" for row in rejected]
        raise InputError(
            "\n  ".join([f"{origin}: {_images(len(rejected))} refused:", *lines])
            + f"\nmend or remove them, or raise fetch.max_rejected ({max_rejected})"
        )


def check_labels(labels: Iterable[str], counts: Mapping[str, int], origin: str) -> None:
    """Check that each label from `origin` kept at least one image.

    Raises:
        InputError: all images of a label were rejected.
    """
    lost = sorted(set(labels) - counts.keys())
    if lost:
        raise InputError(
            f"{origin}: every image of these labels was refused: {', '.join(lost)}; mend some or "
            "remove the folders"
        )


def check_counts(counts: Mapping[str, int], expected: Mapping[str, int]) -> None:
    """Check the number of images per label.

    Raises:
        InputError: a label is missing, not expected, or has another number of images.
    """
    differences = [
        f"{label}: expected {expected.get(label, 0)}, got {counts.get(label, 0)}"
        for label in sorted(counts.keys() | expected.keys())
        if counts.get(label, 0) != expected.get(label, 0)
    ]
    if differences:
        raise InputError(
            "\n  ".join(["images per label differ from fetch.expected_counts:", *differences])
            + "\nmend the folders or the counts"
        )


class _Content(NamedTuple):
    content: bytes

    def read_bytes(self) -> bytes:
        return self.content


def _verify_image(path: str, file: Path, max_pixels: int) -> SoundImage | RejectedRow:
    content = file.read_bytes()
    try:
        with decoded(_Content(content), max_pixels) as image:
            width, height = image.size
            red, green, blue = (round(mean, 2) for mean in ImageStat.Stat(image).mean)
            phash = str(imagehash.phash(image))
    except ImageError as error:
        return RejectedRow(path, shown(error))
    except MemoryError:
        raise InputError(f"{path}: no memory for its pixels; lower fetch.max_pixels") from None
    suspicion, missing = damage_of_scan(content) if content.startswith(JPEG_START) else ("", 0.0)
    if missing > MOST_MISSING:
        return RejectedRow(path, f"its lower {missing:.0%} is missing ({suspicion})")
    row = ManifestRow(
        path=path,
        label=path.partition("/")[0],
        width=width,
        height=height,
        bytes=len(content),
        red=red,
        green=green,
        blue=blue,
        sha256=hashlib.sha256(content).hexdigest(),
        phash=phash,
    )
    return SoundImage(row, suspicion, content)


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
