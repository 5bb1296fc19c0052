"""CallPort: all that a step may ask of a call.

Flow code sees this and never a `Call`; the runner hands it one. `botkit.client.call.Call` has this
shape, and so has `botkit.testing.FakeCall`; one contract test runs against both.

Rules that hold for every method here (flow-language.md sections 3 and 4):

- Expectations (`expect_*`) return what was heard or raise `ExpectationFailed`. They count onsets
  after the call's *mark*, move the mark when met, and are not met when the call ends under them
  (or was over before), unless the window says otherwise.
- Actions (`play`, `record`, `send_dtmf`, `hangup` …) on a call that is over, or that ends under
  them, are cut short and return; that is no failure.
- A cancelled caller stops what it started (audio stops within one beat; digits not yet sent are
  not sent) and loses nothing that was heard.
- All times in results are seconds since the call was answered; latencies are seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from botkit.clock import Clock
from botkit.events import CallEvent
from botkit.states import CallState
from botkit.vocabulary import (
    Audio,
    Entry,
    Gathered,
    Heard,
    Playable,
    Played,
    Recorded,
    Silence,
    Stayed,
    Tone,
    Window,
)

__all__ = [
    "Audio",
    "CallPort",
    "Entry",
    "Gathered",
    "Heard",
    "Playable",
    "Played",
    "Recorded",
    "Silence",
    "Stayed",
    "Tone",
    "Window",
]


class CallPort(Protocol):
    """One call, as a step sees it."""

    @property
    def id(self) -> str: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def state(self) -> CallState: ...

    def facts(self) -> dict[str, Any]:
        """The `call` of expressions: `state`, `cause`, `code`, `sip_code`, `duration`, `id`, `from`, `to`,
        `headers`, `rtp` (`sent`, `received`, `lost`, `jitter`, `rtt`). Plain data, a fresh copy."""
        ...

    def since_answered(self, at: float | None = None) -> float:
        """Seconds between the answer and `at` (monotonic; None: now); 0.0 before the answer."""
        ...

    def listen(self, handler: Callable[[CallEvent], None]) -> Callable[[], None]:
        """Call `handler` at once for each event of this call from now on; the result unsubscribes."""
        ...

    async def answer(self) -> None:
        """Take the incoming call; returns when media can flow. Raises `UsageError` on a call we placed."""
        ...

    async def reject(self, cause: str = "busy") -> None:
        """Refuse the incoming call. `cause` is a Q.850 name or a short word of `botkit.causes`."""
        ...

    async def hangup(self, cause: str | None = None) -> None:
        """End the call; returns when it is over. Ending a call that is over is no error."""
        ...

    async def transfer(self, to: str, *, ring_timeout: float | None = None) -> str:
        """Hand the other party to `to`; gives the outcome: `answered` (our part of the call is over, with
        NORMAL_CLEARING), or `busy`, `no_answer`, `failed`: the call goes on. On a call that is over, or that
        ends under it: `failed`. Raises `UsageError` before the answer, `ConfigError` for a number that must
        not be dialled."""
        ...

    async def enqueue(self, name: str, *, until: asyncio.Event | None = None) -> Stayed:
        """Put the other party into a queue of the exchange; returns when it is out of it. `until` takes it out when
        set. Meanwhile we speak with it as before; when somebody has taken it (`bridged`) our call is over. On a
        call that is over: `ended`; that ends under it: `hangup`. A cancelled caller takes it out. Raises
        `UsageError` before the answer and for a second one at once, `Fault` where the server does not do it."""
        ...

    async def join_conference(self, name: str, *, until: asyncio.Event | None = None) -> Stayed:
        """Put the other party into a conference of the exchange, which is made where there is none. We do not hear
        it meanwhile; when it comes out it is back with us. As `enqueue` for the rest."""
        ...

    async def hold(self) -> None:
        """Put the call on hold; returns when it is. A call that is held already, or over, stays as it is.

        What is played meanwhile takes its time and is not heard. Raises `UsageError` on a call that is not up.
        """
        ...

    async def resume(self) -> None:
        """Take the call up again; returns when it is. As `hold` for calls that are not on hold."""
        ...

    def mute(self, muted: bool = True) -> None:
        """Send silence instead of what is being said, or stop doing so. Plays take their time and move the mark."""
        ...

    async def play(
        self,
        what: Playable,
        *,
        stop_on: frozenset[str] = frozenset(),
        loop: bool = False,
        over: str = "queue",
        until: asyncio.Event | None = None,
    ) -> Played:
        """Play and wait for the end. `stop_on`: dtmf, speech. `until` stops it when set.

        `over`: queue (after what plays and waits to), replace (instead of all that plays) or mix (at once,
        with all that plays). Moves the mark to the moment the last frame ended on the wire.
        """
        ...

    async def record(
        self,
        to: Path,
        *,
        length: float | None = None,
        stop_on: frozenset[str] = frozenset(),
        max: float | None = None,
        until: asyncio.Event | None = None,
    ) -> Recorded:
        """Record what is heard to the WAV `to`. `stop_on`: silence, dtmf. `until` ends it when set. When
        cancelled, what was recorded so far is written before the cancellation goes on."""
        ...

    async def send_dtmf(self, digits: str, *, via: str = "info", length: float | None = None, gap: float = 0.1) -> None:
        """Send digits (0-9 A-D * #; `w` pauses 500 ms); returns when the last has ended. Moves the mark.

        `length` is by default 100 ms, of tones 160 ms (`DIGIT_LENGTH`).
        """
        ...

    async def expect_dtmf(self, entry: Entry, window: Window, *, flush: bool = False) -> Heard:
        """Await an entry; consumes the digit queue. Fields: `digits`, `via`."""
        ...

    async def gather(
        self,
        *,
        count: int | None = None,
        end: str | None = None,
        first: float = 5.0,
        between: float = 2.0,
        play: Playable | None = None,
        stop_on: frozenset[str] = frozenset(),
        loop: bool = False,
        over: str = "queue",
        flush: bool = False,
        within: float | None = None,
    ) -> Gathered:
        """Collect digits until `count`, the `end` key or a time-out; `play` is stopped by the first digit (and by
        what `stop_on` names), and `first` counts from its end."""
        ...

    async def expect_tone(
        self,
        hz: tuple[float, ...] | str,
        window: Window,
        *,
        length: float = 0.1,
        until: str = "start",
    ) -> Heard:
        """Await a tone: one frequency, two at once, or a name (dial busy ringback sit beep). `until`:
        start or end of it. Fields: `hz`."""
        ...

    async def expect_prompt(
        self,
        files: tuple[Path, ...],
        window: Window,
        *,
        score: float = 0.7,
        anywhere: float | None = None,
        until: str | None = None,
    ) -> Heard:
        """Await one of these prompts, heard from its beginning (of which a second may be missing), with at least
        `score`, 0 to 1. `anywhere`: instead so many seconds of a file, from whatever place in it on, looped.
        `until`: start, when it is known, or end, the default; with `anywhere` or `absent` it is start.
        Fields: `prompt`, the file's name; `score`; `whole` (None before its end) and `missing`, the
        seconds of its beginning, but not with `anywhere`.
        Raises `ConfigError` for a file that cannot be listened for."""
        ...

    async def expect_sound(self, length: float, window: Window, *, now: bool = False) -> Heard:
        """Await any sound of `length` seconds. `now`: one that is there when asked for counts, from its own begin."""
        ...

    async def expect_speech(self, length: float, window: Window, *, now: bool = False) -> Heard:
        """Await speech of `length` seconds, short pauses included. `now` as in `expect_sound`."""
        ...

    async def expect_silence(self, length: float, window: Window, *, now: bool = False) -> Heard:
        """Await `length` seconds of quiet; quiet that reigned at the mark counts from the mark on."""
        ...

    async def wait_for_event(self, name: str, matches: Callable[[CallEvent], bool], within: float) -> CallEvent:
        """Await an event by its flow name, also one since the mark that no other `wait_for` took.
        `answered`, `ringing` and `ended` are latched: once they have happened they are found."""
        ...
