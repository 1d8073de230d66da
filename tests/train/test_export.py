"""The saved model: plain Keras reads it, and equal weights give equal bytes."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from stages.feature_table import BackboneStage
from stages.train.export import export_model
from stages.train.model import Head, build_model


@pytest.mark.parametrize(
    ("head", "last_stage"),
    [(Head("mean_std", 8, 0.3, 0.5), "conv4"), (Head("mean", 0, 0.0, 0.0), "conv3")],
)
def test_equal_weights_give_equal_bytes_that_keras_reads(
    tmp_path: Path, head: Head, last_stage: BackboneStage
) -> None:
    keras.utils.set_random_seed(2)
    trained = build_model(3, 32, head, last_stage)
    trained.compile(optimizer="adam", loss="categorical_crossentropy")
    weights = trained.get_weights()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected = np.asarray(trained(pixels))
    labels = ["glass", "métal", "paper"]

    for name in ("first", "second"):
        export_model(tmp_path / name, labels, 32, head, last_stage, weights)

    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == ["labels.json", "model.keras"]
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    assert json.loads((tmp_path / "first" / "labels.json").read_text("utf-8")) == labels
    loaded = keras.models.load_model(tmp_path / "first" / "model.keras")
    np.testing.assert_allclose(np.asarray(loaded(pixels)), expected, atol=1e-5)


def test_an_older_model_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "left_over.txt").write_text("old")
    (tmp_path / ".model-of-a-killed-run" / "model").mkdir(parents=True)
    head = Head("mean", 0, 0.0, 0.0)
    weights = build_model(2, 32, head, "conv3").get_weights()

    export_model(tmp_path / "model", ["a", "b"], 32, head, "conv3", weights)

    assert not (tmp_path / "model" / "left_over.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
