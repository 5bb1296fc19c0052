"""A call, seen from the client: signalling and media joined. It has the shape of the flows' `CallPort`.

    async with await client.dial("+18005550100") as call:
        await call.answered(within=5)
        await call.expect_tone(440, within=5)
        await call.send_dtmf("1")

Leaving the scope hangs up. All that a call hears is in its `ear`, from the first packet on.

Here a call begins, is answered and ends, and is told what the server says. What else it does stands in its parts:
`facts` (what is known of it), `speaking`, `expecting`, `modify` (hold, transfer) and `staying` (queues, conferences).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botkit import events
from botkit.causes import SPOKEN
from botkit.causes import cause as find_cause
from botkit.client.devices import AudioIn, AudioOut
from botkit.client.entries import Entries
from botkit.client.expecting import Expecting
from botkit.client.happenings import CallEvents
from botkit.client.listening import ANSWER_SLACK, Listening
from botkit.client.media import CallMedia
from botkit.client.modify import Modifying
from botkit.client.signals import CallSignals
from botkit.client.speaking import Speaking
from botkit.client.staying import Staying
from botkit.errors import CallEnded, ExpectationFailed, Fault, InternalFault, NetworkFault, TimeoutFault, UsageError
from botkit.media.device import SinkName
from botkit.media.ear import Ear, HeardDigit
from botkit.media.endpoint import Endpoint
from botkit.media.live import LiveFigures
from botkit.media.plane import MediaPlane
from botkit.media.transport import Transport
from botkit.signalling.orders import Answer, Hangup
from botkit.states import CallState

NO_MEDIA = ("DESTINATION_OUT_OF_ORDER", "MEDIA_TIMEOUT", "INCOMPATIBLE_DESTINATION")
"""Causes of calls whose media did not come about."""

ANSWER_GRACE = 2.0
"""Seconds from an answer to a hang-up that may come before media can flow."""

BYE_GRACE = 2.0
"""Seconds that a bye may come after the end of the media that it explains: they travel apart."""


class Call(Modifying, Staying, Speaking, Expecting):
    """One call. Made by `Client.dial` and handed to `on("incoming")`; not by hand. See `CallFacts` for what it is."""

    def __init__(
        self,
        signals: CallSignals,
        plane: MediaPlane,
        endpoint: Endpoint,
        call_id: str,
        *,
        direction: str,
        local: str,
        remote: str,
        headers: Sequence[tuple[str, str]] = (),
        offer: str | None = None,
    ) -> None:
        super().__init__(
            plane.clock, endpoint, call_id, direction=direction, local=local, remote=remote, headers=headers
        )
        self._signals = signals
        self._plane = plane
        self._offer = offer
        self.ear = Ear()
        self.ear.on_digit = self._digit_heard
        self.ear.on_speech = self._speech_heard
        self.may_dial: Callable[[str], None] = lambda number: None
        """Judges each number that the call is transferred to; raises `ConfigError` for one that must not be dialled."""
        self.may_read: Callable[[Path], Path] = lambda path: path
        """Judges each file before it is played; raises `ConfigError` for one outside what a run may read."""
        self._listening = Listening(self.ear, plane.clock, self._over_in_words, self.since_answered)
        self._media = CallMedia(plane, endpoint, self.ear, signals.start, self._listening.said, self._give_up)
        self._media.devices.environment["BOTKIT_CALL"] = call_id
        self._entries = Entries(self.ear, self._listening, plane.clock, self._over_in_words, self.since_answered)
        self._events = CallEvents(plane.clock, self._over_in_words, self.since_answered, signals.start)
        self._gone = asyncio.Event()
        self._accepted: tuple[events.Answered, float] | None = None  # the far end's answer, and when it came

    # --- what it is ------------------------------------------------------------------------------

    @property
    def state(self) -> CallState:
        """Where it is, by the table of `botkit.states`."""
        return CallState.DONE if self.end is not None else self._signals.state(self._id)

    @property
    def spool_call(self) -> int | None:
        """The number of its recording in the plane's spool; None where there is none."""
        return self._media.spool_call

    @property
    def audio_in(self) -> AudioIn | None:
        """What is said while nothing is played: a source, over and over, or something live; None: silence.

        Changeable at any time, also by name (`botkit devices`). Raises `ConfigError` for what names nothing.
        """
        return self._media.devices.audio_in

    @audio_in.setter
    def audio_in(self, source: AudioIn | str | None) -> None:
        self._media.devices.audio_in = source

    @property
    def audio_out(self) -> AudioOut | None:
        """The sink that gets every 20 ms heard, or something live; one that is replaced is closed.

        Changeable at any time, also by name, as `audio_in`.
        """
        return self._media.devices.audio_out

    @audio_out.setter
    def audio_out(self, sink: AudioOut | SinkName | str | None) -> None:
        self._media.devices.audio_out = sink

    @property
    def device_figures(self) -> tuple[LiveFigures, ...]:
        """What went through each pipe, program and sound card that this call has used."""
        return tuple(self._media.devices.figures)

    # --- events ----------------------------------------------------------------------------------

    def listen(self, handler: Callable[[events.CallEvent], None]) -> Callable[[], None]:
        """Call `handler` at once for each event from now on; the result unsubscribes."""
        return self._events.listen(handler)

    def on(self, name: str, handler: Callable[[Any], Any]) -> None:
        """Call `handler(event)` at each event of that name (those of the flow language)."""
        self._events.on(name, handler)

    def off(self, name: str, handler: Callable[[Any], Any]) -> None:
        """Call it no more. Removing what is not there is no error."""
        self._events.off(name, handler)

    def emit(self, event: events.CallEvent, at: float | None = None) -> None:
        """An event of this call happened; the client's and the detectors' way in."""
        if isinstance(event, (events.Incoming, events.Ringing)):
            self.session_id = dict(event.telnyx_ids).get("telnyx_session_id", self.session_id)
        self._events.emit(event, self._clock.now() if at is None else at)
        self.ear.changed()

    def _digit_heard(self, heard: HeardDigit) -> None:
        self._media.heard("dtmf")
        self.emit(events.DigitReceived(self._id, heard.digit, heard.via, heard.at, heard.duration), heard.at)

    def _speech_heard(self, started: bool, at: float, duration: float) -> None:
        if started:
            self._media.heard("speech")
        self.emit(events.SpeechStarted(self._id, at) if started else events.SpeechEnded(self._id, at, duration), at)

    # --- what signalling says (called by the client) -----------------------------------------------

    def described(self) -> None:
        """Both descriptions are known: open the ear and the mouth."""
        self._media.open(self._id, dialled=self.direction == "dial", on_lost=self._media_lost)

    def watch_media(self, watched: bool) -> None:
        """Whether the call ends with its media path; not so while it waits for another one."""
        self._media.watch(watched)

    def _media_lost(self, why: str) -> None:
        if self.end is None and self.fault is None:
            self._signals.start(self._without_media(why, self.endpoint.transport), f"media lost {self._id}")

    async def _without_media(self, why: str, transport: Transport) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(BYE_GRACE):
                await self._gone.wait()
        if self.end is None and self._media.is_lost(transport):
            self.fault = NetworkFault(f"media was lost: {why}")
            self.ear.changed()
            await self.hangup("MEDIA_TIMEOUT")

    def _give_up(self, fault: Fault) -> None:
        """A program that was to speak cannot be started, say, or botkit is mistaken: the call has lost its purpose."""
        if self.fault is None and (self.end is None or isinstance(fault, InternalFault)):
            self.fault = fault
            self.ear.changed()
            self._signals.start(self.hangup("DESTINATION_OUT_OF_ORDER"), f"given up {self._id}")

    def early_media(self, event: events.EarlyMedia) -> None:
        if not self.endpoint.described:
            self.endpoint.accept(event.sdp)
            self.described()
            self._media.connect()
        self.emit(event)

    def info_digits(self, digits: str) -> None:
        """Digits that came by `info`."""
        for digit in digits:
            self.ear.hear_digit(HeardDigit(digit, "info", self._clock.now()))

    def accepted(self, event: events.Answered) -> None:
        """The far end answered, and its answer is being looked at: see `answer_arrived`."""
        self._accepted = event, self._clock.now()

    async def answer_arrived(self, event: events.Answered) -> None:
        """The far end answered: `answered` fires when media can flow."""
        if self.end is not None:
            return
        if event.sdp is not None and not self.endpoint.described:
            self.endpoint.accept(event.sdp)
            self.described()
        if await self._media_up():
            self._now_answered(event)

    async def _media_up(self) -> bool:
        """Wait for the media path; False when the call was over first. Raises `TimeoutFault` or `NetworkFault`."""
        connecting = self._media.connect()
        over = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait((connecting, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
        if self.end is not None or connecting.cancelled():
            return False
        try:
            connecting.result()
        except (TimeoutFault, NetworkFault) as fault:
            self.fault = fault
            raise
        return True

    def _now_answered(self, event: events.Answered) -> None:
        if self.end is not None or self.answered_at is not None:
            return
        self.answered_at = now = self._clock.now()
        # Audio bears the kernel's time, the answer that of our looking: a busy loop looks late.
        looked_late = max(0.0, now - self._plane.pacer.last_beat)
        self._listening.set_mark(now, slack=ANSWER_SLACK + looked_late)
        self.emit(event)

    def over(self, event: events.Ended) -> None:
        """The call is over, whoever ended it.

        A far end that answers and hangs up before media can flow has answered all the same, unless for want of media.
        """
        if self.end is not None:
            return
        if self._accepted is not None and self.fault is None and not event.by_us and event.cause not in NO_MEDIA:
            answer, at = self._accepted
            if self._clock.now() - at <= ANSWER_GRACE:
                self._now_answered(answer)
            elif self.answered_at is None:
                self.fault = NetworkFault("the far end answered, and gave up before media could flow")
        self.ended_at = self._clock.now()
        self.end = event
        fault = self._media.call_is_over()
        self.fault = self.fault or fault
        self.emit(event)
        self._gone.set()

    async def close(self) -> None:
        """Hang up if need be and give the media back. May be called more than once."""
        await self.hangup()
        await self._media.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- orders ------------------------------------------------------------------------------------

    async def answered(self, *, within: float = 60.0) -> None:
        """Wait until the far end has answered and media flows.

        Raises `ExpectationFailed` when it has not within `within` seconds, `CallEnded` when the call ended.
        """
        deadline = self._clock.now() + within
        while self.answered_at is None:
            if self.fault is not None:
                raise self.fault
            if self.end is not None:
                raise CallEnded(self.end.cause, self.end.code, self.end.sip_code, self.end.sip_reason)
            if self._clock.now() >= deadline:
                raise ExpectationFailed(f"an answer within {within:g} s", f"none; the call is {self.state.value}")
            await self._listening.wait_for_change(deadline)

    async def ended(self) -> events.Ended:
        """Wait for the end."""
        await self._gone.wait()
        assert self.end is not None
        return self.end

    async def answer(self) -> None:
        """Take the incoming call; returns when media can flow, or when the call is over.

        Raises `UsageError` on a call that we placed.
        """
        if self._offer is None:
            raise UsageError("only an incoming call can be answered")
        if self.end is not None or self.answered_at is not None or self.endpoint.described:
            return
        sdp = await self.endpoint.answer(self._offer)
        if self.end is not None:
            return
        self.described()
        self._signals.order(Answer(self._id, sdp))
        try:
            up = await self._media_up()
        except (NetworkFault, TimeoutFault):
            await self.hangup("DESTINATION_OUT_OF_ORDER")
            raise
        if up:
            self._now_answered(events.Answered(self._id))

    async def reject(self, cause: str = "busy") -> None:
        """Refuse the incoming call. `cause` is a Q.850 name or a short word of `botkit.causes`."""
        await self.hangup(cause)

    async def refuse(self, cause: str) -> None:
        """Refuse the incoming call and give its media back."""
        await self.hangup(cause)
        await self.close()

    async def hangup(self, cause: str | None = None) -> None:
        """End the call; returns when it is over. Ending a call that is over is no error."""
        if self.end is not None:
            return
        if cause is None:
            self._signals.order(Hangup(self._id))
        else:
            try:
                row = find_cause(cause)
            except KeyError:
                raise UsageError(f"{cause!r} is no hang-up cause", hint=f"short words: {', '.join(SPOKEN)}") from None
            self._signals.order(Hangup(self._id, row.name, row.code, row.sip_code, row.sip_reason))
        await self._gone.wait()
