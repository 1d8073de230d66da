"""Check all of params.yaml, before another stage runs and before DVC deletes an output."""

import sys

from stages.outputs.params_checked import write_params_checked
from stages.params.sections import check_params
from stages.stage import exit_code


def main() -> None:
    """Check params.yaml, leave a file that says so, and print what the user should know."""
    notes = check_params()
    write_params_checked()
    print("\n".join(notes))


if __name__ == "__main__":
    sys.exit(exit_code(main))
