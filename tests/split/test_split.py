"""The stage from the manifest and the pairs of duplicates to the split."""

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from stages.outputs.conflicts import CONFLICTS_FILE
from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateKind, DuplicateRow
from stages.outputs.manifest import MANIFEST_FILE, ManifestRow
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.outputs.tables import read_table, write_table
from stages.params.split import SplitParams
from stages.split.__main__ import main
from stages.stage import run
from tests.table_rows import manifest_row
from waste_classifier.errors import InputError

ROOT = Path(__file__).parents[2]
SETTINGS = SplitParams(seed=42, val=0.1, test=0.1, group_by="perceptual", on_conflict="drop")


def image(label: str, number: int, content: str = "") -> ManifestRow:
    return manifest_row(f"{label}/{label}_{number:03}.jpg", content)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[ManifestRow]:
    """A manifest of 60 images of glass and 20 of trash, none like another."""
    monkeypatch.chdir(tmp_path)
    rows = [image("glass", i) for i in range(60)] + [image("trash", i) for i in range(20)]
    write_table(MANIFEST_FILE, rows, ManifestRow)
    write_pairs()
    return rows


def write_pairs(
    *pairs: tuple[ManifestRow, ManifestRow], kind: DuplicateKind = "perceptual"
) -> None:
    rows = [DuplicateRow(left.path, right.path, kind, 0) for left, right in pairs]
    write_table(DUPLICATES_FILE, rows, DuplicateRow)


def write_pairs_of(alike: list[ManifestRow], kind: DuplicateKind = "perceptual") -> None:
    """Pair each of some images with the first."""
    write_pairs(*((alike[0], other) for other in alike[1:]), kind=kind)


def run_stage(rows: list[ManifestRow], settings: SplitParams = SETTINGS) -> list[SplitRow]:
    write_table(MANIFEST_FILE, rows, ManifestRow)
    main(settings)
    return read_table(SPLIT_FILE, SplitRow)


def error_of_stage(rows: list[ManifestRow], settings: SplitParams = SETTINGS) -> str:
    with pytest.raises(InputError) as caught:
        run_stage(rows, settings)
    assert not SPLIT_FILE.exists()
    return str(caught.value)


def with_settings(**changes: object) -> SplitParams:
    return SETTINGS.model_copy(update=changes)


def test_every_image_gets_a_split(
    images: list[ManifestRow], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = run_stage(images)

    assert [row.path for row in rows] == [row.path for row in images]
    assert Counter((row.label, row.split) for row in rows) == {
        ("glass", "train"): 48,
        ("glass", "val"): 6,
        ("glass", "test"): 6,
        ("trash", "train"): 16,
        ("trash", "val"): 2,
        ("trash", "test"): 2,
    }
    assert CONFLICTS_FILE.read_text() == "path,label,sha256\n"
    assert capsys.readouterr().out == (
        "label   train     val    test     all\n"
        "glass      48       6       6      60\n"
        "trash      16       2       2      20\n"
        "all        64       8       8      80\n"
        "80 images in 80 groups; 0 identical images under different labels, 0 images dropped\n"
        "0 groups hold several labels, 0 images in all, 0 in the largest\n"
    )


def test_equal_inputs_make_equal_bytes(images: list[ManifestRow]) -> None:
    run_stage(images)
    first = SPLIT_FILE.read_bytes()

    run_stage(images[::-1])

    assert SPLIT_FILE.read_bytes() == first


def test_another_seed_splits_otherwise(images: list[ManifestRow]) -> None:
    run_stage(images)
    first = SPLIT_FILE.read_bytes()

    run_stage(images, with_settings(seed=43))

    assert SPLIT_FILE.read_bytes() != first


def test_near_duplicates_share_a_split(images: list[ManifestRow]) -> None:
    views = [image("glass", 100 + i) for i in range(10)]
    write_pairs_of(views)

    rows = run_stage(images + views)

    assert len({row.split for row in rows if row.group == "glass/glass_100.jpg"}) == 1
    assert sum(row.group == "glass/glass_100.jpg" for row in rows) == 10


def test_group_by_none_lets_identical_images_straddle(images: list[ManifestRow]) -> None:
    copies = [image("glass", 100 + i, content="same") for i in range(40)]
    write_pairs_of(copies)

    rows = run_stage(images + copies, with_settings(group_by="none"))

    assert all(row.group == row.path for row in rows)
    assert {row.split for row in rows if "glass_1" in row.path} == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("group_by", "together"),
    [("embedding", {"glass/glass_020.jpg": 10}), ("perceptual", {})],
)
def test_photos_of_one_object_share_a_split_where_that_is_asked_for(
    images: list[ManifestRow], group_by: str, together: dict[str, int]
) -> None:
    write_pairs_of(images[20:30], kind="embedding")

    rows = run_stage(images, with_settings(group_by=group_by))

    groups = Counter(row.group for row in rows)
    assert {group: count for group, count in groups.items() if count > 1} == together
    for group in together:
        assert len({row.split for row in rows if row.group == group}) == 1


