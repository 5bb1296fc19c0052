"""All ears of a process, analysed together."""

import asyncio

import av
import numpy as np
import pytest

from botkit.media.call_hearing import LOST_MAX, CallHearing
from botkit.media.codec import PCMA, PCMU, Codec, codec_by_name
from botkit.media.dtmf import digit_tone
from botkit.media.ear import Ear, SegmentLog
from botkit.media.hearing import MANY, Hearing
from botkit.media.pcm import Pcm
from botkit.media.tone import progress, tone
from tests.media.sounds import babble, joined, noise, silence

BEAT = 0.02
BEGIN = 50.0


class Call:
    """One call's ear, and the sound that reaches it."""

    def __init__(self, hearing: Hearing, sound: Pcm, codec: Codec = PCMU) -> None:
        self.ear = Ear()
        self.hearing = CallHearing(hearing, self.ear, codec)
        self.payloads: list[bytes | None] = list(codec.encode_all(sound))

    def send(self, number: int) -> None:
        if number < len(self.payloads):
            self.hearing.payload(self.payloads[number], BEGIN + number * BEAT)


def hear(hearing: Hearing, *calls: Call, begin: int = 0, end: int | None = None) -> None:
    """Beat by beat, all calls at once."""
    longest = max(len(call.payloads) for call in calls)
    for number in range(begin, longest if end is None else end):
        for call in calls:
            call.send(number)
        hearing.analyse(BEGIN + number * BEAT)


def spans(log: SegmentLog) -> list[tuple[float, float | None]]:
    return [(segment.start - BEGIN, None if segment.end is None else segment.end - BEGIN) for segment in log]


def facts(call: Call) -> object:
    return (
        spans(call.ear.sounds),
        spans(call.ear.speech),
        [(digit.digit, digit.via, digit.at, digit.duration) for digit in call.ear.digits],
        [(frame.at, frame.pcm.tobytes()) for frame in call.ear.history],
        call.ear.heard_until,
    )


def about(*times: float) -> list[float]:
    return [pytest.approx(time, abs=0.021) for time in times]


# --- sound and silence --------------------------------------------------------------------------------------


def test_sounds_are_segments() -> None:
    """Sound above -45 dBFS is a segment from its first frame to the first quiet one; what is softer is silence."""
    hearing = Hearing()
    call = Call(
        hearing,
        joined(
            silence(0.4), noise(0.6, -30), silence(0.5), noise(0.3, -60), silence(0.2), tone(440, 0.2), silence(0.1)
        ),
    )
    hear(hearing, call)
    (first, second) = spans(call.ear.sounds)
    assert first == tuple(about(0.4, 1.0))
    assert second == tuple(about(2.0, 2.2))
    assert call.ear.sounds.open is None


