"""Is one model better than another? Both on the same photos, photo by photo.

`python -m experiments.verdict BASE [HEAD]` compares two revisions of git or DVC experiments, HEAD
being the workspace unless it is named, by what git has of their predictions: neither data nor a
remote is needed. For each score it prints the difference, its 95 % interval, a p-value and a word:
better, worse or not told apart; then which photos changed sides.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.revisions import commit_of, file_of
from stages.comparison import (
    Answers,
    Difference,
    Integers,
    compare,
    divided,
    joined_groups,
    same_groups,
)
from stages.outputs.answers import FILE_NAME, AnswerRow
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.outputs.tables import MEND, parse_table
from stages.page_text import original
from stages.stage import exit_code
from waste_classifier.errors import InputError

#: What can be compared, and the folder of plots that has it.
FOLDERS = {"cross_validation": "cross_validation", "test": "evaluate"}
DRAWS = 9_999  # with the answers as they are: 10,000
SEED = 0
MOST_NAMED = 10


@dataclass(frozen=True)
class Side:
    """One model: a revision, and its answers as git has them."""

    name: str
    commit: str | None  #: None: the workspace
    rows: list[AnswerRow]

    @property
    def keys(self) -> list[tuple[str, int]]:
        """Path of each photo, and how often it was asked about before."""
        asked: Counter[str] = Counter()
        keys = []
        for row in self.rows:
            keys.append((row.path, asked[row.path]))
            asked[row.path] += 1
        return keys


@dataclass(frozen=True)
class Verdict:
    """What is said of two models."""

    base: Side
    head: Side
    photos: int
    groups: int
    differences: list[Difference]
    notes: list[str]

    @property
    def fixed(self) -> list[tuple[AnswerRow, AnswerRow]]:
        """Rows of base and head for photos that base has wrong and head right."""
        pairs = zip(self.base.rows, self.head.rows, strict=True)
        return [(old, new) for old, new in pairs if not right(old) and right(new)]

    @property
    def broken(self) -> list[tuple[AnswerRow, AnswerRow]]:
        """Rows of base and head for photos that base has right and head wrong."""
        pairs = zip(self.base.rows, self.head.rows, strict=True)
        return [(old, new) for old, new in pairs if right(old) and not right(new)]


def right(row: AnswerRow) -> bool:
    """Return whether an answer is right."""
    return row.predicted == row.label


def read_side(revision: str | None, name: str, of: str) -> Side | None:
    """Return a side, or None where git has no predictions of it.

    Args:
        revision: of git, or name of a DVC experiment; None: the workspace.
        name: what messages call it.
        of: what is compared, of `FOLDERS`.

    Raises:
        InputError: there is no such revision, or its table is damaged.
    """
    commit = None if revision is None else commit_of(revision)
    name = name[:7] if name == commit else name
    path = f"plots/{FOLDERS[of]}/{FILE_NAME}"
    text = file_of(commit, path)
    if text is None:
        return None
    try:
        rows = parse_table(text, Path(f"{name}:{path}"), AnswerRow)
    except InputError as error:
        reason = str(error).removesuffix(f"; {MEND}")
        raise InputError(
            f"{reason}; it is damaged or of an older version of this project: run `dvc repro` "
            "there and commit what it changes"
        ) from None
    if not rows:
        raise InputError(f"{name}:{path}: no predictions")
    readable = [
        row._replace(
            path=original(row.path), label=original(row.label), predicted=original(row.predicted)
        )
        for row in rows
    ]
    return Side(name, commit, sorted(readable, key=lambda row: (row.path, row.fold)))


def read_sides(base: str, head: str | None, of: str | None) -> tuple[Side, Side, str]:
    """Return both sides and what of them is compared: the cross-validation where both have it.

    One that is the same on both sides, while the test split has other answers, is of before the
    change: then the test split is compared.

    Args:
        base: revision.
        head: revision; None: the workspace.
        of: what is compared; None: as above.

    Raises:
        InputError: git has no predictions of one of them.
    """
    head_name = "the workspace" if head is None else head
    found = {}
    for each in [of] if of else list(FOLDERS):
        sides = read_side(base, base, each), read_side(head, head_name, each)
        if sides[0] and sides[1]:
            found[each] = (sides[0], sides[1])
    changed = [each for each, (old, new) in found.items() if old.rows != new.rows]
    if len(found) > 1 and changed == ["test"]:
        del found["cross_validation"]
    if found:
        compared, (old, new) = next(iter(found.items()))
        return old, new, compared
    lacking = base if sides[0] is None else head_name
    command = "dvc repro release/dvc.yaml" if of == "cross_validation" else "dvc repro"
    raise InputError(
        f"{lacking}: has no plots/{FOLDERS[each]}/{FILE_NAME}; run `{command}` there and commit "
        "what it changes"
    )


def judge(base: Side, head: Side, of: str) -> Verdict:
    """Compare two sides.

    Raises:
        InputError: they are not of the same photos and labels.
    """
    check_photos(base, head, of)
    labels = sorted({row.label for row in base.rows})
    all_labels = [*labels, *sorted({row.predicted for row in base.rows + head.rows} - {*labels})]
    numbers = {label: number for number, label in enumerate(all_labels)}
    actual = np.array([numbers[row.label] for row in base.rows])
    groupings = (
        np.array([row.group for row in base.rows]),
        np.array([row.group for row in head.rows]),
    )
    groups = joined_groups(*groupings)
    old, new = (
        Answers(
            np.array([numbers[row.predicted] for row in side.rows]),
            np.array([row.loss for row in side.rows]),
        )
        for side in (base, head)
    )
    differences = compare(old, new, actual, groups, all_labels, DRAWS, SEED)
    return Verdict(
        base,
        head,
        len({row.path for row in base.rows}),
        len(np.unique(groups)),
        differences,
        notes(base, head, groupings, of),
    )


def check_photos(base: Side, head: Side, of: str) -> None:
    """Check that two sides are of the same photos under the same labels.

    Raises:
        InputError: they are not; the message says what each has alone.
    """
    keys = base.keys, head.keys
    paths_of = [{row.path for row in side.rows} for side in (base, head)]
    if paths_of[0] == paths_of[1] and keys[0] != keys[1]:
        raise InputError(
            f"{base.name} and {head.name}: the same photos, asked about other numbers of times; "
            "compare runs of the same cross_validate.repeats"
        )
    if keys[0] != keys[1]:
        alone = [sorted(one - other) for one, other in (paths_of, paths_of[::-1])]
        words = [
            f"{len(paths)} only in {side.name}{f', as {paths[0]}' if paths else ''}"
            for side, paths in zip((base, head), alone, strict=True)
        ]
        trained = (
            [seen_in_training(side, other) for side, other in ((base, head), (head, base))]
            if of == "test"
            else []
        )
        raise InputError(
            f"{base.name} and {head.name}: other photos: {'; '.join(words)}. A difference would be "
            f"one of photos, not of models.{''.join(trained)} Compare runs of the same photos, "
            + ("split.seed, val and test" if of == "test" else "groups and cross_validate.repeats")
        )
    replaced = [
        old.path for old, new in zip(base.rows, head.rows, strict=True) if old.sha256 != new.sha256
    ]
    if replaced:
        raise InputError(
            f"{base.name} and {head.name}: {len(replaced)} files of equal names hold other photos, "
            f"as {replaced[0]}: a difference would be one of photos, not of models. Compare runs "
            "of the same photos"
        )
    relabelled = [
        old.path for old, new in zip(base.rows, head.rows, strict=True) if old.label != new.label
    ]
    if relabelled:
        raise InputError(
            f"{base.name} and {head.name}: {len(relabelled)} photos under other labels, as "
            f"{relabelled[0]}: one side would be scored by other truths. Run the older one on the "
            "labels of the newer one"
        )


def seen_in_training(side: Side, other: Side) -> str:
    """Return a sentence on the photos of the other side that a side was trained on."""
    text = split_table(side.commit)
    if text is None:
        return (
            f" Whether {side.name} was trained on photos that {other.name} is scored on can't be "
            f"told: its {SPLIT_FILE} is neither here nor in DVC's cache or remote."
        )
    try:
        rows = parse_table(text, Path(f"{side.name}:{SPLIT_FILE}"), SplitRow)
    except InputError as error:
        return f" ({error})"
    learned = {row.path for row in rows if row.split == "train"}
    seen = len(learned & {row.path for row in other.rows})
    name = f"{side.name[0].upper()}{side.name[1:]}" if side.commit is None else side.name
    return f" {name} was trained on {seen} of the photos that {other.name} is scored on."


def split_table(commit: str | None) -> str | None:
    """Return data/split.csv of a revision, from DVC's cache; None where it is not there."""
    if commit is None:
        return file_of(None, SPLIT_FILE.as_posix())
    try:
        # Takes seconds to import, and is needed by those alone who compare other photos. It asks a
        # remote for what is not in the cache.
        import dvc.api

        text: str = dvc.api.read(SPLIT_FILE.as_posix(), rev=commit)
    # DVC raises anything where a file is missing, or there is no remote.
    except Exception:
        return None
    return text


