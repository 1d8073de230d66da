"""How a stage is run: its parameters checked, its main called, its errors told in one line."""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType, MappingProxyType

from stages.outputs.whole import explain_disk_error, remove_leftovers
from stages.params.reading import PARAMS_FILE, Params, Section, load_section
from stages.streams import tolerate_readers
from waste_classifier.errors import InputError, PhotoError

#: Stages that take arguments, and refuse those that they don't know themselves.
TAKING_ARGUMENTS = ("stages.evaluate",)

#: Sections of parameters that `run_with` has given the stage that runs, by name.
_given: ContextVar[Mapping[str, Params]] = ContextVar("given", default=MappingProxyType({}))


class Terminated(BaseException):
    """The system asks this process to end: SIGTERM, or SIGHUP when its terminal closes."""


def run(section: str, schema: type[Section], main: Callable[[Section], None]) -> int:
    """Call `main` with the parameters of a stage and return the exit code of the process.

    Args:
        section: of params.yaml.
        schema: its class.
        main: of the stage.

    Returns:
        As `exit_code`.
    """
    return run_with({section: schema}, lambda **sections: main(sections[section]))


def run_with(schemas: Mapping[str, type[Params]], main: Callable[..., None]) -> int:
    """Call `main` with some sections of parameters, by their names; return as `run`.

    Parameters that change meanwhile are an error, as of `check_unchanged`.

    Args:
        schemas: their classes by name.
        main: of the stage.
    """

    def with_parameters() -> None:
        sections = {name: load_section(name, schema) for name, schema in schemas.items()}
        before = _given.set(sections)
        try:
            main(**sections)
            check_unchanged()
        finally:
            _given.reset(before)

    return exit_code(with_parameters)


def check_unchanged() -> None:
    """Check that params.yaml still says what `run_with` has given the stage that runs.

    DVC looks at the parameters after the stage, and would record others as if they had been used.
    A stage that can go on with unfinished work calls this before it gives that up: whoever puts the
    values back has the work still.

    Raises:
        InputError: a section has changed, or can't be read any more.
    """
    for name, section in _given.get().items():
        if load_section(name, type(section)) != section:
            raise InputError(
                f"{PARAMS_FILE}: section '{name}' changed while the stage ran, with its values "
                "from before; run again"
            )


def exit_code(main: Callable[[], None]) -> int:
    """Call `main` and return 0, 1 for an error that is the user's to mend, 128 + n for signal n.

    Ctrl-C is signal 2, SIGTERM 15. Such an error becomes one message on stderr; anything else is a
    bug and keeps its traceback. What killed runs left and none goes on with is removed first.

    A stage that is given arguments and takes none does nothing and returns 2, as of commands that
    are called wrongly: who asks for `--help` wants nothing replaced.
    """
    tolerate_readers()
    name = _name_of_stage()
    if name is not None and name not in TAKING_ARGUMENTS and len(sys.argv) > 1:
        print(f"usage: python -m {name} (settings: {PARAMS_FILE})", file=sys.stderr)
        return 2
    # They don't say of which photo they are; one that can't be decoded is an error.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        with _endings_raised():
            remove_leftovers()
            main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except Terminated as ending:
        print("terminated", file=sys.stderr)
        return 128 + int(ending.args[0])
    except Exception as error:
        message = _message_of(error)
        if message is None:
            raise
        _print_error(message)
        return 1
    return 0


def _name_of_stage() -> str | None:
    """Return the package of the stage that this process was started as, `stages.train`, if any."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is None or not spec.name.startswith("stages."):
        return None
    package, _, module = spec.name.rpartition(".")
    return package if module == "__main__" else None


def _message_of(error: Exception) -> str | None:
    if isinstance(error, PhotoError):
        return f"{error}; run `dvc checkout` to bring the photo back"
    if isinstance(error, InputError):
        return str(error)
    # TensorFlow's, which is not imported for its sake; a full disk has it too, without this word.
    if type(error).__name__ == "ResourceExhaustedError" and "OOM" in str(error):
        said = next(line for line in str(error).splitlines() if "OOM" in line)
        return (
            "out of memory, of the GPU if there is one; lower the batch_size of what was computed, "
            f"or features.image_size, in {PARAMS_FILE} ({said.strip()[:200]})"
        )
    if isinstance(error, MemoryError):
        return f"out of memory ({error}); free some, or give the machine more, and run again"
    return explain_disk_error(error) if isinstance(error, OSError) else None


@contextmanager
def _endings_raised() -> Iterator[None]:
    """Turn the signals that ask a process to end into an exception, so that it leaves nothing."""
    stage = os.getpid()

    def end(number: int, _: FrameType | None) -> None:
        if os.getpid() != stage:  # one that it started
            os._exit(128 + number)
        # While it tidies up, one asked again goes on.
        for other in replaced:
            signal.signal(other, signal.SIG_IGN)
        raise Terminated(number)

    # `nohup` has SIGHUP ignored.
    signals = (signal.SIGTERM, signal.SIGHUP)
    replaced = [number for number in signals if signal.getsignal(number) == signal.SIG_DFL]
    for number in replaced:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in replaced:
            signal.signal(number, signal.SIG_DFL)


def _print_error(message: str) -> None:
    # A name from anywhere may hold what commands a terminal.
    printable = "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1]
        for letter in message
    )
    print(f"error: {printable}", file=sys.stderr)
