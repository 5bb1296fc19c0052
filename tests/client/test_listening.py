"""The rules of the mark, one by one (flow-language.md section 4), over an ear that is told what it hears.

Facts reach the ear 40 ms after they happened, as they do from the network; all times are exact all the same.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from botkit import clock
from botkit.client.listening import ANSWER_SLACK, PLAY_SLACK, SETTLE, Listening, SegmentQuestion, SilenceQuestion
from botkit.clock import VirtualLoop
from botkit.errors import ExpectationFailed
from botkit.media.codec import PCMU
from botkit.media.ear import Ear, HeardDigit, SegmentLog
from botkit.media.tone import tone
from botkit.vocabulary import Heard, Window
from tests.media.sounds import frames

LAG = 0.04
BEAT = 0.02


class Stage:
    """An ear and what it will hear. Times count from the mark that the stage begins with."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop, self.clock = loop, loop.clock
        self.ear = Ear()
        self.ear.history.append(PCMU.silence, 0.0)
        self.tones = SegmentLog()
        self.over: str | None = None
        self.deaf = False
        self.listening = Listening(self.ear, self.clock, lambda: self.over, lambda at: at)

    def tone(self, start: float, end: float | None = None) -> None:
        """A tone, which is a sound as well."""
        for log in (self.tones, self.ear.sounds):
            self._will(log, start, end)

    def sound(self, start: float, end: float | None = None) -> None:
        self._will(self.ear.sounds, start, end)

    def _will(self, log: SegmentLog, start: float, end: float | None) -> None:
        self.loop.call_at(start + LAG, self._tell, log.begin, start)
        if end is not None:
            self.loop.call_at(end + LAG, self._tell, log.finish, end)

    def _tell(self, fact: Callable[[float], None], at: float) -> None:
        fact(at)
        self.ear.changed()

    def will_end(self, at: float) -> None:
        def end() -> None:
            self.over = "the call ended: NORMAL_CLEARING (16)"
            self.ear.changed()

        self.loop.call_at(at, end)

    async def hear(self) -> None:
        """Frames arrive and are analysed."""
        while not self.deaf:
            await self.clock.sleep(BEAT)
            self.ear.history.append(PCMU.silence, self.clock.now() - LAG - BEAT)
            for log in (self.tones, self.ear.sounds):
                log.sure_until = self.ear.heard_until
            self.ear.changed()

    # what is asked

    async def expect_tone(self, length: float = 0.1, until: str = "start", **window: Any) -> Heard:
        question = SegmentQuestion("a 440 Hz tone", lambda ear: self.tones, length, until)
        return await self.listening.expect(question, Window(**window))

    async def expect_silence(self, length: float = 1.0, *, now: bool = False, **window: Any) -> Heard:
        return await self.listening.expect(SilenceQuestion(length, now), Window(**window))

    @property
    def time(self) -> float:
        return self.clock.now()


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        stage = Stage()
        hearing = asyncio.ensure_future(stage.hear())
        try:
            await scene(stage)
        finally:
            hearing.cancel()

    clock.run(main(), virtual=True)


def about(seconds: float, by: float = 1e-6) -> Any:
    return pytest.approx(seconds, abs=by)


# --- onsets and the mark ------------------------------------------------------------------------------------


def test_onsets_after_the_mark_count() -> None:
    """What begins after the mark is met; its latency is onset minus mark, whenever it was analysed."""

    async def scene(stage: Stage) -> None:
        stage.listening.set_mark(0.5)
        stage.tone(1.5, 2.0)
        heard = await stage.expect_tone()
        assert (heard.started, heard.latency) == (about(1.5), about(1.0))
        assert heard.ended is None

    play(scene)


