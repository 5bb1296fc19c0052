"""One measurement, in a process of its own: `python -m tests.load.ways WAY LEGS SECONDS [CODEC]` prints it as JSON.

Both ends of every call are in the process, so what is counted is the whole cost of a leg: sending and
receiving 50 encrypted packets of speech a second over loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from botkit import clock as clocks
from botkit.media.codec import Codec, codec_by_name
from botkit.media.ear import Ear
from botkit.media.endpoint import Endpoint
from botkit.media.hearing import CallHearing
from botkit.media.plane import media_plane
from botkit.media.playback import Playback
from botkit.media.prompt import load, load_payloads
from botkit.media.reference import Reference, reference_of_file
from botkit.media.wav import write_wav

ROOT = Path(__file__).parent.parent.parent


def cpu_of(before: float, wall_before: float, legs: int) -> float:
    """Milliseconds of CPU per leg and second since `before`."""
    return (time.process_time() - before) / (time.perf_counter() - wall_before) / legs * 1e3


# --- botkit's path --------------------------------------------------------------------------------

CANDIDATES = 20
"""Prompts that every leg listens for."""


def candidates(folder: Path) -> list[Reference]:
    """The prompts of `audio/`, and as many more, some of them backwards, as are wanting."""
    files = sorted((ROOT / "audio").glob("*.wav"))
    prompts = [load(file).pcm(8000) for file in files]
    for number in range(CANDIDATES - len(files)):
        made = folder / f"made_{number}.wav"
        write_wav(made, prompts[-1 - number][::-1].copy(), 8000)
        files.append(made)
    return [reference_of_file(file) for file in files[:CANDIDATES]]


def speech(codec: Codec) -> tuple[bytes, ...]:
    """All prompts of `audio/` one after the other, but for the beep: what the legs say."""
    spoken = [file for file in sorted((ROOT / "audio").glob("*.wav")) if file.stem != "beep"]
    return tuple(payload for file in spoken for payload in load_payloads(file, codec))


def press(end: Endpoint, digits: Iterator[str]) -> None:
    """Send a digit by event, each second."""
    end.session.send_event(next(digits), 0.1, lambda at: None)
    asyncio.get_running_loop().call_later(1.0, press, end, digits)


def recognised(ear: Ear) -> int:
    """Prompts that an expectation would take."""
    return sum(prompt.end is not None and prompt.score >= 0.7 for prompt in ear.prompts)


def resident() -> int:
    """Bytes of memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def botkit(legs: int, seconds: float, codec_name: str, *, listening: bool) -> dict[str, Any]:
    """All legs speak. `listening`: levels, VAD, DTMF and `CANDIDATES` prompts on each, and half of them press keys."""
    codec = codec_by_name(codec_name)
    async with media_plane() as plane, contextlib.AsyncExitStack() as stack:
        payloads = speech(codec)
        references = candidates(Path(stack.enter_context(tempfile.TemporaryDirectory()))) if listening else []
        empty = resident()
        before = time.process_time()
        ends: list[Endpoint] = []
        for _ in range(legs // 2):
            caller, callee = (plane.endpoint(connected=True, codecs=(codec.name,)) for _ in range(2))
            stack.push_async_callback(caller.close)
            stack.push_async_callback(callee.close)
            caller.accept(await callee.answer(await caller.offer()))
            await asyncio.gather(caller.connect(), callee.connect())
            ends += [caller, callee]
            for end in (caller, callee):
                plane.pacer.remove(end.session)  # what the legs before it send is no part of a leg's set-up
        setup = (time.process_time() - before) / legs * 1e3
        ears: list[Ear] = []
        for number, end in enumerate(ends):
            plane.pacer.add(end.session)
            if listening:
                ears.append(Ear())
                hearing = CallHearing(plane.hearing, ears[-1], end.session.codec)
                hearing.prompts(references)
                end.session.on_payload = hearing.payload
                end.session.on_digit = hearing.digit_event
                if number % 2:
                    asyncio.get_running_loop().call_later(number / legs, press, end, itertools.cycle("159D*#"))
            # Nobody says the same at the same time.
            at = number * 37 % len(payloads)
            end.session.play(Playback((*payloads[at:], *payloads[:at]), lambda at: None, loop=True))
        await asyncio.sleep(2.0)
        health, received = plane.pacer.health, sum(end.session.figures.received for end in ends)
        heard = sum(ear.digits_heard for ear in ears), sum(map(recognised, ears))
        before, wall = time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        cost, took = cpu_of(before, wall, legs), time.perf_counter() - wall
        after = plane.pacer.health
        came = sum(end.session.figures.received for end in ends) - received
        result = {
            "ms_per_leg_s": cost,
            "late": after.late - health.late,
            "lost": after.lost - health.lost,
            "setup_ms": setup,
            "received": came / (legs * 50 * took),
            "kb_per_leg": (resident() - empty) / legs / 1000,
        }
        if listening:
            result["digits"] = (sum(ear.digits_heard for ear in ears) - heard[0]) / (legs // 2) / took
            result["prompts"] = (sum(map(recognised, ears)) - heard[1]) / legs / took
        return result


# --- stock aiortc -----------------------------------------------------------------------------------


async def connected(peer: Any) -> None:
    """Wait until an RTCPeerConnection is up."""
    up = asyncio.Event()
    peer.on("connectionstatechange", lambda: up.set() if peer.connectionState == "connected" else None)
    if peer.connectionState != "connected":
        await up.wait()


async def stock_aiortc(legs: int, seconds: float) -> dict[str, Any]:
    # aioice leaves loopback out by itself, and a machine without a network has nothing else
    import aioice.ice
    import av
    from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection
    from aiortc.codecs import get_capabilities

    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    late = lost = received = 0
    pcm = (3000 * np.sin(2 * np.pi * 440 * np.arange(160) / 8000)).astype(np.int16).reshape(1, -1)

    class Tone(MediaStreamTrack):
        kind = "audio"

        def __init__(self) -> None:
            super().__init__()
            self.count = 0
            self.began: float | None = None

        async def recv(self) -> av.AudioFrame:
            nonlocal late, lost
            now = time.monotonic()
            if self.began is None:
                self.began = now
            due = self.began + self.count * 0.02
            if due > now:
                await asyncio.sleep(due - now)
            over = time.monotonic() - due
            late += over > 0.005
            lost += over > 0.020
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 8000, self.count * 160, fractions.Fraction(1, 8000)
            self.count += 1
            return frame

    sinks: list[asyncio.Task[None]] = []

    async def sink(track: MediaStreamTrack) -> None:
        nonlocal received
        with contextlib.suppress(Exception):  # MediaStreamError at the end
            while True:
                await track.recv()
                received += 1

    codecs = [codec for codec in get_capabilities("audio").codecs if codec.mimeType.lower() == "audio/pcmu"]
    peers: list[RTCPeerConnection] = []
    before = time.process_time()
    for _ in range(legs // 2):
        one, other = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
        peers += [one, other]
        for peer in (one, other):
            peer.on("track", lambda track: sinks.append(asyncio.ensure_future(sink(track))))
        one.addTrack(Tone())
        one.getTransceivers()[0].setCodecPreferences(codecs)
        await one.setLocalDescription(await one.createOffer())
        await other.setRemoteDescription(one.localDescription)
        other.addTrack(Tone())
        await other.setLocalDescription(await other.createAnswer())
        await one.setRemoteDescription(other.localDescription)
        await asyncio.gather(connected(one), connected(other))
    setup = (time.process_time() - before) / legs * 1e3
    await asyncio.sleep(1.0)
    late = lost = received = 0
    before, wall = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    cost, took = cpu_of(before, wall, legs), time.perf_counter() - wall
    result = {
        "ms_per_leg_s": cost,
        "late": late,
        "lost": lost,
        "setup_ms": setup,
        "received": received / (legs * 50 * took),
    }
    for peer in peers:
        await peer.close()
    for task in sinks:
        task.cancel()
    return result


def main() -> None:
    way, legs, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    codec = sys.argv[4] if len(sys.argv) > 4 else "PCMU"
    match way:
        case "botkit":
            result = clocks.run(botkit(legs, seconds, codec, listening=False))
        case "listening":
            result = clocks.run(botkit(legs, seconds, codec, listening=True))
        case "stock_aiortc":
            result = asyncio.run(stock_aiortc(legs, seconds))  # as its users run it: on asyncio's own loop
        case _:
            sys.exit(f"no way is called {way}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
