"""A real Chromium without a window, and its pages, driven over the DevTools protocol.

    async def test_something(page):
        await page.open(url)                        # http://... or file://...
        await page.until("document.querySelectorAll('tr').length > 3")
        assert await page.run("document.title") == "..."
        await page.click("#reset")
        await page.press("Tab")
        assert page.complaints == []                # errors in the console, and what the policy refused
        await page.show("the-page", dark=True)      # a picture in .artifacts/

`run` returns what the expression is worth, as JSON; a promise is awaited.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

ARTIFACTS = Path(__file__).parents[3] / ".artifacts"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 20.0
"""Seconds until we give up: a machine that others share may be slow."""

KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40, "ArrowUp": 38}

ILLEGIBLE = Path(__file__).with_name("illegible.js").read_text(encoding="utf-8")
UNNAMED = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "img", "image"}
"""Roles that a screen reader must have a name for."""


class UnavailableError(Exception):
    """There is no such browser; the message says why."""


@contextmanager
def chromium() -> Iterator[str]:
    """A running browser, by the address of its DevTools."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise UnavailableError(f"none of {', '.join(NAMES)} is installed, and CHROMIUM names none")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *_settings(Path(profile))],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "HOME": profile},
        )
        try:
            yield _address(process, Path(profile) / "DevToolsActivePort")
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its own group: the renderers die with it
            process.wait()


def _settings(profile: Path) -> list[str]:
    settings = [
        "--headless=new",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-extensions",
        "--hide-scrollbars",
    ]
    if os.getuid() == 0:  # its sandbox refuses to be made by root, as in a container
        settings.append("--no-sandbox")
    return settings


def _address(process: subprocess.Popen[bytes], file: Path) -> str:
    """Where the browser listens, which it writes into a file."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        told = file.read_text().split() if file.exists() else []
        if len(told) == 2:
            return f"ws://127.0.0.1:{told[0]}{told[1]}"
        time.sleep(0.02)
    raise UnavailableError(f"{process.args[0]} did not start: exit status {process.poll()}")  # type: ignore[index, str-bytes-safe]


@asynccontextmanager
async def page_of(address: str) -> AsyncIterator[Page]:
    """A page with cookies, storage and a cache of its own."""
    async with connect(address, max_size=None, proxy=None) as connection:
        page = Page(connection)
        listener = asyncio.create_task(page.listen())
        try:
            await page.begin()
            yield page
            await page.end()
        finally:
            listener.cancel()
            await asyncio.wait([listener])


class Page:
    """One page of the browser.

    Attributes:
        complaints: Errors in its console, exceptions of its scripts, and what its policy has refused.
        requested: The address of everything that it has asked for.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self._connection = connection
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None
        self._context = ""
        self._loaded = asyncio.Event()

    # --- looking ---------------------------------------------------------------------------------

    async def open(self, url: str) -> None:
        """Go there, and wait until it is loaded."""
        self._loaded.clear()
        answer = await self.command("Page.navigate", url=url)
        if "errorText" in answer:
            raise AssertionError(f"{url}: {answer['errorText']}")
        async with asyncio.timeout(PATIENCE):
            await self._loaded.wait()

    async def run(self, expression: str) -> Any:
        """What an expression is worth; what it throws is an `AssertionError`."""
        answer = await self.command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {_told(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    async def until(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Wait until an expression is true; returns what it is worth."""
        began = time.monotonic()
        while not (value := await self.run(expression)):
            if time.monotonic() - began > seconds:
                raise AssertionError(f"after {seconds:g} s it is still {value!r}: {expression}")
            await asyncio.sleep(0.05)
        return value

    async def text(self, selector: str = "body") -> str:
        """What a person reads there."""
        words: str = await self.run(f"document.querySelector({json.dumps(selector)}).innerText")
        return words

    async def illegible(self) -> list[str]:
        """Texts that stand out too little from what is behind them: less than 4.5 to 1, large ones 3 to 1."""
        found: list[str] = await self.run(ILLEGIBLE)
        return found

    async def unnamed(self) -> list[str]:
        """What a screen reader would offer without a name, by its role."""
        tree = await self.command("Accessibility.getFullAXTree")
        seen = [node for node in tree["nodes"] if not node.get("ignored")]
        return [
            node["role"]["value"]
            for node in seen
            if node["role"]["value"] in UNNAMED and not node.get("name", {}).get("value", "").strip()
        ]

    async def show(self, name: str, *, whole: bool = True) -> Path:
        """Keep a picture of the page in .artifacts/, `whole` or as much as fits the window."""
        answer = await self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        ARTIFACTS.mkdir(exist_ok=True)
        file = ARTIFACTS / f"{name}.png"
        file.write_bytes(base64.b64decode(answer["data"]))
        print(f"a picture of the page: {file}")
        return file

    # --- touching --------------------------------------------------------------------------------

    async def like(
        self,
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        scale: float = 1,
        still: bool = True,
    ) -> None:
        """Be a window of this size, that likes its pages light or dark, and `still` or moving."""
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        await self.command("Emulation.setEmulatedMedia", features=features)

    async def click(self, selector: str) -> None:
        """Press the mouse in the middle of what `selector` finds first."""
        found = json.dumps(selector)
        await self.run(f"document.querySelector({found}).scrollIntoView({{block: 'center'}})")
        box = await self.run(f"document.querySelector({found}).getBoundingClientRect().toJSON()")
        where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            await self.command("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **where)

    async def type(self, words: str) -> None:
        """Type into whatever has the focus."""
        await self.command("Input.insertText", text=words)

    async def press(self, key: str) -> None:
        """Press one of `KEYS`, or a single character."""
        code = KEYS.get(key, ord(key.upper()[0]))
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        told = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        await self.command("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **told)

    # --- the protocol ----------------------------------------------------------------------------

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser for something of its protocol; what it refuses is an `AssertionError`."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        await self._connection.send(json.dumps(message))
        async with asyncio.timeout(PATIENCE):
            told = await answer
        if "error" in told:
            raise AssertionError(f"{method}: {told['error']['message']}")
        result: dict[str, Any] = told["result"]
        return result

    async def begin(self) -> None:
        """Make the page, and listen to it."""
        self._context = (await self.command("Target.createBrowserContext"))["browserContextId"]
        target = await self.command("Target.createTarget", url="about:blank", browserContextId=self._context)
        attached = await self.command("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            await self.command(f"{domain}.enable")
        await self.like()

    async def end(self) -> None:
        """Give the page back."""
        self._session = None
        await self.command("Target.disposeBrowserContext", browserContextId=self._context)

    async def listen(self) -> None:
        """Take in what the browser says, until it says no more."""
        async for message in self._connection:
            told = json.loads(message)
            if "id" in told:
                answer = self._answers.pop(told["id"])
                if not answer.done():
                    answer.set_result(told)
            else:
                self._note(told["method"], told["params"])

    def _note(self, method: str, facts: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Network.requestWillBeSent":
            self.requested.append(facts["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(_told(facts["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and facts["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(part.get("value", "")) for part in facts["args"]))
        elif method == "Log.entryAdded" and facts["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{facts['entry']['text']} {facts['entry'].get('url', '')}".strip())
        elif method == "Audits.issueAdded" and "Policy" in facts["issue"]["code"]:
            self.complaints.append(json.dumps(facts["issue"]))


def _told(details: dict[str, Any]) -> str:
    """An exception of a script, with where it was thrown."""
    words = details.get("exception", {}).get("description") or details.get("text", "")
    return f"{words} (line {details.get('lineNumber', 0) + 1})"
