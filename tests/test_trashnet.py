"""The real photos and real ImageNet weights, where the folder `TRASHNET_DIR` holds them.

It needs `trashnet.zip` (TrashNet's 2527 photos) and `resnet50_imagenet_conv1-4_notop.h5` (the
layers of conv1 to conv4, in the layout of `keras.applications`).
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from stages.outputs.conflicts import CONFLICTS_FILE, ConflictRow
from stages.outputs.duplicates import DUPLICATES_FILE, DuplicateRow
from stages.outputs.features import FEATURES_DIR
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, Manifest, ManifestRow
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.outputs.tables import read_table
from tests.feature_files import write_feature_files
from tests.pipeline.workspace import REPOSITORY, run, set_params
from waste_classifier.corrections import write_corrections

COUNTS = {"cardboard": 403, "glass": 501, "metal": 410, "paper": 594, "plastic": 482, "trash": 137}


def real_file(name: str) -> Path:
    directory = os.environ.get("TRASHNET_DIR")
    if directory is None:
        pytest.skip(f"set TRASHNET_DIR to a folder with {name} to run this test")
    path = Path(directory) / name
    assert path.exists(), f"TRASHNET_DIR: {path} is missing"
    return path


def test_duplicates_and_split_of_trashnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = real_file("trashnet.zip")
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    write_corrections(tmp_path / "corrections.csv", [])
    set_params(
        tmp_path,
        {
            "fetch.source": "path",
            "fetch.path": str(archive),
            "fetch.expected_counts": COUNTS,
        },
    )
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.chdir(tmp_path)

    run(tmp_path, "python", "-m", "stages.fetch")
    # All that is asked of the features here is that they are there.
    images = Manifest()
    features = np.zeros((len(images), 2, 4), np.float32)
    write_feature_files(FEATURES_DIR, images, features, pretrained=False)
    for stage in ("duplicates", "split"):
        run(tmp_path, "python", "-m", f"stages.{stage}")

    manifest = read_table(MANIFEST_FILE, ManifestRow)
    assert len(manifest) == len([path for path in RAW_DIR.rglob("*") if path.is_file()]) == 2527
    assert {(row.width, row.height) for row in manifest} == {(384, 512)}
    # Three photos stand in TrashNet twice, under two labels each.
    conflicts = [row.path for row in read_table(CONFLICTS_FILE, ConflictRow)]
    assert conflicts == [
        "glass/glass_115.jpg",
        "glass/glass_176.jpg",
        "glass/glass_389.jpg",
        "metal/metal_091.jpg",
        "plastic/plastic_152.jpg",
        "plastic/plastic_332.jpg",
    ]
    pairs = read_table(DUPLICATES_FILE, DuplicateRow)
    assert {pair.kind for pair in pairs} == {"perceptual"}
    assert max(pair.distance for pair in pairs) <= 4
    label_of = {row.path: row.label for row in manifest}
    contradictions = {
        path
        for pair in pairs
        if pair.distance == 0 and label_of[pair.path] != label_of[pair.other_path]
        for path in (pair.path, pair.other_path)
    }
    assert set(conflicts) <= contradictions
    rows = read_table(SPLIT_FILE, SplitRow)
    assert len(rows) == 2527 - 6
    assert {row.path for row in rows}.isdisjoint(conflicts)
    split_of_group: dict[str, set[str]] = {}
    for row in rows:
        split_of_group.setdefault(row.group, set()).add(row.split)
    assert all(len(splits) == 1 for splits in split_of_group.values())
    for label in COUNTS:
        shares = [row.split for row in rows if row.label == label]
        assert shares.count("test") / len(shares) == pytest.approx(0.1, abs=0.01)


def test_published_weights_give_the_features_of_keras_applications() -> None:
    weights_file = real_file("resnet50_imagenet_conv1-4_notop.h5")
    from stages.compute import determinism

    determinism.configure()
    import keras

    from stages.resnet50.network import build_backbone
    from stages.resnet50.weights import read_pretrained, restore

    weights, last_stage = read_pretrained(weights_file)
    backbone = build_backbone(64, last_stage)
    restore(backbone, weights)

    reference = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    )
    reference.load_weights(weights_file, by_name=True)
    ends = [reference.get_layer(f"{end}_out").output for end in ("conv3_block4", "conv4_block6")]
    batch = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    preprocessed = keras.applications.resnet50.preprocess_input(batch.copy())
    conv3, conv4 = map(np.asarray, keras.Model(reference.input, ends)(preprocessed))
    assert last_stage == "conv4"
    assert len(weights) == 86
    expected = np.hstack(
        [
            conv3.mean(axis=(1, 2)),
            conv3.std(axis=(1, 2)),
            conv4.mean(axis=(1, 2)),
            conv4.std(axis=(1, 2)),
        ]
    )
    # Below the square root of a deviation, the backbone adds 1e-5.
    np.testing.assert_allclose(np.asarray(backbone(batch)), expected, rtol=1e-3, atol=4e-3)
