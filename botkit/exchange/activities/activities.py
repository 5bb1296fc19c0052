"""All that one leg does by itself, as commands: the door for REST, TeXML and the flow of a call.

Commands return as soon as they are accepted, as the platform's do, and what becomes of them is told by
`leg.tell`; those that give something to wait for say so. Parameters are the platform's own (`orders.py`). What
cannot be carried out raises `CommandRefused`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal

from botkit.errors import ConfigError, UsageError
from botkit.exchange.activities import orders
from botkit.exchange.activities.ears import LegEar
from botkit.exchange.activities.gather import Gather, Gathered
from botkit.exchange.activities.orders import DigitsOrder, GatherOrder, Order, SayOrder, StopOrder
from botkit.exchange.activities.player import SoundQueue
from botkit.exchange.activities.recording import BEEP, HANGUP, KEY, Recording, Wanted
from botkit.exchange.activities.recordings import Recordings
from botkit.exchange.activities.sounds import Sounds
from botkit.exchange.activities.utterance import CALL_HANGUP, CANCELLED, Outcome, Utterance
from botkit.exchange.leg import Leg
from botkit.exchange.refusal import CommandRefused, call_ended, not_answered
from botkit.media.plane import MediaPlane
from botkit.media.voice import Voice
from botkit.owned import OwnedTasks

Reason = Literal["bridged", "hangup"]

GAP = 0.1
"""Seconds between two digits that are sent."""


class Activities:
    """The activities of one leg whose media is described. `close` it when the leg is over.

    `peer` gives the activities of the leg that it is bridged to, None for none.
    """

    def __init__(
        self,
        leg: Leg,
        plane: MediaPlane,
        sounds: Sounds,
        recordings: Recordings,
        peer: Callable[[], Activities | None] = lambda: None,
    ) -> None:
        self.leg = leg
        self._clock = plane.clock
        self._sounds = sounds
        self._peer = peer
        self._recordings = recordings
        self._session = leg.endpoint.session
        self.voice = Voice(self._session, plane.clock, lambda at, lasted: None)
        self.ear = LegEar(self._session, plane.hearing, plane.clock, self._digit_heard)
        """Digits and silence, for who waits for them."""
        self._owned = OwnedTasks("a leg's")
        self._queue = SoundQueue(sounds, self._owned.start, "sounds of a leg")
        self._overlays = SoundQueue(sounds, self._owned.start, "overlays of a leg")
        self._gather: Gather | None = None
        self._sending = asyncio.Lock()
        self._recording: Recording | None = None
        self._over = False

    # --- commands --------------------------------------------------------------------------------

    def carry_out(self, order: Order) -> Utterance | Gather | Recording | asyncio.Task[None] | None:
        """Carry out an order that was checked before; gives what its own method gives. Raises `CommandRefused`."""
        match order:
            case SayOrder():
                return self._say(order)
            case StopOrder():
                self._stop_sounds(order)
                return None
            case GatherOrder():
                return self._begin_gather(order)
            case DigitsOrder():
                return self._send(order)
            case Wanted():
                return self._record(order)

    def play(self, **command: Any) -> Utterance:
        """`playback_start`, see `orders.play`. The result's `outcome` is set when it has ended."""
        return self._say(orders.play(**command))

    def speak(self, **command: Any) -> Utterance:
        """`speak`, see `orders.speak`. The result's `outcome` is set when it has ended."""
        return self._say(orders.speak(**command))

    async def play_to_end(self, **command: Any) -> Outcome:
        """`play`, and wait until it has ended. A cancelled caller's play is stopped."""
        return await _outcome(self.play(**command))

    async def speak_to_end(self, **command: Any) -> Outcome:
        """`speak`, and wait until it has ended. A cancelled caller's speech is stopped."""
        return await _outcome(self.speak(**command))

    def stop_playback(self, **command: Any) -> None:
        """`playback_stop`: what is being said, or (the default) also all that waits. Where nothing is, nothing ends.

        With `overlay` only overlays; without, the end of all ends them, too.
        """
        self._stop_sounds(orders.stop_playback(**command))

    def gather(self, **command: Any) -> Gather:
        """`gather`, see `orders.gather`. The result's `outcome` is set when it has ended. One that is under way is
        cancelled."""
        return self._begin_gather(orders.gather(**command))

    def gather_using_audio(self, **command: Any) -> Gather:
        """`gather_using_audio`, see `orders.gather_using_audio`; else as `gather`."""
        return self._begin_gather(orders.gather_using_audio(**command))

    def gather_using_speak(self, **command: Any) -> Gather:
        """`gather_using_speak`, see `orders.gather_using_speak`; else as `gather`."""
        return self._begin_gather(orders.gather_using_speak(**command))

    def send_dtmf(self, **command: Any) -> asyncio.Task[None]:
        """`send_dtmf`: after those already being sent, as telephone-events or, to an end that knows none, as tones.

        The result is done when the last one has left.
        """
        return self._send(orders.send_dtmf(**command))

    def start_recording(self, **command: Any) -> Recording:
        """`record_start`, see `orders.record`. The result's `outcome` is set when its file is there. One leg has one
        recording at a time."""
        return self._record(orders.record(**command))

    # --- playback and speech ---------------------------------------------------------------------

    def _say(self, order: SayOrder) -> Utterance:
        self._check_alive()
        if order.target == "opposite" and self._peer() is None:
            raise CommandRefused("90033", "This call has no opposite leg.", pointer="/target_legs")
        if order.overlay and not self._queue.is_heard:
            raise CommandRefused("90033", "There is no playback that could be overlaid.", pointer="/overlay")
        queue, over = (self._overlays, "mix") if order.overlay else (self._queue, "after_loops")
        teller = order.teller(self.leg.tell)
        utterance = Utterance(order.what, teller, lambda: self._voices(order.target), turns=order.turns, over=over)
        self._stop(queue, order.stop)
        queue.add(utterance)
        return utterance

    def _voices(self, target: str) -> Sequence[Voice]:
        peer = self._peer() if target != "self" else None
        voices = [] if target == "opposite" else [self.voice]
        return voices if peer is None else [*voices, peer.voice]

    def _stop_sounds(self, order: StopOrder) -> None:
        self._check_alive()
        if order.overlay or order.which == "all":
            self._stop(self._overlays, order.which)
        if not order.overlay:
            self._stop(self._queue, order.which)

    @staticmethod
    def _stop(queue: SoundQueue, which: str) -> None:
        if which == "all":
            queue.stop_all()
        elif which == "current":
            queue.stop_current()

    # --- digits that are heard -------------------------------------------------------------------

    def _begin_gather(self, order: GatherOrder) -> Gather:
        self._check_answered()
        first, again = order.first, order.again

        def prompt(invalid: bool) -> Utterance:
            said = again if invalid else first
            assert said is not None
            return Utterance(said.what, said.teller(self.leg.tell), lambda: [self.voice])

        gather = Gather(
            order.rules,
            self.leg.tell,
            self._clock,
            gather_id=order.gather_id,
            prompt=None if first is None else prompt,
            on_end=self.ear.listen_no_more,
        )
        if self._gather is not None:
            self._gather.end(CANCELLED)
        self._gather = gather
        self.ear.listen()
        gather.begin(self._queue, self._sounds, self._owned.start)
        return gather

    async def beep(self) -> None:
        """Let the party hear a beep, after what is being said. A cancelled caller's is cut short."""
        await self.voice.play(BEEP)

    async def gathered(self, gather: Gather) -> Gathered:
        """Wait for a gather that was begun. A cancelled caller's gather is cancelled."""
        try:
            return await asyncio.shield(gather.outcome)
        finally:
            gather.end(CANCELLED)

    def stop_gather(self) -> None:
        """`gather_stop`. Where none is under way nothing ends."""
        self._check_answered()
        if self._gather is not None:
            self._gather.end(CANCELLED)

    def hear_digit(self, digit: str, via: str = "info") -> None:
        """A digit came by another way than the leg's audio. What is no digit is left out."""
        if not self._over:
            self.ear.hear(digit, via)

    def listen(self) -> None:
        """Hear digits that are said as tones, too, until as many `listen_no_more`: they cost decoding."""
        if not self._over:
            self.ear.listen()

    def listen_no_more(self) -> None:
        """Undo one `listen`."""
        if not self._over:
            self.ear.listen_no_more()

    def _digit_heard(self, digit: str) -> None:
        """Each digit once, by whatever way."""
        gather = self._gather
        if gather is not None:
            gather.hush()
        if self.leg.is_answered:
            self.leg.tell("call.dtmf.received", digit=digit)
        if gather is not None:
            gather.hear(digit)
        if self._recording is not None and digit in self._recording.wanted.keys:
            self._recording.stop(KEY)

    # --- digits that are sent --------------------------------------------------------------------

    def _send(self, order: DigitsOrder) -> asyncio.Task[None]:
        self._check_answered()
        return self._owned.start(self._sent(order.digits, order.length), "digits of a leg")

    async def _sent(self, digits: str, length: float) -> None:
        async with self._sending:
            via = "tone" if self._session.event_type is None else "rtp"
            await self.voice.send_digits(digits, via=via, length=length, gap=GAP, by_info=_no_info)

    # --- recording -------------------------------------------------------------------------------

    def _record(self, wanted: Wanted) -> Recording:
        self._check_answered()
        if not self.leg.endpoint.up:
            raise CommandRefused("90020")
        if self._recording is not None:
            raise CommandRefused("90033", "This call is being recorded already.")
        listening = bool(wanted.timeout)

        def ended() -> None:
            self._recording = None
            if listening:
                self.ear.listen_no_more()

        recording = Recording(wanted, self._session, self.ear.ear, self._clock, self._recordings, self.leg.tell, ended)
        try:
            recording.begin(self._owned.start)
        except ConfigError as error:
            raise CommandRefused("10007", f"There is no place to record to: {error}") from error
        if listening:
            self.ear.listen()
        self._recording = recording
        return recording

    def stop_recording(self, *, recording_id: str | None = None) -> None:
        """`record_stop`. The file is told of when it is there."""
        self._recording_of(recording_id).stop()

    def pause_recording(self, *, recording_id: str | None = None) -> None:
        """`record_pause`: what comes is left out, until `resume_recording`."""
        self._recording_of(recording_id).pause()

    def resume_recording(self, *, recording_id: str | None = None) -> None:
        """`record_resume`."""
        self._recording_of(recording_id).resume()

    def _recording_of(self, ident: str | None) -> Recording:
        self._check_answered()
        if self._recording is None:
            raise CommandRefused("90033", "This call is not being recorded.")
        if ident and ident != self._recording.id:
            raise CommandRefused("10015", "This call has no such recording.", pointer="/recording_id")
        return self._recording

    # --- its end ---------------------------------------------------------------------------------

    def cut(self, reason: Reason) -> None:
        """The leg is `bridged` (plays, speeches and gathers are cancelled) or the call is over (`hangup`).

        What ends is told now: call it before telling of the bridge or of the end.
        """
        if self._over:
            return
        status = CALL_HANGUP if reason == "hangup" else CANCELLED
        self._over = reason == "hangup"
        # A gather's own prompt ends with the gather, so the gather is not taken for stopped with the queue.
        gather, self._gather = self._gather, None
        self._overlays.stop_all(status)
        self._queue.stop_all(status)
        if gather is not None:
            gather.end(status)
        if self._over:
            self.voice.call_is_over()
            if self._recording is not None:
                self._recording.stop(HANGUP)  # told of when it is saved, so after the hang-up

    async def close(self) -> None:
        """Cut what is left, as a hang-up does, and wait until all is quiet. May be called more than once."""
        self.cut("hangup")
        self.ear.close()
        await self._owned.close()

    # --- what all share --------------------------------------------------------------------------

    def _check_alive(self) -> None:
        if self._over or self.leg.over.done():
            raise call_ended()

    def _check_answered(self) -> None:
        self._check_alive()
        if not self.leg.is_answered:
            raise not_answered()


async def _outcome(utterance: Utterance) -> Outcome:
    try:
        return await asyncio.shield(utterance.outcome)
    finally:
        utterance.end(CANCELLED)


async def _no_info(digit: str) -> None:
    raise UsageError(f"{digit} is not sent by info on a leg")
