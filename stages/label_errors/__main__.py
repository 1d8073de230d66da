"""Find images that likely stand under a wrong label: data/label_errors.csv and a sheet of them.

For people to decide on, on the page, which writes down what stage fetch then applies.
"""

import sys

from stages.drawing import log_pictures
from stages.label_errors.find import find_label_errors
from stages.label_errors.sheet import label_error_sheet
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, read_cross_validation
from stages.outputs.label_errors import LABEL_ERRORS_FILE, LabelErrorRow
from stages.outputs.manifest import Manifest
from stages.outputs.tables import write_table
from stages.params.label_errors import LabelErrorsParams
from stages.stage import run
from stages.tracking import StageLive


def main(settings: LabelErrorsParams) -> None:
    """Read what the cross-validation says of each image, write the table, metric and sheet."""
    errors = find_label_errors(read_cross_validation())
    drawn = errors[: settings.sheet_images]
    paths = [error.path for error in drawn]
    photos = Manifest().photos_by_path(paths, CROSS_VALIDATION_FILE)
    # Before anything is written, since an image may be gone.
    pictures = {"label_errors": label_error_sheet(photos, drawn)}

    write_table(LABEL_ERRORS_FILE, errors, LabelErrorRow)
    with StageLive("label_errors") as live:
        live.log_metric("label_errors", len(errors), plot=False)
        log_pictures(live, pictures)
    print(f"{len(errors)} images likely stand under a wrong label: {LABEL_ERRORS_FILE}")


if __name__ == "__main__":
    sys.exit(run("label_errors", LabelErrorsParams, main))
