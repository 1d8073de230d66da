"""The one error that is the user's to mend, and how a stage reports it."""

import sys
from collections.abc import Callable


class InputError(Exception):
    """Something that the user gave is wrong.

    Its text names the file or key, says what is wrong with it and how to mend it.
    """


def run(main: Callable[[], None]) -> int:
    """Run a stage and return its exit code: 0, 1 for an `InputError`, 130 for Ctrl-C.

    An `InputError` becomes one message on stderr; anything else is a bug and keeps its traceback.
    """
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0