def test_sound_that_still_lasts() -> None:
    """A sound at the end of what was heard is open."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.2), noise(0.2)))
    hear(hearing, call)
    assert spans(call.ear.sounds) == [(pytest.approx(0.2), None)]
    assert call.ear.heard_until == pytest.approx(BEGIN + 0.4)


def test_lost_frames_leave_all_as_it_was() -> None:
    """Frames that were lost end no sound, and begin none; in the history they are silence, at their time."""
    hearing = Hearing()
    call, quiet = Call(hearing, noise(0.4)), Call(hearing, silence(0.4))
    for one in (call, quiet):
        one.payloads[5 : 5 + LOST_MAX] = [None] * LOST_MAX
    hear(hearing, call, quiet)
    assert spans(call.ear.sounds) == [(0.0, None)]
    assert not quiet.ear.sounds
    assert not list(call.ear.history)[6].pcm.any()
    assert call.ear.heard_until == pytest.approx(BEGIN + 0.4)


def test_a_stream_that_is_lost_for_good_is_silent() -> None:
    """After some frames in a row the sound is taken to have ended; so is one whose sender pauses."""
    hearing = Hearing()
    call, paused = Call(hearing, noise(0.4)), Call(hearing, noise(0.4))
    call.payloads[5:15] = [None] * 10
    paused.payloads[5:8] = [b""] * 3
    hear(hearing, call, paused)
    assert spans(call.ear.sounds) == [(0.0, pytest.approx(0.1 + LOST_MAX * BEAT)), (pytest.approx(0.3), None)]
    assert spans(paused.ear.sounds) == [(0.0, pytest.approx(0.1)), (pytest.approx(0.16), None)]


@pytest.mark.parametrize("codec", ["G722", "opus"])
def test_other_codecs(codec: str) -> None:
    """Wideband speech is heard at 8 kHz: tones and digits at their time, sounds above 4 kHz not at all."""
    hearing = Hearing()
    found = codec_by_name(codec)
    sound = joined(
        np.zeros(found.rate // 5, np.int16),
        tone(440, 0.5, rate=found.rate),
        np.zeros(found.rate // 5, np.int16),
        digit_tone("7", 0.1, found.rate),
        np.zeros(found.rate // 5, np.int16),
        tone(6500, 0.3, level=-20, rate=found.rate),
    )
    call = Call(hearing, sound, found)
    log = call.hearing.tone((440.0,), 0.1)
    hear(hearing, call)
    assert spans(log) == [tuple(about(0.2, 0.7))]
    (digit,) = call.ear.digits
    assert (digit.digit, digit.at - BEGIN) == ("7", pytest.approx(0.9, abs=0.03))
    assert len(call.ear.sounds) == 2


@pytest.mark.parametrize("size", [120, 480, 960, 1920])
def test_opus_packets_of_other_lengths(size: int) -> None:
    """Opus packets of 2.5 to 40 ms give the same frames at the same times as those of 20 ms."""
    opus = codec_by_name("opus")
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "mono", "s16"
    encoder.options = {"frame_duration": f"{size / 48:g}", "application": "lowdelay"}
    sound = joined(np.zeros(9600, np.int16), tone(440, 1, rate=48000), np.zeros(9600, np.int16))
    hearing = Hearing()
    call = Call(hearing, silence(0), opus)
    log = call.hearing.tone((440.0,), 0.1)
    at = BEGIN
    for start in range(0, sound.size - size + 1, size):
        frame = av.AudioFrame.from_ndarray(sound[start : start + size].reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, start
        for packet in encoder.encode(frame):
            payload = bytes(packet)
            call.hearing.payload(payload, at)
            at += opus.ticks_of(payload) / 48000
            hearing.analyse(at)
    assert spans(log) == [tuple(about(0.2, 1.2))]
    assert len(call.ear.history) == pytest.approx(70, abs=1)


def test_speech_is_told() -> None:
    """Something that moves as speech does is told as speech, from about where it began."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.5), babble(1.5), silence(1.0)))
    told: list[bool] = []
    call.ear.on_speech = lambda started, at, duration: told.append(started)
    hear(hearing, call)
    starts = [start for start, _ in spans(call.ear.speech)]
    assert starts
    assert 0.4 < starts[0] < 1.0
    assert told[0] is True
    assert told[-1] is False


# --- a stream that stops ----------------------------------------------------------------------------------------


