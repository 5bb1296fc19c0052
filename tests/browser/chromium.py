"""A headless Chromium of our own, and the few words of its DevTools protocol that a test needs.

    async with browser.page() as page:
        await page.open("http://127.0.0.1:8080/")
        assert await page.run("document.title") == "botkit"

One process serves a whole session of tests. Each page has a browser context of its own, so nothing stored in
one is seen in another, and the connection to the browser is opened and closed with the page.
(DevTools protocol: https://chromedevtools.github.io/devtools-protocol/.)
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
"""What the browser is called: Debian, Ubuntu and Fedora, Google."""

STARTING = 30.0
"""Seconds until a browser that does not listen has failed; on a busy machine it takes a few."""

PATIENCE = 20.0
"""Seconds until what a page was to do and did not fails the test."""

FLAGS = (
    "--headless",
    "--no-sandbox",  # its sandbox wants rights that a container rarely has; it loads our own pages only
    "--disable-dev-shm-usage",  # a container's /dev/shm is small
    "--disable-gpu",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
    # a microphone that needs no card and no click
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # media stays on loopback, under addresses and not names of multicast DNS
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    # nothing leaves this machine
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # a page that nobody looks at keeps its pace
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
)


class BrowserError(AssertionError):
    """The browser or the page did not do what it was told."""


def find() -> str | None:
    """The browser's program, where there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """The process. `microphone`: the WAV that its fake microphone says, over and over."""

    def __init__(self, microphone: Path | None = None) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="botkit-chromium-", ignore_cleanup_errors=True)
        self.profile = self._profile.name
        """The folder of all that it stores."""
        self._microphone = microphone
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        """The address of its DevTools."""

    def start(self) -> None:
        """Start it; returns once it listens. Raises `BrowserError`."""
        program = find()
        assert program is not None
        flags = [*FLAGS, f"--user-data-dir={self.profile}"]
        if self._microphone is not None:
            flags.append(f"--use-file-for-fake-audio-capture={self._microphone}")
        said = Path(self.profile) / "said.txt"
        with said.open("wb") as output:
            self._process = subprocess.Popen(
                [program, *flags, "about:blank"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # its many processes are ended together
                env={**os.environ, "HOME": self.profile},  # nothing of its own outside the profile
            )
        listening = Path(self.profile) / "DevToolsActivePort"
        deadline = time.monotonic() + STARTING
        while len(lines := listening.read_text().split() if listening.exists() else []) < 2:
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = said.read_text(errors="replace")[-2000:]
                self.stop()
                raise BrowserError(f"{program} did not start:\n{words}")
            time.sleep(0.02)
        self.url = f"ws://127.0.0.1:{lines[0]}{lines[1]}"

    def stop(self) -> None:
        """End all its processes and remove its profile. May be called more than once."""
        if self._process is not None:
            for how in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, how)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(5.0)
            self._process = None
        self._profile.cleanup()

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """An empty page, closed afterwards with all that it stored."""
        async with connect(self.url, max_size=None, compression=None, ping_interval=None) as socket:
            tools = DevTools(socket)
            reading = asyncio.get_running_loop().create_task(tools.read(), name="DevTools")
            try:
                context = (await tools.ask("Target.createBrowserContext"))["browserContextId"]
                target = (await tools.ask("Target.createTarget", url="about:blank", browserContextId=context))[
                    "targetId"
                ]
                attached = await tools.ask("Target.attachToTarget", targetId=target, flatten=True)
                page = Page(tools, attached["sessionId"])
                await page.begin()
                try:
                    yield page
                finally:
                    await tools.ask("Target.disposeBrowserContext", browserContextId=context)
            finally:
                reading.cancel()
                await asyncio.wait((reading,))


class DevTools:
    """Questions to the browser and what it says by itself, on one socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.said: list[dict[str, Any]] = []
        """What it said unasked, in order."""
        self.news = asyncio.Event()
        """Set whenever it says something unasked."""

    async def read(self) -> None:
        async for text in self._socket:
            frame = json.loads(text)
            if (future := self._asked.pop(frame.get("id"), None)) is None:
                self.said.append(frame)
                self.news.set()
            elif not future.done():
                future.set_result(frame)

    async def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and give its result. Raises `BrowserError`."""
        ident = next(self._ids)
        frame = {"id": ident, "method": method, "params": params}
        if session is not None:
            frame["sessionId"] = session
        self._asked[ident] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps(frame))
        try:
            async with asyncio.timeout(PATIENCE + 5.0):
                reply = await self._asked[ident]
        except TimeoutError:
            raise BrowserError(f"the browser did not reply to {method}") from None
        finally:
            self._asked.pop(ident, None)
        if "error" in reply:
            raise BrowserError(f"{method}: {reply['error']['message']}")
        return dict(reply["result"])


class Page:
    """One page of the browser."""

    def __init__(self, tools: DevTools, session: str) -> None:
        self._tools = tools
        self._session = session

    async def begin(self) -> None:
        for domain in ("Page", "Runtime"):
            await self._ask(f"{domain}.enable")

    async def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._tools.ask(method, self._session, **params)

    async def open(self, url: str) -> None:
        """Go there; returns when the page and its scripts are loaded."""
        self._tools.said.clear()
        if failed := (await self._ask("Page.navigate", url=url)).get("errorText"):
            raise BrowserError(f"{url}: {failed}")
        async with asyncio.timeout(PATIENCE):
            while not any(frame["method"] == "Page.loadEventFired" for frame in self._tools.said):
                self._tools.news.clear()
                await self._tools.news.wait()

    async def run(self, script: str) -> Any:
        """The value of an expression, as JSON has it; a promise is awaited. Raises `BrowserError`: what it threw."""
        done = await self._ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if (thrown := done.get("exceptionDetails")) is not None:
            what = thrown.get("exception", {})
            words = str(what.get("description") or what.get("value") or thrown["text"]).splitlines()
            told = "\n".join(line for line in words if "<anonymous>" not in line)  # without our own frames
            raise BrowserError(f"{script}: {told}")
        return done["result"].get("value")

    async def until(self, condition: str, within: float = PATIENCE) -> Any:
        """Wait until an expression holds; gives its value. Raises `BrowserError`, with what the page said."""
        script = f"""new Promise((resolve, reject) => {{
            const end = performance.now() + {within * 1000};
            const look = () => {{
                try {{
                    const value = {condition};
                    if (value) return resolve(value);
                }} catch (error) {{ return reject(error); }}
                performance.now() > end ? reject(new Error('not within {within:g} s')) : setTimeout(look, 20);
            }};
            look();
        }})"""
        try:
            return await self.run(script)
        except BrowserError as error:
            raise BrowserError(f"{condition}: {str(error).rpartition('Error: ')[2]}\n{self.console}") from None

    async def crash(self) -> None:
        """End the page's process without a word to anybody."""
        with contextlib.suppress(BrowserError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._ask("Page.crash")  # nobody is left to reply

    @property
    def console(self) -> str:
        """What the page wrote to its console and what it threw, for people."""
        lines = []
        for frame in self._tools.said:
            if frame["method"] == "Runtime.consoleAPICalled":
                words = (str(one.get("value", one.get("description", ""))) for one in frame["params"]["args"])
                lines.append(f"{frame['params']['type']}: {' '.join(words)}")
            elif frame["method"] == "Runtime.exceptionThrown":
                details = frame["params"]["exceptionDetails"]
                lines.append(f"thrown: {details.get('exception', {}).get('description', details['text'])}")
        return "\n".join(lines)
