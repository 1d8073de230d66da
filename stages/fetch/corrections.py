"""Gives photos the labels that people decided on, as the table of corrections says."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from stages.fetch.layout import ImageFile, ImageFiles, first_lines
from stages.fetch.names import collision_key, composed, problem_of_name, shown
from stages.outputs.rejected import RejectedRow
from waste_classifier.checksum import sha256_of
from waste_classifier.corrections import COLUMNS, Correction, read_corrections
from waste_classifier.errors import InputError


class Corrected(NamedTuple):
    """What came of the decisions."""

    images: ImageFiles  #: all of them
    received_labels: dict[str, str]  #: of those that are moved, by the path that they get
    kept: int  #: decisions that a photo stays where it is
    already_done: int  #: decisions on photos that were received under their new label


def read_decisions(name: str) -> list[Correction]:
    """Return the rows of the table that `fetch.corrections` names, sorted by path.

    Raises:
        InputError: it is missing, can't be read, or is another table.
    """
    file = Path(name)
    if not file.is_file():
        raise InputError(
            f"fetch.corrections: {shown(file)}: no such file; bring it back (`git checkout`), or "
            f"make one of a single line, {','.join(COLUMNS)}, which corrects nothing"
        )
    rows = read_corrections(file).values()
    return sorted(Correction(*map(composed, row)) for row in rows)


def correct_labels(
    images: ImageFiles, decisions: Sequence[Correction], table: str, origin: str
) -> Corrected:
    """Give photos the labels that were decided on; no file is moved yet.

    A photo keeps its name where that is free under its new label, which it is too when the photo
    of that name leaves; else a part of its checksum is added. Memory grows with the number of
    decisions, and not with that of photos.

    Args:
        images: as `find_images` returns them.
        decisions: sorted by path.
        table: what messages call the table of them.
        origin: what messages call where the photos come from.

    Raises:
        InputError: a photo is not there, is another one than was decided on, or stands under
            another label; a label is unknown, or would lose its last photo; identical photos
            belong under different labels; or no name is free. The message names the rows.
    """
    if not decisions:
        return Corrected(images, {}, kept=0, already_done=0)
    paths = {row.path for row in decisions}
    named = {image.path: image for image in images if image.path in paths}
    checksums = {path: sha256_of(image.source) for path, image in named.items()}
    absent = {row for row in decisions if checksums.get(row.path) != row.sha256}
    done = _found_under_new_label(images, absent)
    labels = set(images.labels)
    problems = {
        row: _problem_of_row(row, labels)
        or (_reason_of_absence(row, checksums, origin) if row in absent - done else None)
        for row in decisions
    }
    wrong = [(row.path, problem) for row, problem in problems.items() if problem]
    _raise_problems([*wrong, *_contradictions(decisions)], table)

    moves = {row.path: row for row in decisions if not row.keeps and row not in done}
    staying = (image for image in images if image.path not in moves)
    moved = dict(zip(moves, _renamed(named, moves.values(), staying, table), strict=True))
    corrected = images.with_moved(moved)
    _raise_problems(_lost(labels - {image.label for image in corrected}, origin), table)
    return Corrected(
        images=corrected,
        received_labels={image.path: named[path].label for path, image in moved.items()},
        kept=sum(row.keeps for row in decisions),
        already_done=sum(not row.keeps for row in done),
    )


def counts_as_received(
    counts: Mapping[str, int], corrected: Corrected, rejected: Iterable[RejectedRow]
) -> Counter[str]:
    """Return the number of sound images by the label that they were received under.

    Args:
        counts: by their present label.
        corrected: says which came under another.
        rejected: the images that are not sound.
    """
    received = Counter(counts)
    moved = corrected.received_labels.keys() - {row.path for row in rejected}
    received.subtract(path.partition("/")[0] for path in moved)
    received.update(corrected.received_labels[path] for path in moved)
    return received


def _found_under_new_label(
    images: Iterable[ImageFile], absent: Collection[Correction]
) -> set[Correction]:
    """Return the decisions whose photos stand under the new label, by whatever name."""
    wanted = {(row.to_label, row.sha256) for row in absent}
    labels = {label for label, _ in wanted}
    found = wanted.intersection(
        (image.label, sha256_of(image.source)) for image in images if image.label in labels
    )
    return {row for row in absent if (row.to_label, row.sha256) in found}


def _problem_of_row(row: Correction, labels: set[str]) -> str | None:
    """Say what is wrong with a row whatever photos there are; None: nothing is."""
    label, _, name = row.path.partition("/")
    if label != row.from_label or not name or "/" in name:
        return (
            f"not the path of a photo under {row.from_label!r}, as `from` has it; mend one of the "
            "two, as in glass/1.jpg and glass"
        )
    if row.to_label not in labels:
        near = get_close_matches(row.to_label, sorted(labels), n=1)
        known = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(labels))}"
        return f"no label {row.to_label!r} among the photos; {known}"
    return None


def _contradictions(decisions: Iterable[Correction]) -> Iterator[tuple[str, str]]:
    first: dict[str, Correction] = {}
    for row in decisions:
        other = first.setdefault(row.sha256, row)
        if other.to_label != row.to_label:
            yield (
                row.path,
                f"identical with {other.path}, but that belongs under {other.to_label!r} and this "
                f"under {row.to_label!r}; decide on one label for both",
            )


def _lost(labels: Iterable[str], origin: str) -> Iterator[tuple[str, str]]:
    for label in sorted(labels):
        yield (
            label,
            f"its last photos would leave this label; keep one, or take the folder out of {origin} "
            "and its rows out of the table",
        )


def _reason_of_absence(row: Correction, checksums: Mapping[str, str], origin: str) -> str:
    if row.path in checksums:
        return (
            f"another photo than was decided on (SHA-256 {checksums[row.path]}, not {row.sha256}); "
            "take the row out, and decide again"
        )
    return (
        f"no such photo in {origin}, nor this one elsewhere under {row.to_label!r}; take the row "
        "out, or write the path that the photo has now"
    )


def _renamed(
    named: Mapping[str, ImageFile],
    moves: Collection[Correction],
    staying: Iterable[ImageFile],
    table: str,
) -> Iterator[ImageFile]:
    """Yield the photos that move, in the order of `moves`, under a label and name of theirs."""
    usable = {(row.to_label, collision_key(name)) for row in moves for name in row.names}
    taken = usable.intersection((image.label, collision_key(image.name)) for image in staying)
    for row in moves:
        free = [
            name
            for name in row.names
            if (row.to_label, collision_key(name)) not in taken and problem_of_name(name) is None
        ]
        if not free:
            problem = f"no free name for it under {row.to_label!r}; rename the photo"
            _raise_problems([(row.path, problem)], table)
        taken.add((row.to_label, collision_key(free[0])))
        yield named[row.path]._replace(label=row.to_label, name=free[0])


def _raise_problems(problems: Iterable[tuple[str, str]], table: str) -> None:
    lines = [f"{shown(path)}: {shown(problem)}" for path, problem in problems]
    if lines:
        raise InputError("\n  ".join([f"{table}:", *first_lines(lines)]))
