"""data/params_checked.txt: says that params.yaml holds what every stage expects.

Stages depend on it so that none runs, and DVC deletes no output, before that is known. Its content
never changes, so other parameters make no stage run for its sake.
"""

from pathlib import Path

from stages.outputs.whole import whole_text

PARAMS_CHECKED_FILE = Path("data/params_checked.txt")


def write_params_checked(path: Path = PARAMS_CHECKED_FILE) -> None:
    """Write the file."""
    with whole_text(path) as file:
        file.write("params.yaml holds what every stage expects\n")
