"""Serves the page until it is stopped, and leaves nothing of what was dropped on it."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from types import FrameType

from waste_classifier.classifier import Classifier
from waste_classifier.errors import InputError
from waste_classifier.page.review import CORRECTIONS, Review

#: Signals that ask a process to end.
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
HOST = "127.0.0.1"
PORT = 7860


def serve(
    folder: Path,
    host: str = HOST,
    port: int = PORT,
    label_errors: Path | None = None,
    photos: Path | None = None,
    corrections: Path = CORRECTIONS,
) -> None:
    """Serve the page of a classifier until Ctrl-C, SIGTERM or SIGHUP.

    Args:
        folder: of the classifier.
        host: address to listen at; that of this machine alone unless asked otherwise.
        port: to listen at; 0: any that is free.
        label_errors: table of likely label errors; None: that of the pipeline, if there is one.
        photos: folder that its paths are below; None: that of the pipeline.
        corrections: table that decisions on them go to.

    Raises:
        InputError: Gradio is not installed, a file is missing or damaged, or the port is taken.
    """
    port = _free_port(host, port)
    classifier = Classifier.load_whole(str(folder))
    review = Review.load(label_errors, photos, corrections)
    with _uploads_deleted():
        try:
            from waste_classifier.page.app import build, launch
        except ModuleNotFoundError as error:
            raise InputError(
                f"the page takes {error.name}, which is not installed: "
                "`make install LOCK=requirements-page.lock` brings it, or, in a clone of the "
                "project, `pip install '.[page]'`"
            ) from None
        page = build(classifier, review)
        address = f"[{host}]" if ":" in host else host
        try:
            launch(page, address, port)
        except OSError as error:  # taken since
            raise _not_free(host, port, error) from None
        print(f"http://{address}:{port}  (Ctrl-C stops it)", flush=True)
        try:
            _wait_until_stopped()
        finally:
            page.close(verbose=False)


@contextmanager
def _uploads_deleted() -> Iterator[None]:
    """Give Gradio a folder for what is dropped, and delete it in the end."""
    # The second comes when the terminal is closed, and is ignored under `nohup`.
    handlers = {
        number: signal.signal(number, _end)
        for number in ENDINGS
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        with TemporaryDirectory(
            prefix="waste-classifier-page-", ignore_cleanup_errors=True
        ) as uploads:
            os.environ["GRADIO_TEMP_DIR"] = uploads
            os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
            # Gradio asks itself whether it answers: not by way of a proxy.
            os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> None:
    # Whoever asks twice may not stop the tidying up.
    for each in ENDINGS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def _wait_until_stopped() -> None:
    try:
        Event().wait()
    except KeyboardInterrupt:
        print()


def _free_port(host: str, port: int) -> int:
    """Return a port that can be listened at: the one given, or any for 0."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as listening:
            return int(listening.getsockname()[1])
    except (OSError, OverflowError) as error:
        raise _not_free(host, port, error) from None


def _not_free(host: str, port: int, error: Exception) -> InputError:
    return InputError(
        f"can't listen at {host}, port {port} ({error}); give another --host or --port"
    )
