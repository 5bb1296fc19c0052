"""Sounds by address: what is fetched, within limits, and kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from botkit import clock
from botkit.clock import MonotonicClock
from botkit.exchange.activities import sounds as module
from botkit.exchange.activities.sounds import ByUrl, SoundFailed, Sounds
from botkit.exchange.activities.speech import STAND_IN, Speech
from tests.exchange.activities.kit import Room, play, sound
from tests.exchange.kit import PATIENCE, until


class Library:
    """A web server with files: what it was asked for, and what it answers by path."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.files: dict[str, bytes] = {}
        self.open = asyncio.Event()
        """Cleared: replies wait."""
        self.open.set()
        self.url = ""

    def put(self, path: str, body: bytes = b"", status: str = "200 OK", header: str = "") -> str:
        self.files[path] = (
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{header}\r\n".encode() + body
        )
        return self.url + path

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            path = (await reader.readline()).split()[1].decode()
            while (await reader.readline()).strip():
                pass
            self.asked.append(path)
            await self.open.wait()
            writer.write(self.files[path])
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def library() -> AsyncIterator[Library]:
    books = Library()
    server = await asyncio.start_server(books.serve, "127.0.0.1", 0)
    books.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield books


def scene(act: Callable[[Library, Sounds], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with library() as books, httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            sounds = Sounds(MonotonicClock(), http, Speech(STAND_IN))
            try:
                await act(books, sounds)
            finally:
                await sounds.close()

    clock.run(main())


async def failed(sounds: Sounds, url: str) -> tuple[str, str]:
    with pytest.raises(SoundFailed) as caught:
        await sounds.source(ByUrl(url))
    return caught.value.status, caught.value.detail


def test_fetched_once(tmp_path: Path) -> None:
    """An address is fetched once, also by many who ask at once, and anew by who wants it so."""
    wav = sound(tmp_path, 440, 0.5).read_bytes()

    async def act(books: Library, sounds: Sounds) -> None:
        url = books.put("/a.wav", wav)
        got = await asyncio.gather(*(sounds.source(ByUrl(url)) for _ in range(3)))
        assert await sounds.source(ByUrl(url)) is got[0] is got[1] is got[2]
        assert books.asked == ["/a.wav"]
        assert got[0].pcm(8000).size == 4000
        assert await sounds.source(ByUrl(url, cached=False)) is not got[0]
        assert len(books.asked) == 2

    scene(act)


def test_room_for_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no more room, what was asked for longest ago is forgotten."""
    monkeypatch.setattr(module, "KEPT_BYTES", 20_000)
    wav = sound(tmp_path, 440, 0.5).read_bytes()  # 8000 bytes of samples

    async def act(books: Library, sounds: Sounds) -> None:
        urls = [books.put(f"/{name}.wav", wav) for name in "abc"]
        for url in (urls[0], urls[1], urls[0], urls[2], urls[0], urls[1]):
            await sounds.source(ByUrl(url))
        assert books.asked == ["/a.wav", "/b.wav", "/c.wav", "/b.wav"]

    scene(act)


def test_redirects(tmp_path: Path) -> None:
    """A redirect is followed, a circle is not followed for ever, and none leads to a file of this machine."""
    wav = sound(tmp_path, 440, 0.5).read_bytes()

    async def act(books: Library, sounds: Sounds) -> None:
        books.put("/a.wav", wav)
        url = books.put("/b", status="302 Found", header="Location: /a.wav\r\n")
        assert (await sounds.source(ByUrl(url))).pcm(8000).size == 4000
        circle = books.put("/c", status="302 Found", header="Location: /c\r\n")
        assert await failed(sounds, circle) == ("failed", f"{circle} redirects more than 3 times.")
        leak = books.put("/d", status="302 Found", header="Location: file:///etc/passwd\r\n")
        assert (await failed(sounds, leak))[0] == "failed"

    scene(act)


@pytest.mark.parametrize(
    ("status", "body", "as_told"),
    [
        ("404 Not Found", b"", "file_not_found"),
        ("410 Gone", b"", "file_not_found"),
        ("500 Oops", b"", "failed"),
        ("403 Forbidden", b"", "failed"),
        ("200 OK", b"", "failed"),
        ("200 OK", b"no sound", "failed"),
    ],
)
def test_what_is_not_there(status: str, body: bytes, as_told: str) -> None:
    """What is not there, or is no sound, fails with a detail that names the address; it is asked for anew next time."""

    async def act(books: Library, sounds: Sounds) -> None:
        url = books.put("/a.wav", body, status)
        for _ in range(2):
            got, detail = await failed(sounds, url)
            assert got == as_told
            assert url in detail
        assert len(books.asked) == 2

    scene(act)


def test_nobody_there() -> None:
    """A server that does not answer at all is a failure."""

    async def act(books: Library, sounds: Sounds) -> None:
        assert (await failed(sounds, "http://127.0.0.1:9/a.wav"))[0] == "failed"

    scene(act)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large, too long or too late is a failure that names the limit."""
    wav = sound(tmp_path, 440, 0.5).read_bytes()

    async def act(books: Library, sounds: Sounds) -> None:
        url = books.put("/a.wav", wav)
        with monkeypatch.context() as patched:
            patched.setattr(module, "SIZE_LIMIT", 4000)
            assert await failed(sounds, url) == ("failed", f"{url} is larger than 4000 bytes.")
        with monkeypatch.context() as patched:
            patched.setattr(module, "LONGEST", 0.1)
            assert await failed(sounds, url) == ("failed", f"{url} is longer than 0.1 s")
        with monkeypatch.context() as patched:
            patched.setattr(module, "TIME_LIMIT", 0.05)
            books.open.clear()
            assert await failed(sounds, url) == ("failed", f"{url} did not come within 0.05 s.")
            books.open.set()

    scene(act)


def test_who_asks_may_give_up(tmp_path: Path) -> None:
    """A fetch goes on when one who waits for it gives up; when the exchange closes, those who wait are told."""
    wav = sound(tmp_path, 440, 0.5).read_bytes()

    async def act(books: Library, sounds: Sounds) -> None:
        url = books.put("/a.wav", wav)
        books.open.clear()
        one, other = (asyncio.ensure_future(sounds.source(ByUrl(url))) for _ in range(2))
        await until(lambda: bool(books.asked))
        one.cancel()
        await asyncio.wait((one,))
        books.open.set()
        assert (await other).pcm(8000).size == 4000
        assert len(books.asked) == 1
        books.open.clear()
        late = asyncio.ensure_future(failed(sounds, books.put("/b.wav", wav)))
        await until(lambda: len(books.asked) == 2)
        await sounds.close()
        assert (await late)[0] == "failed"
        books.open.set()

    scene(act)


def test_an_address_is_played(tmp_path: Path) -> None:
    """A file at an address is heard by the party, and told with its address."""
    wav = sound(tmp_path, 440, 0.3).read_bytes()

    async def act(room: Room) -> None:
        async with library() as books:
            url = books.put("/a.wav", wav)
            party = await room.party()
            assert (await party.does.play_to_end(audio_url=url)).status == "completed"
            assert [fields["media_url"] for _, fields in party.told()] == [url, url]
            await until(lambda: bool(party.sounds) and party.sounds[-1][1] is not None)
            begin, end = party.sounds[0][0], party.sounds[-1][1]
            assert end is not None
            assert party.tones(begin, end) == {440}

    play(act, virtual=False)
