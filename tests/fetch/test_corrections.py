"""Labels that people decided on: what comes under them, by what name, and what is refused."""

import shutil
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.fetch.corrections import correct_labels, read_decisions
from stages.fetch.layout import ImageFiles, find_images
from stages.outputs.manifest import MANIFEST_FILE, Manifest, ManifestRow
from stages.outputs.tables import read_table
from stages.split.conflicts import find_conflicts
from tests.damaged import damaged_bytes, damaged_table
from tests.fetch.conftest import Run, RunFetch, SaveImage, outputs
from waste_classifier.checksum import sha256_of
from waste_classifier.corrections import Correction, write_corrections
from waste_classifier.errors import InputError
from waste_classifier.page.review import Review

TABLE = Path("corrections.csv")

Correct = Callable[..., Run]


def decided(path: str, to: str, **changes: str) -> Correction:
    """Return the decision on a photo of the folder `photos`, changed by the arguments."""
    file = Path("photos") / path
    checksum = sha256_of(file) if file.is_file() else "0" * 64
    return Correction(path, checksum, path.partition("/")[0], to)._replace(**changes)


@pytest.fixture
def correct(run_fetch: RunFetch) -> Correct:
    """Run the stage with a table of these decisions."""

    def run(*decisions: Correction, **changes: object) -> Run:
        write_corrections(Path("decided.csv"), decisions)
        return run_fetch(corrections="decided.csv", **changes)

    return run


def fetched() -> dict[str, str]:
    """Return the label of each image of the manifest by its path, and check the files."""
    rows = read_table(MANIFEST_FILE, ManifestRow)
    for row in rows:
        assert sha256_of(Path("data/raw") / row.path) == row.sha256
    assert sum(file.is_file() for file in Path("data/raw").rglob("*")) == len(rows)
    return {row.path: row.label for row in rows}


@pytest.mark.usefixtures("photos")
def test_a_photo_comes_under_the_label_decided_on(correct: Correct) -> None:
    run = correct(decided("glass/2.png", "paper"), decided("paper/1.jpg", "paper"))

    assert run.code == 0
    assert fetched() == {"glass/1.jpg": "glass", "paper/1.jpg": "paper", "paper/2.png": "paper"}
    assert run.out == (
        "glass       1\npaper       2\n3 images of 2 labels, 0 rejected\n"
        "labels corrected by decided.csv: 1 applied, 1 kept, 0 already done\n"
    )
    # The photos themselves stay as they are.
    assert Path("photos/glass/2.png").exists()


@pytest.mark.usefixtures("photos")
def test_the_same_table_gives_the_same_bytes(correct: Correct) -> None:
    decision = decided("glass/1.jpg", "paper")
    correct(decision)
    before = outputs()
    correct(decision)
    assert outputs() == before


@pytest.mark.usefixtures("photos")
def test_a_table_without_rows_changes_and_says_nothing(run_fetch: RunFetch) -> None:
    run = run_fetch()
    assert run.code == 0
    assert "corrected" not in run.out
    assert list(fetched()) == ["glass/1.jpg", "glass/2.png", "paper/1.jpg"]


def test_an_archive_is_corrected_too(photos: Path, correct: Correct) -> None:
    with zipfile.ZipFile("photos.zip", "w") as archive:
        for file in photos.rglob("*.*"):
            archive.write(file, f"set/{file.relative_to(photos)}")

    run = correct(decided("glass/2.png", "paper"), path="photos.zip")

    assert run.code == 0
    assert list(fetched()) == ["glass/1.jpg", "paper/1.jpg", "paper/2.png"]


def test_corrected_photos_stand_sorted_in_shards(
    photos: Path, save_image: SaveImage, correct: Correct
) -> None:
    save_image(photos / "metal/1.jpg", seed=8)
    save_image(photos / "metal/3.jpg", seed=9)
    shutil.make_archive("photos", "tar", photos)
    decisions = [
        decided("glass/2.png", "metal"),
        decided("metal/3.jpg", "glass"),
        decided("paper/1.jpg", "glass"),
        decided("glass/1.jpg", "paper"),
    ]

    assert correct(*decisions, path="photos.tar", shard_images=2).code == 0

    came_from = {row.sha256: row.path for row in decisions}
    assert [
        (row.path, row.shard, came_from.get(row.sha256))
        for row in read_table(MANIFEST_FILE, ManifestRow)
    ] == [
        ("glass/1.jpg", "000000.tar", "paper/1.jpg"),
        ("glass/3.jpg", "000000.tar", "metal/3.jpg"),
        ("metal/1.jpg", "000001.tar", None),
        ("metal/2.png", "000001.tar", "glass/2.png"),
        ("paper/1.jpg", "000002.tar", "glass/1.jpg"),
    ]


