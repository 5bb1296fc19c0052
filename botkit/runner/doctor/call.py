"""One call, and what can be told of it: the path, the keys, the answer, the sound both ways, the digits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from botkit.client.call import Call
from botkit.clock import Clock
from botkit.errors import ExpectationFailed, NetworkFault, TimeoutFault
from botkit.media.pcm import level
from botkit.media.peer import Peer
from botkit.results import PacerHealth
from botkit.runner.doctor.findings import Note
from botkit.runner.doctor.ice import UDP_BLOCKED
from botkit.vocabulary import Entry, Tone

QUIET = -60.0
"""dBFS below which nothing is said: comfort noise and the hiss of a line lie below, speech and tones far above."""

LOSS, JITTER, ROUND_TRIP = 0.02, 0.03, 0.4
"""What is worth a warning: a share of packets, and seconds. From there on people hear it (ITU-T G.107, G.114)."""

LATE = 0.05
"""Share of our own beats that were late, from which it may be this machine that is heard, and not the way."""

HZ = 1004.0
"""The tone that we say meanwhile: the usual one of test lines, off the 8 kHz grid."""

DIGITS = (("info", "1"), ("rtp", "5"))
"""The ways that digits are tried, each with one that nobody takes for the other."""

HINTS = {
    "USER_BUSY": "the number is busy: try again, or another one",
    "UNALLOCATED_NUMBER": "is the number right, and in the form that the server wants (+1…)?",
    "NO_ROUTE_DESTINATION": "is the number right, and in the form that the server wants (+1…)?",
    "INVALID_NUMBER_FORMAT": "is the number in the form that the server wants (+1…)?",
    "SUBSCRIBER_ABSENT": "the one who has this number is not logged in",
    "CALL_REJECTED": "refused by the far end or the server: may this account dial it (outbound profile, caller id)?",
    "BEARERCAPABILITY_NOTAUTH": "may this account dial this number (outbound profile, caller id, credit)?",
    "INCOMPATIBLE_DESTINATION": "no codec in common, or a description that the other end does not take",
    "DESTINATION_OUT_OF_ORDER": "the server could not get media to one of the two ends",
}


MEDIA_CAUSES = ("DESTINATION_OUT_OF_ORDER", "MEDIA_TIMEOUT", "NETWORK_OUT_OF_ORDER")
"""Causes by which a server says that it is the media that failed."""


class Ended(Exception):
    """The call was over first. `why` says by what; `by_media`: its path failed, on our side or on the server's."""

    def __init__(self, why: str, hint: str | None, *, by_media: bool) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint
        self.by_media = by_media