def test_a_stream_that_stops_is_silent() -> None:
    """Sound and speech end with the last packet of a server that sends nothing while it says nothing."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.4), babble(1.0)))
    told: list[bool] = []
    call.ear.on_speech = lambda started, at, duration: told.append(started)
    hear(hearing, call, end=150)
    assert call.ear.sounds.open is None
    assert spans(call.ear.sounds)[-1][1] == pytest.approx(1.4)
    assert told[-1] is False
    assert call.ear.heard_until == pytest.approx(BEGIN + 2.88, abs=0.05)


def test_a_stream_that_was_held_up() -> None:
    """Packets that come late, all at once, find no silence in their place; nor is the time told twice that a
    stream stood still."""
    hearing = Hearing()
    call = Call(hearing, noise(2.0))
    hear(hearing, call, end=30)
    for number in range(30, 53):
        hearing.analyse(BEGIN + number * BEAT)
    for number in range(30, 54):
        call.send(number)
    hear(hearing, call, begin=54)
    assert spans(call.ear.sounds) == [(0.0, None)]
    hear(hearing, call, begin=100, end=150)
    before = len(call.ear.history)
    for number in range(100, 149):
        call.hearing.payload(b"", BEGIN + number * BEAT)
    hearing.analyse(BEGIN + 150 * BEAT)
    assert 100 <= before < 150
    assert len(call.ear.history) == 149


# --- together or alone ------------------------------------------------------------------------------------------


def crowd(hearing: Hearing) -> list[Call]:
    """Calls that hear different things, in different codecs."""
    calls = [
        Call(hearing, joined(silence(0.3), tone(440, 0.8), silence(0.5))),
        Call(hearing, joined(digit_tone("7", 0.1), silence(0.2), digit_tone("7", 0.1), silence(0.3)), PCMA),
        Call(hearing, joined(silence(0.2), babble(1.2, seed=5), silence(0.8))),
        Call(hearing, noise(1.0, -30, seed=2), PCMA),
        Call(hearing, silence(1.5)),
        Call(hearing, joined(progress("busy", 2.0))),
    ]
    calls[2].payloads[20:23] = [None] * 3
    for call in calls:  # to one length: who ends before the others falls silent
        call.payloads += [b""] * (120 - len(call.payloads))
    return calls


def test_together_as_alone() -> None:
    """A batch over many calls gives each the same facts as if it had been analysed by itself."""
    hearing = Hearing()
    together = crowd(hearing)
    hear(hearing, *together)
    for number in range(len(together)):
        hearing = Hearing()
        alone = crowd(hearing)[number]
        hear(hearing, alone)
        assert facts(together[number]) == facts(alone)


def test_several_frames_a_beat() -> None:
    """Frames that come several at once give the same facts as one by one."""
    steadily, in_bursts = Hearing(), Hearing()
    one, other = crowd(steadily), crowd(in_bursts)
    hear(steadily, *one)
    for begin in range(0, 120, 7):
        for call in other:
            for number in range(begin, begin + 7):
                call.send(number)
        in_bursts.analyse(BEGIN + begin * BEAT)
    assert [facts(call) for call in one] == [facts(call) for call in other]


def test_many_as_alone() -> None:
    """Where each of many calls is analysed every other beat only, the facts are the same, and known a beat later."""
    alone, together = Hearing(), Hearing()
    calls = crowd(alone)
    hear(alone, *calls)
    many = [call for _ in range(-(-MANY // len(calls))) for call in crowd(together)]
    late = set()
    for number in range(120):
        for call in many:
            call.send(number)
        together.analyse(BEGIN + number * BEAT)
        late |= {number + 1 - round((call.ear.heard_until - BEGIN) / BEAT) for call in many if call.ear.heard_until}
    assert late == {0, 1}
    together.analyse(BEGIN + 120 * BEAT)
    wanted = [facts(call) for call in calls]
    assert [facts(call) for call in many] == [wanted[number % len(calls)] for number in range(len(many))]


def test_an_event_waits_for_what_was_before() -> None:
    """A digit's event that comes while a beat's audio is still to be analysed is told after it, in order."""
    hearing = Hearing()
    calls = [Call(hearing, joined(digit_tone("7", 0.08), silence(0.2))) for _ in range(MANY)]
    for number in range(12):
        for call in calls:
            call.send(number)
        if number == 5:
            for call in calls:
                call.hearing.digit_event("3", BEGIN + 0.1, 0.02)
            assert any(not call.ear.digits for call in calls)
        hearing.analyse(BEGIN + number * BEAT)
    assert [[digit.digit for digit in call.ear.digits] for call in calls] == [["7", "3"]] * MANY


def test_a_call_is_over_with_frames_to_come() -> None:
    """What was handed in before the end is heard, also where it was not yet its turn; what comes after is not."""
    hearing = Hearing()
    calls = [Call(hearing, joined(silence(0.1), digit_tone("7", 0.1))) for _ in range(MANY)]
    hear(hearing, *calls, end=9)
    for call in calls:
        call.send(9)
        call.hearing.finish()
        call.hearing.close()
        call.send(9)
    hearing.analyse(BEGIN + 10 * BEAT)
    assert {len(call.ear.history) for call in calls} == {10}
    assert [[digit.digit for digit in call.ear.digits] for call in calls] == [["7"]] * MANY


def test_an_ear_that_goes_on_elsewhere() -> None:
    """An ear keeps what it heard when its stream is another's from now on, whichever is closed first."""
    hearing = Hearing()
    call = Call(hearing, noise(0.2))
    hear(hearing, call)
    next_one = CallHearing(hearing, call.ear, PCMA)
    call.hearing.close()
    next_one.payload(PCMA.silence, BEGIN + 0.2)
    hearing.analyse(BEGIN + 0.2)
    assert len(call.ear.history) == 11
    next_one.close()
    assert len(call.ear.history) == 11
    assert call.ear.heard_until == pytest.approx(BEGIN + 0.22)


