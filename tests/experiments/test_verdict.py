"""The verdict from the command line, on a real git repository."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from PIL import Image

from experiments.verdict import main
from stages.outputs.answers import AnswerRow
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, ManifestRow
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.outputs.tables import write_table
from stages.stage import exit_code
from tests.pipeline.workspace import REPOSITORY, commit_all, run
from tests.table_rows import manifest_row
from waste_classifier.checksum import sha256_of

TEST = Path("plots/evaluate/predictions.csv")
CROSS_VALIDATION = Path("plots/cross_validation/predictions.csv")
LABELS = ("glass", "paper")


def rows(wrong: Sequence[int], count: int = 40, per_group: int = 1) -> list[AnswerRow]:
    """Photos of two labels in turn, of which some are taken for the other one."""
    return [
        AnswerRow(
            path=f"{LABELS[number % 2]}/{number:02}.png",
            sha256="00ff",
            label=LABELS[number % 2],
            group=number // per_group,
            fold=0,
            predicted=LABELS[(number + (number in wrong)) % 2],
            confidence=0.9,
            loss=2.3026 if number in wrong else 0.1054,
        )
        for number in range(count)
    ]


def twice(of_photos: list[AnswerRow]) -> list[AnswerRow]:
    """Each photo asked about by two folds, as by `cross_validate.repeats`."""
    return [row._replace(fold=fold) for fold in (0, 1) for row in of_photos]


def write(root: Path, of_photos: list[AnswerRow], file: Path = TEST) -> None:
    write_table(root / file, of_photos, AnswerRow)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose commit has twelve of forty photos wrong."""
    run(tmp_path, "git", "init", "--quiet", "--initial-branch", "main")
    write(tmp_path, rows(wrong=range(12)))
    commit_all(tmp_path, "twelve wrong")
    return tmp_path


class Verdict(Protocol):
    """Runs the tool in the repository and returns what it printed, both streams together."""

    def __call__(self, *arguments: str, code: int = 0) -> str: ...


@pytest.fixture
def verdict(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Verdict:
    monkeypatch.chdir(repository)

    def run_main(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["verdict", *arguments])
        assert exit_code(main) == code
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run_main


def error(verdict: Verdict, *arguments: str) -> str:
    (line,) = verdict(*arguments, code=1).splitlines()
    assert line.startswith("error: ")
    return line


def test_the_workspace_is_judged_against_a_commit(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    write(repository, rows(wrong=[0]))

    lines = run(repository, "python", "-m", "experiments.verdict", "HEAD").stdout.splitlines()

    assert lines[0].startswith("Better by accuracy: +27.50 points (95 % +")
    # Five of glass and six of paper were fixed: too few for two labels.
    assert lines[0].endswith(" Better by macro F1, better by log loss.")
    assert lines[2].split() == [
        *("score", "HEAD", "the", "workspace", "difference", "95", "%", "p", "verdict"),
    ]
    assert lines[3].split()[:4] == ["accuracy", "0.7000", "0.9750", "+0.2750"]
    assert "40 test photos, of 40 things" in lines
    assert "fixed: 11" in lines
    assert "  paper/01.png: glass -> paper" in lines
    assert "  and 1 more" in lines
    assert "broken: 0" in lines


def test_an_experiment_is_found_by_its_name(repository: Path, verdict: Verdict) -> None:
    write(repository, rows(wrong=range(20)))
    commit_all(repository, "as an experiment")
    commit = run(repository, "git", "rev-parse", "HEAD").stdout.strip()
    run(repository, "git", "update-ref", f"refs/exps/ab/{'c' * 38}/hasty-imp", commit)
    run(repository, "git", "reset", "--quiet", "--hard", "HEAD~1")

    assert verdict("main", "hasty-imp").startswith("Worse by accuracy: -20.00 points")
    run(repository, "git", "update-ref", f"refs/exps/cd/{'e' * 38}/hasty-imp", "HEAD")
    assert "2 experiments have this name" in verdict("main", "hasty-imp", code=1)


def test_photos_of_one_thing_are_one_piece_of_evidence(repository: Path, verdict: Verdict) -> None:
    write(repository, rows(wrong=range(12), per_group=12))
    commit_all(repository, "twelve photos to a thing")
    write(repository, rows(wrong=[], per_group=12))

    printed = verdict("HEAD")

    assert printed.startswith("Not told apart by accuracy: +30.00 points (95 % ")
    assert "40 photos of 4 things would mostly show 100.0 points" in printed


def test_other_photos_are_refused_with_what_is_known_of_the_training(
    repository: Path, verdict: Verdict
) -> None:
    write(repository, rows(wrong=[], count=41))
    split = [SplitRow("glass/40.png", "glass", "40", "test")]
    split += [SplitRow(f"{label}/{n:02}.png", label, "", "train") for n, label in enumerate(LABELS)]
    write_table(repository / SPLIT_FILE, sorted(split), SplitRow)

    message = error(verdict, "HEAD")

    assert "other photos: 0 only in HEAD; 1 only in the workspace, as glass/40.png" in message
    assert "Whether HEAD was trained on photos that the workspace is scored on can't be" in message
    assert ". The workspace was trained on 2 of the photos that HEAD is scored on" in message


def test_other_photos_are_counted_once_however_often_they_were_asked_about(
    repository: Path, verdict: Verdict
) -> None:
    write(repository, twice(rows([])), CROSS_VALIDATION)
    commit_all(repository, "cross-validated twice")
    write(repository, twice(rows([], count=41)), CROSS_VALIDATION)

    message = error(verdict, "HEAD", "--of", "cross_validation")

    assert "other photos: 0 only in HEAD; 1 only in the workspace, as glass/40.png" in message


def test_other_files_of_the_same_names_are_refused(repository: Path, verdict: Verdict) -> None:
    other = [row._replace(sha256="11ee") if row.path == "glass/02.png" else row for row in rows([])]
    write(repository, other)

    assert "1 files of equal names hold other photos, as glass/02.png" in error(verdict, "HEAD")


def test_other_labels_are_refused(repository: Path, verdict: Verdict) -> None:
    other = [row._replace(label="paper") if row.path == "glass/02.png" else row for row in rows([])]
    write(repository, other)

    assert "1 photos under other labels, as glass/02.png" in error(verdict, "HEAD")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "the workspace: has no plots/evaluate/predictions.csv; run `dvc repro` there"),
        ("path,label\n", "the workspace:plots/evaluate/predictions.csv: expected columns path,sha"),
        ("", "the workspace:plots/evaluate/predictions.csv: expected columns"),
    ],
)
def test_a_table_that_is_missing_or_damaged_is_named(
    repository: Path, verdict: Verdict, text: str | None, message: str
) -> None:
    (repository / TEST).unlink()
    if text is not None:
        (repository / TEST).write_text(text)

    assert message in error(verdict, "HEAD")


