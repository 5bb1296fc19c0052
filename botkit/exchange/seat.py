"""One leg's part in a conference: whether it is heard, by whom, and what it hears.

Three things silence a member: it is muted (it hears the others), it is on hold (it hears the hold audio), or it
only listens. While the conference has not started, all are as if on hold.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import Leg
from botkit.media.participant import Member
from botkit.media.playback import Playback

if TYPE_CHECKING:
    from botkit.exchange.conference import Conference

Role = Literal["barge", "monitor", "none", "whisper"]
Beep = Literal["always", "never", "on_enter", "on_exit"]


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """How a leg takes part (the fields of `conferences/{id}/actions/join`). `beep` None: as the conference has it.

    `whisper_to` are call control ids; a whisper to nobody is a monitor. `stays`: the leg is parked, not hung up, when
    the conference ends.
    """

    muted: bool = False
    on_hold: bool = False
    hold_audio: HoldAudio | None = None
    end_on_exit: bool = False
    soft_end_on_exit: bool = False
    start_on_enter: bool = False
    role: Role = "none"
    whisper_to: tuple[str, ...] = ()
    beep: Beep | None = None
    label: str = ""
    stays: bool = False


class Seat:
    """A `Place` for one leg. `member` is its part in the mixer."""

    def __init__(self, conference: Conference, leg: Leg, member: Member, plan: SeatPlan, now: float) -> None:
        self.id = str(uuid.uuid4())
        self.conference = conference
        self.leg = leg
        self.member = member
        self.muted = plan.muted
        self.on_hold = plan.on_hold
        self.hold_audio = plan.hold_audio
        self.end_on_exit = plan.end_on_exit
        self.soft_end_on_exit = plan.soft_end_on_exit
        self.role: Role = plan.role
        self.whisper_to = plan.whisper_to
        self.beep = plan.beep
        self.label = plan.label
        self.stays = plan.stays
        self.created_at = self.updated_at = now
        """Wallclock."""
        self.out: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Set when the leg has left, to the reason: `leave`, `hangup`, or why the conference ended."""
        self._held: Playback | None = None  # the hold audio, where there is any
        self._entertained = False

    def leave(self, leg: Leg) -> None:
        """The leg goes elsewhere, or is over."""
        self.conference.left(self, "hangup" if leg.over.done() else "leave")

    def other(self, leg: Leg) -> Leg | None:
        """Nobody in particular."""
        return None

    @property
    def is_heard(self) -> bool:
        """By anybody."""
        return self.takes_part and not self.muted and self.role != "monitor" and not self._whispers_to_nobody

    @property
    def takes_part(self) -> bool:
        """It hears the others."""
        return self.conference.is_started and not self.on_hold

    @property
    def whispers(self) -> bool:
        """It is heard by some only."""
        return self.role == "whisper"

    @property
    def _whispers_to_nobody(self) -> bool:
        return self.role == "whisper" and not self.whisper_to

    def apply(self, hold_audio: HoldAudio) -> None:
        """Let what it hears and says be as it is said above. `hold_audio` is the conference's."""
        member = self.member
        member.speaks, member.hears = self.is_heard, self.takes_part
        member.whispers_to = self.conference.members_of(self.whisper_to) if self.whispers else None
        if self._entertained is not self.takes_part:
            return
        self._entertained = not self.takes_part
        if self._entertained:
            self._held = (self.hold_audio or hold_audio).play(self.leg.endpoint.session)
        else:
            self.stop_hold_audio()

    def stop_hold_audio(self) -> None:
        """It is not on hold any more."""
        self._entertained = False
        if self._held is not None:
            self.leg.endpoint.session.stop(self._held)
            self._held = None
