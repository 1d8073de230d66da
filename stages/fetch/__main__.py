"""Fetch the images: draw a sample, download TrashNet, or copy the user's own folders.

All that comes in is verified in a temporary directory, then moved to `data/raw/<label>/`, under the
label that it came with or the one that people decided on, or packed into tar files of `data/raw`
(`shard_images`); a run that fails changes nothing. Writes
`data/manifest.csv`, one row per image, `data/rejected.csv`, the images left out, and
`data/suspects.csv`, those accepted whose files are likely damaged.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from stages.fetch.archive import extract
from stages.fetch.corrections import (
    Corrected,
    correct_labels,
    counts_as_received,
    read_decisions,
)
from stages.fetch.ignored import check_seen_by_dvc
from stages.fetch.incoming import incoming_directory, publish, require_free_space
from stages.fetch.layout import ImageFiles, Layout, find_images, place_images
from stages.fetch.names import composed, shown
from stages.fetch.shards import most_bytes, packed, shard_names
from stages.fetch.source import unchanged
from stages.fetch.verify import (
    SoundImage,
    Verdict,
    check_counts,
    check_labels,
    check_rejected,
    verify_images,
    write_manifest,
)
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR
from stages.outputs.rejected import REJECTED_FILE, RejectedRow
from stages.outputs.suspects import SUSPECTS_FILE, SuspectRow
from stages.outputs.tables import write_table
from stages.params.fetch import FetchParams
from stages.progress import counted
from stages.stage import run
from waste_classifier.errors import InputError


def main(params: FetchParams) -> None:
    """Receive the images, correct their labels, verify them, and bring them into place."""
    source = own_photos(params.path) if params.source == "path" else None
    table = Path(params.corrections)
    with incoming_directory(RAW_DIR.parent) as incoming:
        raw = incoming / "raw"
        manifest = incoming / MANIFEST_FILE.name
        rejections = incoming / REJECTED_FILE.name
        suspicions = incoming / SUSPECTS_FILE.name
        with unchanged(source), unchanged(table, "fetch.corrections"):
            decisions = read_decisions(params.corrections)
            received, origin = receive(params, source, incoming)
            layout = find_images(received, origin)
            corrected = correct_labels(layout.images, decisions, shown(table), origin)
            images = corrected.images
            check_seen_by_dvc(
                images,
                received if received == source else None,
                shard_names(len(images), params.shard_images),
                origin,
            )
            verified = brought_into_place(images, received, incoming, origin, params)
            verdict = write_manifest(
                manifest, counted(verified, "verification", len(images), "images")
            )
            counts, rejected, suspects = verdict
            check_rejected(rejected, params.max_rejected, origin)
            check_labels(images.labels, counts, origin)
            if params.expected_counts is not None:
                check_counts(
                    counts_as_received(counts, corrected, rejected),
                    {composed(label): n for label, n in params.expected_counts.items()},
                )

        for row in rejected:
            # No shard holds one.
            (raw / row.path).unlink(missing_ok=True)
        write_table(rejections, rejected, RejectedRow)
        write_table(suspicions, suspects, SuspectRow)
        publish(
            [
                (raw, RAW_DIR),
                (manifest, MANIFEST_FILE),
                (rejections, REJECTED_FILE),
                (suspicions, SUSPECTS_FILE),
            ],
            replaced_dir=incoming / "replaced",
        )
    print(summary(verdict, layout))
    if decisions:
        print(summary_of_corrections(corrected, table))


def own_photos(name: str) -> Path:
    """Return the user's own folder or archive.

    Raises:
        InputError: there is none of this name, or this stage would replace it.
    """
    path = Path(name)
    try:
        source, replaced = path.resolve(), RAW_DIR.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"fetch.path: {name!r} is not a usable path ({error})") from None
    if source.is_relative_to(replaced) or replaced.is_relative_to(source):
        raise InputError(f"fetch.path: {shown(path)} overlaps {RAW_DIR}, which this stage replaces")
    if not path.is_dir() and not path.is_file():
        raise InputError(
            f"fetch.path: {shown(path)}: no such file or folder; set it to the folder or archive "
            "of your label folders"
        )
    return path


def receive(params: FetchParams, source: Path | None, incoming: Path) -> tuple[Path, str]:
    """Get the images from where they come from.

    Args:
        params: section `fetch`.
        source: the user's own folder or archive; None: another source.
        incoming: folder for what comes in.

    Returns:
        A folder that holds the label folders (within `incoming`, unless it is the user's own),
        and what messages call it.

    Raises:
        InputError: the source has nothing to give; the message says why.
    """
    if source and source.is_dir():
        return source, shown(source)
    received = incoming / "received"
    received.mkdir()
    if source:
        extract(source, received, shown(source))
        return received, shown(source)
    if params.source == "sample":
        from stages.fetch.sample import draw_sample

        draw_sample(received, params.sample.images, params.sample.image_size, params.sample.seed)
        return received, "sample"
    from stages.fetch.kaggle import download

    kaggle = params.kaggle
    origin = f"{kaggle.dataset} (version {kaggle.version}) from Kaggle"
    archive = download(
        kaggle.dataset, kaggle.version, incoming, timeout=kaggle.timeout, retries=kaggle.retries
    )
    extract(archive, received, origin)
    return received, origin


def brought_into_place(
    images: ImageFiles, received: Path, incoming: Path, origin: str, params: FetchParams
) -> Iterator[SoundImage | RejectedRow]:
    """Bring images to the folder `raw` of `incoming`, and yield what is found of each.

    Args:
        images: as `find_images` returns them. Those that were received in `incoming`, and are no
            shards, are moved: they can't be iterated again.
        received: folder that they stand in.
        incoming: folder for what comes in.
        origin: what messages call where they come from.
        params: section `fetch`.

    Raises:
        InputError: they don't fit on the disk.
    """
    raw = incoming / "raw"
    if params.shard_images:
        sizes = (most_bytes(image.source.stat().st_size) for image in images)
        require_free_space(incoming, sum(sizes), origin)
        raw.mkdir()
        files = ((image.path, image.source) for image in images)
        return packed(verify_images(files, params.max_pixels), raw, params.shard_images)
    if received.is_relative_to(incoming):
        placed = place_images(images, raw, Path.rename)
    else:
        require_free_space(incoming, sum(image.source.stat().st_size for image in images), origin)
        placed = place_images(images, raw, shutil.copyfile)
    return verify_images(((image.path, image.source) for image in placed), params.max_pixels)


def summary(verdict: Verdict, layout: Layout) -> str:
    """Describe what was fetched: images per label, what was left out, and what is suspect."""
    counts, rejected, suspects = verdict
    width = max(map(len, counts))
    lines = [f"{label:{width}} {count:7}" for label, count in sorted(counts.items())]
    lines.append(f"{counts.total()} images of {len(counts)} labels, {len(rejected)} rejected")
    if suspects:
        lines.append(
            f"accepted, but likely damaged: {len(suspects)} (see {SUSPECTS_FILE} and the sheet of "
            "stage explore)"
        )
    if layout.ignored:
        names = ", ".join(f"{name} {count}" for name, count in sorted(layout.ignored.items()))
        lines.append(f"ignored hidden and system files: {layout.ignored.total()} ({names})")
    if layout.loose:
        names = ", ".join(layout.loose)
        lines.append(f"ignored files beside the label folders: {len(layout.loose)} ({names})")
    return "\n".join(lines)


def summary_of_corrections(corrected: Corrected, table: Path) -> str:
    """Say what came of the decisions on labels."""
    applied = len(corrected.received_labels)
    return (
        f"labels corrected by {shown(table)}: {applied} applied, {corrected.kept} kept, "
        f"{corrected.already_done} already done"
    )


if __name__ == "__main__":
    sys.exit(run("fetch", FetchParams, main))
