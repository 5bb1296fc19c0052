"""Where the sound of a command comes from: an address, a file known by name, bytes, a text.

Addresses are fetched by the exchange over HTTP, within limits of size and time, and what was fetched is kept.
`file:` addresses are read only from the folders that the exchange was told of: a command by REST must not read
any other file of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from botkit.clock import Clock
from botkit.errors import ConfigError
from botkit.exchange.activities.speech import Speech
from botkit.media import prompt
from botkit.media.prompt import Prompt
from botkit.media.source import Source

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("botkit.exchange")

SIZE_LIMIT = 20_000_000
"""Bytes of one file."""

TIME_LIMIT = 15.0
"""Seconds to fetch one file."""

LONGEST = 3600.0
"""Seconds that one file may last."""

KEPT_BYTES = 100_000_000
"""Of samples, all files together, that are kept."""

REDIRECTS = 3

MISSING = "file_not_found"
FAILED = "failed"


class SoundFailed(Exception):
    """There is no such sound. `status` is that of `call.playback.ended`, `detail` says why."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ByUrl:
    """A file at an address. `cached`: what was fetched before will do."""

    url: str
    cached: bool = True


@dataclass(frozen=True, slots=True)
class ByName:
    """A file that was given to the exchange by this name."""

    name: str


@dataclass(frozen=True, slots=True)
class ByContent:
    """The file itself."""

    content: bytes


@dataclass(frozen=True, slots=True)
class ByText:
    """A text to be spoken."""

    text: str
    ssml: bool = False
    language: str = "en-US"
    voice: str = ""


@dataclass(frozen=True, slots=True)
class BySource:
    """A sound of our own making."""

    source: Source


What = ByUrl | ByName | ByContent | ByText | BySource


class Sounds:
    """The sounds of an exchange. `http` fetches. `fixtures`: folders whose files may be played
    by `file:` addresses; `media`: files that may be played by name.

    `close` it: fetches under way are its own.
    """

    def __init__(
        self,
        clock: Clock,
        http: httpx.AsyncClient,
        speech: Speech,
        *,
        fixtures: Sequence[Path] = (),
        media: Mapping[str, Path] | None = None,
    ) -> None:
        self._clock = clock
        self._http = http
        self._speech = speech
        self._fixtures = tuple(folder.resolve() for folder in fixtures)
        self._media = dict(media or {})
        self._known: OrderedDict[str, Prompt] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[Prompt]] = {}

    async def source(self, what: What) -> Source:
        """Raises `SoundFailed`. A cancelled caller loses nothing: what is being fetched will be kept."""
        try:
            match what:
                case ByUrl(url, cached):
                    return await self._by_url(url, cached)
                case ByName(name):
                    if name not in self._media:
                        raise SoundFailed(MISSING, f"There is no media named {name!r}.")
                    return await asyncio.get_running_loop().run_in_executor(None, prompt.load, self._media[name])
                case ByContent(content):
                    return await self._decoded(content, "playback_content")
                case ByText(text, ssml, language, voice):
                    return await self._speech.say(text, ssml=ssml, language=language, voice=voice)
                case BySource(source):
                    return source
        except ConfigError as error:
            raise SoundFailed(FAILED, str(error)) from error

    async def close(self) -> None:
        """Give up what is being fetched."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _by_url(self, url: str, cached: bool) -> Source:
        if urlsplit(url).scheme.lower() == "file":
            return await asyncio.get_running_loop().run_in_executor(None, self._of_fixture, url)
        if cached and url in self._known:
            self._known.move_to_end(url)
            return self._known[url]
        task = self._fetching.get(url)
        if task is None:
            task = self._fetching[url] = asyncio.get_running_loop().create_task(self._fetch(url), name="audio fetch")
            task.add_done_callback(lambda done: self._fetched(url, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():  # we are closing, not the one who asks
                raise SoundFailed(FAILED, f"{url} was not fetched: the exchange is closing.") from None
            raise

    def _fetched(self, url: str, task: asyncio.Task[Prompt]) -> None:
        del self._fetching[url]
        if task.cancelled() or task.exception() is not None:
            return
        self._known[url] = task.result()
        self._known.move_to_end(url)
        while len(self._known) > 1 and sum(one.size for one in self._known.values()) > KEPT_BYTES:
            self._known.popitem(last=False)

    async def _fetch(self, url: str) -> Prompt:
        import httpx  # most exchanges fetch nothing

        try:
            async with self._clock.timeout(TIME_LIMIT):
                data = await self._get(url)
        except TimeoutError as error:
            raise SoundFailed(FAILED, f"{url} did not come within {TIME_LIMIT:g} s.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SoundFailed(FAILED, f"{url} cannot be fetched: {error or type(error).__name__}") from error
        log.debug("audio.fetched url=%s bytes=%d", url, len(data))
        return await self._decoded(data, url)

    async def _get(self, url: str) -> bytes:
        for _ in range(REDIRECTS + 1):
            async with self._http.stream("GET", url, follow_redirects=False) as reply:
                if reply.next_request is not None:
                    url = str(reply.next_request.url)
                    continue
                if reply.status_code in (404, 410):
                    raise SoundFailed(MISSING, f"{url} answered {reply.status_code}.")
                if not reply.is_success:
                    raise SoundFailed(FAILED, f"{url} answered {reply.status_code}.")
                parts, size = [], 0
                async for part in reply.aiter_bytes():
                    size += len(part)
                    if size > SIZE_LIMIT:
                        raise SoundFailed(FAILED, f"{url} is larger than {SIZE_LIMIT} bytes.")
                    parts.append(part)
                return b"".join(parts)
        raise SoundFailed(FAILED, f"{url} redirects more than {REDIRECTS} times.")

    async def _decoded(self, data: bytes, name: str) -> Prompt:
        def decode() -> Prompt:
            return prompt.decode_bytes(data, name, longest=LONGEST)

        try:
            return await asyncio.get_running_loop().run_in_executor(None, decode)
        except ConfigError as error:
            raise SoundFailed(FAILED, str(error)) from error

    def _of_fixture(self, url: str) -> Prompt:
        parts = urlsplit(url)
        path = Path()
        if parts.netloc in ("", "localhost"):
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # a NUL in it, links that go round
                path = Path(unquote(parts.path)).resolve()
        if not any(path.is_relative_to(folder) for folder in self._fixtures):
            # Whether it exists is nobody's business.
            raise SoundFailed(FAILED, f"{url} is in none of the folders whose files this exchange may play.")
        if not path.is_file():
            raise SoundFailed(MISSING, f"{url} does not exist.")
        return prompt.load(path)
