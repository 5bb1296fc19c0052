"""What webhooks are told of what a leg says (the platform's `call.playback.*` and `call.speak.*`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from botkit.exchange.activities.utterance import CALL_HANGUP, COMPLETED


class Tell(Protocol):
    """`Leg.tell`."""

    def __call__(self, event_type: str, **fields: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Playback:
    """A play: where its sound is from is told as it was given; neither for sound sent in the command itself."""

    tell: Tell
    media_url: str | None
    media_name: str | None
    overlay: bool = False

    def began(self) -> None:
        self.tell("call.playback.started", media_url=self.media_url, media_name=self.media_name, overlay=self.overlay)

    def ended(self, status: str, detail: str) -> None:
        self.tell(
            "call.playback.ended",
            media_url=self.media_url,
            media_name=self.media_name,
            overlay=self.overlay,
            status=status,
            status_detail=detail or None,
        )


@dataclass(frozen=True, slots=True)
class Speak:
    """A speech. Its events know no `cancelled` and no failure: what was stopped is `completed`."""

    tell: Tell

    def began(self) -> None:
        self.tell("call.speak.started")

    def ended(self, status: str, detail: str) -> None:
        self.tell("call.speak.ended", status=CALL_HANGUP if status == CALL_HANGUP else COMPLETED)


@dataclass(frozen=True, slots=True)
class Nothing:
    """A prompt of `gather_using_speak`, for which no events are listed."""

    tell: Tell

    def began(self) -> None: ...

    def ended(self, status: str, detail: str) -> None: ...
