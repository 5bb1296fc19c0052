"""The words that flow and call share: what may be played, what may be expected, what comes back.

Plain data, so that the call (`botkit.client`) and the steps (`botkit.flow`) need not know each other.
Durations and times are seconds; times in results count from the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAUSE = 0.25
"""Seconds: shorter pauses belong to a sound, as those between words do."""

DIGIT_LENGTH = {"info": 0.1, "rtp": 0.1, "tone": 0.16}
"""Seconds that a digit lasts where nobody says. An event's packets repeat each other; what is lost of a tone is
gone, and eight frames of it outlive 3 % of loss in every codec (see docs/digits.md)."""


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
    """`played` seconds went out; `stopped_by` is dtmf, speech, replaced, stopped, ended or None (to its end)."""

    played: float
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A WAV that was written. `level` is its RMS level in dBFS."""

    path: str
    duration: float
    level: float


@dataclass(frozen=True, slots=True)
class Stayed:
    """How the other party was in a queue or conference, and for how many seconds.

    `reason` of a queue: bridged, hangup, leave, timeout; of a conference: leave, hangup, moved, host_left,
    ended_via_api, time_exceeded; of either: ended (the call was over before).
    """

    reason: str
    waited: float


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


def prompt_words(names: Sequence[str], anywhere: float | None) -> str:
    """What is expected to be heard, for people: "welcome.wav"."""
    files = names[0] if len(names) == 1 else f"one of {', '.join(names)}"
    return files if anywhere is None else f"{anywhere:g} s of {files}"


def prompt_until(anywhere: float | None, *, absent: bool) -> str:
    """Whether a prompt is met at its end or at its start, where nothing is said."""
    return "start" if absent or anywhere is not None else "end"