@pytest.mark.parametrize(("mark", "counts"), [(0.99, True), (1.0, False), (1.01, False)])
def test_onsets_strictly_after_the_mark(mark: float, counts: bool) -> None:
    """An onset at the mark itself, or before it, does not count, however long the tone lasts."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0, 5.0)
        await stage.clock.sleep(1.5)
        stage.listening.set_mark(mark)
        if counts:
            assert (await stage.expect_tone(within=1.0)).started == about(1.0)
        else:
            with pytest.raises(ExpectationFailed):
                await stage.expect_tone(within=1.0)

    play(scene)


def test_before_the_step_but_after_the_mark() -> None:
    """What began, and even ended, after the mark counts though nobody had asked yet."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0, 1.5)
        await stage.clock.sleep(4.0)
        heard = await stage.expect_tone(within=1.0)
        assert (heard.started, heard.ended, heard.latency) == (about(1.0), about(1.5), about(1.0))
        assert stage.time == about(4.0)

    play(scene)


def test_the_first_one_is_taken() -> None:
    """Of several that came after the mark the first that is long enough is the one."""

    async def scene(stage: Stage) -> None:
        for start, end in ((0.5, 0.7), (1.0, 2.0), (3.0, 4.0)):
            stage.tone(start, end)
        await stage.clock.sleep(5.0)
        assert (await stage.expect_tone(length=0.5)).started == about(1.0)

    play(scene)


def test_return_start_leaves_the_mark_at_the_onset() -> None:
    """After `return: start` what began after the onset counts, and what was matched does not count again."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0, 1.5)
        stage.tone(2.0, 2.5)
        assert (await stage.expect_tone()).started == about(1.0)
        assert stage.listening.mark == about(1.0)
        heard = await stage.expect_tone()
        assert (heard.started, heard.latency) == (about(2.0), about(1.0))

    play(scene)


def test_return_end_leaves_the_mark_at_the_end() -> None:
    """`return: end` waits for the end and leaves the mark there."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0, 1.5)
        stage.tone(2.0, 2.5)
        heard = await stage.expect_tone(until="end")
        assert (heard.started, heard.ended) == (about(1.0), about(1.5))
        assert stage.listening.mark == about(1.5)
        assert (await stage.expect_tone()).latency == about(0.5)

    play(scene)


def test_marks_never_go_back() -> None:
    """A mark set to an earlier time stays where it is."""

    async def scene(stage: Stage) -> None:
        stage.listening.set_mark(2.0)
        stage.listening.set_mark(1.0)
        assert stage.listening.mark == 2.0

    play(scene)


def test_audio_that_overtakes_the_answer() -> None:
    """With slack an onset a little before the mark counts, its latency is 0, and it counts once."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0 - ANSWER_SLACK / 2, 1.5)
        await stage.clock.sleep(1.0)
        stage.listening.set_mark(1.0, slack=ANSWER_SLACK)
        heard = await stage.expect_tone(within=1.0)
        assert heard.started == about(1.0 - ANSWER_SLACK / 2)
        assert heard.latency == 0.0
        with pytest.raises(ExpectationFailed):
            await stage.expect_tone(within=1.0)

    play(scene)


def test_reply_to_the_last_sound_of_a_play() -> None:
    """A reply that begins while the silence at the end of our play still goes out counts; an earlier sound does not."""

    async def scene(stage: Stage) -> None:
        stage.tone(0.5, 0.7)
        stage.tone(1.0 - PLAY_SLACK / 2, 1.5)
        await stage.clock.sleep(1.0)
        stage.listening.said(1.0, 1.0)
        heard = await stage.expect_tone(within=1.0)
        assert (heard.started, heard.latency) == (about(1.0 - PLAY_SLACK / 2), 0.0)

    play(scene)


def test_what_began_before_a_digit_is_no_reply() -> None:
    """A digit by `info` takes no time: what began just before it does not answer it."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0 - PLAY_SLACK / 2, 1.5)
        await stage.clock.sleep(1.0)
        stage.listening.said(1.0, 0.0)
        with pytest.raises(ExpectationFailed):
            await stage.expect_tone(within=1.0)

    play(scene)


