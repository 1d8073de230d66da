"""How a stage is run: its parameters checked, its main called, its errors told in one line."""

import io
import sys
from collections.abc import Callable
from typing import Any

from stages.outputs.whole import explain_disk_error
from stages.params.reading import PARAMS_FILE, Section, load_section
from waste_classifier.errors import InputError, PhotoError


def run(section: str, schema: type[Section], main: Callable[[Section], None]) -> int:
    """Call `main` with the parameters of a stage and return the exit code of the process.

    Parameters that change meanwhile would be recorded by DVC as if they had been used, since it
    looks at them after the stage: so that is an error.

    Args:
        section: of params.yaml.
        schema: its class.
        main: of the stage.

    Returns:
        As `exit_code`.
    """

    def with_parameters() -> None:
        settings = load_section(section, schema)
        main(settings)
        if load_section(section, schema) != settings:
            raise InputError(
                f"{PARAMS_FILE}: section '{section}' changed while the stage ran, with its values "
                "from before; run again"
            )

    return exit_code(with_parameters)


def exit_code(main: Callable[[], None]) -> int:
    """Call `main` and return 0, 1 for an error that is the user's to mend, 130 for Ctrl-C.

    Such an error becomes one message on stderr; anything else is a bug and keeps its traceback.
    """
    _tolerate_readers()
    try:
        main()
    except PhotoError as error:
        return _fail(f"{error}; run `dvc checkout` to bring the photo back")
    except InputError as error:
        return _fail(str(error))
    except OSError as error:
        message = explain_disk_error(error)
        if message is None:
            raise
        return _fail(message)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


class _Pipe(io.FileIO):
    """A standard stream that may end in a closed pipe or on a full disk: then words are dropped."""

    def write(self, content: Any) -> int:
        """Write bytes and return how many were taken."""
        try:
            return super().write(content)
        except OSError:
            return len(content)


def _tolerate_readers() -> None:
    """Let nothing that a stage prints stop its work.

    A reader may leave (`| head -1`), a log be on a full disk, or a terminal take fewer characters
    than a label has (`PYTHONIOENCODING=ascii`).
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # Not what a test or a notebook reads from.
        if isinstance(stream, io.TextIOWrapper) and stream is getattr(sys, f"__{name}__"):
            stream.flush()
            tolerant = io.TextIOWrapper(
                io.BufferedWriter(_Pipe(stream.fileno(), "w", closefd=False)),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering,
            )
            setattr(sys, name, tolerant)


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1
