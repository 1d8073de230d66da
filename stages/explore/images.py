"""What is told of all images received, as columns: of a million, rows would take a gigabyte."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from stages.outputs.manifest import ManifestRow, not_in_manifest, numbered_labels
from stages.outputs.split import SPLIT_FILE, SPLITS, SplitRow

NO_SPLIT = -1
_NUMBERS = np.dtype(
    [
        ("width", np.int32),
        ("height", np.int32),
        ("bytes", np.int64),
        *((channel, np.float64) for channel in ("red", "green", "blue")),
    ]
)
_PLACE = np.dtype([("split", np.int8), ("is_first_of_group", np.bool_)])


def read_images(received: Sequence[ManifestRow], rows: Iterable[SplitRow]) -> pd.DataFrame:
    """Return a row for each image received, in the order of the manifest.

    Columns are `label`, `split` (missing where the image was dropped), `is_first_of_group` (it has
    the name of its group), and of the manifest `width`, `height`, `bytes`, `red`, `green`, `blue`.

    Args:
        received: rows of the manifest, sorted by path.
        rows: of the split, sorted by path.

    Raises:
        InputError: the split names an image that the manifest has not.
    """
    count = len(received)
    labels, numbers = numbered_labels((row.label for row in received), count)
    places = _places(received, rows)
    place = np.fromiter(places, _PLACE, count)
    # After the last image, the split must be at its end too.
    next(places, None)
    numeric = np.fromiter(
        (tuple(getattr(row, name) for name in _NUMBERS.names or ()) for row in received),
        _NUMBERS,
        count,
    )
    return pd.DataFrame(
        {
            "label": pd.Categorical.from_codes(numbers, labels),
            "split": pd.Categorical.from_codes(place["split"], list(SPLITS)),
            "is_first_of_group": place["is_first_of_group"],
            **{name: numeric[name] for name in _NUMBERS.names or ()},
        }
    )


def _places(
    received: Iterable[ManifestRow], rows: Iterable[SplitRow]
) -> Iterator[tuple[int, bool]]:
    """Yield for each image received the number of its split, and whether it names its group."""
    remaining = iter(rows)
    of_split = next(remaining, None)
    for image in received:
        if of_split is None or of_split.path != image.path:
            yield NO_SPLIT, False
            continue
        yield SPLITS.index(of_split.split), of_split.group == of_split.path
        of_split = next(remaining, None)
    if of_split is not None:
        raise not_in_manifest(SPLIT_FILE, of_split.path)
