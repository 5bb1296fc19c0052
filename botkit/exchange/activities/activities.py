"""All that one leg does by itself, as commands: the door for REST, TeXML and the flow of a call.

Commands return as soon as they are accepted, as the platform's do, and what becomes of them is told by
`leg.tell`; those that give something to wait for say so. Parameters are the platform's own, and None is one that
was not given. What cannot be carried out raises `CommandRefused`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

from botkit.errors import ConfigError, UsageError
from botkit.exchange.activities import checks, told
from botkit.exchange.activities.ears import LegEar
from botkit.exchange.activities.gather import Gather, Gathered
from botkit.exchange.activities.player import SoundQueue
from botkit.exchange.activities.recording import BEEP, HANGUP, KEY, Recording
from botkit.exchange.activities.recordings import Recordings
from botkit.exchange.activities.sounds import ByText, Sounds, What
from botkit.exchange.activities.utterance import CALL_HANGUP, CANCELLED, Outcome, Utterance
from botkit.exchange.leg import Leg
from botkit.exchange.refusal import CommandRefused, call_ended, not_answered
from botkit.media.plane import MediaPlane
from botkit.media.voice import Voice

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
        self.voice = Voice(self._session, plane.clock, lambda at: None)
        self.ear = LegEar(self._session, plane.hearing, plane.clock, self._digit_heard)
        """Digits and silence, for who waits for them."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._queue = SoundQueue(sounds, self._start, "sounds of a leg")
        self._overlays = SoundQueue(sounds, self._start, "overlays of a leg")
        self._gather: Gather | None = None
        self._sending = asyncio.Lock()
        self._recording: Recording | None = None
        self._over = False

    # --- playback and speech ---------------------------------------------------------------------

    def play(
        self,
        *,
        audio_url: str | None = None,
        media_name: str | None = None,
        playback_content: str | None = None,
        audio_type: str | None = None,
        loop: str | int | None = None,
        overlay: bool | None = None,
        stop: str | None = None,
        target_legs: str | None = None,
        cache_audio: bool | None = None,
    ) -> Utterance:
        """`playback_start`. The result's `outcome` is set when it has ended."""
        self._check_alive()
        what = checks.audio(audio_url, media_name, playback_content, cached=cache_audio is not False)
        if what is None:
            raise CommandRefused(
                "10004", "One of audio_url, media_name and playback_content is required.", pointer="/audio_url"
            )
        checks.choice(audio_type, "audio_type", ("mp3", "wav"), "wav")  # what it is, the file itself says best
        teller = told.Playback(self.leg.tell, audio_url or None, media_name or None, bool(overlay))
        target = checks.choice(target_legs, "target_legs", checks.TARGETS, "self")
        if not overlay:
            return self._add(what, teller, checks.turns(loop), checks.stop(stop), target)
        if target != "self":
            raise CommandRefused("10015", "An overlay can be played on the leg itself only.", pointer="/target_legs")
        if not self._queue.is_heard:
            raise CommandRefused("90033", "There is no playback that could be overlaid.", pointer="/overlay")
        mixed = Utterance(what, teller, lambda: [self.voice], turns=checks.turns(loop), over="mix")
        self._stop(self._overlays, checks.stop(stop))
        self._overlays.add(mixed)
        return mixed

    def speak(
        self,
        *,
        payload: str | None = None,
        voice: str | None = None,
        language: str | None = None,
        payload_type: str | None = None,
        service_level: str | None = None,
        loop: str | int | None = None,
        stop: str | None = None,
        target_legs: str | None = None,
    ) -> Utterance:
        """`speak`. The result's `outcome` is set when it has ended."""
        self._check_alive()
        what = self._text(payload, voice, language, payload_type, service_level)
        target = checks.choice(target_legs, "target_legs", checks.TARGETS, "self")
        return self._add(what, told.Speak(self.leg.tell), checks.turns(loop), checks.stop(stop), target)

    async def play_to_end(self, **command: Any) -> Outcome:
        """`play`, and wait until it has ended. A cancelled caller's play is stopped."""
        return await _outcome(self.play(**command))

    async def speak_to_end(self, **command: Any) -> Outcome:
        """`speak`, and wait until it has ended. A cancelled caller's speech is stopped."""
        return await _outcome(self.speak(**command))

    def stop_playback(self, *, stop: str | None = None, overlay: bool | None = None) -> None:
        """`playback_stop`: what is being said, or (the default) also all that waits. Where nothing is, nothing ends.

        With `overlay` only overlays; without, the end of all ends them, too.
        """
        self._check_alive()
        which = checks.stop(stop, default="all")
        if overlay or which == "all":
            self._stop(self._overlays, which)
        if not overlay:
            self._stop(self._queue, which)

    def _text(
        self,
        payload: str | None,
        voice: str | None,
        language: str | None,
        payload_type: str | None,
        service_level: str | None,
        name: str = "payload",
    ) -> ByText:
        words = checks.text(payload, name)
        checks.required(voice, "voice")
        kind = checks.choice(payload_type, "payload_type", ("text", "ssml"), "text")
        checks.choice(service_level, "service_level", ("basic", "premium"), "premium", code="90030")
        return ByText(words, kind == "ssml", language or "en-US", voice or "")

    def _add(self, what: What, teller: Any, turns: int | None, stop: str, target: str) -> Utterance:
        if target == "opposite" and self._peer() is None:
            raise CommandRefused("90033", "This call has no opposite leg.", pointer="/target_legs")
        utterance = Utterance(what, teller, lambda: self._voices(target), turns=turns)
        self._stop(self._queue, stop)
        self._queue.add(utterance)
        return utterance

    def _voices(self, target: str) -> Sequence[Voice]:
        peer = self._peer() if target != "self" else None
        voices = [] if target == "opposite" else [self.voice]
        return voices if peer is None else [*voices, peer.voice]

    @staticmethod
    def _stop(queue: SoundQueue, which: str) -> None:
        if which == "all":
            queue.stop_all()
        elif which == "current":
            queue.stop_current()

    # --- digits that are heard -------------------------------------------------------------------

    def gather(
        self,
        *,
        minimum_digits: int | None = None,
        maximum_digits: int | None = None,
        timeout_millis: int | None = None,
        inter_digit_timeout_millis: int | None = None,
        initial_timeout_millis: int | None = None,
        terminating_digit: str | None = None,
        valid_digits: str | None = None,
        gather_id: str | None = None,
    ) -> Gather:
        """`gather`. The result's `outcome` is set when it has ended. One that is under way is cancelled."""
        self._check_answered()
        rules = checks.rules(
            minimum_digits=minimum_digits,
            maximum_digits=maximum_digits,
            timeout_millis=timeout_millis,
            inter_digit_timeout_millis=inter_digit_timeout_millis,
            initial_timeout_millis=initial_timeout_millis,
            terminating_digit=terminating_digit,
            valid_digits=valid_digits,
            maximum_tries=None,
            prompted=False,
        )
        return self._begin(
            Gather(rules, self.leg.tell, self._clock, gather_id=gather_id, on_end=self.ear.listen_no_more)
        )

    def gather_using_audio(
        self,
        *,
        audio_url: str | None = None,
        media_name: str | None = None,
        invalid_audio_url: str | None = None,
        invalid_media_name: str | None = None,
        **limits: Any,
    ) -> Gather:
        """`gather_using_audio`. `limits`: as `gather`'s, without `initial_timeout_millis` and `gather_id`, with
        `maximum_tries`."""
        self._check_answered()
        what = checks.audio(audio_url, media_name)
        if what is None:
            raise CommandRefused("10004", "One of audio_url and media_name is required.", pointer="/audio_url")
        invalid = checks.audio(invalid_audio_url, invalid_media_name, prefix="invalid_")
        first = told.Playback(self.leg.tell, audio_url or None, media_name or None)
        again = first
        if invalid is not None:
            again = told.Playback(self.leg.tell, invalid_audio_url or None, invalid_media_name or None)
        return self._gather_with((what, first), (invalid or what, again), limits)

    def gather_using_speak(
        self,
        *,
        payload: str | None = None,
        voice: str | None = None,
        invalid_payload: str | None = None,
        language: str | None = None,
        payload_type: str | None = None,
        service_level: str | None = None,
        **limits: Any,
    ) -> Gather:
        """`gather_using_speak`. `limits` as for `gather_using_audio`."""
        self._check_answered()
        what = self._text(payload, voice, language, payload_type, service_level)
        invalid = what
        if invalid_payload:
            invalid = self._text(invalid_payload, voice, language, payload_type, service_level, "invalid_payload")
        return self._gather_with((what, told.Nothing()), (invalid, told.Nothing()), limits)

    def _gather_with(self, first: tuple[What, Any], again: tuple[What, Any], limits: dict[str, Any]) -> Gather:
        given = dict.fromkeys(
            (
                "minimum_digits",
                "maximum_digits",
                "timeout_millis",
                "inter_digit_timeout_millis",
                "terminating_digit",
                "valid_digits",
                "maximum_tries",
            )
        )
        if unknown := limits.keys() - given:
            raise TypeError(f"no parameter of a gather with a prompt: {', '.join(sorted(unknown))}")
        rules = checks.rules(**{**given, **limits}, initial_timeout_millis=None, prompted=True)

        def prompt(invalid: bool) -> Utterance:
            what, teller = again if invalid else first
            return Utterance(what, teller, lambda: [self.voice])

        return self._begin(Gather(rules, self.leg.tell, self._clock, prompt=prompt, on_end=self.ear.listen_no_more))

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

    def _begin(self, gather: Gather) -> Gather:
        if self._gather is not None:
            self._gather.end(CANCELLED)
        self._gather = gather
        self.ear.listen()
        gather.begin(self._queue, self._sounds, self._start)
        return gather

    def hear_digit(self, digit: str, via: str = "info") -> None:
        """A digit came by another way than the leg's audio. What is no digit is left out."""
        if not self._over:
            self.ear.hear(digit, via)

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

    def send_dtmf(self, *, digits: str | None = None, duration_millis: int | None = None) -> asyncio.Task[None]:
        """`send_dtmf`: after those already being sent, as telephone-events or, to an end that knows none, as tones.

        The result is done when the last one has left.
        """
        self._check_answered()
        said = checks.digits(digits)
        length = checks.whole(duration_millis, "duration_millis", 100, 500, 250, code="90027") / 1000
        return self._start(self._send(said.replace("W", "ww"), length), "digits of a leg")

    async def _send(self, digits: str, length: float) -> None:
        async with self._sending:
            via = "tone" if self._session.event_type is None else "rtp"
            await self.voice.send_digits(digits, via=via, length=length, gap=GAP, by_info=_no_info)

    # --- recording -------------------------------------------------------------------------------

    def start_recording(
        self,
        *,
        channels: str | None = None,
        format: str | None = None,
        play_beep: bool | None = None,
        max_length: int | None = None,
        timeout_secs: int | None = None,
        recording_track: str | None = None,
        trim: str | None = None,
        custom_file_name: str | None = None,
        finish_on_key: str = "",
    ) -> Recording:
        """`record_start`. The result's `outcome` is set when its file is there. `finish_on_key`: digits that end it,
        which only TeXML knows. One leg has one recording at a time."""
        self._check_answered()
        wanted = checks.recording(
            channels=channels,
            format=format,
            play_beep=play_beep,
            max_length=max_length,
            timeout_secs=timeout_secs,
            recording_track=recording_track,
            trim=trim,
            custom_file_name=custom_file_name,
            keys=finish_on_key,
        )
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
            recording.begin(self._start)
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
        while self._tasks:
            tasks = set(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    # --- what all share --------------------------------------------------------------------------

    def _check_alive(self) -> None:
        if self._over or self.leg.over.done():
            raise call_ended()

    def _check_answered(self) -> None:
        self._check_alive()
        if not self.leg.is_answered:
            raise not_answered()

    def _start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A bug of ours in one command must not stay unheard.
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"{task.get_name()!r} failed", "exception": error, "task": task}
            )


async def _outcome(utterance: Utterance) -> Outcome:
    try:
        return await asyncio.shield(utterance.outcome)
    finally:
        utterance.end(CANCELLED)


async def _no_info(digit: str) -> None:
    raise UsageError(f"{digit} is not sent by info on a leg")
