"""The stage from all tables, images and features to its metrics and plots."""

import hashlib
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from stages.explore.__main__ import choose_examples, main
from stages.explore.images import read_images
from stages.outputs.conflicts import CONFLICTS_FILE, ConflictRow
from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateRow
from stages.outputs.features import FEATURES_DIR
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, Manifest, ManifestRow
from stages.outputs.split import SPLIT_FILE, SPLITS, SplitRow
from stages.outputs.suspects import SUSPECTS_FILE, SuspectRow
from stages.outputs.tables import read_table, write_table
from stages.params.explore import ExploreParams
from stages.stage import run
from tests.feature_files import write_feature_files
from tests.pipeline.workspace import contents
from tests.table_rows import manifest_row, written_manifest

SETTINGS = ExploreParams(seed=1, examples_per_label=3, duplicate_pairs=5, map_images=10)
#: Of number 0, 2 and 3: splits train, test and train again.
PAIRS = [
    DuplicateRow("glass/00.png", "glass/02.png", "perceptual", 2),
    DuplicateRow("glass/00.png", "trash/03.png", "embedding", 0.1),
]
OUTPUTS = {
    "metrics/explore.json",
    "plots/explore/custom/embedding_map.json",
    "plots/explore/custom/images_per_label.json",
    "plots/explore/custom/pictures.json",
    "plots/explore/images/brightness_and_colour.png",
    "plots/explore/images/examples.png",
    "plots/explore/images/image_sizes.png",
    "plots/explore/images/near_duplicates.png",
    "plots/explore/images/similar_pairs.png",
    "plots/explore/images/suspects.png",
}


