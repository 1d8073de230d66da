import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from stages import errors
from stages.explore.__main__ import choose_examples, main
from stages.feature_table import FEATURES_DIR
from stages.manifest import (
    CONFLICTS_FILE,
    LABEL_ERRORS_FILE,
    MANIFEST_FILE,
    RAW_DIR,
    SPLIT_FILE,
    SPLITS,
    ConflictRow,
    LabelErrorRow,
    ManifestRow,
    SplitRow,
    read_table,
    write_table,
)
from tests.feature_files import write_feature_files

PARAMS = {
    "seed": 1,
    "examples_per_label": 3,
    "max_distance": 4,
    "max_embedding_distance": 0.1,
    "duplicate_pairs": 5,
    "map_images": 10,
    "label_errors": 4,
}
PLOTS = [
    "custom/embedding_map.json",
    "custom/images_per_label.json",
    "images/brightness_and_colour.png",
    "images/examples.png",
    "images/image_sizes.png",
    "images/label_errors.png",
    "images/near_duplicates.png",
    "images/similar_pairs.png",
]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images of two labels, their tables, pretrained features and params.yaml."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(json.dumps({"explore": PARAMS}))
    random = np.random.default_rng(0)
    manifest, split = [], []
    for number in range(12):
        label = ("glass", "trash")[number % 2]
        path = f"{label}/{number:02}.png"
        pixels = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        (RAW_DIR / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(RAW_DIR / path)
        content = (RAW_DIR / path).read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        phash = f"{number // 4:016x}"
        manifest.append(ManifestRow(path, label, 32, 24, len(content), sha256, phash))
        split.append(SplitRow(path, label, path, SPLITS[number % 3]))
    write_table(MANIFEST_FILE, manifest, ManifestRow)
    write_table(SPLIT_FILE, split, SplitRow)
    write_table(CONFLICTS_FILE, [], ConflictRow)
    write_feature_files(FEATURES_DIR, random.normal(size=(12, 2, 200)).astype(np.float32))
    return tmp_path


def features_of_two_labels() -> npt.NDArray[np.float32]:
    """Images of one label alike, except that the first looks like those of the other."""
    random = np.random.default_rng(1)
    seen = np.arange(12) // 6  # the manifest is sorted by label
    seen[0] = 1
    features = 5.0 * np.eye(2)[seen] + random.normal(scale=0.5, size=(12, 2))
    return features.astype(np.float32)[:, np.newaxis].repeat(2, axis=1)


def written_files() -> dict[str, bytes]:
    paths = [path for path in Path("plots/explore").rglob("*") if path.is_file()]
    return {path.relative_to("plots/explore").as_posix(): path.read_bytes() for path in paths}


def test_metrics_and_plots_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    main()

    metrics = json.loads(Path("metrics/explore.json").read_text())
    assert metrics["images"] == {"received": 12, "dropped": 0, "used": 12}
    assert metrics["imbalance_ratio"] == 1
    assert metrics["duplicates"]["near_pairs"] == 12  # three hashes of four images: 3 * 3 + 3
    assert metrics["per_label"]["glass"] == {"train": 2, "val": 2, "test": 2}
    assert sorted(written_files()) == PLOTS
    counts = json.loads(written_files()["custom/images_per_label.json"])
    assert counts[0] == {"label": "glass", "split": "train", "images": 2}
    assert len(counts) == 6
    assert metrics["similar"] == {"pairs": 0, "pairs_across_splits": 0, "pairs_across_labels": 0}
    points = json.loads(written_files()["custom/embedding_map.json"])
    assert len(points) == 10
    assert set(points[0]) == {"x", "y", "label", "split", "path"}
    output = capsys.readouterr().out
    assert "images/received" in output
    assert "random weights" not in output


def test_images_alike_and_likely_label_errors_are_listed() -> None:
    write_feature_files(FEATURES_DIR, features_of_two_labels())

    main()

    metrics = json.loads(Path("metrics/explore.json").read_text())
    # Five and seven images alike: 5 * 4 / 2 + 7 * 6 / 2 pairs, six of them of two labels.
    assert metrics["similar"]["pairs"] == 31
    assert metrics["similar"]["pairs_across_labels"] == 6
    likeliest, *others = read_table(LABEL_ERRORS_FILE, LabelErrorRow)
    assert likeliest[:4] == (1, "glass/00.png", "glass", "trash")
    assert metrics["label_errors"] == 1 + len(others)


def test_features_of_random_weights_are_mapped_only(capsys: pytest.CaptureFixture[str]) -> None:
    write_feature_files(FEATURES_DIR, features_of_two_labels(), pretrained=False)

    main()

    metrics = json.loads(Path("metrics/explore.json").read_text())
    assert metrics["similar"]["pairs"] == 0
    assert metrics["label_errors"] == 0
    assert read_table(LABEL_ERRORS_FILE, LabelErrorRow) == []
    assert sorted(written_files()) == PLOTS
    assert "neither similar pairs nor label errors were sought" in capsys.readouterr().out


def test_features_go_by_row_of_the_manifest_whatever_was_dropped() -> None:
    rows = read_table(SPLIT_FILE, SplitRow)
    # Without the first two images of the table, of which features would shift all others.
    write_table(SPLIT_FILE, rows[2:], SplitRow)
    features = np.random.default_rng(2).normal(size=(12, 2, 200)).astype(np.float32)
    features[5] = features[4]
    write_feature_files(FEATURES_DIR, features)

    main()

    metrics = json.loads(Path("metrics/explore.json").read_text())
    assert metrics["similar"]["pairs"] == 1
    # The manifest is sorted by path: these are glass/08.png and glass/10.png, of test and val.
    assert metrics["similar"]["pairs_across_splits"] == 1


def test_two_runs_write_equal_bytes() -> None:
    write_feature_files(FEATURES_DIR, features_of_two_labels())

    def outputs() -> dict[str, bytes]:
        others = (Path("metrics/explore.json"), LABEL_ERRORS_FILE)
        return written_files() | {path.name: path.read_bytes() for path in others}

    main()
    first = outputs()
    main()

    assert outputs() == first


def test_examples_are_spread_evenly() -> None:
    rows = [SplitRow(f"glass/{i}.png", "glass", "", "train") for i in range(9)]
    rows += [SplitRow("trash/0.png", "trash", "", "train")]

    assert choose_examples(rows, 3) == {
        "glass": ["glass/0.png", "glass/3.png", "glass/6.png"],
        "trash": ["trash/0.png"],
    }


def error_of_stage(capsys: pytest.CaptureFixture[str]) -> str:
    assert errors.run(main) == 1
    assert not Path("metrics").exists()
    assert not Path("plots").exists()
    assert not LABEL_ERRORS_FILE.exists()
    return capsys.readouterr().err


def test_empty_tables_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(SPLIT_FILE, [], SplitRow)
    assert "data/split.csv: no images" in error_of_stage(capsys)

    write_table(MANIFEST_FILE, [], ManifestRow)
    assert "data/manifest.csv: no images" in error_of_stage(capsys)


def test_tables_that_do_not_belong_together_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_table(SPLIT_FILE, [SplitRow("paper/1.png", "paper", "1", "train")], SplitRow)

    assert "data/split.csv: paper/1.png is not in data/manifest.csv" in error_of_stage(capsys)


def test_features_of_other_images_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_feature_files(FEATURES_DIR, np.zeros((11, 2, 3), np.float32))

    assert "data/features/features.npy: expected (12, 2, …)" in error_of_stage(capsys)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no image")])
def test_a_missing_or_damaged_image_is_named(
    damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(RAW_DIR / "glass/00.png")

    message = error_of_stage(capsys)

    assert message.startswith("error: data/raw/glass/00.png: ")
    assert "dvc checkout" in message


@pytest.mark.parametrize("key", list(PARAMS))
def test_wrong_parameters_are_named(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    section = PARAMS | {key: -1}
    Path("params.yaml").write_text(json.dumps({"explore": section}))

    assert f"error: params.yaml: explore.{key}: " in error_of_stage(capsys)


def test_a_dollar_sign_in_a_label_is_no_formula() -> None:
    (RAW_DIR / "trash").rename(RAW_DIR / "$_$")
    for table in (MANIFEST_FILE, SPLIT_FILE):
        table.write_text(table.read_text().replace("trash", "$_$"))

    main()

    assert sorted(written_files()) == PLOTS
