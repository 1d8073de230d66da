import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages import errors
from stages.explore.__main__ import choose_examples, main
from stages.manifest import (
    CONFLICTS_FILE,
    MANIFEST_FILE,
    RAW_DIR,
    SPLIT_FILE,
    SPLITS,
    ConflictRow,
    ManifestRow,
    SplitRow,
    write_table,
)

PLOTS = [
    "custom/images_per_label.json",
    "images/brightness_and_colour.png",
    "images/examples.png",
    "images/image_sizes.png",
    "images/near_duplicates.png",
]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images of two labels, their tables and params.yaml."""
    monkeypatch.chdir(tmp_path)
    section = {"examples_per_label": 3, "max_distance": 4, "duplicate_pairs": 5}
    Path("params.yaml").write_text(json.dumps({"explore": section}))
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
    return tmp_path


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
    assert "images/received" in capsys.readouterr().out


def test_two_runs_write_equal_bytes() -> None:
    main()
    first = written_files() | {"metrics": Path("metrics/explore.json").read_bytes()}

    main()

    assert written_files() | {"metrics": Path("metrics/explore.json").read_bytes()} == first


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


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no image")])
def test_a_missing_or_damaged_image_is_named(
    damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(RAW_DIR / "glass/00.png")

    message = error_of_stage(capsys)

    assert message.startswith("error: data/raw/glass/00.png: ")
    assert "dvc checkout" in message


@pytest.mark.parametrize("key", ["examples_per_label", "max_distance", "duplicate_pairs"])
def test_wrong_parameters_are_named(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    section = {"examples_per_label": 3, "max_distance": 4, "duplicate_pairs": 5} | {key: 999}
    Path("params.yaml").write_text(json.dumps({"explore": section}))

    assert f"error: params.yaml: explore.{key}: " in error_of_stage(capsys)


def test_a_dollar_sign_in_a_label_is_no_formula() -> None:
    (RAW_DIR / "trash").rename(RAW_DIR / "$_$")
    for table in (MANIFEST_FILE, SPLIT_FILE):
        table.write_text(table.read_text().replace("trash", "$_$"))

    main()

    assert sorted(written_files()) == PLOTS