def test_what_was_matched_is_no_reply() -> None:
    """What was matched just before the end of our play does not count again."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0, 1.5)
        assert (await stage.expect_tone()).started == about(1.0)
        stage.listening.said(1.0 + PLAY_SLACK / 2, 1.0)
        with pytest.raises(ExpectationFailed):
            await stage.expect_tone(within=1.0)

    play(scene)


def test_slack_is_no_silence() -> None:
    """Quiet counts from the mark itself, not from the slack before it."""

    async def scene(stage: Stage) -> None:
        await stage.clock.sleep(2.0)
        stage.listening.set_mark(2.0, slack=ANSWER_SLACK)
        assert (await stage.expect_silence(1.0)).started == about(2.0)

    play(scene)


def test_cancelled_and_failed_expectations_lose_nothing() -> None:
    """An expectation that was cancelled or not met leaves the mark and what was heard."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0, 1.2)
        task = asyncio.ensure_future(stage.expect_tone(length=0.5))
        await stage.clock.sleep(2.0)
        task.cancel()
        await asyncio.wait((task,))
        with pytest.raises(ExpectationFailed):
            await stage.expect_tone(length=0.5, within=0.5)
        assert (await stage.expect_tone()).started == about(1.0)

    play(scene)


# --- windows --------------------------------------------------------------------------------------------------


def test_within_counts_from_the_step_or_the_mark() -> None:
    """`within` counts from the mark or the step's begin, whichever is later, to being met in full."""

    async def scene(stage: Stage) -> None:
        await stage.clock.sleep(1.0)
        stage.tone(2.85)
        assert (await stage.expect_tone(within=2.0)).started == about(2.85)
        stage.listening.set_mark(10.0)
        await stage.clock.sleep(2.0)
        with pytest.raises(ExpectationFailed):
            await stage.expect_tone(within=1.0)
        assert 11.0 <= stage.time <= 11.0 + SETTLE + 0.001

    play(scene)


@pytest.mark.parametrize(("onset", "met"), [(1.89, True), (1.91, False)])
def test_for_must_fit_within(onset: float, met: bool) -> None:
    """A tone of 100 ms must have lasted so long by the end of `within`; that it is analysed later is no matter."""

    async def scene(stage: Stage) -> None:
        stage.tone(onset)
        if met:
            assert (await stage.expect_tone(length=0.1, within=2.0)).started == about(onset)
        else:
            with pytest.raises(ExpectationFailed, match="within 2 s"):
                await stage.expect_tone(length=0.1, within=2.0)

    play(scene)


@pytest.mark.parametrize(("onset", "met"), [(0.99, True), (1.01, False)])
def test_starts_within(onset: float, met: bool) -> None:
    """What has begun by `starts_within` may take all of `within`; what begins later is not met, told at once."""

    async def scene(stage: Stage) -> None:
        stage.tone(onset)
        if met:
            assert (await stage.expect_tone(length=2.0, starts_within=1.0, within=5.0)).started == about(onset)
        else:
            with pytest.raises(ExpectationFailed, match="beginning within 1 s"):
                await stage.expect_tone(length=2.0, starts_within=1.0, within=5.0)
            assert stage.time < 1.5

    play(scene)


def test_starts_within_for_what_came_long_ago() -> None:
    """What began between mark and step has begun in time."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0, 1.5)
        await stage.clock.sleep(5.0)
        assert (await stage.expect_tone(starts_within=0.5)).started == about(1.0)

    play(scene)


@pytest.mark.parametrize(("onset", "met"), [(0.9, True), (1.1, False)])
def test_starts_within_for_what_is_known_late(onset: float, met: bool) -> None:
    """A tone whose rhythm must first be heard is waited for, and judged by when it began."""

    async def scene(stage: Stage) -> None:
        stage.loop.call_at(onset + 1.3, stage._tell, stage.tones.begin, onset)
        question = SegmentQuestion("a busy tone", lambda ear: stage.tones, 0.1, sure_after=1.4)
        waiting = stage.listening.expect(question, Window(within=5.0, starts_within=1.0))
        if met:
            assert (await waiting).started == about(onset)
        else:
            with pytest.raises(ExpectationFailed):
                await waiting

    play(scene)


def test_max_latency_names_both_numbers() -> None:
    """A latency beyond `max_latency` fails, and the failure names the bound and what was measured."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.234, 2.0)
        with pytest.raises(ExpectationFailed, match=r"at most 1 s.*latency of 1\.234 s") as failed:
            await stage.expect_tone(max_latency=1.0)
        assert failed.value.detail["latency"] == about(1.234)
        assert failed.value.at == about(1.234)

    play(scene)


