"""Charts of the numbers of a data set: figures and points, not files."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.drawing import BLUE, GREEN, VERMILION

CHANNEL_COLOURS = {"red": VERMILION, "green": GREEN, "blue": BLUE}


def label_points(counts: pd.DataFrame) -> list[dict[str, str | int]]:
    """Return for each label and split the number of images.

    Args:
        counts: as of `images_per_label`.
    """
    return [
        {"label": label, "split": split, "images": int(count)}
        for label, of_label in counts.iterrows()
        for split, count in of_label.items()
    ]


def image_sizes(images: pd.DataFrame) -> Figure:
    """Draw the widths and heights of images as bubbles, and the sizes of their files by label.

    Args:
        images: as of `read_images`.
    """
    labels = list(images["label"].cat.categories)
    figure = Figure(figsize=(10, _height(labels) + 1), layout="constrained")
    pixels, files = figure.subplots(1, 2)

    sizes = Counter(zip(images["width"], images["height"], strict=True))
    widths, heights = zip(*sizes, strict=True)
    areas = [20 + 600 * count / sizes.total() for count in sizes.values()]
    pixels.scatter(widths, heights, s=areas, color=BLUE, alpha=0.5)
    most_common, count = sizes.most_common(1)[0]
    pixels.annotate(
        f"{most_common[0]} x {most_common[1]}: {count} images",
        most_common,
        xytext=(0, 18),
        textcoords="offset points",
        ha="center",
    )
    pixels.set(
        title="Width and height (area: images)",
        xlabel="width in pixels",
        ylabel="height in pixels",
        xlim=(0, 1.3 * max(widths)),
        ylim=(0, 1.3 * max(heights)),
    )

    kilobytes = [images.loc[images["label"] == label, "bytes"] / 1000 for label in labels]
    _boxes(files, kilobytes, labels, [BLUE] * len(labels))
    files.set(title="Size of files", xlabel="kB")
    files.set_xlim(left=0)
    return figure


def brightness_and_colour(images: pd.DataFrame) -> Figure:
    """Draw the brightness of images by label, and how far their mean colour is from grey.

    Args:
        images: as of `read_images`.
    """
    labels = list(images["label"].cat.categories)
    channels = list(CHANNEL_COLOURS)
    by_label = [images.loc[images["label"] == label, channels].to_numpy() for label in labels]
    means = np.array([of_label.mean(axis=0) for of_label in by_label])
    figure = Figure(figsize=(10, _height(labels) + 1), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)

    _boxes(left, [brightness(of_label) for of_label in by_label], labels, means / 255)
    left.set(
        title="Mean brightness of images, in the label's mean colour",
        xlabel="brightness, 0 (black) to 255 (white)",
        xlim=(0, 255),
    )
    tints = means - brightness(means)[:, np.newaxis]
    for channel, (name, colour) in enumerate(CHANNEL_COLOURS.items()):
        offsets = np.arange(1, len(labels) + 1) + 0.25 * (channel - 1)
        right.barh(offsets, tints[:, channel], height=0.22, color=colour, label=name)
    right.axvline(0, color="black", linewidth=0.8)
    right.set(title="Tint: mean channel less brightness", xlabel="levels of 255")
    right.legend(frameon=False)
    return figure


def brightness(colours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the luma (ITU-R BT.601) of RGB colours, `(..., 3)` to `(...)`, same range."""
    return np.asarray(colours @ np.array([0.299, 0.587, 0.114]))


def _height(labels: Sequence[str]) -> float:
    return 1.6 + 0.45 * len(labels)


def _boxes(
    axes: Axes,
    values: Sequence["pd.Series[float] | npt.NDArray[np.float64]"],
    labels: Sequence[str],
    colours: Sequence[str] | npt.NDArray[np.float64],
) -> None:
    boxes = axes.boxplot(
        values,
        orientation="horizontal",
        tick_labels=labels,
        patch_artist=True,
        widths=0.6,
        flierprops={"markersize": 2},
        medianprops={"color": "black"},
    )
    for box, colour in zip(boxes["boxes"], colours, strict=True):
        box.set_facecolor(colour)
    axes.invert_yaxis()
