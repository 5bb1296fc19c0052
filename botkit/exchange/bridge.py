"""Two legs joined: payloads forwarded as they are, digits carried over, silence while one is on hold."""

from __future__ import annotations

from botkit.exchange.leg import Leg
from botkit.media.dtmf import EVENT_DIGITS
from botkit.media.pacer import Pacer

DIGIT_LENGTH = 0.06
"""Seconds that a digit lasts which came as `info`, where no length is said. With the repeats of its end it takes
100 ms of the stream, so digits sent 100 ms apart do not pile up here."""


class Bridge:
    """Joins two connected legs that share a codec. `join` and `part` may be called any number of times."""

    def __init__(self, pacer: Pacer, one: Leg, other: Leg) -> None:
        self.legs = (one, other)
        self._pacer = pacer
        self._joined = False

    def join(self) -> None:
        """Let them hear each other, as far as nobody is on hold."""
        for leg in self.legs:
            leg.endpoint.session.stop_playing()
            self._pacer.add(leg.endpoint.session, first=True)
        self._joined = True
        self._apply()

    def part(self) -> None:
        """From now on each hears silence."""
        self._joined = False
        self._apply()

    def hold(self, leg: Leg, held: bool) -> None:
        """One side put the call on hold, or took it up again: while any is held, both hear silence."""
        leg.held = held
        self._apply()

    def _apply(self) -> None:
        through = self._joined and not any(leg.held for leg in self.legs)
        for leg, far in (self.legs, reversed(self.legs)):
            leg.endpoint.session.forward_to = far.endpoint.session if through else None
            leg.endpoint.session.fed(through)

    def carry_digits(self, digits: str, sender: Leg) -> None:
        """Digits that one side sent by `info`, to the other as telephone-events or, without those, as tones.

        No SDK listens for digits in an `info` from the server, so this is how they arrive (the JS SDK's
        `dtmf()` sends `info`; a server that bridges makes the rest itself). No SDK checks what it is
        given either: what is no digit is left out.
        """
        far = self.legs[1] if sender is self.legs[0] else self.legs[0]
        for digit in filter(frozenset(EVENT_DIGITS).__contains__, digits.upper()):
            far.endpoint.say_digit(digit, DIGIT_LENGTH)
