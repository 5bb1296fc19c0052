"""Two legs joined: payloads forwarded, or translated where the codecs differ; digits carried over.

Whoever leaves ends the call of the other one, unless that one is to stay: parked, or on hold.

While either is on hold nothing passes, neither sound nor digits: who holds hears silence, the other one
the exchange's hold audio. Where both hold, both hear silence, as two ends whose descriptions say
`sendonly` are `inactive` together (RFC 3264 section 8.4).
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Mapping

from botkit.clock import Clock
from botkit.exchange.hold import HoldAudio
from botkit.exchange.leg import Leg
from botkit.exchange.queue import Entry
from botkit.media.pacer import Pacer
from botkit.media.telephone_event import EVENT_DIGITS

log = logging.getLogger("botkit.exchange")

DIGIT_LENGTH = 0.06
"""Seconds that a digit lasts which came as `info`, where no length is said. With the repeats of its end it takes
100 ms of the stream, so digits sent 100 ms apart do not pile up here."""

DIGIT_LONGEST = 0.2
"""Seconds of a telephone-event that is said as a tone, however long the key was held: the far end needs no more."""

DIGIT_STEP = 0.1
"""Seconds of the stream that such a digit takes, as event or (nearly) as tone."""

DIGITS_PER_INFO = 64
"""Digits of one `info` that are carried; no key pad sends more at once."""

DIGITS_WAITING = 128
"""Digits that may wait for their turn on one leg; what comes while so many wait is dropped."""


class Bridge:
    """Joins two connected legs; a `Place`. `join` and `part` may be called any number of times.

    `stays` are those who are not hung up when the other one leaves: "parked" or "held".
    """

    def __init__(
        self,
        clock: Clock,
        pacer: Pacer,
        hold_audio: HoldAudio,
        one: Leg,
        other: Leg,
        *,
        stays: Mapping[Leg, str] | None = None,
    ) -> None:
        self.legs = (one, other)
        self.stays = dict(stays or {})
        self._clock = clock
        self._said = {one: 0.0, other: 0.0}  # when the digits for each leg will have been sent
        self._pacer = pacer
        self._hold_audio = hold_audio
        self._entertained: set[Leg] = set()  # who hears it now
        self.moving = False
        """One of them is being transferred by the other."""
        self.dissolved = asyncio.Event()
        """Set when they are parted for good."""
        self._joined = False

    def other(self, leg: Leg) -> Leg:
        """The one that is joined to `leg`."""
        return self.legs[1] if leg is self.legs[0] else self.legs[0]

    def join(self) -> None:
        """Let them hear each other, as far as nobody is on hold."""
        for leg in self.legs:
            leg.place = self
            leg.endpoint.session.stop_playing()
            self._pacer.add(leg.endpoint.session, first=True)
        self._joined = True
        self._apply()

    def part(self) -> None:
        """From now on each hears silence. Where it is dissolved they are elsewhere, and nothing happens."""
        if self.dissolved.is_set():
            return
        self._joined = False
        self._apply()

    def leave(self, leg: Leg) -> None:
        """One goes, to another place or for good. The other one is hung up, or stays as it was told to."""
        self.dissolve()
        peer = self.other(leg)
        if peer.over.done():
            return
        stays = self.stays.get(peer)
        if stays is None:
            peer.bye(leg.over.result() if leg.over.done() else "NORMAL_CLEARING", "peer")
        elif stays == "held":
            self._hold_audio.play(peer.endpoint.session)

    def dissolve(self) -> None:
        """Part them for good; both are parked."""
        self.part()
        self.dissolved.set()
        for leg in self.legs:
            if leg.place is self:
                leg.place = None
            elif isinstance(leg.place, Entry) and leg.place.beneath is self:
                leg.place.beneath = None

    def hold(self, leg: Leg, held: bool) -> None:
        """One side put the call on hold, or took it up again. To hold what is held changes nothing."""
        if leg.held is not held:
            leg.held = held
            self._apply()

    @property
    def through(self) -> bool:
        """What one says the other hears."""
        return self._joined and not any(leg.held for leg in self.legs)

    def _apply(self) -> None:
        through = self.through
        for leg, far in (self.legs, self.legs[::-1]):
            near, other = leg.endpoint.session, far.endpoint.session
            near.forward_to = other if through else None
            near.fed(through)
            self._entertain(leg, self._joined and far.held and not leg.held)
            # Telephone-events to an end that knows none become tones, told when the key is released.
            near.on_digit = functools.partial(self._say_as_tone, far) if through and other.event_type is None else None

    def _entertain(self, leg: Leg, held: bool) -> None:
        """The hold audio, from its beginning, for one that was not held before; no more for one that was."""
        if held is (leg in self._entertained):
            return
        leg.endpoint.session.stop_playing()
        if held:
            self._entertained.add(leg)
            self._hold_audio.play(leg.endpoint.session)
        else:
            self._entertained.discard(leg)

    def _say_as_tone(self, far: Leg, digit: str, at: float, duration: float | None) -> None:
        far.endpoint.say_digit(digit, min(max(duration or 0.0, DIGIT_LENGTH), DIGIT_LONGEST))

    def carry_digits(self, digits: str, sender: Leg) -> None:
        """Digits that one side sent by `info`, to the other as telephone-events or, without those, as tones.

        No SDK listens for digits in an `info` from the server, so this is how they arrive (the JS SDK's
        `dtmf()` sends `info`; a server that bridges makes the rest itself). No SDK checks what it is
        given either: what is no digit is left out. Nor may a client fill our memory with digits: of many,
        the first are carried and the rest is logged. Those sent while either holds the call go nowhere.
        """
        if not self.through:
            return
        far = self.other(sender)
        now = self._clock.now()
        begin = max(now, self._said[far])
        room = max(0, DIGITS_WAITING - round((begin - now) / DIGIT_STEP))
        carried = digits[: min(DIGITS_PER_INFO, room)]
        if len(carried) < len(digits):
            log.info("digits.dropped call=%s dropped=%d", sender.id, len(digits) - len(carried))
        said = [digit for digit in carried.upper() if digit in EVENT_DIGITS]
        for digit in said:
            far.endpoint.say_digit(digit, DIGIT_LENGTH)
        self._said[far] = begin + DIGIT_STEP * len(said)