def test_max_latency_that_is_kept() -> None:
    """A latency of just `max_latency` is kept."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0)
        assert (await stage.expect_tone(max_latency=1.0)).latency == about(1.0)

    play(scene)


def test_late_match_has_been_matched() -> None:
    """What came too late for `max_latency` was matched: the mark moves, and it does not count again."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0, 1.5)
        stage.tone(3.0, 3.5)
        with pytest.raises(ExpectationFailed):
            await stage.expect_tone(max_latency=0.5)
        assert (await stage.expect_tone()).started == about(3.0)

    play(scene)


def test_absent() -> None:
    """`absent` is met when nothing came during all of `within`, and leaves the mark."""

    async def scene(stage: Stage) -> None:
        heard = await stage.expect_tone(absent=True, within=2.0)
        assert (heard.started, heard.latency) == (None, None)
        assert stage.time == about(2.0, SETTLE + 0.03)
        assert stage.listening.mark == 0.0

    play(scene)


def test_absent_fails_at_once() -> None:
    """`absent` fails as soon as it comes, also when it came before the step began."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.0, 2.0)
        with pytest.raises(ExpectationFailed, match=r"no 440 Hz tone within 5 s; heard it at 1\.00 s"):
            await stage.expect_tone(absent=True, within=5.0)
        assert stage.time < 1.3
        with pytest.raises(ExpectationFailed):
            await stage.expect_tone(absent=True, within=5.0)
        assert stage.time < 1.3

    play(scene)


def test_absent_and_what_comes_after() -> None:
    """What begins in time but is not there in full within `within` is absent."""

    async def scene(stage: Stage) -> None:
        stage.tone(1.5)
        await stage.expect_tone(length=1.0, absent=True, within=2.0)

    play(scene)


# --- silence --------------------------------------------------------------------------------------------------


def test_silence_that_already_reigned() -> None:
    """Quiet that reigned at the mark counts from the mark on, and the step may come when it is long over."""

    async def scene(stage: Stage) -> None:
        stage.listening.set_mark(0.5)
        await stage.clock.sleep(3.0)
        heard = await stage.expect_silence(1.0)
        assert (heard.started, heard.ended, heard.latency) == (about(0.5), about(1.5), about(0.0))
        assert stage.listening.mark == about(1.5)
        assert stage.time == about(3.0)

    play(scene)


def test_silence_after_sound() -> None:
    """After a sound quiet counts from its end; gaps that are too short are passed over."""

    async def scene(stage: Stage) -> None:
        stage.sound(0.3, 1.0)
        stage.sound(1.5, 2.0)
        heard = await stage.expect_silence(1.0)
        assert (heard.started, heard.ended, heard.latency) == (about(2.0), about(3.0), about(2.0))
        assert stage.time == about(3.0, SETTLE + 0.01)

    play(scene)


def test_silence_and_the_sound_that_is_on_its_way() -> None:
    """A sound that arrives while the quiet is being judged still breaks it."""

    async def scene(stage: Stage) -> None:
        stage.sound(0.99, 1.5)
        assert (await stage.expect_silence(1.0)).started == about(1.5)

    play(scene)


def test_silence_must_fit_within() -> None:
    """Quiet that is not long enough by the end of `within` is not met; what was heard is said."""

    async def scene(stage: Stage) -> None:
        stage.sound(0.5, 1.5)
        with pytest.raises(ExpectationFailed, match=r"silence for 1 s within 2 s.*sound from 0\.50 s to 1\.50 s"):
            await stage.expect_silence(1.0, within=2.0)

    play(scene)


def test_silence_when_packets_stop() -> None:
    """When no packet comes any more nothing is heard: that is silence, from where the packets stopped."""

    async def scene(stage: Stage) -> None:
        stage.sound(0.5)
        stage.loop.call_at(1.0, lambda: setattr(stage, "deaf", True))
        heard = await stage.expect_silence(1.0)
        assert heard.started == about(1.0, 2 * LAG)

    play(scene)


def test_no_silence_while_sound_lasts() -> None:
    """A sound that goes on is no silence, and `absent` silence is met by it."""

    async def scene(stage: Stage) -> None:
        stage.sound(0.5)
        await stage.expect_silence(1.0, absent=True, within=3.0)
        with pytest.raises(ExpectationFailed, match="sound from"):
            await stage.expect_silence(1.0, within=1.0)

    play(scene)


def test_silence_now_counts_from_before_the_mark() -> None:
    """With `now` it is the level that counts: quiet that reigns is met at once, also from before the mark."""

    async def scene(stage: Stage) -> None:
        stage.sound(0.5, 1.0)
        await stage.clock.sleep(4.0)
        stage.listening.set_mark(4.0)
        heard = await stage.expect_silence(2.0, now=True)
        assert heard.started == about(1.0)
        assert stage.time == about(4.0)
        assert stage.listening.mark == about(4.0)

    play(scene)


def test_silence_now_from_the_beginning() -> None:
    """Quiet since the first packet is quiet now."""

    async def scene(stage: Stage) -> None:
        await stage.clock.sleep(4.0)
        stage.listening.set_mark(4.0)
        assert (await stage.expect_silence(2.0, now=True)).started == about(0.0)
        assert stage.time == about(4.0)

    play(scene)


def test_silence_now_is_not_one_that_is_over() -> None:
    """With `now` quiet that ended before the step began does not count, though it came after the mark."""

    async def scene(stage: Stage) -> None:
        stage.sound(2.0, 4.0)
        await stage.clock.sleep(3.0)
        assert (await stage.expect_silence(1.0, now=True)).started == about(4.0)

    play(scene)


# --- the end of the call ----------------------------------------------------------------------------------------


def test_end_under_a_wait() -> None:
    """When the call ends an expectation is not met, at once, and says how the call ended and what was heard."""

    async def scene(stage: Stage) -> None:
        stage.sound(0.5, 1.0)
        stage.will_end(2.0)
        with pytest.raises(ExpectationFailed, match=r"the call ended: NORMAL_CLEARING \(16\); before that, sound"):
            await stage.expect_tone()
        assert stage.time == about(2.0)

    play(scene)


@pytest.mark.parametrize("what", ["absent", "silence", "absent silence"])
@pytest.mark.parametrize("ended_ok", [False, True])
def test_end_under_absent_and_silence(what: str, ended_ok: bool) -> None:
    """The end fulfils an `absent` and a silence only where `ended: ok` is said."""

    async def scene(stage: Stage) -> None:
        stage.will_end(0.5)
        if what == "absent":
            waiting = stage.expect_tone(absent=True, ended_ok=ended_ok)
        else:
            waiting = stage.expect_silence(3.0, absent="absent" in what, ended_ok=ended_ok)
        if ended_ok:
            assert await waiting == Heard()
        else:
            with pytest.raises(ExpectationFailed):
                await waiting
        assert stage.time == about(0.5)

    play(scene)


def test_end_is_no_excuse_for_a_tone() -> None:
    """`ended: ok` says nothing about what must be heard."""

    async def scene(stage: Stage) -> None:
        stage.will_end(0.5)
        with pytest.raises(ExpectationFailed):
            await stage.expect_tone(ended_ok=True)

    play(scene)


def test_what_was_heard_before_the_end() -> None:
    """On a call that is over what was heard before still counts, and nothing else is waited for."""

    async def scene(stage: Stage) -> None:
        stage.tone(0.5, 1.0)
        stage.will_end(2.0)
        await stage.clock.sleep(3.0)
        assert (await stage.expect_tone()).started == about(0.5)
        with pytest.raises(ExpectationFailed):
            await stage.expect_tone()
        assert stage.time == about(3.0)

    play(scene)


# --- what a failure says --------------------------------------------------------------------------------------------


def test_what_was_heard_instead() -> None:
    """A failure names sounds and speech since the mark, and the digits that wait."""

    async def scene(stage: Stage) -> None:
        stage.sound(0.5, 1.0)
        stage.sound(2.0, 3.0)
        stage.listening.set_mark(1.5)
        await stage.clock.sleep(2.5)
        stage.ear.speech.begin(2.1)
        stage.ear.hear_digit(HeardDigit("7", "rtp", 2.3))
        with pytest.raises(ExpectationFailed) as failed:
            await stage.expect_tone(within=1.0)
        assert failed.value.heard == "speech from 2.00 s to 3.00 s, digits 7"
        assert failed.value.expected == "a 440 Hz tone within 1 s"

    play(scene)


def test_the_tail_of_what_was_before_is_not_told() -> None:
    """What began before the mark and ends a frame behind it, ringback say, is not what was heard instead."""

    async def scene(stage: Stage) -> None:
        stage.sound(0.1, 1.02)
        stage.listening.set_mark(1.0)
        with pytest.raises(ExpectationFailed, match="only silence"):
            await stage.expect_tone(within=2.0)

    play(scene)


def test_nothing_was_heard() -> None:
    """When nothing at all was heard the failure says so."""

    async def scene(stage: Stage) -> None:
        with pytest.raises(ExpectationFailed, match="only silence"):
            await stage.expect_tone(within=1.0)

    play(scene)


def test_many_sounds_in_few_words() -> None:
    """Of many sounds the first two and the last are named."""

    async def scene(stage: Stage) -> None:
        for number in range(10):
            stage.sound(0.4 * number + 0.1, 0.4 * number + 0.2)
        with pytest.raises(ExpectationFailed, match=r"0\.10 s to 0\.20 s, .* … 7 more …, sound from 3\.70 s"):
            await stage.expect_tone(within=5.0)

    play(scene)


def test_a_sentence_is_one_speech() -> None:
    """Speech is named once, with the pauses between its words and its short sounds; what follows later is another."""

    async def scene(stage: Stage) -> None:
        for start, end in ((0.2, 0.6), (0.7, 1.1), (1.2, 1.24), (1.3, 1.6), (2.0, 2.3)):
            stage.sound(start, end)
        stage.ear.speech.begin(0.2)
        stage.ear.speech.finish(1.1)
        stage.ear.speech.begin(1.3)
        with pytest.raises(ExpectationFailed) as failed:
            await stage.expect_tone(within=3.0)
        assert failed.value.heard == "speech from 0.20 s to 1.60 s, speech from 2.00 s to 2.30 s"

    play(scene)


def test_tones_beside_speech_are_tones() -> None:
    """A beep soon after a word, and another of another pitch, are named each by itself."""

    async def scene(stage: Stage) -> None:
        stage.ear.speech.begin(0.0)
        stage.sound(0.0, 0.4)
        for hz, start in ((1000, 0.5), (1000, 0.8), (600, 1.1)):
            stage.sound(start, start + 0.2)
            for number, frame in enumerate(frames(tone(hz, 0.2))):
                stage.ear.history.append(PCMU.encode(frame), start + 0.02 * number)
        with pytest.raises(ExpectationFailed) as failed:
            await stage.expect_tone(within=3.0)
        assert failed.value.heard == (
            "speech from 0.00 s to 0.40 s, a 1000 Hz tone from 0.50 s to 1.00 s, a 600 Hz tone from 1.10 s to 1.30 s"
        )

    play(scene)


def test_a_frame_cut_off_a_tone_is_the_tone() -> None:
    """A frame before or behind a tone, that late packets cut off, is named with it; farther off it is another sound."""

    async def scene(stage: Stage) -> None:
        for start, end in ((0.1, 0.12), (0.14, 0.5), (0.52, 0.54), (0.7, 0.72)):
            stage.sound(start, end)
        for number, frame in enumerate(frames(tone(480, 0.62))):
            stage.ear.history.append(PCMU.encode(frame), 0.1 + 0.02 * number)
        with pytest.raises(ExpectationFailed) as failed:
            await stage.expect_tone(within=3.0)
        assert failed.value.heard == "a 480 Hz tone from 0.10 s to 0.54 s, sound from 0.70 s to 0.72 s"

    play(scene)
