"""Names of labels and photos: which ones every system can hold, and how messages show them.

Names are brought to Unicode's composed form (NFC): the same data set then has the same paths
whether it was packed on Linux, Windows or macOS (which writes accents as separate characters).
"""

import re
import unicodedata
from collections.abc import Iterator

MAX_BYTES = 255
#: Names that Windows keeps for devices, whatever follows their first dot.
_DEVICE = re.compile(
    r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$)"
    r" *(\..*)?",
    re.IGNORECASE | re.DOTALL,
)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
#: Categories of Unicode: control characters, separators of lines and of paragraphs.
_UNWRITABLE = {"Cc", "Zl", "Zp"}


def composed(name: str) -> str:
    """Return a name in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", name)


def collision_key(name: str) -> str:
    """Return what two names share that Windows or macOS would take for the same.

    They differ in case, in Unicode form, or in characters that nobody sees.
    """
    if name.isascii():
        return name.casefold()
    visible = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    return composed(composed(visible).casefold())


def problem_of_name(name: str) -> str | None:
    """Say why a file or folder of this name can't be had on every system; None if it can."""
    return next(_problems(name), None)


def shown(name: object) -> str:
    """Return a name or path as messages show it: what can't be printed is escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(name))


def _problems(name: str) -> Iterator[str]:
    # `isprintable` is fast, but also false for what many names hold: blanks of other languages.
    categories = set() if name.isprintable() else set(map(unicodedata.category, name))
    if "Cs" in categories:
        yield "is not plain UTF-8"
    if categories & _UNWRITABLE:
        yield "has a control character in its name"
    forbidden = _FORBIDDEN.search(name)
    if forbidden:
        yield f"has a {forbidden[0]} in its name"
    if name != name.strip():
        yield "has a blank at an end of its name"
    if name.endswith("."):
        yield "has a dot at the end of its name"
    if _DEVICE.fullmatch(name):
        yield "has the name of a device of Windows"
    if len(composed(name).encode()) > MAX_BYTES:
        yield f"has a name of more than {MAX_BYTES} bytes"
