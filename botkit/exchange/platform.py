"""What the exchange offers to who controls calls: events by webhook, sounds, recordings, the commands' workshop.

It watches the legs of the switch: what a leg tells goes to its owner; digits of a leg that somebody controls are
heard; what a leg says by itself ends when it is bridged, or over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from botkit.exchange.activities.of_legs import LegActivities
from botkit.exchange.activities.recordings import Recordings
from botkit.exchange.activities.sounds import Sounds
from botkit.exchange.activities.speech import Speech
from botkit.exchange.applications import TexmlApplication
from botkit.exchange.commands import Commands
from botkit.exchange.conference import Conference
from botkit.exchange.conference_recording import ConferenceRecordings
from botkit.exchange.conferences import Conferences
from botkit.exchange.directory import Directory
from botkit.exchange.leg import Leg, Reporter
from botkit.exchange.lending import Lending
from botkit.exchange.queues import Queues
from botkit.exchange.switch import Switch
from botkit.exchange.webhooks.hangup import EndedBy, hangup
from botkit.exchange.webhooks.payload import Event
from botkit.exchange.webhooks.poster import open_http
from botkit.exchange.webhooks.signing import SigningKey
from botkit.exchange.webhooks.targets import Owner
from botkit.exchange.webhooks.webhooks import Webhooks
from botkit.media.plane import MediaPlane

log = logging.getLogger("botkit.exchange")

_ENDED_BY = {
    "party": EndedBy.PARTY,
    "peer": EndedBy.PEER,
    "command": EndedBy.COMMAND,
    "exchange": EndedBy.EXCHANGE,
    "timeout": EndedBy.RING_TIMEOUT,
    "no_answer": EndedBy.RING_TIMEOUT,
    "time_limit": EndedBy.TIME_LIMIT,
}


class Platform:
    """One per exchange; `close` it. `recording_url`: see `Recordings`; `fixtures`, `media`: see `Sounds`; `key` signs
    its webhooks."""

    def __init__(
        self,
        switch: Switch,
        directory: Directory,
        plane: MediaPlane,
        recording_url: Callable[[str], str],
        fixtures: Sequence[Path] = (),
        media: Mapping[str, Path] | None = None,
        key: SigningKey | None = None,
    ) -> None:
        clock = plane.clock
        self.http = open_http()
        self.webhooks = Webhooks(clock, self.http, self._owner_of, key=key, lost=self._lost)
        self.sounds = Sounds(clock, self.http, Speech(), fixtures=fixtures, media=media)
        self.recordings = Recordings(clock, recording_url)
        self.activities = LegActivities(plane, self.sounds, self.recordings, self.webhooks.is_told)
        self.commands = Commands(switch)
        self.conferences = Conferences(
            clock, plane.pacer, switch.hold_audio, self._take_out, switch.start, self._happened_in
        )
        self.conference_recordings = ConferenceRecordings(self.recordings, clock, switch.start)
        self.queues = Queues(clock, switch.leave, switch.start)
        self.listeners: list[Reporter] = []
        """Are told, beside the owner, what happens to every leg."""
        self._switch = switch
        self._directory = directory
        Lending(switch, self.conferences, self.queues)
        switch.report = self._happened
        switch.when_new.append(self.activities.admit)
        switch.when_over.append(self._over)
        switch.when_over.append(self.queues.hung_up)

    def _owner_of(self, connection_id: str) -> Owner | None:
        owner = self._directory.owner(connection_id)
        return None if isinstance(owner, TexmlApplication) else owner  # its document is fetched; it is told nothing

    def _happened(self, leg: Leg, event_type: str, fields: Mapping[str, object]) -> None:
        if event_type == "call.hangup":
            fields = {**fields, **self._end_of(leg)}
        self.webhooks.tell(leg, event_type, fields)
        for listener in self.listeners:
            listener(leg, event_type, fields)

    def _happened_in(
        self, conference: Conference, event_type: str, fields: Mapping[str, object], member: Leg | None
    ) -> None:
        if event_type == "conference.ended":
            self.conference_recordings.over(conference)
        self.webhooks.tell_conference(conference, event_type, fields, member=member)

    def _end_of(self, leg: Leg) -> Mapping[str, object]:
        by = _ENDED_BY[leg.end.limit or leg.end.by]
        return hangup(
            leg.over.result(),
            by,
            dialled=not leg.inbound,
            answered=leg.answered_at is not None,
            retry_on_timeout=leg.end.limit != "no_answer",
        ).fields

    def _over(self, leg: Leg) -> None:
        if leg.activities is not None:
            leg.activities.cut("hangup")

    def _take_out(self, leg: Leg) -> None:
        """Into a conference or out of it: what it says by itself ends, as with a bridge."""
        if leg.activities is not None:
            leg.activities.cut("bridged")
        self._switch.leave(leg)

    def _lost(self, key: str, event: Event) -> None:
        """Nobody was told of a parked leg, so nobody will ever answer it."""
        for leg in self._switch.legs:
            if (
                leg.control_id == key
                and leg.inbound
                and not leg.answer_ordered
                and event.event_type == "call.initiated"
            ):
                log.warning("call.nobody_told call=%s", leg.id)
                leg.bye("SERVICE_UNAVAILABLE")

    async def close(self) -> None:
        """Let events under way go out, and end all that is its own."""
        await self.webhooks.close()
        await self.sounds.close()
        await self.recordings.close()
        await self.http.aclose()