class TriedCall:
    """One call of ours while it is tried.

    Each check raises `Fault` for what is broken; until the answer also `Ended`, for a call that was refused
    or given up meanwhile: that says nothing about its path.
    """

    def __init__(self, call: Call, clock: Clock, *, number: str, health: Callable[[], PacerHealth]) -> None:
        self.call = call
        self.number = number
        self._clock = clock
        self._health = health
        assert isinstance(call.endpoint.transport, Peer), "the doctor's calls are over the network"
        self._peer: Peer = call.endpoint.transport

    # --- the way to the answer ---------------------------------------------------------------------

    async def described(self, within: float) -> None:
        """Wait until the far end has told its addresses."""
        if not await self._until(lambda: self.call.endpoint.described, within):
            raise TimeoutFault(
                f"{self.number} neither answered nor was refused within {within:g} s",
                "answer",
                hint="it rings and nobody takes it: dial a number that answers by itself",
            )

    async def path(self, note: Note, within: float) -> None:
        """Wait for ICE."""
        failed = "no media path: no pair of addresses reaches the other"
        await self._milestone("ice", failed, UDP_BLOCKED + "; behind NAT the account needs `ice_servers`", within)
        assert self._peer.pair is not None
        ours, theirs = self._peer.pair
        note.text = f"{ours} ↔ {theirs}" + (f"; {note.text}" if note.text else "")
        note.facts |= {"pair": {"local": ours, "remote": theirs}}
        note.took = self._between("connect", "ice")

    async def keys(self, note: Note, within: float) -> None:
        """Wait for DTLS."""
        hint = (
            "the path is there, but the handshake is not: does a firewall pass STUN only, or does the other end hang?"
        )
        await self._milestone("dtls", "the DTLS handshake was not finished", hint, within)
        note.text = "keys agreed; media is encrypted"
        note.took = self._between("ice", "dtls")

    async def answered(self, note: Note, within: float) -> None:
        """Wait for the answer."""
        if not await self._until(lambda: self.call.answered_at is not None, within):
            raise TimeoutFault(
                f"{self.number} did not answer within {within:g} s",
                "answer",
                hint="media flows, but nobody takes the call: dial a number that answers by itself",
            )
        codec = self.call.endpoint.session.codec.name
        note.text = f"{self.number} answered; {codec}"
        note.facts |= {"number": self.number, "codec": codec, "setup": self.call.setup}
        note.took = self.call.setup

    async def _milestone(self, name: str, failed: str, hint: str, within: float) -> None:
        try:
            reached = await self._until(lambda: name in self._peer.milestones, within)
        except Ended as over:
            if not over.by_media:
                raise
            raise NetworkFault(f"{failed} ({over.why})", hint=hint) from None
        if not reached:
            raise TimeoutFault(f"{failed} within {within:g} s", "media", hint=hint)

    def _between(self, first: str, second: str) -> float:
        return self._peer.milestones[second] - self._peer.milestones[first]

    async def _until(self, true: Callable[[], bool], within: float) -> bool:
        """Wait for something that the call or its path comes to; False when it did not. Raises `Ended`."""
        deadline = self._clock.now() + within
        while not true():
            if self.call.fault is not None:
                raise Ended(str(self.call.fault.args[0]), self.call.fault.hint, by_media=True)
            if (end := self.call.end) is not None:
                sip = f", SIP {end.sip_code}" if end.sip_code else ""
                why = f"the call to {self.number} ended: {end.cause} ({end.code}{sip})"
                raise Ended(why, HINTS.get(end.cause), by_media=end.cause in MEDIA_CAUSES)
            if self._clock.now() >= deadline:
                return False
            await self._clock.sleep(0.01)
        return True

    # --- on the call -------------------------------------------------------------------------------

    async def audio(self, note: Note, within: float, far: Callable[[], Call | None] | None) -> None:
        """Say a tone and listen, until the round trip is known. `far` gives the other end where it is ours.

        Raises `NetworkFault` where the sound goes one way, or none.
        """
        call, clock = self.call, self._clock
        began, before = clock.now(), self._health()
        playing = asyncio.ensure_future(call.play(Tone((HZ,), within)))
        try:
            while clock.now() < began + within and call.end is None:
                await clock.sleep(0.1)
                if call.figures.rtt is not None and clock.now() > began + min(within, 2.0):
                    break
        finally:
            playing.cancel()
            await asyncio.wait((playing,))
        figures = call.figures
        heard = _level(call, began)
        expected = figures.received + figures.lost
        loss = figures.lost / expected if expected else 0.0
        late = late_between(before, self._health())
        note.facts |= {
            "sent": figures.sent,
            "received": figures.received,
            "lost": figures.lost,
            "level": round(heard, 1),
            "jitter": figures.jitter,
            "rtt": figures.rtt,
            "late_beats": round(late, 3),
        }
        if not figures.received:
            raise NetworkFault(
                f"one-way: {figures.sent} packets were sent, none came",
                hint="the far end sends nothing, or a firewall or NAT stops UDP on its way to us",
            )
        if call.end is not None:
            raise NetworkFault(
                f"the call ended while it was listened to: {call.end.cause} ({call.end.code})",
                hint="dial a number that stays on the line for some seconds",
            )
        note.text = f"heard at {heard:.0f} dBFS, loss {loss:.1%}, jitter {figures.jitter * 1000:.1f} ms, " + (
            "round trip not known" if figures.rtt is None else f"round trip {figures.rtt * 1000:.1f} ms"
        )
        self._far_end(note, began, far)
        if heard < QUIET:
            note.warn(
                "nothing but silence is heard",
                hint="packets come, but nobody speaks: dial a number that says something",
            )
        if loss > LOSS or figures.jitter > JITTER or (figures.rtt or 0.0) > ROUND_TRIP:
            note.warn(*uneven(late))

    def _far_end(self, note: Note, began: float, far: Callable[[], Call | None] | None) -> None:
        """Does the other end hear us? Ours says so itself; another one only by its RTCP reports."""
        other = far() if far is not None else None
        if other is not None:
            there = _level(other, began)
            note.facts["far_level"] = round(there, 1)
            if there < QUIET:
                raise NetworkFault("one-way: the far end does not hear us", hint=UDP_BLOCKED)
            note.text += f"; the far end hears us at {there:.0f} dBFS"
        elif self.call.figures.rtt is None:
            note.warn(
                "the far end reports nothing of what it hears",
                hint="it may not hear us: one-way audio cannot be told from an end that sends no RTCP reports",
            )
        else:
            note.text += "; the far end reports that our packets come"

    async def digits(self, note: Note, within: float, echoes: bool) -> None:
        """Send a digit each way and see whether it comes back. `echoes`: the far end is known to do so."""
        back: dict[str, str | None] = {}
        for via, digit in DIGITS:
            await self.call.send_dtmf(digit, via=via)
            try:
                heard = await self.call.expect_dtmf(Entry(contains=digit), within=within, flush=True)
                back[via] = str(heard.fields.get("via", via))
            except ExpectationFailed:
                back[via] = None
        note.facts["back"] = back
        came = [f"{via} (as {how})" if how != via else via for via, how in back.items() if how is not None]
        missing = [via for via, how in back.items() if how is None]
        if echoes and missing:
            raise NetworkFault(
                f"no digit came back by {' and '.join(missing)}", hint="this is a fault of botkit's exchange"
            )
        if came:
            note.text = f"there and back by {', '.join(came)}"
        else:
            note.text = f"sent by {', '.join(missing)}; none came back: only a far end that echoes them would send some"
            return
        if missing:
            note.warn(f"not by {', '.join(missing)}", hint="use `via:` of send_dtmf with what does come back")


def late_between(before: PacerHealth, after: PacerHealth) -> float:
    """The share of the beats due between the two that were late, or lost."""
    lost = after.lost - before.lost
    due = after.beats - before.beats + lost
    return (after.late - before.late + lost) / due if due else 0.0


def uneven(late: float) -> tuple[str, str]:
    """What to say of sound that people would complain of, and the hint; `late` is the share of our own late beats."""
    if late > LATE:
        return (
            "this machine was too busy to judge the way",
            f"it was late for {late:.0%} of its own beats of 20 ms: try again when less runs beside it",
        )
    return "people will hear that", "a busy or wireless network, or a far relay? see loss, jitter, round trip"


def _level(call: Call, since: float) -> float:
    """The level of what a call has heard since, in dBFS."""
    _, frames = call.ear.history.between(since)
    return level(frames)
