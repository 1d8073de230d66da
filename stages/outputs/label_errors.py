"""data/label_errors.csv: images that likely stand under a wrong label, likeliest first."""

from pathlib import Path
from typing import NamedTuple

LABEL_ERRORS_FILE = Path("data/label_errors.csv")


class LabelErrorRow(NamedTuple):
    """One image that likely stands under a wrong label."""

    rank: int  #: 1 is the likeliest; the table is sorted by it
    path: str
    label: str
    suggested_label: str
    quality: str  #: 0 to 1, probability of the given label by images that it was not fitted on