@pytest.mark.usefixtures("workspace")
def test_the_sample_is_corrected_too(correct: Correct) -> None:
    correct(source="sample")
    first = read_table(MANIFEST_FILE, ManifestRow)[0]
    assert first.label == "cardboard"

    run = correct(Correction(first.path, first.sha256, "cardboard", "trash"), source="sample")

    assert run.code == 0
    name = first.path.partition("/")[2]
    assert fetched()[f"trash/{name}"] == "trash"
    assert first.path not in fetched()
    assert "1 applied, 0 kept, 0 already done" in run.out


# --- names -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("photos")
def test_a_name_that_is_taken_gets_a_part_of_the_checksum(correct: Correct) -> None:
    decision = decided("glass/1.jpg", "paper")

    assert correct(decision).code == 0

    assert list(fetched()) == ["glass/2.png", "paper/1.jpg", f"paper/1_{decision.sha256[:8]}.jpg"]
    assert sha256_of(Path("data/raw/paper/1.jpg")) == sha256_of(Path("photos/paper/1.jpg"))


def test_a_name_that_differs_in_case_alone_is_taken(
    photos: Path, save_image: SaveImage, correct: Correct
) -> None:
    save_image(photos / "paper/2.PNG")
    decision = decided("glass/2.png", "paper")

    assert correct(decision).code == 0

    assert f"paper/2_{decision.sha256[:8]}.png" in fetched()


@pytest.mark.usefixtures("photos")
def test_photos_that_change_places_keep_their_names(correct: Correct) -> None:
    assert correct(decided("glass/1.jpg", "paper"), decided("paper/1.jpg", "glass")).code == 0

    assert list(fetched()) == ["glass/1.jpg", "glass/2.png", "paper/1.jpg"]
    assert sha256_of(Path("data/raw/paper/1.jpg")) == sha256_of(Path("photos/glass/1.jpg"))
    assert sha256_of(Path("data/raw/glass/1.jpg")) == sha256_of(Path("photos/paper/1.jpg"))


def test_of_two_that_come_by_one_name_the_first_path_keeps_it(
    photos: Path, save_image: SaveImage, correct: Correct
) -> None:
    save_image(photos / "metal/0.jpg", seed=8)
    save_image(photos / "paper/2.png", seed=9)
    second = decided("paper/2.png", "metal")

    assert correct(decided("glass/2.png", "metal"), second).code == 0

    assert [path for path in fetched() if path.startswith("metal")] == [
        "metal/0.jpg",
        "metal/2.png",
        f"metal/2_{second.sha256[:8]}.png",
    ]
    assert sha256_of(Path("data/raw/metal/2.png")) == sha256_of(Path("photos/glass/2.png"))


def test_identical_photos_of_one_name_may_come_to_one_label(
    photos: Path, save_image: SaveImage, correct: Correct
) -> None:
    save_image(photos / "metal/1.jpg", seed=8)
    save_image(photos / "paper/0.jpg", seed=9)
    shutil.copy(photos / "glass/1.jpg", photos / "paper/1.jpg")
    first, second = decided("glass/1.jpg", "metal"), decided("paper/1.jpg", "metal")

    assert correct(first, second).code == 0

    assert [path for path in fetched() if path.startswith("metal")] == [
        "metal/1.jpg",
        f"metal/1_{first.sha256[:8]}.jpg",
        f"metal/1_{first.sha256[:16]}.jpg",
    ]


def test_where_no_name_is_free_the_photo_is_named(
    photos: Path, save_image: SaveImage, correct: Correct
) -> None:
    name = "n" * 250 + ".jpg"  # a part of a checksum makes it longer than names may be
    save_image(photos / "glass" / name, seed=8)
    save_image(photos / "paper" / name, seed=9)

    run = correct(decided(f"glass/{name}", "paper"))

    assert run.code == 1
    assert run.err == (
        f"error: decided.csv:\n  glass/{name}: no free name for it under 'paper'; rename the "
        "photo\n"
    )


def test_decisions_are_found_in_either_unicode_form(
    photos: Path, save_image: SaveImage, correct: Correct
) -> None:
    accented = "m\u00e9tal"
    save_image(photos / accented / "1.png", seed=8)
    decomposed = unicodedata.normalize("NFD", accented)

    assert correct(decided("glass/2.png", decomposed)).code == 0

    assert f"{accented}/2.png" in fetched()