def notes(base: Side, head: Side, groupings: tuple[Integers, Integers], of: str) -> list[str]:
    """Return what must be known beside the numbers."""
    said = []
    if base.rows == head.rows:
        said.append(
            f"{base.name} and {head.name} have the same answers: the change did not alter them"
            + (
                ". If it is one of the second pipeline, commit plots/cross_validation on both sides"
                if of == "test"
                else ""
            )
        )
    if not same_groups(*groupings):
        said.append(
            "the groups of photos differ: those that either side has in one group count as one"
        )
    repeats = np.array([asked for _, asked in base.keys])
    for side, other, groups in ((base, head, groupings[1]), (head, base, groupings[0])):
        folds = np.array([row.fold for row in side.rows])
        count = divided(groups, repeats, folds)
        if count:
            said.append(
                f"{side.name} is flattered: its folds divide {count} groups of {other.name}, so "
                "that it was trained on photos of things that it is scored on"
            )
    return said


def sentence(verdict: Verdict, shown: Callable[[str], str] = str) -> str:
    """Return the verdict in a sentence: of accuracy, then of other scores that tell apart.

    Args:
        verdict: on both sides.
        shown: makes of a score's name, which may hold a label's, what is shown.
    """
    accuracy, *others = verdict.differences
    points = f"{100 * accuracy.difference:+.2f} points"
    interval = f"95 % {100 * accuracy.low:+.2f} to {100 * accuracy.high:+.2f}"
    if accuracy.word == "not told apart":
        text = f"Not told apart by accuracy: {points} ({interval})"
        text += (
            f"; {verdict.photos} photos of {verdict.groups} things would mostly show "
            f"{100 * accuracy.detectable:.1f} points"
        )
    else:
        text = f"{accuracy.word.capitalize()} by accuracy: {points} ({interval})"
    told = [
        f"{each.word} by {shown(each.score)}" for each in others if each.word != "not told apart"
    ]
    if told:
        return f"{text}. {', '.join(told)[0].upper()}{', '.join(told)[1:]}."
    return f"{text}."