def write_inputs() -> None:
    """Write twelve images of two labels, their tables and features of a pretrained backbone."""
    random = np.random.default_rng(0)
    manifest, split = [], []
    for number in range(12):
        label = ("glass", "trash")[number % 2]
        path = f"{label}/{number:02}.png"
        pixels = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        (RAW_DIR / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(RAW_DIR / path)
        content = (RAW_DIR / path).read_bytes()
        red, green, blue = pixels.mean(axis=(0, 1)).tolist()
        checksum = hashlib.sha256(content).hexdigest()
        manifest.append(
            ManifestRow(path, label, 32, 24, len(content), red, green, blue, checksum, "0" * 16)
        )
        split.append(SplitRow(path, label, path, SPLITS[number % 3]))
    write_table(MANIFEST_FILE, manifest, ManifestRow)
    write_table(SPLIT_FILE, split, SplitRow)
    write_table(CONFLICTS_FILE, [], ConflictRow)
    write_table(DUPLICATES_FILE, PAIRS, DuplicateRow)
    write_table(SUSPECTS_FILE, [SuspectRow("trash/03.png", "a reason")], SuspectRow)
    write_features(features_of_two_labels())


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the stage has run, to be looked at."""
    root = tmp_path_factory.mktemp("explored")
    with pytest.MonkeyPatch.context() as patch, (root / "printed.txt").open("w") as printed:
        patch.chdir(root)
        write_inputs()
        with redirect_stdout(printed):
            main(SETTINGS)
    return root


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in which nothing has run, as the current directory."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    return tmp_path


def write_features(features: npt.NDArray[np.float32], pretrained: bool = True) -> None:
    write_feature_files(FEATURES_DIR, Manifest(), features, pretrained)


def features_of_two_labels() -> npt.NDArray[np.float32]:
    """Images of one label alike."""
    random = np.random.default_rng(1)
    seen = np.arange(12) // 6  # the manifest is sorted by label
    features = 5.0 * np.eye(2)[seen] + random.normal(scale=0.5, size=(12, 2))
    return features.astype(np.float32)[:, np.newaxis].repeat(2, axis=1)


def metrics_of(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "metrics/explore.json").read_text())
    return content


def test_numbers_are_of_all_tables(explored: Path) -> None:
    metrics = metrics_of(explored)

    assert metrics["images"] == {"received": 12, "dropped": 0, "used": 12, "suspect": 1}
    assert metrics["imbalance_ratio"] == 1
    assert metrics["duplicates"]["near_pairs"] == 1
    assert metrics["duplicates"]["near_pairs_across_splits"] == 1
    assert metrics["similar"] == {"pairs": 1, "pairs_across_splits": 0, "pairs_across_labels": 1}
    assert metrics["per_label"]["glass"] == {"train": 2, "val": 2, "test": 2}


def test_points_are_of_the_split_and_of_the_map(explored: Path) -> None:
    custom = explored / "plots/explore/custom"

    counts = json.loads((custom / "images_per_label.json").read_text())
    points = json.loads((custom / "embedding_map.json").read_text())

    assert counts[0] == {"label": "glass", "split": "train", "images": 2}
    assert len(counts) == 6
    assert len(points) == SETTINGS.map_images
    assert set(points[0]) == {"x", "y", "label", "split", "path"}


def test_numbers_are_printed(explored: Path) -> None:
    printed = (explored / "printed.txt").read_text()

    assert "images/received                               12\n" in printed
    assert "random weights" not in printed


def test_writes_the_same_bytes_again_and_nothing_else(explored: Path, workspace: Path) -> None:
    before = set(contents(workspace, "."))

    main(SETTINGS)

    assert set(contents(workspace, ".")) - before == OUTPUTS
    assert contents(workspace, "data", "metrics", "plots") == contents(
        explored, "data", "metrics", "plots"
    )


def test_features_of_random_weights_are_mapped_only(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_features(features_of_two_labels(), pretrained=False)

    main(SETTINGS)

    assert set(contents(workspace, ".")) >= OUTPUTS
    assert "no similar pairs were sought" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1.0, "the features of all images are equal"),
        (np.nan, "data/features/00000.npy: holds a feature that is not finite"),
    ],
)
def test_what_features_can_not_say_is_left_out(
    value: float, reason: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_features(np.full((12, 2, 2), value, np.float32))

    main(SETTINGS)

    assert f"warning: no map: {reason}" in capsys.readouterr().err
    assert set(contents(workspace, ".")) >= OUTPUTS
    points = json.loads((workspace / "plots/explore/custom/embedding_map.json").read_text())
    assert len(points) == SETTINGS.map_images


def test_a_dropped_image_is_on_neither_side_of_a_pair(workspace: Path) -> None:
    rows = read_table(SPLIT_FILE, SplitRow)
    write_table(SPLIT_FILE, [row for row in rows if row.path != "glass/02.png"], SplitRow)

    main(SETTINGS)

    metrics = metrics_of(workspace)
    assert metrics["images"] == {"received": 12, "dropped": 1, "used": 11, "suspect": 1}
    # Of a pair with a dropped image, none is across splits.
    assert metrics["duplicates"]["near_pairs_across_splits"] == 0


def test_examples_are_spread_evenly_over_images_that_were_not_dropped(tmp_path: Path) -> None:
    paths = [*(f"glass/{i}.png" for i in range(9)), "metal/0.png", "trash/0.png"]
    received = written_manifest(tmp_path, map(manifest_row, paths))
    rows = [
        SplitRow(path, path.partition("/")[0], path, "train")
        for path in paths
        if path != "metal/0.png"
    ]

    assert choose_examples(received, read_images(received, rows), 3) == {
        "glass": ["glass/0.png", "glass/4.png", "glass/8.png"],
        "trash": ["trash/0.png"],
    }


def error_of_stage(capsys: pytest.CaptureFixture[str]) -> str:
    section = "".join(f"  {key}: {value}\n" for key, value in SETTINGS)
    Path("params.yaml").write_text(f"explore:\n{section}")
    assert run("explore", ExploreParams, main) == 1
    assert not Path("metrics").exists()
    assert not Path("plots").exists()
    return capsys.readouterr().err


@pytest.mark.usefixtures("workspace")
def test_empty_tables_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(SPLIT_FILE, [], SplitRow)
    assert "data/split.csv: no images" in error_of_stage(capsys)

    write_table(MANIFEST_FILE, [], ManifestRow)
    assert "data/manifest.csv: no images" in error_of_stage(capsys)


@pytest.mark.usefixtures("workspace")
def test_tables_that_do_not_belong_together_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_table(SPLIT_FILE, [SplitRow("paper/1.png", "paper", "1", "train")], SplitRow)

    assert "data/split.csv: paper/1.png is not in data/manifest.csv" in error_of_stage(capsys)


@pytest.mark.usefixtures("workspace")
def test_features_of_other_images_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    rows = read_table(MANIFEST_FILE, ManifestRow)
    rows[3] = rows[3]._replace(sha256="ab" * 32)
    write_table(MANIFEST_FILE, rows, ManifestRow)

    assert (
        "data/features/00000.npy: row 3 is not of glass/06.png as the manifest has it"
        in error_of_stage(capsys)
    )


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no image")])
@pytest.mark.usefixtures("workspace")
def test_a_missing_or_damaged_image_is_named(
    damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(RAW_DIR / "glass/00.png")

    message = error_of_stage(capsys)

    assert message.startswith("error: data/raw/glass/00.png: ")
    assert "dvc checkout" in message


@pytest.mark.usefixtures("workspace")
def test_a_dollar_sign_in_a_label_is_no_formula() -> None:
    (RAW_DIR / "trash").rename(RAW_DIR / "trash $_$")
    for table in (MANIFEST_FILE, SPLIT_FILE, DUPLICATES_FILE, SUSPECTS_FILE):
        table.write_text(table.read_text().replace("trash", "trash $_$"))

    main(SETTINGS)

    assert set(contents(Path(), ".")) >= OUTPUTS
