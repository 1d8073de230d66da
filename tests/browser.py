"""A page in a real browser, offline: Chromium or Chrome, by its DevTools protocol."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium: apt-get install chromium"
)
ERRORS = ("error", "assert", "warning")


@dataclass
class SeenPage:
    """What a browser made of a page."""

    values: dict[str, Any]  #: by the scripts asked for
    messages: list[str] = field(default_factory=list)  #: errors and warnings of the console
    requests: list[str] = field(default_factory=list)  #: addresses asked for, files aside


@dataclass(frozen=True)
class Browser:
    """A browser that can reach nothing."""

    port: str  #: that it listens at
    path: str  #: that it is spoken to at, as a whole

    def look_at(self, page: Path, width: int, done: str, scripts: dict[str, str]) -> SeenPage:
        """Open a page in a window of some width, wait until a script is true, then run others."""
        return asyncio.run(self._look_at(page, width, done, scripts))

    async def _look_at(
        self, page: Path, width: int, done: str, scripts: dict[str, str]
    ) -> SeenPage:
        address = f"ws://127.0.0.1:{self.port}/devtools"
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(f"{address}/{self.path}") as socket:
                window = await _Target(socket).open_window(width)
            async with session.ws_connect(f"{address}/page/{window}", max_msg_size=0) as socket:
                return await _Target(socket).look_at(page, done, scripts)


class _Target:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._calls = 0
        self._events: list[dict[str, Any]] = []

    async def open_window(self, width: int) -> str:
        """Open another window of the whole browser; return its name."""
        size = {"newWindow": True, "width": width, "height": 900}
        answer = await self._call("Target.createTarget", url="about:blank", **size)
        return str(answer["result"]["targetId"])

    async def look_at(self, page: Path, done: str, scripts: dict[str, str]) -> SeenPage:
        for domain in ("Runtime", "Log", "Network", "Page"):
            await self._call(f"{domain}.enable")
        await self._call("Page.navigate", url=page.as_uri())
        for _ in range(300):
            if await self._value(f"Boolean({done})"):
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail(f"{page}: not complete after 30 s: {self._messages()}")
        values = {name: await self._value(script) for name, script in scripts.items()}
        return SeenPage(values, self._messages(), self._requests())

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._calls += 1
        await self._socket.send_json({"id": self._calls, "method": method, "params": params})
        while True:
            message: dict[str, Any] = await self._socket.receive_json(timeout=60)
            if message.get("id") == self._calls:
                return message
            self._events.append(message)

    async def _value(self, script: str) -> Any:
        answer = await self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer["result"], f"{script}: {answer}"
        return answer["result"]["result"].get("value")

    def _messages(self) -> list[str]:
        messages = []
        for event in self._events:
            params = event.get("params", {})
            if (
                event["method"] == "Runtime.exceptionThrown"
                or (event["method"] == "Runtime.consoleAPICalled" and params["type"] in ERRORS)
                or (event["method"] == "Log.entryAdded" and params["entry"]["level"] in ERRORS)
            ):
                messages.append(str(params)[:1000])
        return messages

    def _requests(self) -> list[str]:
        addresses = [
            event["params"]["request"]["url"]
            for event in self._events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [each for each in addresses if not each.startswith(("file:", "data:"))]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Run a browser."""
    assert CHROMIUM is not None
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-dev-shm-usage"),
            # Addresses other than that of the test lead nowhere.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            *("--remote-debugging-port=0", f"--user-data-dir={profile}"),
            "about:blank",
        ]
        browser = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert browser.stderr is not None
            for line in browser.stderr:
                if found := re.search(r"ws://127\.0\.0\.1:(\d+)/devtools/(\S+)", line):
                    yield Browser(found[1], found[2])
                    return
            pytest.fail("chromium did not start")
        finally:
            browser.terminate()
            browser.wait()
