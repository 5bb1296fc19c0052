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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from botkit.clock import Clock
from botkit.events import CallEvent
from botkit.states import CallState


@dataclass(frozen=True, slots=True)
class Window:
    """When an expectation must be met.

    `within` counts from the mark or the step's begin, whichever is later, to being met in full;
    `starts_within` to its begin. `max_latency` bounds onset minus mark. `absent` turns it round:
    it must not happen during `within`. `ended_ok`: the call's end fulfils an `absent` or a silence.
    """

    within: float = 10.0
    starts_within: float | None = None
    max_latency: float | None = None
    absent: bool = False
    ended_ok: bool = False


@dataclass(frozen=True, slots=True)
class Audio:
    """Files played one after the other. `gain` in dB."""

    files: tuple[Path, ...]
    gain: float = 0.0


@dataclass(frozen=True, slots=True)
class Tone:
    """One or two frequencies at once, for `length` seconds. `gain` in dB over the default level."""

    hz: tuple[float, ...]
    length: float
    gain: float = 0.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing, for `length` seconds."""

    length: float


Playable = Audio | Tone | Silence


@dataclass(frozen=True, slots=True)
class Played:
    """`played` seconds went out; `stopped_by` is dtmf, speech, ended or None (played to its end)."""

    played: float
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A WAV that was written. `level` is its RMS level in dBFS."""

    path: str
    duration: float
    level: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What met an expectation: onset and end (None: it still lasts), and onset minus mark.

    `absent` expectations that came true have no onset: `started` is None and `latency` is None.
    """

    started: float | None = None
    ended: float | None = None
    latency: float | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)  # hz, prompt, score … as the step table names them


@dataclass(frozen=True, slots=True)
class Entry:
    """What digits are expected: exactly one of `digits`, `pattern` (matched whole), `contains`."""

    digits: str | None = None
    pattern: str | None = None
    contains: str | None = None
    via: str | None = None  # info | rtp | tone; None: any


@dataclass(frozen=True, slots=True)
class Gathered:
    """Digits that were entered, without the end key. `reason`: complete, end, timeout or ended."""

    digits: str
    reason: str


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

    async def play(
        self, what: Playable, *, stop_on: frozenset[str] = frozenset(), loop: bool = False, over: str = "queue"
    ) -> Played:
        """Play and wait for the end. `stop_on`: dtmf, speech. `over`: queue, replace (mix comes later).

        Moves the mark to the moment the last frame ended on the wire.
        """
        ...

    async def record(
        self, to: Path, *, length: float | None = None, stop_on: frozenset[str] = frozenset(), max: float | None = None
    ) -> Recorded:
        """Record what is heard to the WAV `to`. `stop_on`: silence, dtmf. When cancelled, what was
        recorded so far is written before the cancellation goes on."""
        ...

    async def send_dtmf(self, digits: str, *, via: str = "info", length: float = 0.1, gap: float = 0.1) -> None:
        """Send digits (0-9 A-D * #; `w` pauses 500 ms); returns when the last has ended. Moves the mark."""
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
        loop: bool = False,
        flush: bool = False,
        within: float | None = None,
    ) -> Gathered:
        """Collect digits until `count`, the `end` key or a time-out; `play` is stopped by the first digit,
        and `first` counts from its end."""
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

    async def expect_silence(self, length: float, window: Window, *, now: bool = False) -> Heard:
        """Await `length` seconds of quiet; quiet that reigned at the mark counts from the mark on."""
        ...

    async def wait_for_event(self, name: str, matches: Callable[[CallEvent], bool], within: float) -> CallEvent:
        """Await an event by its flow name, also one since the mark that no other `wait_for` took.
        `answered`, `ringing` and `ended` are latched: once they have happened they are found."""
        ...
