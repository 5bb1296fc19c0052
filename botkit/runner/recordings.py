"""The recordings of a run: what the beat hands over is flushed each second, and cut into WAVs afterwards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from botkit.client.call import Call
from botkit.clock import Clock
from botkit.media.plane import MediaPlane
from botkit.media.recorder import cut_call
from botkit.media.spool import MAGIC, Spool, index_path
from botkit.results import Recordings

SPOOL = "spool.botkit"
FLUSH_EVERY = 1.0


@contextlib.asynccontextmanager
async def recording(plane: MediaPlane, out: Path) -> AsyncIterator[Spool]:
    """Record every call of the plane into one spool under `out` while the scope lasts.

    The spool stays until its calls are cut; after a crash it is what `botkit recover` reads.
    """
    _set_aside(out / SPOOL)
    spool = Spool(out / SPOOL)
    plane.spool = spool
    flusher = asyncio.get_running_loop().create_task(_flush(spool, plane.clock), name="spool")
    try:
        yield spool
    finally:
        plane.spool = None
        flusher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flusher
        spool.close()
        with contextlib.suppress(FileNotFoundError):
            if spool.path.stat().st_size <= len(MAGIC):
                discard(spool.path)  # no call was made


def _set_aside(path: Path) -> None:
    """A spool that an earlier run left is a crash's: it is kept under another name."""
    if path.exists():
        number = next(n for n in range(1, 10_000) if not path.with_name(f"{path.name}.{n}").exists())
        aside = path.with_name(f"{path.name}.{number}")
        path.rename(aside)
        index_path(path).unlink(missing_ok=True)  # it can be made again from the spool itself


def discard(path: Path) -> None:
    """Every call of this spool has been cut."""
    path.unlink(missing_ok=True)
    index_path(path).unlink(missing_ok=True)


async def _flush(spool: Spool, clock: Clock) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await clock.sleep(FLUSH_EVERY)
        await loop.run_in_executor(None, spool.flush)


async def cut(spool: Spool, call: Call, out: Path, folder: Path) -> Recordings:
    """The WAVs of one call that is over, in `folder`; paths in the result are relative to `out`."""
    if call.spool_call is None:
        return Recordings()
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, spool.flush)
    number = call.spool_call
    written = await loop.run_in_executor(
        None, lambda: cut_call(spool.path, number, folder, caller_is_us=call.direction == "dial")
    )
    if not written:
        return Recordings()
    relative = folder.relative_to(out).as_posix()
    return Recordings(rx=f"{relative}/rx.wav", tx=f"{relative}/tx.wav", both=f"{relative}/both.wav")
