"""Charts of the numbers of a data set."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from stages.explore.charts import (
    brightness,
    brightness_and_colour,
    image_sizes,
    label_points,
)
from stages.explore.images import read_images
from stages.explore.summary import images_per_label
from stages.outputs.split import SplitName, SplitRow
from tests.table_rows import manifest_row


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def images(label: str, split: SplitName, count: int) -> list[SplitRow]:
    paths = [f"{label}/{split}_{i}.jpg" for i in range(count)]
    return [SplitRow(path, label, path, split) for path in paths]


def test_images_are_counted_by_label_and_split() -> None:
    rows = images("glass", "test", 2) + images("glass", "train", 5) + images("trash", "val", 1)

    points = label_points(
        images_per_label(read_images([manifest_row(row.path) for row in rows], rows))
    )

    assert [tuple(point.values()) for point in points] == [
        ("glass", "train", 5),
        ("glass", "val", 0),
        ("glass", "test", 2),
        ("trash", "train", 0),
        ("trash", "val", 1),
        ("trash", "test", 0),
    ]


def test_the_most_common_size_is_named() -> None:
    sizes = [(384, 512), (384, 512), (100, 90)]
    rows = [
        manifest_row(f"glass/{i}.jpg")._replace(width=width, height=height)
        for i, (width, height) in enumerate(sizes)
    ]

    figure = image_sizes(read_images(rows, []))

    assert texts(figure) == ["384 x 512: 2 images"]
    (bubbles,) = figure.axes[0].collections
    assert np.asarray(bubbles.get_offsets()).tolist() == [[384, 512], [100, 90]]


def test_brightness_weighs_channels_as_the_eye_does() -> None:
    colours = np.array([[255, 255, 255], [255, 0, 0], [0, 100, 0], [0, 0, 0]], dtype=np.float64)

    assert brightness(colours) == pytest.approx([255, 76.245, 58.7, 0])


def test_tint_is_what_a_colour_has_more_than_grey() -> None:
    rows = [
        manifest_row("b/1.jpg")._replace(red=100.0, green=100.0, blue=100.0),
        manifest_row("a/1.jpg")._replace(red=110.0, green=100.0, blue=100.0),
        manifest_row("b/2.jpg")._replace(red=100.0, green=100.0, blue=100.0),
    ]

    figure = brightness_and_colour(read_images(rows, []))

    tints = [[bar.get_width() for bar in bars] for bars in figure.axes[1].containers]
    # The brightness of (110, 100, 100) is 100 + 0.299 * 10.
    assert tints == [
        pytest.approx([7.01, 0], abs=1e-9),
        pytest.approx([-2.99, 0], abs=1e-9),
        pytest.approx([-2.99, 0], abs=1e-9),
    ]


def test_sizes_of_files_are_in_kilobytes_by_label() -> None:
    rows = [manifest_row("a/1.jpg")._replace(bytes=2000), manifest_row("b/1.jpg")]

    _, files = image_sizes(read_images(rows, [])).axes

    assert [label.get_text() for label in files.get_yticklabels()] == ["a", "b"]
    # Of one image each, median and box are its size.
    drawn = np.concatenate([np.asarray(line.get_xdata(), np.float64) for line in files.lines])
    assert set(drawn.tolist()) == {2.0, 1.234}
