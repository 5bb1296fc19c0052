"""What a member of a conference costs: `python -m tests.load.rooms`, beside plain bridging in the same run.

Each way runs in a process of its own, over real encrypted RTP on loopback, where both ends of every leg live: the
far ends say something and hear, as phones would, and the near ends are what an exchange has: members of one room,
legs bridged two by two, or legs that hear silence. So the difference between two ways is what they cost themselves,
and `legs` counts near ends only. Everybody speaks all the time, which no meeting does; `half` of them is said
apart, and `one` for the meeting that listens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from botkit import clock as clocks
from botkit.media.codec import codec_by_name
from botkit.media.endpoint import Endpoint
from botkit.media.mixer import Mixer
from botkit.media.plane import media_plane
from botkit.media.playback import Playback
from tests.load.ways import cpu_of, speech

ROOT = Path(__file__).parent.parent.parent
WAYS = ("silent", "bridge", "room one", "room half", "room")
SIZES = (("PCMU", 50), ("opus", 12))
SETTLE = 1.5
"""Seconds before anything is counted."""

Row = dict[str, Any]


async def measure(way: str, codec_name: str, legs: int, seconds: float) -> Row:
    """`legs` of them, all in one room or bridged in pairs."""
    codec = codec_by_name(codec_name)
    async with media_plane() as plane, contextlib.AsyncExitStack() as stack:
        payloads = speech(codec)
        pairs: list[tuple[Endpoint, Endpoint]] = []
        for _ in range(legs):
            far, near = (plane.endpoint(connected=True, codecs=(codec.name,)) for _ in range(2))
            stack.push_async_callback(far.close)
            stack.push_async_callback(near.close)
            far.accept(await near.answer(await far.offer()))
            await asyncio.gather(far.connect(), near.connect())
            pairs.append((far, near))
            for end in (far, near):
                plane.pacer.remove(end.session)
        nears = [near.session for _, near in pairs]
        beat_of_room: list[float] = []
        if way.startswith("room"):
            mixer = Mixer(plane.pacer)
            for session in nears:
                mixer.add(session)
            mix = mixer.transmit

            def timed(now: float) -> None:
                before = time.process_time()
                mix(now)
                beat_of_room.append(time.process_time() - before)

            mixer.transmit = timed  # type: ignore[method-assign]
        else:
            for one, other in zip(nears[::2], nears[1::2], strict=True):
                for near, far in ((one, other), (other, one)):
                    if way == "bridge":
                        near.forward_to = far
                        near.fed(True)
                    plane.pacer.add(near, first=way == "bridge")
        speakers = {"room one": 1, "room half": legs // 2}.get(way, legs)
        for number, (far, _) in enumerate(pairs):
            plane.pacer.add(far.session)
            at = number * 37 % len(payloads)  # nobody says the same at the same time
            if number < speakers:
                said = (*payloads[at:], *payloads[:at])
                far.session.play(Playback(said, lambda at: None, loop=True))
        await asyncio.sleep(SETTLE)
        health = plane.pacer.health
        received = sum(far.session.figures.received for far, _ in pairs)
        beat_of_room.clear()
        before, wall = time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        cost, took = cpu_of(before, wall, legs), time.perf_counter() - wall
        after = plane.pacer.health
        came = sum(far.session.figures.received for far, _ in pairs) - received
        return {
            "us_per_leg_beat": cost * 1e3 / 50,
            "mix_us_per_beat": statistics.mean(beat_of_room) * 1e6 if beat_of_room else 0.0,
            "mix_us_worst": max(beat_of_room, default=0.0) * 1e6,
            "core": cost * legs / 1e3,
            "beats": after.beats - health.beats,
            "late": after.late - health.late,
            "lost": after.lost - health.lost,
            "errors": plane.pacer.errors,
            "received": came / (legs * 50 * took),
        }


def run(way: str, codec: str, legs: int, seconds: float) -> Row:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "tests.load.rooms", "--one", way, codec, str(legs), str(seconds)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    row: Row = json.loads(done.stdout.strip().splitlines()[-1])
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", nargs=4, metavar=("WAY", "CODEC", "LEGS", "SECONDS"), help="one way, as JSON")
    parser.add_argument("--seconds", type=float, default=8.0)
    asked = parser.parse_args()
    if asked.one:
        way, codec, legs, seconds = asked.one
        print(json.dumps(clocks.run(measure(way, codec, int(legs), float(seconds)))))
        return
    print(f"{'legs':>12} {'way':<10} {'µs/leg+beat':>11} {'mix µs/beat':>11} {'worst':>7} {'core':>5}   late  lost  of")
    for codec, legs in SIZES:
        for way in WAYS:
            row = run(way, codec, legs, asked.seconds)
            print(
                f"{legs:>5} {codec:>6} {way:<10} {row['us_per_leg_beat']:>11.1f} {row['mix_us_per_beat']:>11.0f}"
                f" {row['mix_us_worst']:>7.0f} {row['core']:>5.2f} {row['late']:>6} {row['lost']:>5}  {row['beats']}"
            )


if __name__ == "__main__":
    main()