# --- photos that are where they belong already -------------------------------------------------


@pytest.mark.parametrize("name", ["2.png", "renamed.png"])
def test_a_photo_that_was_moved_by_hand_is_already_done(
    photos: Path, correct: Correct, name: str
) -> None:
    decision = decided("glass/2.png", "paper")
    (photos / "glass/2.png").rename(photos / "paper" / name)

    run = correct(decision)

    assert run.code == 0
    assert list(fetched()) == ["glass/1.jpg", "paper/1.jpg", f"paper/{name}"]
    assert "0 applied, 0 kept, 1 already done\n" in run.out


def test_another_photo_may_have_taken_the_place_of_one_that_was_moved(
    photos: Path, save_image: SaveImage, correct: Correct
) -> None:
    decision = decided("glass/2.png", "paper")
    (photos / "glass/2.png").rename(photos / "paper/2.png")
    save_image(photos / "glass/2.png", seed=9)

    assert "1 already done" in correct(decision).out
    assert list(fetched()) == ["glass/1.jpg", "glass/2.png", "paper/1.jpg", "paper/2.png"]


@pytest.mark.usefixtures("photos")
def test_what_was_fetched_is_a_source_on_which_all_is_done(correct: Correct) -> None:
    decisions = [decided("glass/1.jpg", "paper"), decided("paper/1.jpg", "paper")]
    correct(*decisions)
    corrected = fetched()
    shutil.copytree("data/raw", "tidy")

    run = correct(*decisions, path="tidy")

    assert "0 applied, 1 kept, 1 already done\n" in run.out
    assert fetched() == corrected


def test_identical_photos_under_two_labels_are_brought_together(
    photos: Path, correct: Correct
) -> None:
    shutil.copy(photos / "glass/2.png", photos / "paper/2.png")
    correct()
    assert len(find_conflicts(Manifest())) == 2
    decision = decided("glass/2.png", "paper")

    correct(decision)

    assert find_conflicts(Manifest()) == {}
    assert [path for path, label in fetched().items() if label == "paper"] == [
        "paper/1.jpg",
        "paper/2.png",
        f"paper/2_{decision.sha256[:8]}.png",
    ]


def test_identical_photos_that_come_apart_are_a_conflict(photos: Path, correct: Correct) -> None:
    shutil.copy(photos / "glass/2.png", photos / "glass/3.png")

    assert correct(decided("glass/2.png", "paper")).code == 0

    conflicts = find_conflicts(Manifest()).values()
    assert [row.path for row in conflicts] == ["glass/3.png", "paper/2.png"]


@pytest.mark.usefixtures("photos")
def test_expected_counts_are_of_what_was_received(correct: Correct) -> None:
    decision = decided("glass/2.png", "paper")
    assert correct(decision, expected_counts={"glass": 2, "paper": 1}).code == 0

    run = correct(decision, expected_counts={"glass": 1, "paper": 2})

    assert run.code == 1
    assert "glass: expected 1, got 2\n  paper: expected 2, got 1\n" in run.err


def test_a_photo_that_was_moved_and_is_refused_is_not_counted(
    photos: Path, correct: Correct
) -> None:
    (photos / "glass/bad.jpg").write_text("no image")

    run = correct(
        decided("glass/bad.jpg", "paper"),
        max_rejected=1,
        expected_counts={"glass": 2, "paper": 1},
    )

    assert run.code == 0
    assert "1 rejected" in run.out


# --- refused -----------------------------------------------------------------------------------

ABSENT = (
    "no such photo in photos, nor this one elsewhere under 'paper'; take the row out, or write the "
    "path that the photo has now"
)


def elsewhere(label: str) -> str:
    return (
        f"not the path of a photo under '{label}', as `from` has it; mend one of the two, as in "
        "glass/1.jpg and glass"
    )


