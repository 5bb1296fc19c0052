"""The contract of `CallPort`: what every step may rely on, whichever call it talks to.

`CallPortContract` is abstract: a subclass gives `scene`, which makes a call that is up and has a
far side that does as it is told (the `will_…` methods of `botkit.testing.script.Script`). Times are
compared with `slack`, since real audio is not as exact as a script.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from botkit import clock
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.errors import ExpectationFailed, UsageError
from botkit.events import Answered, CallEvent, DigitReceived, Ended
from botkit.exchange.exchange import Exchange
from botkit.exchange.outgoing import DialPlan
from botkit.flow.port import CallPort
from botkit.media.wav import write_wav
from botkit.states import CallState
from botkit.testing import FakeCall
from botkit.testing.script import Script
from botkit.vocabulary import Audio, Entry, Silence, Tone, Window
from tests.client.kit import Stage, play
from tests.media.sounds import RATE, babble

Scene = Callable[[CallPort, Script], Coroutine[Any, Any, None]]

AUDIO = Path(__file__).parent.parent.parent / "audio"

THIRD = "+18005550112"
"""Who is there to be transferred to."""

FACTS = {"id", "state", "cause", "code", "sip_code", "duration", "from", "to", "headers", "rtp"}


class CallPortContract(ABC):
    """Facts that hold for every `CallPort`."""

    slack = 1e-6
    """How far a time may be off, in seconds."""

    vague = 1e-6
    """The same for speech, which begins softly."""

    @abstractmethod
    def play_scene(self, scene: Scene) -> None:
        """Run `scene(call, far)` with a call that has just been answered and its far side."""

    def about(self, seconds: float) -> Any:
        return pytest.approx(seconds, abs=self.slack)

    # --- what it is ------------------------------------------------------------------------------

    def test_facts_are_plain_and_complete(self) -> None:
        """`facts` has what expressions may ask for, before and after the end."""

        async def scene(call: CallPort, far: Script) -> None:
            facts = call.facts()
            assert set(facts) >= FACTS
            assert set(facts["rtp"]) >= {"sent", "received", "lost", "jitter", "rtt"}
            assert (facts["state"], facts["cause"]) == ("active", None)
            await call.hangup()
            assert call.state is CallState.DONE
            assert (call.facts()["state"], call.facts()["cause"]) == ("done", "NORMAL_CLEARING")

        self.play_scene(scene)

    def test_listeners_hear_events_at_once(self) -> None:
        """`listen` tells of each event from then on, until it is unsubscribed."""

        async def scene(call: CallPort, far: Script) -> None:
            heard: list[CallEvent] = []
            stop = call.listen(heard.append)
            far.will_hear_digit("1", at=0.5)
            far.will_hear_digit("2", at=1.5)
            await call.clock.sleep(1.0)
            stop()
            await call.clock.sleep(1.0)
            assert [event.digit for event in heard if isinstance(event, DigitReceived)] == ["1"]

        self.play_scene(scene)

    # --- the mark --------------------------------------------------------------------------------

    def test_onsets_since_the_mark_count(self) -> None:
        """What began after the answer counts, though nobody asked yet; the latency is onset minus mark."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=1.0, length=0.5)
            await call.clock.sleep(3.0)
            heard = await call.expect_tone((440.0,), Window(within=1.0))
            assert (heard.started, heard.latency) == (self.about(1.0), self.about(1.0))

        self.play_scene(scene)

    def test_play_and_digits_move_the_mark(self) -> None:
        """What began before our own play or digits ended does not count any more."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=0.5, length=0.3)
            await call.play(Tone((300.0,), 1.5))
            with pytest.raises(ExpectationFailed):
                await call.expect_tone((440.0,), Window(within=0.5))
            far.will_hear_tone(440, at=2.3, length=0.3)
            await call.send_dtmf("1234567")
            with pytest.raises(ExpectationFailed):
                await call.expect_tone((440.0,), Window(within=0.5))

        self.play_scene(scene)

    def test_a_match_moves_the_mark(self) -> None:
        """The same tone is not counted twice, whether its start or its end was awaited."""

        async def scene(call: CallPort, far: Script) -> None:
            for at, until in ((0.5, "start"), (3.0, "end")):
                far.will_hear_tone(440, at=at, length=1.0)
                await call.expect_tone((440.0,), Window(), until=until)
                with pytest.raises(ExpectationFailed):
                    await call.expect_tone((440.0,), Window(within=0.5))

        self.play_scene(scene)

    def test_latency_after_a_match(self) -> None:
        """After `until="end"` the mark is the end of what was matched."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=0.5, length=1.0)
            far.will_hear_tone(600, at=2.0, length=1.0)
            first = await call.expect_tone((440.0,), Window(), until="end")
            second = await call.expect_tone((600.0,), Window())
            assert (first.ended, second.latency) == (self.about(1.5), self.about(0.5))

        self.play_scene(scene)

    def test_failed_and_cancelled_expectations_leave_the_mark(self) -> None:
        """An expectation that was not met, or was cancelled, loses nothing that was heard."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=0.5, length=0.5)
            with pytest.raises(ExpectationFailed):
                await call.expect_tone((600.0,), Window(within=1.5))
            task = asyncio.ensure_future(call.expect_tone((600.0,), Window()))
            await call.clock.sleep(0.5)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            heard = await call.expect_tone((440.0,), Window(within=0.5))
            assert heard.latency == self.about(0.5)

        self.play_scene(scene)

    # --- windows ---------------------------------------------------------------------------------

    def test_within_is_to_being_met_in_full(self) -> None:
        """A tone that begins in time and does not last long enough in time is not met."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=0.8, length=3.0)
            with pytest.raises(ExpectationFailed) as unmet:
                await call.expect_tone((440.0,), Window(within=1.2), length=1.0)
            assert unmet.value.at == pytest.approx(1.2, abs=self.slack + 0.2)

        self.play_scene(scene)

    def test_too_short_is_not_it(self) -> None:
        """A tone shorter than asked for is passed over for the next one."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=0.5, length=0.3)
            far.will_hear_tone(440, at=2.0, length=1.5)
            heard = await call.expect_tone((440.0,), Window(), length=1.0)
            assert heard.started == self.about(2.0)

        self.play_scene(scene)

    def test_max_latency_names_both_numbers(self) -> None:
        """What comes, but later than `max_latency`, fails with both numbers."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=1.5, length=0.5)
            with pytest.raises(ExpectationFailed, match=r"at most 1 s.* 1\.[45]"):
                await call.expect_tone((440.0,), Window(max_latency=1.0))

        self.play_scene(scene)

    def test_late_match_has_been_matched(self) -> None:
        """What came too late for `max_latency` was matched all the same: it does not count again."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=1.0, length=0.5)
            far.will_hear_tone(440, at=3.0, length=0.5)
            with pytest.raises(ExpectationFailed):
                await call.expect_tone((440.0,), Window(max_latency=0.5))
            heard = await call.expect_tone((440.0,), Window())
            assert (heard.started, heard.latency) == (self.about(3.0), self.about(2.0))

        self.play_scene(scene)

    def test_starts_within(self) -> None:
        """What has not begun by `starts_within` is not met, and that is told long before `within` is over."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=0.5, length=3.0)
            await call.expect_tone((440.0,), Window(within=5.0, starts_within=1.0), length=2.0)
            with pytest.raises(ExpectationFailed):
                await call.expect_tone((600.0,), Window(within=5.0, starts_within=1.0))
            assert call.since_answered() < 4.0

        self.play_scene(scene)

    def test_silence_now(self) -> None:
        """With `now` it is the level that counts: quiet from before the mark is met at once."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=0.5, length=0.5)
            await call.clock.sleep(3.0)
            await call.play(Silence(0.5))
            begin = call.since_answered()
            heard = await call.expect_silence(2.0, Window(within=5.0), now=True)
            assert heard.started == self.about(1.0)
            assert call.since_answered() == begin

        self.play_scene(scene)

    def test_absent(self) -> None:
        """`absent` is met when nothing comes within its time, and fails as soon as it does."""

        async def scene(call: CallPort, far: Script) -> None:
            assert (await call.expect_tone((440.0,), Window(within=1.0, absent=True))).latency is None
            far.will_hear_tone(440, at=2.0, length=0.5)
            with pytest.raises(ExpectationFailed):
                await call.expect_tone((440.0,), Window(within=5.0, absent=True))
            assert call.since_answered() < 3.0

        self.play_scene(scene)

    def test_silence(self) -> None:
        """Silence is met after its length, counted from the mark or from the last sound."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=1.5, length=0.5)
            await call.expect_silence(1.0, Window())
            assert call.since_answered() == pytest.approx(1.0, abs=self.slack + 0.2)
            heard = await call.expect_silence(1.0, Window())
            assert heard.started == self.about(2.0)

        self.play_scene(scene)

    def test_sound(self) -> None:
        """Any sound of that length is met, dated to its onset, and moves the mark; a shorter one is passed over."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=0.5, length=0.3)
            far.will_hear_speech(at=2.0, length=2.0)
            heard = await call.expect_sound(0.1, Window())
            assert (heard.started, heard.latency) == (self.about(0.5), self.about(0.5))
            heard = await call.expect_sound(1.0, Window(within=9.0))
            assert heard.started == pytest.approx(2.0, abs=self.vague)
            with pytest.raises(ExpectationFailed):
                await call.expect_sound(0.1, Window(within=0.5))

        self.play_scene(scene)

    def test_speech_is_not_any_sound(self) -> None:
        """Speech is met by a voice and not by a tone; a breath shorter than asked for is passed over."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=0.5, length=1.0)
            far.will_hear_speech(at=2.0, length=0.5)
            far.will_hear_speech(at=4.0, length=2.0)
            heard = await call.expect_speech(0.2, Window())
            assert heard.latency == pytest.approx(2.0, abs=self.vague)
            heard = await call.expect_speech(1.2, Window())
            assert heard.started == pytest.approx(4.0, abs=self.vague)
            assert call.since_answered() == pytest.approx(5.2, abs=self.vague + 0.2)

        self.play_scene(scene)

    def test_sound_and_speech_now(self) -> None:
        """With `now` what reigns when asked counts, from its own begin; what is over does not."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_speech(at=0.5, length=3.0)
            await call.clock.sleep(1.5)
            await call.play(Silence(0.5))
            for expect in (call.expect_sound, call.expect_speech):
                heard = await expect(1.0, Window(within=1.0), now=True)
                assert heard.started == pytest.approx(0.5, abs=self.vague)
                with pytest.raises(ExpectationFailed):
                    await expect(0.1, Window(within=0.3))
            await call.clock.sleep(3.7 - call.since_answered())
            for expect in (call.expect_sound, call.expect_speech):
                with pytest.raises(ExpectationFailed):
                    await expect(0.1, Window(within=0.3), now=True)

        self.play_scene(scene)

    def test_absent_sound_and_speech(self) -> None:
        """`absent` is met by quiet, fails as soon as the sound has come, and is not met by the call's end."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_speech(at=2.0, length=1.0)
            for expect in (call.expect_sound, call.expect_speech):
                assert (await expect(0.1, Window(within=0.5, absent=True))).latency is None
            with pytest.raises(ExpectationFailed, match="no sound"):
                await call.expect_sound(0.1, Window(within=9.0, absent=True))
            with pytest.raises(ExpectationFailed, match="no speech"):
                await call.expect_speech(0.1, Window(within=9.0, absent=True))
            assert call.since_answered() < 3.0

        self.play_scene(scene)

    # --- digits ----------------------------------------------------------------------------------

    def test_digits_are_a_queue(self) -> None:
        """Digits wait in one queue until they are consumed, each once."""

        async def scene(call: CallPort, far: Script) -> None:
            for number, digit in enumerate("12345"):
                far.will_hear_digit(digit, at=0.5 + number * 0.3)
            await call.clock.sleep(2.5)
            heard = await call.expect_dtmf(Entry(digits="12"), Window(within=0.5))
            assert heard.fields["digits"] == "12"
            assert (await call.gather(count=2)).digits == "34"
            gathered = await call.gather(count=2, first=0.5, between=0.5)
            assert (gathered.digits, gathered.reason) == ("5", "timeout")

        self.play_scene(scene)

    def test_cancelled_consumer_gives_digits_back(self) -> None:
        """A cancelled `gather` loses no digit, and leaves the queue to others."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_digit("7", at=0.5)
            task = asyncio.ensure_future(call.gather(count=2))
            await call.clock.sleep(1.5)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert (await call.gather(count=1, first=0.5)).digits == "7"

        self.play_scene(scene)

    def test_second_consumer_is_refused(self) -> None:
        """Two consumers of digits at once are an error of usage."""

        async def scene(call: CallPort, far: Script) -> None:
            task = asyncio.ensure_future(call.gather(count=2))
            await call.clock.sleep(0.1)
            with pytest.raises(UsageError):
                await call.gather(count=1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.play_scene(scene)

    def test_gather_stops_its_play(self) -> None:
        """What `gather` plays ends with the first digit."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_digit("1", at=0.5)
            gathered = await call.gather(count=1, play=Silence(9.0))
            assert (gathered.digits, gathered.reason) == ("1", "complete")
            assert call.since_answered() < 1.5

        self.play_scene(scene)

    def test_gather_stops_its_play_on_speech(self) -> None:
        """With `stop_on`, speech ends what `gather` plays, and digits are still waited for; without, it does not."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_speech(at=1.0, length=1.0)
            gathered = await call.gather(count=1, first=1.5, play=Silence(9.0), stop_on=frozenset({"speech"}))
            assert (gathered.digits, gathered.reason) == ("", "timeout")
            assert 2.0 < call.since_answered() < 4.0
            far.will_hear_speech(at=5.0, length=1.0)
            assert (await call.gather(count=1, first=0.5, play=Silence(4.0))).reason == "timeout"
            assert call.since_answered() > 6.0

        self.play_scene(scene)

    def test_digits_typed_ahead_are_not_late(self) -> None:
        """Digits from before the mark count, with no latency, unless they are flushed."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_digit("1", at=0.5)
            far.will_hear_digit("2", at=1.0)
            await call.play(Silence(2.0))
            heard = await call.expect_dtmf(Entry(digits="1"), Window(within=0.5, max_latency=0.1))
            assert (heard.started, heard.latency) == (self.about(0.5), 0.0)
            with pytest.raises(ExpectationFailed):
                await call.expect_dtmf(Entry(digits="2"), Window(within=0.5), flush=True)

        self.play_scene(scene)

    def test_wrong_digit_fails_at_once(self) -> None:
        """As soon as digits cannot become the entry any more, they are not it."""

        async def scene(call: CallPort, far: Script) -> None:
            for number, digit in enumerate("19"):
                far.will_hear_digit(digit, at=0.5 + number * 0.3)
            with pytest.raises(ExpectationFailed, match="19"):
                await call.expect_dtmf(Entry(digits="123"), Window())
            assert call.since_answered() < 1.5

        self.play_scene(scene)

    def test_forms_of_an_entry(self) -> None:
        """An entry may be a pattern for the whole, or a part."""

        async def scene(call: CallPort, far: Script) -> None:
            for number, digit in enumerate("42#007"):
                far.will_hear_digit(digit, at=0.5 + number * 0.3)
            heard = await call.expect_dtmf(Entry(pattern=r"\d+#"), Window())
            assert heard.fields["digits"] == "42#"
            heard = await call.expect_dtmf(Entry(contains="7"), Window())
            assert heard.fields["digits"] == "007"

        self.play_scene(scene)

    def test_absent_digits(self) -> None:
        """Digits that are not to come: met when they did not, fails as soon as they did."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_digit("9", at=2.0)
            window = Window(within=1.0, absent=True)
            assert (await call.expect_dtmf(Entry(digits="9"), window)).started is None
            with pytest.raises(ExpectationFailed):
                await call.expect_dtmf(Entry(digits="9"), Window(within=9.0, absent=True))
            assert call.since_answered() < 3.0

        self.play_scene(scene)

    def test_gather_ends(self) -> None:
        """Gathering ends with the count, the end key, a pause, or when nothing comes; and moves the mark."""

        async def scene(call: CallPort, far: Script) -> None:
            for number, digit in enumerate("12#345"):
                far.will_hear_digit(digit, at=0.5 + number * 0.3)
            far.will_hear_tone(440, at=1.5, length=0.3)
            assert (await call.gather(end="#")).digits == "12"
            gathered = await call.gather(count=3)
            assert (gathered.digits, gathered.reason) == ("345", "complete")
            with pytest.raises(ExpectationFailed):
                await call.expect_tone((440.0,), Window(within=0.5))
            begin = call.since_answered()
            assert (await call.gather(count=1, first=1.0)).reason == "timeout"
            assert call.since_answered() == pytest.approx(begin + 1.0, abs=self.slack)

        self.play_scene(scene)

    # --- the voice -------------------------------------------------------------------------------

    def test_what_is_no_digit(self) -> None:
        """What is no digit is an error of usage, before anything is sent."""

        async def scene(call: CallPort, far: Script) -> None:
            begin = call.since_answered()
            with pytest.raises(UsageError):
                await call.send_dtmf("12x")
            assert call.since_answered() == begin

        self.play_scene(scene)

    def test_cancelled_play_makes_room(self) -> None:
        """A cancelled play ends, and the next one begins at once."""

        async def scene(call: CallPort, far: Script) -> None:
            first = asyncio.ensure_future(call.play(Silence(9.0)))
            second = asyncio.ensure_future(call.play(Silence(0.5)))
            await call.clock.sleep(1.0)
            first.cancel()
            assert (await second).played == pytest.approx(0.5, abs=self.slack)
            assert call.since_answered() == pytest.approx(1.5, abs=self.slack)

        self.play_scene(scene)

    def test_hold_and_resume(self) -> None:
        """State and events say when the call is held and when it goes on; plays take their time meanwhile."""

        async def scene(call: CallPort, far: Script) -> None:
            said: list[str | None] = []
            call.listen(lambda event: said.append(event.name))
            await call.hold()
            await call.hold()
            assert (call.state, call.facts()["state"]) == (CallState.HELD, "held")
            assert (await call.play(Silence(0.5))).played == pytest.approx(0.5, abs=self.slack)
            await call.resume()
            assert (call.state, said) == (CallState.ACTIVE, ["held", "resumed"])
            await call.wait_for_event("resumed", lambda event: True, 0.5)
            await call.hold()
            await call.hangup()
            await call.resume()
            assert call.state is CallState.DONE

        self.play_scene(scene)

    def test_muted_plays_take_their_time(self) -> None:
        """Muted, a play takes its time and moves the mark; on a call that is over, muting does nothing."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_tone(440, at=0.5, length=0.3)
            call.mute()
            assert (await call.play(Tone((300.0,), 1.0))).played == pytest.approx(1.0, abs=self.slack)
            call.mute(False)
            with pytest.raises(ExpectationFailed):
                await call.expect_tone((440.0,), Window(within=0.5))
            await call.hangup()
            call.mute()
            call.mute(False)

        self.play_scene(scene)

    def test_plays_queue_and_replace(self) -> None:
        """A second play waits for the first; `replace` ends it."""

        async def scene(call: CallPort, far: Script) -> None:
            first = asyncio.ensure_future(call.play(Silence(5.0)))
            second = asyncio.ensure_future(call.play(Silence(0.5)))
            await call.clock.sleep(0.5)
            third = await call.play(Silence(0.4), over="replace")
            assert third.played == pytest.approx(0.4, abs=self.slack + 0.05)
            await asyncio.gather(first, second)
            assert first.result().played < 1.0
            assert first.result().stopped_by == second.result().stopped_by == "replaced"
            assert second.result().played == 0.0
            assert call.since_answered() < 3.0

        self.play_scene(scene)

    def test_plays_mix(self) -> None:
        """A play over `mix` begins at once and leaves the queue to the others; `replace` ends it as well."""

        async def scene(call: CallPort, far: Script) -> None:
            first = asyncio.ensure_future(call.play(Silence(2.0)))
            music = asyncio.ensure_future(call.play(Tone((440.0,), 0.5), loop=True, over="mix"))
            await call.clock.sleep(0.5)
            mixed = await call.play(Silence(0.5), over="mix")
            assert (mixed.played, mixed.stopped_by) == (self.about(0.5), None)
            assert call.since_answered() == pytest.approx(1.0, abs=self.slack)
            queued = await call.play(Silence(0.5))
            assert queued.played == self.about(0.5)
            assert call.since_answered() == pytest.approx(2.5, abs=2 * self.slack)
            assert (await first).played == self.about(2.0)
            await call.play(Silence(0.1), over="replace")
            assert (await music).stopped_by == "replaced"
            with pytest.raises(UsageError):
                await call.play(Silence(0.1), over="loud")

        self.play_scene(scene)

    def test_plays_are_stopped(self) -> None:
        """`until` stops a play, under way or waiting, and no other."""

        async def scene(call: CallPort, far: Script) -> None:
            until, never = asyncio.Event(), asyncio.Event()
            plays = [asyncio.ensure_future(call.play(Silence(5.0), until=each)) for each in (until, until, never)]
            await call.clock.sleep(1.0)
            until.set()
            await asyncio.wait(plays[:2])
            assert call.since_answered() == pytest.approx(1.0, abs=self.slack)
            assert [each.result().stopped_by for each in plays[:2]] == ["stopped", "stopped"]
            assert [each.result().played for each in plays[:2]] == [self.about(1.0), 0.0]
            assert (await plays[2]).played == self.about(5.0)

        self.play_scene(scene)

    def test_play_stops_on_a_digit_and_leaves_it(self) -> None:
        """A digit ends a play that listens for it, and stays in the queue."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_digit("1", at=0.5)
            played = await call.play(Silence(5.0), stop_on=frozenset({"dtmf"}))
            assert played.stopped_by == "dtmf"
            assert (await call.gather(count=1, first=0.2)).digits == "1"

        self.play_scene(scene)

    def test_record_until(self, tmp_path: Path) -> None:
        """A recording ends when it is told to, and the file is there."""

        async def scene(call: CallPort, far: Script) -> None:
            until = asyncio.Event()
            task = asyncio.ensure_future(call.record(tmp_path / "a.wav", until=until))
            await call.clock.sleep(1.0)
            until.set()
            recorded = await task
            assert recorded.duration == pytest.approx(1.0, abs=self.slack + 0.2)
            assert (tmp_path / "a.wav").stat().st_size > 8000

        self.play_scene(scene)

    # --- the end ---------------------------------------------------------------------------------

    def test_end_cuts_actions_short(self, tmp_path: Path) -> None:
        """The end of the call ends play, digits, gather and recording, and is no failure of theirs."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_end(at=1.0)
            recording = asyncio.ensure_future(call.record(tmp_path / "a.wav"))
            gathering = asyncio.ensure_future(call.gather(count=9))
            played = await call.play(Silence(9.0))
            assert played.stopped_by == "ended"
            assert (await gathering).reason == "ended"
            await recording
            await call.send_dtmf("123")
            assert (await call.play(Silence(9.0))).stopped_by == "ended"
            await call.hangup()
            assert call.since_answered() == pytest.approx(1.0, abs=self.slack + 0.5)

        self.play_scene(scene)

    def test_end_fails_expectations(self) -> None:
        """The end of the call fails what is expected, unless it may end (`ended_ok`)."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_end(at=1.0)
            window, lenient = Window(within=5.0, absent=True), Window(within=5.0, absent=True, ended_ok=True)
            met = asyncio.ensure_future(call.expect_tone((440.0,), lenient))
            quiet = asyncio.ensure_future(call.expect_silence(3.0, Window(ended_ok=True)))
            unmet = [
                asyncio.ensure_future(work)
                for work in (
                    call.expect_tone((440.0,), Window()),
                    call.expect_tone((440.0,), window),
                    call.expect_silence(3.0, Window()),
                    call.expect_dtmf(Entry(digits="1"), Window()),
                    call.wait_for_event("held", lambda event: True, 5.0),
                )
            ]
            await asyncio.gather(met, quiet)
            for each in await asyncio.gather(*unmet, return_exceptions=True):
                assert isinstance(each, ExpectationFailed)
            assert call.since_answered() < 2.0

        self.play_scene(scene)

    def test_latched_events_are_found_late(self) -> None:
        """`answered` and `ended` are found whenever they are asked for."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_end(at=0.5, cause="busy")
            await call.clock.sleep(1.0)
            for _ in range(2):
                assert isinstance(await call.wait_for_event("answered", lambda event: True, 1.0), Answered)
            ended = await call.wait_for_event("ended", lambda event: True, 1.0)
            assert isinstance(ended, Ended)
            assert ended.cause == "USER_BUSY"

        self.play_scene(scene)

    def test_event_is_taken_once(self) -> None:
        """An event since the mark is found by one waiter, and not again."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_digit("1", at=0.5)
            await call.clock.sleep(1.0)
            await call.wait_for_event("dtmf", lambda event: True, 0.5)
            with pytest.raises(ExpectationFailed):
                await call.wait_for_event("dtmf", lambda event: True, 0.5)

        self.play_scene(scene)

    # --- prompts ---------------------------------------------------------------------------------

    def test_which_prompt(self) -> None:
        """One of several prompts: its name, its onset, its score; met at its end, and then never again."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_prompt("welcome.wav", at=1.0, length=1.46)
            files = (AUDIO / "menu.wav", AUDIO / "welcome.wav")
            heard = await call.expect_prompt(files, Window(within=5.0))
            assert (heard.fields["prompt"], heard.fields["whole"]) == ("welcome.wav", True)
            assert heard.fields["score"] > 0.9
            assert heard.started == heard.latency == pytest.approx(1.0, abs=self.vague)
            assert heard.ended == pytest.approx(2.46, abs=self.vague)
            assert call.since_answered() == pytest.approx(2.46, abs=2 * self.vague + 0.2)
            with pytest.raises(ExpectationFailed):
                await call.expect_prompt(files, Window(within=1.0))

        self.play_scene(scene)

    def test_prompt_at_its_start(self) -> None:
        """`until="start"` is met long before a long prompt is over, so whether it is whole is not said; the same one
        does not count again."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_prompt("menu.wav", at=0.5, length=5.2)
            heard = await call.expect_prompt((AUDIO / "menu.wav",), Window(), until="start")
            assert (heard.fields["prompt"], heard.fields["whole"]) == ("menu.wav", None)
            assert call.since_answered() < 3.5
            with pytest.raises(ExpectationFailed):
                await call.expect_prompt((AUDIO / "menu.wav",), Window(within=4.0), until="start")

        self.play_scene(scene)

    def test_another_prompt(self) -> None:
        """A prompt that is not expected is none; and `absent` is met by it, and failed by the one it names."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_prompt("welcome.wav", at=0.5, length=1.46)
            with pytest.raises(ExpectationFailed):
                await call.expect_prompt((AUDIO / "goodbye.wav",), Window(within=3.0))
            far.will_hear_prompt("welcome.wav", at=4.5, length=1.46)
            await call.expect_prompt((AUDIO / "goodbye.wav",), Window(within=3.0, absent=True))
            with pytest.raises(ExpectationFailed):
                await call.expect_prompt((AUDIO / "welcome.wav",), Window(within=1.0, absent=True))

        self.play_scene(scene)

    def test_prompt_anywhere(self) -> None:
        """So many seconds of a file, also of one that was playing at the mark already."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_hear_prompt("menu.wav", at=0.5, length=5.2)
            await call.clock.sleep(1.0)
            heard = await call.expect_prompt((AUDIO / "menu.wav",), Window(within=5.0), anywhere=2.0)
            assert heard.fields["prompt"] == "menu.wav"
            assert call.since_answered() == pytest.approx(2.5, abs=0.5)
            with pytest.raises(ExpectationFailed):
                await call.expect_prompt((AUDIO / "welcome.wav",), Window(within=2.0), anywhere=1.0)

        self.play_scene(scene)

    # --- transfer --------------------------------------------------------------------------------

    def test_transferred(self) -> None:
        """When the new party answers, the outcome says so, and our call is over as if the other party had left."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_be_transferred(after=1.0)
            assert await call.transfer(THIRD) == "answered"
            assert call.since_answered() == pytest.approx(1.0, abs=self.slack + 0.5)
            assert call.state is CallState.DONE
            assert call.facts()["cause"] == "NORMAL_CLEARING"

        self.play_scene(scene)

    @pytest.mark.parametrize("outcome", ["busy", "failed", "no_answer"])
    def test_a_transfer_that_fails_keeps_the_call(self, outcome: str) -> None:
        """Busy, declined, nobody there: no exception; the call goes on and may be transferred again."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_be_transferred(outcome, after=9.0 if outcome == "no_answer" else 0.5)
            assert await call.transfer(THIRD, ring_timeout=2.0) == outcome
            assert call.since_answered() == pytest.approx(2.0 if outcome == "no_answer" else 0.5, abs=self.slack)
            far.will_hear_tone(440, at=3.0)
            await call.expect_tone((440.0,), Window())
            far.will_be_transferred(after=0.5)
            assert await call.transfer(THIRD) == "answered"

        self.play_scene(scene)

    def test_end_cuts_a_transfer_short(self) -> None:
        """A transfer on a call that ends under it, or is over, has failed and raises nothing."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_be_transferred(after=9.0)
            far.will_end(at=1.0)
            assert await call.transfer(THIRD) == "failed"
            assert call.since_answered() == pytest.approx(1.0, abs=self.slack)
            assert await call.transfer(THIRD) == "failed"

        self.play_scene(scene)

    # --- queues and conferences ----------------------------------------------------------------------

    @pytest.mark.parametrize("where", ["enqueue", "join_conference"])
    def test_lent_until_it_is_enough(self, where: str) -> None:
        """The other party is there until we take it back; then we speak with it again."""

        async def scene(call: CallPort, far: Script) -> None:
            enough = asyncio.Event()
            staying = asyncio.ensure_future(getattr(call, where)("support", until=enough))
            await call.clock.sleep(2.0)
            with pytest.raises(UsageError, match="already"):
                await call.enqueue("other")
            enough.set()
            stayed = await staying
            assert stayed.reason == "leave"
            assert stayed.waited == pytest.approx(2.0, abs=self.slack)
            assert call.state is CallState.ACTIVE
            far.will_hear_tone(440, at=3.0)
            await call.expect_tone((440.0,), Window())

        self.play_scene(scene)

    def test_taken_out_of_a_queue(self) -> None:
        """Somebody takes it: that is the reason, and our call is over."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_be_back("bridged", after=1.5)
            stayed = await call.enqueue("support")
            assert stayed.reason == "bridged"
            assert stayed.waited == pytest.approx(1.5, abs=self.slack)
            assert call.state is CallState.DONE
            assert (await call.enqueue("support")).reason == "ended"

        self.play_scene(scene)

    @pytest.mark.parametrize("where", ["enqueue", "join_conference"])
    def test_end_cuts_a_stay_short(self, where: str) -> None:
        """The other party hangs up there: no exception."""

        async def scene(call: CallPort, far: Script) -> None:
            far.will_end(at=1.0)
            stayed = await getattr(call, where)("support")
            assert stayed.reason == "hangup"
            assert stayed.waited == pytest.approx(1.0, abs=self.slack)
            assert call.state is CallState.DONE

        self.play_scene(scene)

    def test_a_cancelled_stay_is_over(self) -> None:
        """Who no longer waits takes the other party back."""

        async def scene(call: CallPort, far: Script) -> None:
            staying = asyncio.ensure_future(call.join_conference("room"))
            await call.clock.sleep(1.0)
            staying.cancel()
            await asyncio.wait((staying,))
            await call.clock.sleep(0.2)
            far.will_hear_tone(440, at=2.0)
            await call.expect_tone((440.0,), Window())

        self.play_scene(scene)


class TestFakeCall(CallPortContract):
    """The test kit's call, in virtual time."""

    def play_scene(self, scene: Scene) -> None:
        async def main() -> None:
            call = FakeCall.up()
            await scene(call, call)

        clock.run(main(), virtual=True)


