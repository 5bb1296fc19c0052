"""What a program is for, and what becomes of it after a verb."""

from __future__ import annotations

from enum import Enum

from botkit.exchange.texml.fetch import Source
from botkit.exchange.texml.verbs import (
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Pause,
    Play,
    Record,
    Redirect,
    Reject,
    Say,
)


class Stop(Enum):
    """The program is over: hang the leg up, or only leave the queue."""

    HANG_UP = "hang_up"
    LEAVE = "leave"


Next = Source | Stop | None
"""Another document, a stop, or the next verb."""


class Mode(Enum):
    """What a program is for; the value is the verbs that it may have."""

    MAIN = frozenset({Say, Play, Pause, Gather, Dial, Enqueue, Redirect, Hangup, Reject, Record})
    WAITING = frozenset({Say, Play, Pause, Gather, Redirect, Hangup, Leave})
    WHISPER = frozenset({Say, Play, Pause, Gather, Redirect, Hangup})
