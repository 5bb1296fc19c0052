"""`Record`, and the recording of what a `Dial` joins."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botkit.exchange.refusal import CommandRefused
from botkit.exchange.texml.fetch import Loaded
from botkit.exchange.texml.fields import Fields
from botkit.exchange.texml.outcome import Next
from botkit.exchange.texml.port import Digits, Recorded, RecordingOrder
from botkit.exchange.texml.racing import race
from botkit.exchange.texml.verbs import Dial, Record
from botkit.log import logger

if TYPE_CHECKING:
    from botkit.exchange.texml.program import Program

log = logger(__name__)


def recorded_fields(recorded: Recorded) -> Fields:
    """What is told of a recording that is done."""
    return {
        "RecordingSid": recorded.sid,
        "RecordingUrl": recorded.url,
        "RecordingDuration": str(round(recorded.duration)),
        "RecordingStatus": "completed",
    }


@dataclass(slots=True)
class Done:
    """What a recording gave; None while it runs, and where there is none."""

    done: Recorded | None = None


@contextlib.asynccontextmanager
async def recording_of(program: Program, verb: Dial, loaded: Loaded) -> AsyncIterator[Done]:
    """Record the leg inside the scope, if the `Dial` says so. One that cannot be made is told in the log only.

    Recording starts when the parties are joined, for `record-from-ringing` too.
    """
    result = Done()
    if verb.record == "do-not-record":
        yield result
        return
    try:
        recording = program.leg.record(RecordingOrder(dual=verb.record.endswith("dual")))
    except CommandRefused as refused:
        log.warning("texml.refused", call=program.leg.facts.sid, verb="Dial", reason=str(refused))
        yield result
        return
    try:
        yield result
    finally:
        with contextlib.suppress(CommandRefused):
            result.done = await recording.stop()
            _report(program, verb, loaded, result.done)


def _report(program: Program, verb: Dial | Record, loaded: Loaded, recorded: Recorded) -> None:
    if verb.recording_status_callback:
        to = loaded.link(verb.recording_status_callback, verb.recording_status_callback_method)
        program.tell(to.url, to.method, recorded_fields(recorded))


async def record(program: Program, verb: Record, loaded: Loaded) -> Next:
    """Record until a key, silence, or the longest time; then to `action`, or on to the next verb."""
    recording = program.leg.record(
        RecordingOrder(
            dual=verb.channels == "dual",
            format=verb.format,
            trim=verb.trim == "trim-silence",
            beep=verb.play_beep,
            longest=float(verb.max_length),
            silence=float(verb.timeout),
        )
    )
    key = ""
    try:
        with program.leg.digits() as digits:
            done = await race(ended=recording.ended(), key=_key(digits, verb.finish_on_key))
            key = done.get("key", "")
    finally:
        recorded = await recording.stop()
        _report(program, verb, loaded, recorded)
    fields = {**recorded_fields(recorded), **({"Digits": key} if key else {})}
    return program.after(loaded, verb.action, verb.method, fields)


async def _key(digits: Digits, keys: str) -> str:
    while (digit := await digits.next()) not in keys:
        pass
    return digit
