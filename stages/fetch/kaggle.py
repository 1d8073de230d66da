"""Downloads one version of a Kaggle data set with Kaggle's own client.

What the client lacks is added here: timeouts, retries, a check of the MD5 that the storage states,
and messages that say what to do. It relies on details of kaggle 2.2.4 and kagglesdk 0.1.35.
"""

import base64
import hashlib
import io
import json
import logging
import os
import re
import shutil
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import kagglesdk.kaggle_client
import requests
from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest
from kagglesdk.kaggle_env import get_access_token_from_env
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from stages.fetch.incoming import require_free_space
from stages.fetch.names import shown
from waste_classifier.errors import InputError

SIGN_IN = (
    "make an API token at https://www.kaggle.com/settings/api and put it into the environment "
    "variable KAGGLE_API_TOKEN or the file ~/.kaggle/access_token"
)
LONGEST_WAIT = 120  # seconds before a retry, whatever the server asks for

#: What follows `?` in an address, the signature of the storage with it; and a password in one.
_SECRETS = re.compile(r"(?<=\?)[^\s'\")>]+|(?<=//)[^\s/@]+(?=@)")
_SENDABLE = re.compile(r"[!-~]+")  # as part of an HTTP header
_RETRIED_STATUSES = (429, 500, 502, 503, 504)


class _BrokenDownloadError(Exception):
    """What arrived is not what the storage announced; a new try may do better."""


def download(dataset: str, version: int, directory: Path, *, timeout: float, retries: int) -> Path:
    """Download the archive of a data set.

    Without credentials it is tried anonymously, if the client allows that for data sets.

    Args:
        dataset: `owner/name`.
        version: Of the data set.
        directory: Where the archive goes; each try gets a fresh folder in it.
        timeout: Seconds without an answer, or without more data, before a request fails.
        retries: New tries after a failed one, of each request and of the download as a whole.

    Returns:
        Path of the zip archive, of the size and MD5 that the storage announced.

    Raises:
        InputError: credentials are malformed or refused, the data set can't be had, the network
            or Kaggle fails for good, or the disk is too small.
    """
    for library in ("connectionpool", "util.retry"):  # Kaggle's client may have their logs printed
        logging.getLogger(f"urllib3.{library}").addFilter(_redact)
    try:
        api = _sign_in(directory, timeout, retries)
        for attempt in range(retries + 1):
            time.sleep(min(2**attempt - 1, LONGEST_WAIT))
            fresh = Path(tempfile.mkdtemp(dir=directory))
            try:
                return _download_once(api, dataset, version, fresh, timeout)
            except _BrokenDownloadError as error:
                shutil.rmtree(fresh)
                print(f"download of {dataset}: {_redacted(error)}", file=sys.stderr)
    except requests.HTTPError as error:
        # Kaggle sends the request on to its storage once it knows the version and lets us have it.
        if error.response.history:
            raise InputError(
                f"Kaggle's storage does not give {dataset} ({error.response.status_code}: "
                f"{_redacted(error)}); run again later, or get {_page(dataset)} with a browser and "
                "set fetch.source to path"
            ) from None
        raise InputError(_explain(error, dataset, version)) from None
    except requests.RequestException as error:
        raise InputError(
            f"no connection to Kaggle after {retries + 1} tries ({_redacted(error)}); check the "
            "network and its proxy, or download the archive with a browser and set fetch.source to "
            "path"
        ) from None
    raise InputError(
        f"the download of {dataset} from Kaggle broke {retries + 1} times; check the network and "
        "run again, or raise fetch.kaggle.retries"
    )


class _PatientAdapter(HTTPAdapter):
    """Retries requests, and gives up on a server that is silent for `timeout` seconds."""

    def __init__(self, timeout: float, retries: int) -> None:
        self._timeout = timeout
        policy = Retry(
            total=retries,
            status_forcelist=_RETRIED_STATUSES,
            allowed_methods=None,  # POST too: the requests of the client change nothing
            backoff_factor=0.5,
            backoff_max=LONGEST_WAIT,
            retry_after_max=LONGEST_WAIT,
            raise_on_status=False,
        )
        super().__init__(max_retries=policy)

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        options["timeout"] = options.get("timeout") or self._timeout
        return super().send(request, **options)


def _add_patience(timeout: float, retries: int) -> None:
    """Make every client of kagglesdk patient, also the one that `import kaggle` signs in with.

    And discreet.
    """

    class PatientHttpClient(kagglesdk.kaggle_http_client.KaggleHttpClient):
        def _init_session(self) -> None:
            if self._session is None:
                super()._init_session()
                session: Any = self._session
                session.mount("http://", _PatientAdapter(timeout, retries))
                session.mount("https://", _PatientAdapter(timeout, retries))

        def _print(self, message: str) -> None:
            """Keep to itself the requests, with the token, that VERBOSE makes it print."""

    kagglesdk.kaggle_client.KaggleHttpClient = PatientHttpClient


