import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stages import errors
from stages.feature_table import FEATURES_DIR
from stages.manifest import (
    CONFLICTS_FILE,
    MANIFEST_FILE,
    SPLIT_FILE,
    ManifestRow,
    SplitRow,
    read_table,
    write_table,
)
from stages.split.__main__ import main
from tests.feature_files import write_feature_files


def write_params(**changes: object) -> None:
    section = {
        "val": 0.1,
        "test": 0.1,
        "group_by": "perceptual",
        "max_distance": 4,
        "max_embedding_distance": 0.25,
        "on_conflict": "drop",
    } | changes
    lines = "".join(f"  {key}: {value}\n" for key, value in section.items())
    Path("params.yaml").write_text(f"seed: 42\nsplit:\n{lines}", encoding="utf-8")


def image(label: str, number: int, sha256: str = "", phash: str = "") -> ManifestRow:
    path = f"{label}/{label}_{number:03}.jpg"
    # Random hashes are far from each other.
    far = hashlib.sha256(path.encode()).hexdigest()[:16]
    checksum = hashlib.sha256((sha256 or path).encode()).hexdigest()
    return ManifestRow(path, label, 96, 96, 1000, checksum, phash or far)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[ManifestRow]:
    """A manifest of 60 images of glass and 20 of trash, none like another; params.yaml beside."""
    monkeypatch.chdir(tmp_path)
    write_params()
    rows = [image("glass", i) for i in range(60)] + [image("trash", i) for i in range(20)]
    write_table(MANIFEST_FILE, rows, ManifestRow)
    return rows


def run_stage(rows: list[ManifestRow]) -> list[SplitRow]:
    write_table(MANIFEST_FILE, rows, ManifestRow)
    main()
    return read_table(SPLIT_FILE, SplitRow)


def error_of_stage(capsys: pytest.CaptureFixture[str]) -> str:
    assert errors.run(main) == 1
    assert not SPLIT_FILE.exists()
    return capsys.readouterr().err


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
    )


def test_equal_manifests_make_equal_bytes_in_any_order(images: list[ManifestRow]) -> None:
    run_stage(images)
    first = SPLIT_FILE.read_bytes()

    header, *lines = MANIFEST_FILE.read_text().splitlines(keepends=True)
    MANIFEST_FILE.write_text(header + "".join(reversed(lines)))
    main()

    assert SPLIT_FILE.read_bytes() == first


def test_near_duplicates_share_a_split(images: list[ManifestRow]) -> None:
    views = [image("glass", 100 + i, phash=f"{0xFFFFFFFF ^ i:016x}") for i in range(10)]

    rows = run_stage(images + views)

    assert len({row.split for row in rows if row.group == "glass/glass_100.jpg"}) == 1
    assert sum(row.group == "glass/glass_100.jpg" for row in rows) == 10


def test_group_by_none_lets_identical_images_straddle(images: list[ManifestRow]) -> None:
    write_params(group_by="none")
    copies = [image("glass", 100 + i, sha256="same", phash="0" * 16) for i in range(40)]

    rows = run_stage(images + copies)

    assert all(row.group == row.path for row in rows)
    assert {row.split for row in rows if "glass_1" in row.path} == {"train", "val", "test"}


def scattered_features(count: int) -> npt.NDArray[np.float32]:
    """Features of images of which none is like another: directions in 200 dimensions."""
    random = np.random.default_rng(0)
    return random.normal(size=(count, 2, 200)).astype(np.float32)


def test_photos_of_one_object_share_a_split(images: list[ManifestRow]) -> None:
    write_params(group_by="embedding")
    features = scattered_features(80)
    # Ten photos of one bottle, and two that stand under different labels.
    features[20:30] = features[20] + 0.1 * scattered_features(10)
    features[70] = features[0]
    write_feature_files(FEATURES_DIR, features)

    rows = run_stage(images)

    groups = Counter(row.group for row in rows)
    assert {group: count for group, count in groups.items() if count > 1} == {
        "glass/glass_020.jpg": 10,
        "glass/glass_000.jpg": 2,
    }
    assert rows[70].group == "glass/glass_000.jpg"
    assert len({row.split for row in rows if row.group == "glass/glass_020.jpg"}) == 1
    assert rows[70].split == rows[0].split


def directions(degrees: list[float]) -> npt.NDArray[np.float32]:
    """Features whose distances are those of directions in a plane, `(n, 2, 2)`."""
    angles = np.radians(degrees)
    plane = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return plane[:, np.newaxis].repeat(2, axis=1)


@pytest.mark.parametrize(("max_embedding_distance", "groups"), [(0.02, 9), (0.03, 3)])
def test_max_embedding_distance_is_a_cosine_distance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_embedding_distance: float, groups: int
) -> None:
    monkeypatch.chdir(tmp_path)
    write_params(group_by="embedding", max_embedding_distance=max_embedding_distance, val=0.3)
    # Three directions a third of a turn apart, each thrice, 13 degrees between neighbours: they
    # are 1 - cos(13 degrees) = 0.0256 apart. Their mean is 0, and they spread alike both ways.
    degrees = [third + offset for third in (0.0, 120.0, 240.0) for offset in (-13.0, 0.0, 13.0)]
    write_feature_files(FEATURES_DIR, directions(degrees))

    rows = run_stage([image("glass", number) for number in range(9)])

    assert len({row.group for row in rows}) == groups


