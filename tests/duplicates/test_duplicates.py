"""The stage from the manifest and the features to the pairs of images that show the same thing."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stages.duplicates.__main__ import main
from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateRow
from stages.outputs.features import FEATURES_DIR, SHARD_IMAGES
from stages.outputs.manifest import MANIFEST_FILE, Manifest, ManifestRow
from stages.outputs.tables import read_table, write_table
from stages.params.duplicates import DuplicatesParams
from stages.stage import run
from tests.feature_files import write_feature_files
from tests.table_rows import manifest_row
from waste_classifier.errors import InputError

SETTINGS = DuplicatesParams(max_perceptual_distance=2, max_embedding_distance=0.03)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_inputs(
    rows: list[ManifestRow], features: npt.NDArray[np.float32], pretrained: bool = True
) -> None:
    write_table(MANIFEST_FILE, rows, ManifestRow)
    write_feature_files(FEATURES_DIR, Manifest(), features, pretrained)


def directions(degrees: list[float]) -> npt.NDArray[np.float32]:
    """Features whose distances are those of directions in a plane, `(n, 2, 2)`."""
    angles = np.radians(degrees)
    plane = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return plane[:, np.newaxis].repeat(2, axis=1)


def scattered(count: int) -> npt.NDArray[np.float32]:
    """Features of images of which none is like another: directions in 200 dimensions."""
    random = np.random.default_rng(0)
    return random.normal(size=(count, 2, 200)).astype(np.float32)


def test_near_duplicates_differ_in_few_bits() -> None:
    hashes = {"a/1.jpg": 0b0111, "a/2.jpg": 0b0000, "b/1.jpg": 0b0111, "b/2.jpg": 0b0110}
    rows = [manifest_row(path, phash=f"{phash:016x}") for path, phash in hashes.items()]
    write_inputs(rows, scattered(4))

    main(SETTINGS)

    # Of the two that are equal, the first alone stands for both.
    assert DUPLICATES_FILE.read_text() == (
        "path,other_path,kind,distance\n"
        "a/1.jpg,b/1.jpg,perceptual,0\n"
        "a/1.jpg,b/2.jpg,perceptual,1\n"
        "a/2.jpg,b/2.jpg,perceptual,2\n"
    )


def test_similar_images_lie_in_almost_one_direction() -> None:
    # Three directions a third of a turn apart, each thrice, 13 degrees between neighbours: they
    # are 1 - cos(13 degrees) = 0.0256 apart. Their mean is 0, and they spread alike both ways.
    degrees = [third + offset for third in (0.0, 120.0, 240.0) for offset in (-13.0, 0.0, 13.0)]
    paths = [f"glass/{number}.jpg" for number in range(9)]
    write_inputs([manifest_row(path) for path in paths], directions(degrees))

    main(SETTINGS)
    near = read_table(DUPLICATES_FILE, DuplicateRow)
    main(SETTINGS.model_copy(update={"max_embedding_distance": 0.02}))
    nearer = read_table(DUPLICATES_FILE, DuplicateRow)

    neighbours = [(0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8)]
    assert near == [
        DuplicateRow(paths[left], paths[right], "embedding", 0.0256) for left, right in neighbours
    ]
    assert nearer == []


def test_both_kinds_stand_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [manifest_row(f"a/{number}.jpg", phash=f"{number // 2:016x}") for number in range(4)]
    features = scattered(4)
    features[3] = features[0]
    write_inputs(rows, features)

    main(SETTINGS)

    # Hashes 0, 0, 1, 1: the first of each differ in a bit.
    assert read_table(DUPLICATES_FILE, DuplicateRow) == [
        ("a/0.jpg", "a/1.jpg", "perceptual", 0),
        ("a/0.jpg", "a/2.jpg", "perceptual", 1),
        ("a/0.jpg", "a/3.jpg", "embedding", 0),
        ("a/2.jpg", "a/3.jpg", "perceptual", 0),
    ]
    assert capsys.readouterr().out == "3 pairs of near-duplicates\n1 pairs of similar images\n"


def test_random_weights_say_nothing_of_what_images_show(
    capsys: pytest.CaptureFixture[str],
) -> None:
    features = scattered(4)
    features[3] = features[0]
    write_inputs(
        [manifest_row(f"a/{number}.jpg") for number in range(4)], features, pretrained=False
    )

    main(SETTINGS)

    assert read_table(DUPLICATES_FILE, DuplicateRow) == []
    assert "random weights: similar images were not sought" in capsys.readouterr().out


def test_similar_images_are_found_in_whatever_shard_they_are() -> None:
    count = SHARD_IMAGES + 3
    features = scattered(count)
    features[count - 1] = features[5]
    write_inputs([manifest_row(f"a/{number:03}.jpg") for number in range(count)], features)

    main(SETTINGS)

    (pair,) = read_table(DUPLICATES_FILE, DuplicateRow)
    assert pair[:3] == ("a/005.jpg", f"a/{count - 1}.jpg", "embedding")


def test_equal_inputs_make_equal_bytes() -> None:
    rows = [manifest_row(f"a/{number}.jpg", phash=f"{number // 2:016x}") for number in range(6)]
    write_inputs(rows, scattered(6))

    main(SETTINGS)
    first = DUPLICATES_FILE.read_bytes()
    main(SETTINGS)

    assert DUPLICATES_FILE.read_bytes() == first


def test_features_of_other_images_are_refused() -> None:
    rows = [manifest_row(f"a/{number}.jpg") for number in range(3)]
    write_inputs(rows, scattered(3))
    write_table(MANIFEST_FILE, [rows[0], rows[2]], ManifestRow)

    with pytest.raises(InputError, match=r"00000\.npy: row 1 is not of a/2\.jpg as the manifest"):
        main(SETTINGS)

    assert not DUPLICATES_FILE.exists()


def test_parameters_come_from_the_section(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [manifest_row("a/1.jpg", phash="0" * 16), manifest_row("a/2.jpg", phash="f" * 16)]
    write_inputs(rows, scattered(2))
    section = "  max_perceptual_distance: 16\n  max_embedding_distance: 1.1\n"
    Path("params.yaml").write_text(f"duplicates:\n{section}")

    assert run("duplicates", DuplicatesParams, main) == 1
    assert "duplicates.max_embedding_distance: input should be" in capsys.readouterr().err

    Path("params.yaml").write_text(f"duplicates:\n{section.replace('1.1', '0.1')}")
    assert run("duplicates", DuplicatesParams, main) == 0


def test_of_identical_images_the_first_alone_has_similar_ones() -> None:
    # Three are one file; the fourth is another photo of the same thing.
    contents = {"a/0.jpg": "one", "a/1.jpg": "one", "b/0.jpg": "one", "b/1.jpg": "another"}
    rows = [
        manifest_row(path, content, phash=f"{0 if content == 'one' else 2**64 - 1:016x}")
        for path, content in contents.items()
    ]
    write_inputs(rows, scattered(1).repeat(4, axis=0) + scattered(4) * 1e-3)

    main(SETTINGS.model_copy(update={"max_embedding_distance": 2}))

    similar = [row for row in read_table(DUPLICATES_FILE, DuplicateRow) if row.kind == "embedding"]
    assert [row[:2] for row in similar] == [("a/0.jpg", "b/1.jpg")]