def _sign_in(scratch: Path, timeout: float, retries: int) -> Any:
    """Return the client, signed in, or anonymous where there are no credentials."""
    token_source = _check_environment()
    api = _import_client(scratch, timeout)
    _check_key_file(Path(api.config))
    _add_patience(timeout, retries)
    if api.config_values.get(api.CONFIG_NAME_AUTH_METHOD):
        return api
    try:
        with redirect_stdout(io.StringIO()):
            api.authenticate()
        return api
    except SystemExit:
        if token_source:
            raise InputError(f"Kaggle refused the token ({token_source}); {SIGN_IN}") from None
    if "datasets download" not in api.command_prefixes_allowing_anonymous_access:
        raise InputError(f"no Kaggle credentials; {SIGN_IN}")
    print("no Kaggle credentials found: trying without", file=sys.stderr)
    return api


def _import_client(scratch: Path, timeout: float) -> Any:
    """Import kaggle, which tries to sign in, and prints a page of help if it can't."""
    home = Path.home()
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    if not (home / ".kaggle").exists() and not (config_home / "kaggle").exists():
        # Otherwise the import would make a folder there.
        os.environ.setdefault("KAGGLE_CONFIG_DIR", str(scratch))
    # The import hides why it could not sign in, so that this is tried again: no retries yet.
    _add_patience(timeout, retries=0)
    with redirect_stdout(io.StringIO()):
        import kaggle
    return kaggle.api


def _check_environment() -> str | None:
    """Return where the token comes from, if there is one.

    Raises:
        InputError: it can't be sent, or there is none and half a key.
    """
    try:
        token, source = get_access_token_from_env()
    except (OSError, UnicodeDecodeError):
        token, source = "", "KAGGLE_API_TOKEN or ~/.kaggle/access_token"
    if token is not None:
        if not _SENDABLE.fullmatch(token):
            raise InputError(f"the Kaggle token ({source}) is malformed; {SIGN_IN}")
        return str(source)
    if bool(os.environ.get("KAGGLE_USERNAME")) != bool(os.environ.get("KAGGLE_KEY")):
        raise InputError(
            f"only one of KAGGLE_USERNAME and KAGGLE_KEY is set; set both, or {SIGN_IN}"
        )
    return None


def _check_key_file(file: Path) -> None:
    """Refuse a kaggle.json that the client would silently ignore."""
    if not file.exists():
        return
    try:
        content = json.loads(file.read_text())
        sound = _SENDABLE.fullmatch(content["username"]) and _SENDABLE.fullmatch(content["key"])
    except (ValueError, KeyError, TypeError):
        sound = None
    if not sound:
        raise InputError(
            f'{file}: malformed; expected {{"username": "...", "key": "..."}} as Kaggle gave it. '
            f"Delete it or download it again, or {SIGN_IN}"
        )


def _download_once(api: Any, dataset: str, version: int, directory: Path, timeout: float) -> Path:
    request = ApiDownloadDatasetRequest()
    request.owner_slug, request.dataset_slug = dataset.split("/")
    request.dataset_version_number = version
    archive = directory / f"{request.dataset_slug}.zip"
    with redirect_stdout(sys.stderr), api.build_kaggle_client() as client:
        response = client.datasets.dataset_api_client.download_dataset(request)
        require_free_space(directory, int(response.headers.get("Content-Length", 0)), dataset)
        try:
            api.download_file(
                response,
                str(archive),
                client.http_client(),
                quiet=not sys.stderr.isatty(),
                max_retries=0,
                timeout=timeout,
            )
        # ValueError: the size differs from what was announced.
        except (requests.RequestException, ValueError) as error:
            raise _BrokenDownloadError(f"broke off ({error})") from None
    announced = re.search(r"md5=([\w+/=]+)", response.headers.get("x-goog-hash", ""))
    if announced:
        with archive.open("rb") as file:
            received = hashlib.file_digest(file, "md5").digest()
        if received != base64.b64decode(announced[1]):
            raise _BrokenDownloadError("the MD5 differs from the announced one")
    return archive


def _explain(error: requests.HTTPError, dataset: str, version: int) -> str:
    status = error.response.status_code
    reason = _redacted(error)
    page = _page(dataset)
    if status == 429:
        return (
            f"Kaggle limits how often it may be asked (429: {reason}); wait a while, then run again"
        )
    if status >= 500:
        return f"Kaggle is out of order ({status}: {reason}); run again later"
    if status == 401:
        return f"Kaggle wants credentials, or refused those it got (401: {reason}); {SIGN_IN}"
    if status == 403:
        return (
            f"Kaggle denies access to {dataset} (403: {reason}); open {page} in a browser, signed "
            f"in, and accept the rules there. If you have no credentials here yet, {SIGN_IN}"
        )
    if status == 404:
        return (
            f"Kaggle has no version {version} of {dataset} (404: {reason}); compare "
            f"fetch.kaggle.dataset and fetch.kaggle.version with {page}"
        )
    return f"Kaggle failed ({status}: {reason}); run again, or get {page} with a browser"


def _page(dataset: str) -> str:
    return f"https://www.kaggle.com/datasets/{dataset}"


def _redacted(text: object) -> str:
    """Return a text without the secrets of addresses in it, and fit for a terminal."""
    return shown(_SECRETS.sub("[…]", str(text)))


def _redact(record: logging.LogRecord) -> bool:
    record.msg, record.args = _redacted(record.getMessage()), ()
    return True