@pytest.mark.parametrize(
    ("path", "changes", "problem"),
    [
        ("glass/3.jpg", {}, ABSENT),
        ("glass/1.JPG", {}, ABSENT),
        ("glass/aux.jpg", {}, ABSENT),
        (r"glass/..\paper\1.jpg", {}, ABSENT),
        ("glass/../paper/1.jpg", {}, elsewhere("glass")),
        ("../glass/1.jpg", {}, elsewhere("..")),
        ("/photos/glass/1.jpg", {}, elsewhere("")),
        ("photos/glass/1.jpg", {"from_label": "glass"}, elsewhere("glass")),
        (r"glass\1.jpg", {"from_label": "glass"}, elsewhere("glass")),
        ("glass", {}, elsewhere("glass")),
        ("glass/", {}, elsewhere("glass")),
        ("", {}, elsewhere("")),
        ("glass/1.jpg", {"from_label": "paper"}, elsewhere("paper")),
        (
            "glass/1.jpg",
            {"to_label": "papier"},
            "no label 'papier' among the photos; did you mean 'paper'?",
        ),
        (
            "glass/1.jpg",
            {"to_label": "Paper"},
            "no label 'Paper' among the photos; did you mean 'paper'?",
        ),
        ("glass/1.jpg", {"to_label": ""}, "no label '' among the photos; known are glass, paper"),
        (
            "glass/1.jpg",
            {"to_label": "../x"},
            "no label '../x' among the photos; known are glass, paper",
        ),
        (
            "glass/1.jpg",
            {"to_label": "con"},
            "no label 'con' among the photos; known are glass, paper",
        ),
    ],
)
@pytest.mark.usefixtures("photos")
def test_a_row_that_does_not_fit_is_named(
    run_fetch: RunFetch,
    correct: Correct,
    path: str,
    changes: dict[str, str],
    problem: str,
) -> None:
    run_fetch()
    before = outputs()

    run = correct(decided(path, "paper", **changes))

    assert run.code == 1
    assert run.err == f"error: decided.csv:\n  {path}: {problem}\n"
    assert outputs() == before


def test_a_photo_that_changed_since_is_named(
    photos: Path, save_image: SaveImage, correct: Correct
) -> None:
    decision = decided("glass/1.jpg", "glass")
    now = sha256_of(save_image(photos / "glass/1.jpg", seed=9))

    run = correct(decision)

    assert run.code == 1
    assert run.err == (
        f"error: decided.csv:\n  glass/1.jpg: another photo than was decided on (SHA-256 {now}, "
        f"not {decision.sha256}); take the row out, and decide again\n"
    )
    assert outputs() == {}


def test_identical_photos_that_belong_under_two_labels_are_named(
    photos: Path, correct: Correct
) -> None:
    shutil.copy(photos / "glass/1.jpg", photos / "paper/9.jpg")

    run = correct(decided("glass/1.jpg", "paper"), decided("paper/9.jpg", "glass"))

    assert run.code == 1
    assert run.err == (
        "error: decided.csv:\n  paper/9.jpg: identical with glass/1.jpg, but that belongs under "
        "'paper' and this under 'glass'; decide on one label for both\n"
    )


@pytest.mark.usefixtures("photos")
def test_a_label_keeps_a_photo(correct: Correct) -> None:
    run = correct(decided("glass/1.jpg", "paper"), decided("glass/2.png", "paper"))

    assert run.code == 1
    assert run.err == (
        "error: decided.csv:\n  glass: its last photos would leave this label; keep one, or take "
        "the folder out of photos and its rows out of the table\n"
    )


@pytest.mark.usefixtures("photos")
def test_all_rows_that_do_not_fit_are_named_at_once(correct: Correct) -> None:
    rows = [decided(f"glass/x{number}.gif", "paper") for number in range(30)]

    run = correct(*rows, decided("glass/1.jpg", "metall"))

    lines = run.err.splitlines()
    assert lines[1] == "  glass/1.jpg: no label 'metall' among the photos; known are glass, paper"
    assert len(lines) == 22
    assert lines[-1] == "  and 11 more"


@pytest.mark.usefixtures("photos")
def test_a_table_that_is_not_there_is_named(run_fetch: RunFetch) -> None:
    run = run_fetch(corrections="none.csv")
    assert run.code == 1
    assert run.err == (
        "error: fetch.corrections: none.csv: no such file; bring it back (`git checkout`), or make "
        "one of a single line, path,sha256,from,to, which corrects nothing\n"
    )


@pytest.mark.usefixtures("photos")
def test_another_table_is_refused(run_fetch: RunFetch) -> None:
    Path("labels.csv").write_text("path,label\nglass/1.jpg,paper\n")
    run = run_fetch(corrections="labels.csv")
    assert run.code == 1
    assert run.err.startswith("error: labels.csv: not a table with the columns path, sha256, from")
    assert outputs() == {}