def test_features_go_by_row_of_the_manifest_whatever_was_dropped(
    images: list[ManifestRow],
) -> None:
    write_params(group_by="embedding")
    features = scattered_features(82)
    # The manifest is sorted by path: the conflict is after the 60 images of glass, and last.
    # Images 61 and 62 of it are then the first two of trash.
    features[62] = features[61]
    write_feature_files(FEATURES_DIR, features)

    rows = run_stage(images + CONFLICT)

    assert [row.path for row in rows if row.group == "trash/trash_000.jpg"] == [
        "trash/trash_000.jpg",
        "trash/trash_001.jpg",
    ]


@pytest.mark.usefixtures("images")
def test_features_of_random_weights_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_params(group_by="embedding")
    write_feature_files(FEATURES_DIR, scattered_features(80), pretrained=False)

    assert error_of_stage(capsys) == (
        "error: params.yaml: split.group_by is embedding, which needs pretrained weights: set "
        "backbone.weights to imagenet or to a file, or split.group_by to perceptual\n"
    )


@pytest.mark.usefixtures("images")
def test_features_of_other_images_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_params(group_by="embedding")
    write_feature_files(FEATURES_DIR, scattered_features(79))

    assert "data/features/features.npy: expected (80, 2, …)" in error_of_stage(capsys)


CONFLICT = [
    image("glass", 100, sha256="same", phash="0" * 16),
    image("trash", 100, sha256="same", phash="0" * 16),
]


def test_identical_images_under_different_labels_are_dropped(images: list[ManifestRow]) -> None:
    rows = run_stage(images + CONFLICT)

    assert [row.path for row in rows] == [row.path for row in images]
    checksum = hashlib.sha256(b"same").hexdigest()
    assert CONFLICTS_FILE.read_text() == (
        "path,label,sha256\n"
        f"glass/glass_100.jpg,glass,{checksum}\n"
        f"trash/trash_100.jpg,trash,{checksum}\n"
    )


def test_identical_images_under_different_labels_can_be_kept(images: list[ManifestRow]) -> None:
    write_params(on_conflict="keep")

    kept = [row for row in run_stage(images + CONFLICT) if "_100" in row.path]

    assert [row.label for row in kept] == ["glass", "trash"]
    assert {row.group for row in kept} == {"glass/glass_100.jpg"}
    assert kept[0].split == kept[1].split
    assert len(CONFLICTS_FILE.read_text().splitlines()) == 3


def test_identical_images_under_different_labels_can_fail(
    images: list[ManifestRow], capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(on_conflict="fail")
    write_table(MANIFEST_FILE, images + CONFLICT, ManifestRow)

    assert error_of_stage(capsys) == (
        "error: data/manifest.csv: 2 identical images stand under different labels: "
        "glass/glass_100.jpg = trash/trash_100.jpg; remove the wrong ones from the source, or set "
        "split.on_conflict to drop or keep\n"
    )
    assert len(CONFLICTS_FILE.read_text().splitlines()) == 3


def test_a_label_with_too_few_groups_fails(
    images: list[ManifestRow], capsys: pytest.CaptureFixture[str]
) -> None:
    alike = [image("paper", i, phash=f"{i % 2:016x}") for i in range(8)]
    write_table(MANIFEST_FILE, images + alike, ManifestRow)

    assert (
        "labels have too few groups of near-duplicates: 'paper' (8 images) is short by 2;"
        in error_of_stage(capsys)
    )


def test_a_label_with_too_few_images_fails(
    images: list[ManifestRow], capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(group_by="none")
    write_table(MANIFEST_FILE, [*images, image("paper", 1), image("paper", 2)], ManifestRow)

    assert "too few images: 'paper' (2 images) is short by 1;" in error_of_stage(capsys)


def test_a_label_of_which_all_images_were_dropped_fails(
    images: list[ManifestRow], capsys: pytest.CaptureFixture[str]
) -> None:
    both = [
        image("paper", 100, sha256="x", phash="0" * 16),
        image("glass", 100, sha256="x", phash="0" * 16),
    ]
    write_table(MANIFEST_FILE, images + both, ManifestRow)

    assert "'paper' (0 images) is short by 3;" in error_of_stage(capsys)


def test_an_empty_manifest_fails(
    images: list[ManifestRow], capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(MANIFEST_FILE, images[:0], ManifestRow)

    assert "data/manifest.csv: no images" in error_of_stage(capsys)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"val": 0.5, "test": 0.5},
            "split.test: value error, val and test leave nothing for train",
        ),
        ({"val": 0}, "split.val"),
        ({"test": 1.0}, "split.test"),
        ({"max_distance": 17}, "split.max_distance"),
        ({"max_distance": 4.5}, "split.max_distance"),
        (
            {"group_by": "perceptal"},
            "split.group_by: input should be 'perceptual', 'embedding' or 'none'",
        ),
        ({"max_embedding_distance": 1.1}, "split.max_embedding_distance"),
        ({"max_embedding_distance": -0.1}, "split.max_embedding_distance"),
        ({"on_conflict": "ignore"}, "split.on_conflict"),
        ({"vall": 0.1}, "split.vall: unknown key; did you mean 'split.val'?"),
    ],
)
@pytest.mark.usefixtures("images")
def test_wrong_parameters_are_named(
    changes: dict[str, object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(**changes)

    assert f"error: params.yaml: {message}" in error_of_stage(capsys)


def test_no_heavy_library_is_imported() -> None:
    heavy = ["tensorflow", "pandas", "sklearn", "scipy", "dvclive", "matplotlib"]
    program = (
        "import sys, stages.split.__main__; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    root = Path(errors.__file__).parents[1]

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )

    assert result.stdout == "[]\n"
