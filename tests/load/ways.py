"""One measurement, in a process of its own: `python -m tests.load.ways WAY LEGS SECONDS` prints one JSON object.

Both ends of every call are in the process, so what is counted is the whole cost of a leg: sending and
receiving 50 packets of encrypted PCMU a second over loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
import sys
import time
from typing import Any

import numpy as np

from botkit import clock as clocks


def cpu_of(before: float, wall_before: float, legs: int) -> float:
    """Milliseconds of CPU per leg and second since `before`."""
    return (time.process_time() - before) / (time.perf_counter() - wall_before) / legs * 1e3


# --- botkit's path --------------------------------------------------------------------------------


async def botkit(legs: int, seconds: float, *, listening: bool) -> dict[str, Any]:
    from botkit.media.codec import PCMU
    from botkit.media.ear import Ear
    from botkit.media.hearing import CallHearing
    from botkit.media.plane import media_plane
    from botkit.media.playback import Playback
    from botkit.media.tone import tone

    async with media_plane() as plane, contextlib.AsyncExitStack() as stack:
        payloads = PCMU.encode_all(tone(440, 1.0))
        before = time.process_time()
        ends = []
        for _ in range(legs // 2):
            caller, callee = plane.endpoint(connected=True), plane.endpoint(connected=True)
            stack.push_async_callback(caller.close)
            stack.push_async_callback(callee.close)
            caller.accept(await callee.answer(await caller.offer()))
            await asyncio.gather(caller.connect(), callee.connect())
            ends += [caller, callee]
            for end in (caller, callee):
                plane.pacer.remove(end.session)  # what the legs before it send is no part of a leg's set-up
        setup = (time.process_time() - before) / legs * 1e3
        for end in ends:
            plane.pacer.add(end.session)
            if listening:
                hearing = CallHearing(plane.hearing, Ear(), end.session.codec)
                hearing.tone((440.0,), 0.1)
                end.session.on_payload = hearing.payload
            end.session.play(Playback(payloads, lambda at: None, loop=True))
        await asyncio.sleep(1.0)
        health, received = plane.pacer.health, sum(end.session.figures.received for end in ends)
        before, wall = time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        cost, took = cpu_of(before, wall, legs), time.perf_counter() - wall
        after = plane.pacer.health
        came = sum(end.session.figures.received for end in ends) - received
        return {
            "ms_per_leg_s": cost,
            "late": after.late - health.late,
            "lost": after.lost - health.lost,
            "setup_ms": setup,
            "received": came / (legs * 50 * took),
        }


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
    match way:
        case "botkit":
            result = clocks.run(botkit(legs, seconds, listening=False))
        case "listening":
            result = clocks.run(botkit(legs, seconds, listening=True))
        case "stock_aiortc":
            result = asyncio.run(stock_aiortc(legs, seconds))  # as its users run it: on asyncio's own loop
        case _:
            sys.exit(f"no way is called {way}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