def test_nothing_arrived() -> None:
    """A beat on which nothing arrived changes nothing."""
    hearing = Hearing()
    call = Call(hearing, silence(0.0))
    hearing.analyse(BEGIN)
    assert not len(call.ear.history)


@pytest.mark.parametrize("size", [1, 80, 159, 161, 240, 320, 480, 1600, 2000], ids=str)
def test_payloads_of_other_lengths(size: int) -> None:
    """A payload that is not 20 ms long is heard as whole frames, up to 200 ms, and disturbs no other call."""
    hearing = Hearing()
    odd, other = Call(hearing, silence(0.0)), Call(hearing, noise(0.02))
    odd.payloads = [PCMU.encode(np.full(size, 8000, np.int16))]
    hear(hearing, odd, other)
    heard = list(odd.ear.history)
    assert len(heard) == min(size, 1600) // 160
    assert [frame.at for frame in heard] == [pytest.approx(BEGIN + index * BEAT) for index in range(len(heard))]
    assert all(frame.pcm.all() for frame in heard)
    assert len(other.ear.sounds) == 1


@pytest.mark.parametrize("size", [80, 200, 240, 320, 480, 1600], ids=str)
def test_packets_of_other_lengths_join(size: int) -> None:
    """Packets of 10 to 200 ms give the same frames at the same times as those of 20 ms."""
    sound = tone(440, 2)
    usual, odd = Hearing(), Hearing()
    one, other = Call(usual, sound), Call(odd, sound)
    hear(usual, one)
    octets = PCMU.encode(sound)
    for start in range(0, len(octets), size):
        other.hearing.payload(octets[start : start + size], BEGIN + start / 8000)
        odd.analyse(BEGIN)
    assert [frame.pcm.tobytes() for frame in other.ear.history] == [frame.pcm.tobytes() for frame in one.ear.history]
    assert [frame.at for frame in other.ear.history] == [pytest.approx(frame.at) for frame in one.ear.history]
    assert spans(other.ear.sounds) == [(pytest.approx(0.0), None)]


# --- tones ------------------------------------------------------------------------------------------------------