@pytest.mark.parametrize(
    ("kind", "group_by", "knob"),
    [
        ("perceptual", "perceptual", "lower duplicates.max_perceptual_distance\n"),
        (
            "embedding",
            "embedding",
            "lower duplicates.max_embedding_distance or duplicates.max_perc",
        ),
    ],
)
def test_many_groups_of_several_labels_are_warned_of(
    images: list[ManifestRow],
    kind: DuplicateKind,
    group_by: str,
    knob: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Of glass and trash: one group of three, which is more than 3 of 100 images.
    write_pairs((images[0], images[70]), (images[1], images[70]), kind=kind)

    run_stage(images, with_settings(group_by=group_by))

    printed = capsys.readouterr()
    assert "1 groups hold several labels, 3 images in all, 3 in the largest\n" in printed.out
    assert printed.err.startswith("warning: 3 of 80 images stand in groups of several labels")
    assert knob in printed.err


def test_few_groups_of_several_labels_are_told_only(
    images: list[ManifestRow], capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs((images[0], images[70]))

    run_stage(images)

    printed = capsys.readouterr()
    assert "1 groups hold several labels, 2 images in all, 2 in the largest\n" in printed.out
    assert printed.err == ""


def test_images_of_one_group_may_have_different_labels(images: list[ManifestRow]) -> None:
    write_pairs((images[0], images[70]))

    rows = run_stage(images)

    assert (rows[0].label, rows[70].label) == ("glass", "trash")
    assert rows[70].group == rows[0].group == "glass/glass_000.jpg"
    assert rows[70].split == rows[0].split


CONFLICT = [image("glass", 100, content="same"), image("trash", 100, content="same")]


def test_identical_images_under_different_labels_are_dropped(images: list[ManifestRow]) -> None:
    rows = run_stage(images + CONFLICT)

    assert [row.path for row in rows] == [row.path for row in images]
    checksum = hashlib.sha256(b"same").hexdigest()
    assert CONFLICTS_FILE.read_text() == (
        "path,label,sha256\n"
        f"glass/glass_100.jpg,glass,{checksum}\n"
        f"trash/trash_100.jpg,trash,{checksum}\n"
    )


def test_a_dropped_image_still_connects_those_that_are_like_it(images: list[ManifestRow]) -> None:
    # 0 is like the dropped one, which is like 1: all three show one thing.
    write_pairs((images[0], CONFLICT[0]), (images[1], CONFLICT[0]))

    rows = run_stage(images + CONFLICT)

    assert [row.path for row in rows] == [row.path for row in images]
    assert rows[0].group == rows[1].group == "glass/glass_000.jpg"


def test_a_group_of_which_the_first_was_dropped_is_named_by_another(
    images: list[ManifestRow],
) -> None:
    first = [image("glass", 0, content="same"), image("trash", 0, content="same")]
    others = [row for row in images if not row.path.endswith("_000.jpg")]
    write_pairs((first[0], others[0]), (first[0], others[1]))

    rows = run_stage(first + others)

    assert rows[0].group == rows[1].group == "glass/glass_001.jpg"


def test_identical_images_under_different_labels_can_be_kept(images: list[ManifestRow]) -> None:
    write_pairs((CONFLICT[0], CONFLICT[1]))

    rows = run_stage(images + CONFLICT, with_settings(on_conflict="keep"))

    kept = [row for row in rows if "_100" in row.path]
    assert [row.label for row in kept] == ["glass", "trash"]
    assert {row.group for row in kept} == {"glass/glass_100.jpg"}
    assert kept[0].split == kept[1].split
    assert len(CONFLICTS_FILE.read_text().splitlines()) == 3


def test_identical_images_under_different_labels_can_fail(images: list[ManifestRow]) -> None:
    assert error_of_stage(images + CONFLICT, with_settings(on_conflict="fail")) == (
        "data/manifest.csv: 2 identical images stand under different labels: "
        "glass/glass_100.jpg = trash/trash_100.jpg; remove the wrong ones from the source, or set "
        "split.on_conflict to drop or keep"
    )
    assert len(CONFLICTS_FILE.read_text().splitlines()) == 3


def test_a_label_with_too_few_groups_fails(images: list[ManifestRow]) -> None:
    paper = [image("paper", i) for i in range(8)]
    # Two groups: of even and of odd numbers.
    write_pairs(*((paper[i % 2], paper[i]) for i in range(2, 8)))

    error = error_of_stage(images + paper)

    assert "too few groups of near-duplicates: 'paper' (8 images) is short by 1;" in error
    assert "lower duplicates.max_perceptual_distance where images that differ" in error


def test_a_label_with_too_few_images_fails(images: list[ManifestRow]) -> None:
    rows = [*images, image("paper", 1), image("paper", 2)]

    assert "too few images: 'paper' (2 images) is short by 1;" in error_of_stage(
        rows, with_settings(group_by="none")
    )


def test_a_label_of_which_all_images_were_dropped_fails(images: list[ManifestRow]) -> None:
    both = [image("paper", 100, content="x"), image("glass", 100, content="x")]

    assert "'paper' (0 images) is short by 3;" in error_of_stage(images + both)


@pytest.mark.usefixtures("images")
def test_an_empty_manifest_fails() -> None:
    assert "data/manifest.csv: no images" in error_of_stage([])


def test_missing_pairs_say_how_to_make_them(images: list[ManifestRow]) -> None:
    DUPLICATES_FILE.unlink()

    assert "data/duplicates.csv: no such file; run `dvc repro`" in error_of_stage(images)


def test_pairs_of_other_images_are_refused(images: list[ManifestRow]) -> None:
    write_pairs((images[0], image("glass", 100)))

    assert error_of_stage(images) == (
        "data/duplicates.csv: glass/glass_100.jpg is not in data/manifest.csv; run `dvc repro` to "
        "make the tables anew"
    )


def test_parameters_come_from_the_section(
    images: list[ManifestRow], capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(MANIFEST_FILE, images + CONFLICT, ManifestRow)
    section = SETTINGS.model_dump() | {"on_conflict": "fail"}
    lines = "".join(f"  {key}: {value}\n" for key, value in section.items())
    Path("params.yaml").write_text(f"split:\n{lines}")

    assert run("split", SplitParams, main) == 1
    assert "set split.on_conflict to drop or keep" in capsys.readouterr().err


def test_no_heavy_library_is_imported() -> None:
    heavy = ["tensorflow", "pandas", "sklearn", "dvclive", "matplotlib", "PIL"]
    program = (
        "import sys, stages.split.__main__; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stdout == "[]\n"
