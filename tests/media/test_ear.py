"""What one call has heard."""

import asyncio

import pytest

from botkit.media.ear import DIGITS_KEPT, SAME_DIGIT, SEGMENTS_KEPT, Ear, HeardDigit, SegmentLog, Taps

# --- segments -------------------------------------------------------------------------------------------


def test_segments_begin_and_end() -> None:
    """Only the last segment may be open; beginning what is open or ending what is not changes nothing."""
    log = SegmentLog()
    assert (log.open, log.last, len(log)) == (None, None, 0)
    log.finish(0.5)
    log.begin(1.0)
    log.begin(1.5)
    assert log.open is log.last
    log.finish(2.0)
    log.finish(3.0)
    log.begin(4.0)
    assert [(segment.start, segment.end) for segment in log] == [(1.0, 2.0), (4.0, None)]


def test_no_segment_ends_before_it_began() -> None:
    """An end that is dated before the beginning makes a segment of no length."""
    log = SegmentLog()
    log.begin(2.0)
    log.finish(1.9)
    assert [(segment.start, segment.end) for segment in log] == [(2.0, 2.0)]


def test_old_segments_are_forgotten() -> None:
    """A call that lasts for days keeps its last segments only."""
    log = SegmentLog()
    for number in range(SEGMENTS_KEPT + 10):
        log.begin(number)
        log.finish(number + 0.5)
    assert len(log) == SEGMENTS_KEPT
    assert next(iter(log)).start == 10


# --- digits -----------------------------------------------------------------------------------------------


def heard(*digits: HeardDigit) -> list[tuple[str, str]]:
    ear = Ear()
    told: list[HeardDigit] = []
    ear.on_digit = told.append
    for digit in digits:
        ear.hear_digit(digit)
    assert told == list(ear.digits)
    assert ear.digits_heard == len(told)
    return [(digit.digit, digit.via) for digit in told]


def test_event_and_tone_are_one_digit() -> None:
    """A digit that comes as event and as tone at nearly the same time is one, by the way it came first."""
    event, tone = HeardDigit("5", "rtp", 1.0, 0.1), HeardDigit("5", "tone", 1.02, 0.08)
    assert heard(event, tone) == [("5", "rtp")]
    assert heard(tone, event) == [("5", "tone")]
    assert heard(HeardDigit("5", "info", 1.05), event, tone) == [("5", "info")]


@pytest.mark.parametrize(("gap", "count"), [(SAME_DIGIT - 0.001, 1), (SAME_DIGIT + 0.001, 2)])
def test_how_near_is_one(gap: float, count: int) -> None:
    """Two ways are one digit up to 100 ms apart, counted from the end of the first."""
    assert len(heard(HeardDigit("5", "rtp", 1.0, 0.2), HeardDigit("5", "tone", 1.2 + gap))) == count
    assert len(heard(HeardDigit("5", "info", 1.0), HeardDigit("5", "tone", 1.0 + gap, 0.1))) == count


def test_pressed_twice_is_two() -> None:
    """The same key twice is two digits, however quickly, when both came the same way."""
    assert len(heard(HeardDigit("5", "rtp", 1.0, 0.05), HeardDigit("5", "rtp", 1.09, 0.05))) == 2


def test_digits_wait_in_the_order_of_their_onsets() -> None:
    """A tone that is told after a digit that came later, and another way, stands before it, in a full queue too."""
    for earlier in (0, DIGITS_KEPT):
        ear = Ear()
        for number in range(earlier):
            ear.hear_digit(HeardDigit("0", "rtp", number * 1e-4))
        for digit in (HeardDigit("3", "info", 2.0), HeardDigit("2", "tone", 1.0, 0.16)):
            ear.hear_digit(digit)
        assert "".join(digit.digit for digit in ear.digits)[-2:] == "23"
        assert len(ear.digits) == min(earlier + 2, DIGITS_KEPT)


def test_other_digits_are_others() -> None:
    """Different keys at the same time are different digits."""
    assert heard(HeardDigit("5", "rtp", 1.0), HeardDigit("6", "tone", 1.0)) == [("5", "rtp"), ("6", "tone")]


@pytest.mark.parametrize("first", ["rtp", "tone"])
def test_quick_typing_both_ways(first: str) -> None:
    """The same key pressed again and again, each time both ways, is as many digits as presses."""
    second = "tone" if first == "rtp" else "rtp"
    presses = [HeardDigit("1", via, 1.0 + number * 0.12, 0.07) for number in range(20) for via in (first, second)]
    assert len(heard(*presses)) == 20


# --- speech, and who waits ----------------------------------------------------------------------------------


def test_digits_that_nobody_wants() -> None:
    """Of digits that nobody consumes the latest are kept: a call may last for hours."""
    ear = Ear()
    for number in range(DIGITS_KEPT + 5):
        ear.hear_digit(HeardDigit("12"[number % 2], "rtp", number * 0.2))
    assert len(ear.digits) == DIGITS_KEPT
    assert ear.digits[-1].at == (DIGITS_KEPT + 4) * 0.2
    assert ear.digits_heard == DIGITS_KEPT + 5


def test_speech_is_told_with_its_duration() -> None:
    """`on_speech` is told of the beginning and of the end, with the duration; ends without a beginning are not."""
    ear = Ear()
    told: list[tuple[bool, float, float]] = []
    ear.on_speech = lambda *fact: told.append(fact)
    ear.speech_ended(0.5)
    ear.speech_started(1.0)
    ear.speech_ended(2.5)
    assert told == [(True, 1.0, 0.0), (False, 2.5, 1.5)]
    assert [(segment.start, segment.end) for segment in ear.speech] == [(1.0, 2.5)]


def test_each_change_wakes_all_who_wait() -> None:
    """Digits and speech wake everybody who waits, once; a cancelled waiter disturbs nobody."""

    async def main() -> None:
        ear = Ear()
        one, other, gone = ear.next_change(), ear.next_change(), ear.next_change()
        gone.cancel()
        ear.hear_digit(HeardDigit("1", "rtp", 1.0))
        assert one.done()
        assert other.done()
        for change in (lambda: ear.speech_started(1.0), lambda: ear.speech_ended(2.0), ear.changed):
            waiter = ear.next_change()
            assert not waiter.done()
            change()
            assert waiter.done()

    asyncio.run(main())


def test_waiting_without_a_change_keeps_nothing() -> None:
    """Who waits again and again while nothing changes leaves nothing behind."""

    async def main() -> None:
        ear = Ear()
        for _ in range(1000):
            ear.next_change().cancel()
        assert len(ear._waiters) < 100

    asyncio.run(main())


def test_taps_tell_that_there_are_some() -> None:
    """Whoever hands out the frames is told when one comes or goes; one that goes in the midst stops no other."""
    taps, told = Taps(), []
    taps.on_change = lambda: told.append(len(taps))
    taps.append(one := lambda frame: None)
    taps.append(other := lambda frame: None)
    seen = []
    for tap in taps:
        taps.remove(tap)
        seen.append(tap)
    assert seen == [one, other]
    assert told == [1, 2, 1, 0]
    with pytest.raises(ValueError, match="not in list"):
        taps.remove(one)
