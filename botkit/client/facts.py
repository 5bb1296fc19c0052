"""What is known of a call: who speaks with whom, since when, and how it ended."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

from botkit import events
from botkit.clock import Clock
from botkit.errors import Fault
from botkit.media.endpoint import Endpoint
from botkit.results import RtpFigures
from botkit.states import CallState


class CallFacts(abc.ABC):
    """The part of a `Call` that is known of it; the other parts stand on this one.

    `direction` is dial or answer; `remote` the other party's number; `created` when it began (monotonic).
    """

    def __init__(
        self,
        clock: Clock,
        endpoint: Endpoint,
        call_id: str,
        *,
        direction: str,
        local: str,
        remote: str,
        headers: Sequence[tuple[str, str]],
    ) -> None:
        self._clock = clock
        self._id = call_id
        self.endpoint = endpoint
        self.direction = direction
        self.local = local
        self.remote = remote
        self.headers = tuple(headers)
        self.created = clock.now()
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.end: events.Ended | None = None
        self.fault: Fault | None = None
        """Why media or signalling failed, if they did."""
        self.session_id: str | None = None
        """The platform's telnyx_session_id: the same on both legs of a call."""

    def __repr__(self) -> str:
        return f"<Call {self._id} {self.direction} {self.remote} {self.state.value}>"

    @property
    def id(self) -> str:
        """The call id on the wire."""
        return self._id

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    @abc.abstractmethod
    def state(self) -> CallState:
        """Where it is, by the table of `botkit.states`."""

    @property
    def figures(self) -> RtpFigures:
        """Packets and quality so far."""
        return self.endpoint.session.figures if self.endpoint.described else RtpFigures()

    @property
    def duration(self) -> float | None:
        """Seconds since answered, up to the end; None for a call never answered."""
        if self.answered_at is None:
            return None
        return (self.ended_at or self._clock.now()) - self.answered_at

    @property
    def setup(self) -> float | None:
        """Seconds from the invite to the answer."""
        return None if self.answered_at is None else self.answered_at - self.created

    def since_answered(self, at: float | None = None) -> float:
        """Seconds between the answer and `at` (monotonic; None: now); 0.0 before the answer."""
        if self.answered_at is None:
            return 0.0
        return (self._clock.now() if at is None else at) - self.answered_at

    def facts(self) -> dict[str, Any]:
        """The `call` of expressions; plain data, a fresh copy. Times are seconds; what is not known yet is None."""
        figures, end = self.figures, self.end
        dialled = self.direction == "dial"
        return {
            "id": self.id,
            "direction": self.direction,
            "state": self.state.value,
            "from": self.local if dialled else self.remote,
            "to": self.remote if dialled else self.local,
            "headers": dict(self.headers),
            "cause": end.cause if end else None,
            "code": end.code if end else None,
            "sip_code": end.sip_code if end else None,
            "duration": self.duration or 0.0,
            "codec": self.endpoint.session.codec.name if self.endpoint.described else None,
            "rtp": {
                "sent": figures.sent,
                "received": figures.received,
                "lost": figures.lost,
                "jitter": figures.jitter,
                "rtt": figures.rtt,
            },
        }

    def _over_in_words(self) -> str | None:
        """Why nothing more can come of it; None while it goes on."""
        if self.fault is not None:
            return f"the call failed: {self.fault.args[0]}"
        if self.end is None:
            return None
        return f"the call ended: {self.end.cause} ({self.end.code}) at {self.since_answered(self.ended_at):.2f} s"
