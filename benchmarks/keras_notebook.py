"""The usual notebook for this task, as a script: the yardstick of `benchmarks.notebook`.

ResNet50 without its top and with pretrained weights, the first 143 layers frozen, global average
pooling and a softmax; Adam at 1e-4, float32, batches of 32 that `ImageDataGenerator` decodes anew
in every epoch. It prints a line per epoch, as stage train does, and ends when it is stopped.
"""

import argparse
from itertools import count
from pathlib import Path

import keras
import pandas as pd
from tensorflow.keras.preprocessing.image import ImageDataGenerator

from stages.outputs.backbone import read_weights_file
from stages.outputs.manifest import RAW_DIR
from stages.outputs.split import SPLIT_FILE

FROZEN_LAYERS = 143
LEARNING_RATE = 1e-4
BATCH_SIZE = 32
SPLITS = ("train", "val")


def main() -> None:
    """Train for ever."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.keras_notebook", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--image-size", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(arguments.seed)
    rows = pd.read_csv(SPLIT_FILE)
    train, val = (flow(rows, split, arguments.image_size, arguments.seed) for split in SPLITS)
    weights_file = read_weights_file()
    assert weights_file is not None, "the caller checks it"
    model = build(len(train.class_indices), arguments.image_size, weights_file)
    for epoch in count():
        history = model.fit(train, validation_data=val, epochs=1, verbose=0).history
        print(
            f"epoch {epoch}: train accuracy {history['accuracy'][0]:.4f}  "
            f"val accuracy {history['val_accuracy'][0]:.4f}",
            flush=True,
        )


def flow(rows: pd.DataFrame, split: str, image_size: int, seed: int) -> keras.utils.PyDataset:
    """Return the batches of one split."""
    generator = ImageDataGenerator(
        preprocessing_function=keras.applications.resnet50.preprocess_input
    )
    return generator.flow_from_dataframe(
        rows[rows["split"] == split],
        directory=str(RAW_DIR),
        x_col="path",
        y_col="label",
        target_size=(image_size, image_size),
        class_mode="categorical",
        batch_size=BATCH_SIZE,
        shuffle=split == "train",
        seed=seed,
    )


def build(labels: int, image_size: int, weights_file: Path) -> keras.Model:
    """Return the compiled model with the pretrained weights that the file has."""
    base = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(image_size, image_size, 3)
    )
    by_name = {} if weights_file.name.endswith(".weights.h5") else {"by_name": True}
    base.load_weights(weights_file, skip_mismatch=True, **by_name)
    for layer in base.layers[:FROZEN_LAYERS]:
        layer.trainable = False
    pooled = keras.layers.GlobalAveragePooling2D()(base.output)
    model = keras.Model(base.input, keras.layers.Dense(labels, activation="softmax")(pooled))
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    main()