class FarEnd:
    """The far end of a real call, told beforehand as a `Script` is. Times count from the near end's answer."""

    def __init__(self, near: Call, far: Call, third: asyncio.Queue[Call], folder: Path, exchange: Exchange) -> None:
        self._exchange = exchange
        self._near, self._far, self._third, self._folder = near, far, third, folder
        self._deeds: list[asyncio.Future[Any]] = []

    def will_hear_tone(self, *hz: float, at: float, length: float = 1.0) -> None:
        self._at(at, lambda: self._far.play(Tone(tuple(map(float, hz)), length)))

    def will_hear_speech(self, *, at: float, length: float = 1.0) -> None:
        file = self._folder / f"speech-{length}.wav"
        write_wav(file, babble(length), RATE)
        self._at(at, lambda: self._far.play(Audio((file,))))

    def will_hear_prompt(self, name: str, *, at: float, length: float) -> None:
        self._at(at, lambda: self._far.play(Audio((AUDIO / name,))))

    def will_hear_digit(self, digit: str, *, at: float) -> None:
        self._at(at, lambda: self._far.send_dtmf(digit, via="rtp"))

    def will_end(self, *, at: float, cause: str = "normal") -> None:
        self._at(at, lambda: self._far.hangup(cause))

    def will_be_transferred(self, outcome: str = "answered", *, after: float = 1.0) -> None:
        async def do() -> None:
            new = await self._third.get()
            await self._near.clock.sleep(after)
            if outcome == "answered":
                await new.answer()
            elif outcome != "no_answer":
                await new.refuse("busy" if outcome == "busy" else "declined")

        self._deeds.append(asyncio.ensure_future(do()))

    def will_be_back(self, reason: str, *, after: float) -> None:
        assert reason == "bridged"

        async def do() -> None:
            switch = self._exchange.switch
            begin = self._near.clock.now()
            (operator,) = switch.dial(DialPlan((THIRD,), "+15550001"))
            await (await self._third.get()).answer()
            await operator.settled()
            await self._near.clock.sleep(begin + after - self._near.clock.now())
            switch.bridge(operator, self._exchange.platform.queues.take_head("support"))

        self._deeds.append(asyncio.ensure_future(do()))

    def _at(self, at: float, deed: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        async def do() -> None:
            await self._near.clock.sleep(max(0.0, at - self._near.since_answered()))
            await deed()

        self._deeds.append(asyncio.ensure_future(do()))

    async def close(self) -> None:
        for deed in self._deeds:
            deed.cancel()
        await asyncio.gather(*self._deeds, return_exceptions=True)


class TestCall(CallPortContract):
    """A real call, over an exchange in memory, in virtual time."""

    slack = 0.06
    """Three beats: one until the far end speaks, one through the exchange, one to hear."""

    vague = 0.2

    @pytest.fixture(autouse=True)
    def _with_a_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def play_scene(self, scene: Scene) -> None:
        async def with_stage(stage: Stage) -> None:
            third: asyncio.Queue[Call] = asyncio.Queue()
            account = stage.exchange.account("carol", THIRD)
            async with Client(account, connect_line=stage.exchange.connect) as carol:
                carol.on("incoming", third.put_nowait)
                near, far = await stage.call()
                end = FarEnd(near, far, third, self.folder, stage.exchange)
                try:
                    await scene(near, end)  # type: ignore[arg-type]
                finally:
                    await end.close()

        play(with_stage)
