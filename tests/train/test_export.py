"""The saved model: plain Keras reads it, and equal weights give equal bytes."""

import json
from pathlib import Path

import keras
import numpy as np

from stages.train.export import export_model
from stages.train.model import build_model


def test_equal_weights_give_equal_bytes_that_keras_reads(tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    trained = build_model(labels=3, image_size=32, dropout=0.5)
    trained.compile(optimizer="adam", loss="categorical_crossentropy")
    weights = trained.get_weights()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    expected = trained.predict(pixels, verbose=0)
    labels = ["glass", "métal", "paper"]

    for name in ("first", "second"):
        export_model(tmp_path / name, labels, image_size=32, weights=weights)

    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == ["labels.json", "model.keras"]
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    assert json.loads((tmp_path / "first" / "labels.json").read_text("utf-8")) == labels
    loaded = keras.models.load_model(tmp_path / "first" / "model.keras")
    np.testing.assert_allclose(loaded.predict(pixels, verbose=0), expected, atol=1e-5)


def test_an_older_model_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "left_over.txt").write_text("old")
    (tmp_path / ".model-of-a-killed-run" / "model").mkdir(parents=True)
    weights = build_model(labels=2, image_size=32).get_weights()

    export_model(tmp_path / "model", ["a", "b"], image_size=32, weights=weights)

    assert not (tmp_path / "model" / "left_over.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