def test_tone_that_is_asked_for_before() -> None:
    """A tone that somebody waits for is logged from its beginning to its end."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.3), tone(440, 0.5), silence(0.3)))
    log = call.hearing.tone((440.0,), 0.1)
    hear(hearing, call)
    assert spans(log) == [tuple(about(0.3, 0.8))]


@pytest.mark.parametrize("asked_at", [30, 60], ids=["while it lasts", "when it is over"])
def test_tone_that_is_asked_for_after_it_began(asked_at: int) -> None:
    """A tone asked for after it began is found where it began; the log is the same as if asked for before."""
    hearing = Hearing()
    early, late = (Call(hearing, joined(silence(0.3), tone(440, 0.5), silence(0.6))) for _ in range(2))
    before = early.hearing.tone((440.0,), 0.1)
    hear(hearing, early, late, end=asked_at)
    after = late.hearing.tone((440.0,), 0.1)
    hear(hearing, early, late, begin=asked_at)
    assert spans(after) == spans(before) == [tuple(about(0.3, 0.8))]


def test_open_tone_is_sure_as_far_as_heard() -> None:
    """While a tone lasts its log knows how far it has certainly lasted."""
    hearing = Hearing()
    call = Call(hearing, tone(440, 1.0))
    log = call.hearing.tone((440.0,), 0.1)
    hear(hearing, call)
    assert log.open is not None
    assert log.sure_until == pytest.approx(BEGIN + 1.0, abs=0.011)


def test_one_log_for_each_question() -> None:
    """The same question has one log, however often it is asked; another length is another question."""
    hearing = Hearing()
    call = Call(hearing, silence(0.1))
    log = call.hearing.tone((440.0,), 0.1)
    assert call.hearing.tone((440.0,), 0.1) is log
    assert call.hearing.tone((440.0,), 0.5) is not log
    assert call.hearing.tone("busy", 0.1) is not log


def test_named_tone() -> None:
    """A tone may be asked for by its name."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.4), progress("busy", 3.0)))
    log = call.hearing.tone("busy", 0.1)
    hear(hearing, call)
    assert spans(log)[0][0] == pytest.approx(0.4, abs=0.021)


def test_changes_wake_who_waits() -> None:
    """Sounds and tones wake whoever waits on the ear; silence that goes on does not."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.1), noise(0.06), silence(0.1)))
    woken: list[int] = []
    changed = call.ear.changed
    call.ear.changed = lambda: (woken.append(len(call.ear.history)), changed())[1]  # type: ignore[method-assign]
    hear(hearing, call)
    assert woken == [6, 9]


def test_frequency_that_cannot_be_heard() -> None:
    """A frequency beyond 4 kHz cannot be waited for."""
    hearing = Hearing()
    call = Call(hearing, silence(0.1))
    with pytest.raises(ValueError, match="5000"):
        call.hearing.tone((5000.0,), 0.1)


# --- digits -------------------------------------------------------------------------------------------------------


def test_digit_as_event_and_as_tone() -> None:
    """A digit whose event and tone arrive within 100 ms is one digit."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.2), digit_tone("5", 0.1), silence(0.3)))
    hear(hearing, call, end=16)
    call.hearing.digit_event("5", BEGIN + 0.21, 0.1)
    hear(hearing, call, begin=16)
    assert [(digit.digit, digit.via) for digit in call.ear.digits] == [("5", "rtp")]


def test_digit_as_tone_alone() -> None:
    """Without events the tone is the digit, dated to its onset."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.2), digit_tone("5", 0.1), silence(0.3)))
    hear(hearing, call)
    (digit,) = call.ear.digits
    assert (digit.digit, digit.via) == ("5", "tone")
    assert digit.at - BEGIN == pytest.approx(0.2, abs=0.021)
    assert digit.duration == pytest.approx(0.1, abs=0.021)


def test_digit_that_the_end_of_the_call_cuts_short() -> None:
    """A digit that sounds when the call ends is heard then, once, and nothing that comes behind it."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.2), digit_tone("5", 0.2), silence(0.3), digit_tone("6", 0.1), silence(0.1)))
    hear(hearing, call, end=18)
    assert not call.ear.digits
    call.hearing.finish()
    hear(hearing, call, begin=18)
    call.hearing.finish()
    (digit,) = call.ear.digits
    assert (digit.digit, digit.via) == ("5", "tone")
    assert digit.duration == pytest.approx(0.16, abs=0.021)


def pressed(call: Call) -> str:
    return "".join(digit.digit for digit in call.ear.digits)