def table(verdict: Verdict) -> list[list[str]]:
    """Return the rows of a table, the header first."""
    return [
        ["score", verdict.base.name, verdict.head.name, "difference", "95 %", "p", "verdict"],
        *(
            [
                each.score,
                f"{each.base:.4f}",
                f"{each.head:.4f}",
                f"{each.difference:+.4f}",
                f"{each.low:+.4f} to {each.high:+.4f}",
                f"{each.p:.4f}",
                each.word
                + (
                    f" (would mostly show {each.detectable:.4f})"
                    if each.word == "not told apart" and each.detectable > 0
                    else ""
                ),
            ]
            for each in verdict.differences
        ),
    ]


def changed(verdict: Verdict) -> list[str]:
    """Return lines that name photos that changed sides."""
    lines = []
    for title, pairs in (("fixed", verdict.fixed), ("broken", verdict.broken)):
        lines.append(f"{title}: {len(pairs)}")
        lines += [
            f"  {new.path}: {old.predicted} -> {new.predicted}" for old, new in pairs[:MOST_NAMED]
        ]
        if len(pairs) > MOST_NAMED:
            lines.append(f"  and {len(pairs) - MOST_NAMED} more")
    return lines


def print_verdict(verdict: Verdict, of: str) -> None:
    """Print all that is said."""
    print(f"{sentence(verdict)}\n")
    rows = table(verdict)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    scored = "test photos" if of == "test" else "photos, cross-validated"
    print(f"\n{verdict.photos} {scored}, of {verdict.groups} things")
    for note in verdict.notes:
        print(f"note: {note}")
    print("\n".join(changed(verdict)))


def main() -> None:
    """Read the command line, compare, print."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.verdict", description=__doc__.splitlines()[0]
    )
    parser.add_argument("base", help="revision or experiment that is compared with")
    parser.add_argument(
        "head", nargs="?", help="revision or experiment that is judged (default: the workspace)"
    )
    parser.add_argument(
        "--of",
        choices=list(FOLDERS),
        help="which predictions (default: those of the cross-validation where both have them)",
    )
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="picture of the photos that changed sides (.png)"
    )
    arguments = parser.parse_args()
    if arguments.sheet and not arguments.sheet.parent.is_dir():
        raise InputError(f"{arguments.sheet}: no such folder to write into")
    base, head, of = read_sides(arguments.base, arguments.head, arguments.of)
    verdict = judge(base, head, of)
    print_verdict(verdict, of)
    if arguments.sheet:
        # Draws, which the comment of a pull request is written without.
        from experiments.changed_sides import draw_changed

        draw_changed(verdict, arguments.sheet)


if __name__ == "__main__":
    sys.exit(exit_code(main))