@pytest.mark.usefixtures("photos")
def test_a_table_that_changes_while_it_is_read_is_not_used(
    run_fetch: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decide_and_correct(
        images: ImageFiles, decisions: list[Correction], table: str, origin: str
    ) -> object:
        write_corrections(TABLE, [decided("glass/1.jpg", "glass")])
        return correct_labels(images, decisions, table, origin)

    monkeypatch.setattr("stages.fetch.__main__.correct_labels", decide_and_correct)
    run = run_fetch()

    assert run.code == 1
    assert run.err == (
        "error: fetch.corrections: corrections.csv changed while it was read; run again when "
        "nothing writes there\n"
    )
    assert outputs() == {}


def test_any_table_is_applied_whole_or_refused_with_a_message(
    photos: Path, save_image: SaveImage
) -> None:
    save_image(photos / "metal/1.jpg", seed=7)
    images = find_images(photos, "photos").images
    rows = [
        decided("glass/1.jpg", "metal"),
        decided("glass/2.png", "glass"),
        decided("paper/1.jpg", "metal", sha256=sha256_of(photos / "metal/1.jpg")),
    ]
    write_corrections(TABLE, rows)
    content = TABLE.read_bytes()

    @settings(max_examples=200, derandomize=True, deadline=None, database=None)
    @given(st.one_of(damaged_bytes(content), *(3 * [damaged_table(content)])))
    def correct_with(damaged: bytes) -> None:
        TABLE.write_bytes(damaged)
        try:
            corrected = correct_labels(images, read_decisions(str(TABLE)), "table", "photos")
        except InputError as error:
            assert str(error)
            return
        assert sorted(image.source for image in corrected.images) == sorted(
            image.source for image in images
        )
        assert {image.label for image in corrected.images} == {"glass", "metal", "paper"}
        paths = [image.path for image in corrected.images]
        assert paths == sorted(set(paths))

    correct_with()


# --- from the page, and back -------------------------------------------------------------------


def review_of(errors: str) -> Review:
    Path("label_errors.csv").write_text(f"path,label,suggested_label,quality\n{errors}")
    review = Review.load(Path("label_errors.csv"), Path("data/raw"), Path("decided.csv"))
    assert review is not None
    return review


@pytest.mark.usefixtures("photos")
def test_what_is_decided_on_the_page_is_applied(run_fetch: RunFetch) -> None:
    run_fetch()
    review = review_of("glass/1.jpg,glass,paper,0.1\nglass/2.png,glass,paper,0.2\n")
    review.decide(0, accept=True, seen=None)
    review.decide(1, accept=False, seen=None)

    run = run_fetch(corrections="decided.csv")

    assert "1 applied, 1 kept, 0 already done\n" in run.out
    moved = f"paper/1_{sha256_of(Path('photos/glass/1.jpg'))[:8]}.jpg"
    assert list(fetched()) == ["glass/2.png", "paper/1.jpg", moved]
    # The photo that has moved is shown with the decision, from either table of label errors.
    for review in (
        review_of("glass/1.jpg,glass,paper,0.1\n"),
        review_of(f"{moved},paper,glass,0.3\n"),
    ):
        shown = review.html(0)
        assert "1 decided" in shown
        assert "<img" in shown
        assert "<dd>is paper</dd>" in shown


@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.usefixtures("photos")
def test_a_photo_that_has_moved_can_be_decided_on_again(run_fetch: RunFetch, accept: bool) -> None:
    run_fetch()
    review_of("glass/1.jpg,glass,paper,0.1\n").decide(0, accept=True, seen=None)
    run_fetch(corrections="decided.csv")
    moved = f"paper/1_{sha256_of(Path('photos/glass/1.jpg'))[:8]}.jpg"

    review_of(f"{moved},paper,glass,0.3\n").decide(0, accept=accept, seen="paper")
    run = run_fetch(corrections="decided.csv")

    assert run.code == 0
    assert ("0 applied, 1 kept" if accept else "1 applied, 0 kept") in run.out
    assert ("glass/1.jpg" in fetched()) == accept


@pytest.mark.usefixtures("photos")
def test_a_photo_that_came_to_the_name_of_another_has_its_own_decision(run_fetch: RunFetch) -> None:
    run_fetch()
    both = "glass/1.jpg,glass,paper,0.1\npaper/1.jpg,paper,glass,0.2\n"
    review = review_of(both)
    review.decide(0, accept=True, seen=None)
    review.decide(1, accept=True, seen=None)
    run_fetch(corrections="decided.csv")

    # They have changed places, and the names are what they were.
    review = review_of("glass/1.jpg,glass,paper,0.1\n")
    assert "<dd>is glass</dd>" in review.html(0)
    review.decide(0, accept=True, seen="glass")

    assert review.corrections.read_text().splitlines()[1:] == [
        f"glass/1.jpg,{sha256_of(Path('photos/glass/1.jpg'))},glass,paper",
        f"paper/1.jpg,{sha256_of(Path('photos/paper/1.jpg'))},paper,paper",
    ]