def test_event_right_after_a_tone() -> None:
    """An event that ends before the tone before it is known to have ended waits for that, and what follows waits for
    it: digits are told in the order in which they were pressed."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.2), digit_tone("2", 0.1), silence(0.5)))
    hear(hearing, call, end=15)
    call.hearing.digit_event("3", BEGIN + 0.30, 0.02)
    call.hearing.digit_event("4", BEGIN + 0.34, 0.02)
    assert not call.ear.digits
    hear(hearing, call, begin=15)
    assert [(digit.digit, digit.via) for digit in call.ear.digits] == [("2", "tone"), ("3", "rtp"), ("4", "rtp")]


def test_event_within_a_tone_that_goes_on() -> None:
    """An event waits for no tone for long."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.2), digit_tone("2", 2.0)))
    hear(hearing, call, end=50)
    call.hearing.digit_event("3", BEGIN + 0.9, 0.1)
    hear(hearing, call, begin=50, end=64)
    assert pressed(call) == ""
    hear(hearing, call, begin=64, end=68)
    assert pressed(call) == "3"


def test_event_that_waits_when_the_call_ends() -> None:
    """The end of the call does not swallow an event that waits for the end of a tone."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.2), digit_tone("2", 2.0)))
    hear(hearing, call, end=50)
    call.hearing.digit_event("3", BEGIN + 0.9, 0.1)
    call.hearing.finish()
    assert pressed(call) == "23"


# --- taps and the end ---------------------------------------------------------------------------------------------


def test_taps_get_every_frame() -> None:
    """Whoever taps the ear is given each frame, as samples at 8 kHz with its time."""
    hearing = Hearing()
    sound = noise(0.2)
    call = Call(hearing, sound)
    tapped: list[tuple[float, Pcm]] = []
    call.ear.taps.append(lambda frame: tapped.append((frame.at, frame.pcm)))
    hear(hearing, call)
    assert [at for at, _ in tapped] == [pytest.approx(BEGIN + number * BEAT) for number in range(10)]
    assert np.array_equal(np.concatenate([pcm for _, pcm in tapped]), PCMU.decode(PCMU.encode(sound)))


def test_tap_that_raises() -> None:
    """A tap that raises hurts no other call, and the loop hears of it."""

    async def main() -> None:
        said: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context["exception"]))
        hearing = Hearing()
        broken, other = Call(hearing, noise(0.04)), Call(hearing, noise(0.04))
        broken.ear.taps.append(lambda frame: 1 / 0)
        hear(hearing, broken, other)
        assert len(other.ear.history) == 2
        assert [type(error) for error in said] == [ZeroDivisionError] * 2

    asyncio.run(main())


def test_closed_ears_give_their_columns_back() -> None:
    """A call that is over hears nothing more, and what it waited for is waited for no longer."""
    hearing = Hearing()
    stays = Call(hearing, tone(440, 0.5))
    wanted = list(hearing.bank._wanted)
    call = Call(hearing, tone(440, 0.5))
    log = call.hearing.tone((440.0,), 0.1)
    call.hearing.tone("busy", 0.1)
    hear(hearing, stays, call, end=10)
    call.send(10)
    call.hearing.close()
    call.hearing.close()
    hearing.analyse(BEGIN + 0.2)
    assert len(call.ear.history) == 10
    assert [count for count in hearing.bank._wanted if count] == [count for count in wanted if count]
    assert len(log) == 1


def test_asking_when_the_call_is_over() -> None:
    """After the close a tone is still found in what was heard, and nothing is waited for any more."""
    hearing = Hearing()
    call = Call(hearing, joined(silence(0.1), tone(440, 0.3), silence(0.2)))
    before = call.hearing.tone((600.0,), 0.1)
    hear(hearing, call)
    call.hearing.close()
    assert spans(call.hearing.tone((440.0,), 0.1)) == [tuple(about(0.1, 0.4))]
    assert call.hearing.tone((600.0,), 0.1) is before
    assert not any(hearing.bank._wanted)
