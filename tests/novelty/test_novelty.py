"""The stage from cached features to what photos are held against."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages.novelty.__main__ import main
from stages.novelty.refusals import refusals
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, write_cross_validation
from stages.outputs.distances import DistanceRow, read_distances
from stages.outputs.features import open_features
from stages.outputs.manifest import RAW_DIR, Manifest
from stages.outputs.novelty import DISTANCES_FILE, NOVELTY_DIR
from stages.outputs.split import read_split
from stages.outputs.tables import read_table
from stages.params.novelty import NoveltyParams
from tests.small_project import LABELS, write_features_with, write_project
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.intervals import wilson_interval
from waste_classifier.known_labels import KnownLabels
from waste_classifier.novelty import Novelty
from waste_classifier.training_photos import TrainingPhotos

SETTINGS = NoveltyParams(refused=0.05, batch_size=8)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_project()
    rows = read_split()
    folds = (np.arange(len(rows)) % 3)[np.newaxis]
    said = np.full((1, len(rows), 3), 1 / 3, np.float32)
    write_cross_validation(CROSS_VALIDATION_FILE, rows, folds, LABELS, said)
    return tmp_path


def test_the_stage_knows_the_training_photos_and_how_far_the_test_images_lie(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(SETTINGS)

    novelty = Novelty.load(NOVELTY_DIR / "novelty.npz")
    assert len(novelty.label_means) == 3
    photos = TrainingPhotos.load(NOVELTY_DIR / "training_photos.npz")
    trained = [row.path for row in read_split() if row.split == "train"]
    assert photos.paths.tolist() == trained
    (nearest,) = photos.nearest(photos.coordinates[4], 1)
    assert (nearest.path, nearest.distance) == (trained[4], 0)
    assert nearest.thumbnail is not None
    # Mostly red, as glass is here.
    assert (
        np.asarray(nearest.thumbnail)[..., 0].mean() > np.asarray(nearest.thumbnail)[..., 1].mean()
    )
    rows = read_table(DISTANCES_FILE, DistanceRow)
    assert [row.path for row in rows] == [row.path for row in read_split() if row.split == "test"]
    assert "Of the 6 things on the test images" in capsys.readouterr().out
    metrics = json.loads(Path("metrics/novelty.json").read_text())
    for name in ("unlike_training", "of_no_label"):
        of_reason = metrics[name]
        assert 0 <= of_reason["low"] <= of_reason["refused"] <= of_reason["high"] <= 1
    known = KnownLabels.load(NOVELTY_DIR / "known_labels.npz")
    # The head of this project has no hidden layer: there are as many values as labels.
    assert known.label_means.shape == (3, 3)


def test_equal_inputs_give_equal_bytes() -> None:
    main(SETTINGS)
    first = {path: path.read_bytes() for path in NOVELTY_DIR.iterdir()}

    main(SETTINGS)

    assert {path: path.read_bytes() for path in NOVELTY_DIR.iterdir()} == first


def test_the_test_images_have_no_say() -> None:
    main(SETTINGS)
    fitted = [NOVELTY_DIR / name for name in ("novelty.npz", "known_labels.npz")]
    before = [file.read_bytes() for file in fitted]
    images = Manifest()
    features = open_features(images).read(np.arange(len(images)))
    in_test = [row.split == "test" for row in read_split()]
    features[in_test] += 5

    write_features_with(images, features)
    main(SETTINGS)

    assert [file.read_bytes() for file in fitted] == before
    distances = [row.distance for row in read_table(DISTANCES_FILE, DistanceRow)]
    assert min(distances) > 1


def test_a_thing_of_many_images_is_refused_once() -> None:
    # Of two things, the one of three images is beyond the limit in one of them.
    distances = np.array([2.0, 0.5, 0.5, 0.5])

    refused = refusals({"unlike_training": distances}, list("aaab"))["unlike_training"]

    assert refused.share == pytest.approx(1 / 6)
    assert (refused.low, refused.high) == pytest.approx(wilson_interval(1 / 6, 2))


def test_a_photo_that_is_gone_is_an_error_and_leaves_nothing() -> None:
    (RAW_DIR / "glass/00.png").unlink()

    with pytest.raises(PhotoError, match=r"glass/00\.png"):
        main(SETTINGS)

    assert not NOVELTY_DIR.exists()


def test_a_cross_validation_of_other_images_is_refused() -> None:
    lines = CROSS_VALIDATION_FILE.read_text().splitlines(keepends=True)
    CROSS_VALIDATION_FILE.write_text("".join(lines[:-1]))

    with pytest.raises(InputError, match=r"cross_validation\.csv: has no row of paper/10\.png"):
        main(SETTINGS)


def test_distances_of_other_images_are_refused() -> None:
    main(SETTINGS)

    with pytest.raises(InputError, match=r"distances\.csv: has no row of other\.png"):
        read_distances(DISTANCES_FILE, ["other.png"])
