"""Keeps pages of other sites from using this one by the browser of somebody who looks at them.

A browser sends what any page asks for, to a server on its own machine too, which would then read
photos to it or take its decisions. It says which page asks (`Origin`), and by which name of the
server (`Host`): a name that a site has made its own to lead to this machine (DNS rebinding) is
not one of the loopback addresses.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

#: What a machine is called by itself.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class OwnPageAlone:
    """Answers requests of the page itself, and of programs, and refuses those of other pages."""

    def __init__(self, app: ASGIApp, names: Collection[str] | None) -> None:
        """Take what answers them.

        Args:
            app: that does.
            names: that the server may be asked by; None: any.
        """
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else None
        if headers is None or is_own(headers.get("host", ""), headers.get("origin"), self._names):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse("Asked by another page, or by another name.\n", 403)
        await refusal(scope, receive, send)


def is_own(host: str, origin: str | None, names: Collection[str] | None) -> bool:
    """Return whether a request is one of the page itself, or of no page.

    Args:
        host: name and port that the server is asked by.
        origin: address of the page that asks, without a path; None: none does.
        names: as of `OwnPageAlone`.
    """
    try:
        named = urlsplit(f"//{host}").hostname
        asks = host if origin is None else urlsplit(origin).netloc
    except ValueError:  # no address
        return False
    return (names is None or named in names) and asks.lower() == host.lower()


def own_names(address: str) -> Collection[str] | None:
    """Return the names of a server that listens at an address; None: nobody knows them.

    Args:
        address: an IP address, an IPv6 one in brackets or not, or a name.
    """
    bare = address.strip("[]")
    try:
        is_loopback = ipaddress.ip_address(bare).is_loopback
    except ValueError:  # a name
        is_loopback = bare == "localhost"
    return {*LOOPBACK, bare} if is_loopback else None