def test_a_revision_that_is_none_is_named(verdict: Verdict) -> None:
    assert "nonsense: neither a revision of git nor a DVC exp" in error(verdict, "nonsense")


def test_the_cross_validation_is_compared_unless_it_is_of_before(
    repository: Path, verdict: Verdict
) -> None:
    write(repository, rows(wrong=range(8)), CROSS_VALIDATION)
    commit_all(repository, "cross-validated")
    write(repository, rows(wrong=range(9)))
    of_before = verdict("HEAD")
    write(repository, rows(wrong=range(2)), CROSS_VALIDATION)

    assert "40 test photos" in of_before
    assert "40 photos, cross-validated" in verdict("HEAD")
    assert "40 test photos" in verdict("HEAD", "--of", "test")


def test_folds_that_divide_what_the_other_side_groups_flatter(
    repository: Path, verdict: Verdict
) -> None:
    together = [row._replace(fold=row.group % 2) for row in rows([], per_group=2)]
    apart = [row._replace(fold=number % 2) for number, row in enumerate(rows([]))]
    write(repository, together, CROSS_VALIDATION)
    commit_all(repository, "groups of two")
    write(repository, apart, CROSS_VALIDATION)

    printed = verdict("HEAD")

    assert "note: the groups of photos differ" in printed
    assert "note: the workspace is flattered: its folds divide 20 groups of HEAD" in printed
    assert "40 photos, cross-validated, of 20 things" in printed


def test_a_sheet_shows_what_changed_where_the_photos_are(
    repository: Path, verdict: Verdict
) -> None:
    write(repository, rows(wrong=[0]))
    refused = verdict("HEAD", "--sheet", "changed.png", code=1)
    manifest = []
    for row in rows([]):
        file = repository / RAW_DIR / row.path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), "red").save(file)
        manifest.append(manifest_row(row.path)._replace(sha256=sha256_of(file)))
    write_table(repository / MANIFEST_FILE, manifest, ManifestRow)

    verdict("HEAD", "--sheet", "changed.png")

    refusals = {
        name: verdict("HEAD", "--sheet", name, code=1)
        for name in ("none/changed.png", "changed.doc")
    }
    assert "none/changed.png: no such folder" in refusals["none/changed.png"]
    assert "changed.doc: no kind of picture" in refusals["changed.doc"]
    assert "data/manifest.csv: no such file" in refused
    pixels = np.asarray(Image.open(repository / "changed.png").convert("RGB"))
    red = (pixels == [255, 0, 0]).all(axis=2).mean()
    assert red > 0.2
