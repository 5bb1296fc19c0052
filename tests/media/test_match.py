"""Which prompt was heard, from when, how well, and whether whole: voices that say nothing, over the real ear."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botkit.media import match
from botkit.media.bands import SILENT_BANDS
from botkit.media.codec import PCMA, PCMU, codec_by_name
from botkit.media.ear import Ear
from botkit.media.hearing import CallHearing, Hearing
from botkit.media.match import Choice, PromptEar, PromptHeard, choose
from botkit.media.pcm import FLOOR, gain
from botkit.media.reference import Reference
from botkit.media.tone import tone
from tests.media.prompting import FRAME, listen, quiet, reference
from tests.media.sounds import babble, joined, noise, summed

A, B = babble(3.0, seed=1), babble(2.4, seed=2)


@pytest.fixture
def prompts(tmp_path: Path) -> list[Reference]:
    return [reference(tmp_path / "a.wav", A), reference(tmp_path / "b.wav", B)]


def began(prompt: Reference, at: float) -> object:
    """About when its first sound is heard that is played from `at` on."""
    return pytest.approx(at + prompt.first * FRAME, abs=0.03)


def names(found: list[PromptHeard]) -> list[str]:
    return [one.reference.path.stem for one in found]


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
def test_on_every_codec(prompts: list[Reference], codec: str) -> None:
    """Both prompts are found where they began, whole, and scored high."""
    ear = listen(joined(quiet(0.413), A, quiet(0.5), B, quiet(1.0)), prompts, codec=codec_by_name(codec))
    assert names(ear.found) == ["a", "b"]
    for one, onset in zip(ear.found, (0.413, 3.913), strict=True):
        assert one.onset == began(one.reference, onset)
        assert one.whole
        assert one.missing < 0.05
        assert one.score > 0.85
        assert one.end == pytest.approx(onset + one.reference.duration, abs=0.1)


@pytest.mark.parametrize("decibels", [-14, -6, 6, 12])
def test_at_every_level(prompts: list[Reference], decibels: int) -> None:
    """Soft or so loud that it is clipped: it is the same prompt."""
    ear = listen(joined(quiet(0.4), gain(A, decibels), quiet(0.6)), prompts, codec=PCMA)
    assert names(ear.found) == ["a"]
    assert ear.found[0].score > 0.8


def test_lost_packets(prompts: list[Reference]) -> None:
    """Every twentieth packet lost, and four in a row: still there, and in its place."""
    lost = [*range(7, 200, 20), 60, 61, 62, 63]
    ear = listen(joined(quiet(0.4), A, quiet(0.6)), prompts, lost=lost)
    assert names(ear.found) == ["a"]
    assert ear.found[0].onset == began(prompts[0], 0.4)
    assert ear.found[0].whole


@pytest.mark.parametrize("cut", [0.3, 0.7, 1.0])
def test_without_its_beginning(prompts: list[Reference], cut: float) -> None:
    """Answered late: what is missing is told, and the onset is where it was heard from."""
    ear = listen(joined(quiet(0.4), A[round(cut * 8000) :], quiet(0.6)), prompts)
    assert names(ear.found) == ["a"]
    one = ear.found[0]
    assert one.onset == pytest.approx(0.4, abs=0.12)
    sound = prompts[0].active[: round(cut / FRAME)].sum() * FRAME
    assert one.missing == pytest.approx(sound, abs=0.08)
    assert not one.whole
    assert one.score > 0.8


def test_cut_short(prompts: list[Reference]) -> None:
    """It broke off after two thirds: not whole, scored by its share, ended where it did."""
    ear = listen(joined(quiet(0.4), A[:16000], quiet(2.0)), prompts)
    one = ear.found[0]
    assert not one.whole
    assert one.score == pytest.approx(2 / 3, abs=0.1)
    assert one.end == pytest.approx(2.4, abs=0.15)


def test_another_that_shares_its_beginning(prompts: list[Reference], tmp_path: Path) -> None:
    """After a common first second it is the one that goes on; the other is never found."""
    twin = reference(tmp_path / "twin.wav", joined(A[:8000], B))
    ear = listen(joined(quiet(0.4), A[:8000], B, quiet(1.0)), [*prompts, twin])
    assert "a" not in names([one for one in ear.found if one.score > 0.5])
    chosen = choose(one for one in ear.found if one.end is not None)
    assert chosen is not None
    assert chosen.heard.reference is twin


def test_another_that_shares_its_end(prompts: list[Reference], tmp_path: Path) -> None:
    """What ends as a prompt does, after something else, is not that prompt without its beginning."""
    sound = joined(babble(1.2, seed=5), A[6400:])
    assert not [one for one in listen(joined(quiet(0.4), sound, quiet(1.0)), prompts).found if one.score >= 0.5]
    twin = reference(tmp_path / "twin.wav", sound)
    assert names(listen(joined(quiet(0.4), sound, quiet(1.0)), [*prompts, twin]).found) == ["twin"]


def test_answered_in_the_middle_of_a_ring(prompts: list[Reference]) -> None:
    """A prompt whose beginning was still ringing is that prompt."""
    ringing = tone((440, 480), 1.5, level=-19)
    ear = listen(joined(quiet(0.4), ringing, A[5600:], quiet(1.0)), prompts)
    assert names(ear.found) == ["a"]
    assert ear.found[0].missing == pytest.approx(0.7, abs=0.15)
    assert ear.found[0].score > 0.8


def test_a_syllable_is_no_word(tmp_path: Path) -> None:
    """A word of less than a second is heard out of silence, as its file has it, and not within other speech."""
    word = babble(0.5, seed=9)
    known = [reference(tmp_path / "word.wav", joined(quiet(0.14), word, quiet(0.14)))]
    assert names(listen(joined(quiet(0.4), word, quiet(0.6)), known).found) == ["word"]
    within = joined(quiet(0.4), B[:9600], word, quiet(0.6))
    assert not [one for one in listen(within, known).found if one.score >= 0.5]


def test_the_end_of_one_may_be_another(tmp_path: Path) -> None:
    """A short prompt that is the end of a longer one is told when it is played: it lacks nothing."""
    short, long = reference(tmp_path / "s.wav", A[14400:]), reference(tmp_path / "l.wav", A[8000:])
    for played, is_it in ((A[14400:], short), (A[8000:], long)):
        chosen = choose(listen(joined(quiet(0.4), played, quiet(3.0)), [short, long]).found)
        assert chosen is not None
        assert chosen.heard.reference is is_it


def test_one_that_begins_with_another(tmp_path: Path) -> None:
    """Where one prompt is the beginning of a longer one, each is told when it is played."""
    short, long = reference(tmp_path / "s.wav", A), reference(tmp_path / "l.wav", joined(A, quiet(0.3), B))
    for played, is_it in ((A, short), (joined(A, quiet(0.3), B), long)):
        ear = listen(joined(quiet(0.4), played, quiet(3.0)), [short, long])
        chosen = choose(one for one in ear.found if one.score >= 0.7)
        assert chosen is not None
        assert chosen.known
        assert chosen.heard.reference is is_it


def test_what_is_no_prompt(prompts: list[Reference]) -> None:
    """Other voices, noise and a prompt backwards are nothing."""
    for sound in (babble(20.0, seed=77), noise(10.0), A[::-1].copy()):
        assert not [one for one in listen(joined(quiet(0.3), sound, quiet(1.0)), prompts).found if one.score >= 0.5]


def test_over_noise(prompts: list[Reference]) -> None:
    """Noise 15 dB below it does not hide it."""
    sound = summed(joined(quiet(0.4), A, quiet(0.6)), noise(5.0, -35))
    assert names(listen(sound, prompts).found) == ["a"]


def test_slipped(prompts: list[Reference]) -> None:
    """Two frames put in by somebody's jitter buffer in its midst, and it is still the prompt."""
    sound = joined(quiet(0.4), A[:12000], A[11680:], quiet(0.6))
    one = listen(sound, prompts).found[0]
    assert one.reference is prompts[0]
    assert one.score > 0.7


def test_asked_for_afterwards(prompts: list[Reference]) -> None:
    """A prompt that was over before anybody asked is found in what is remembered."""
    ear = listen(joined(quiet(0.4), A, quiet(2.0)), prompts, codec=PCMU, late=4.5)
    assert names(ear.found) == ["a"]
    assert ear.found[0].onset == began(prompts[0], 0.4)
    assert ear.found[0].end is not None


@pytest.mark.parametrize(("left", "whole"), [(0.0, True), (1.0, False)])
def test_the_call_ends(prompts: list[Reference], left: float, whole: bool) -> None:
    """A call that ends with the last sound of a prompt has heard it; one that ends before, a part of it."""
    hearing = Hearing()
    call = CallHearing(hearing, Ear(), PCMU)
    ear = call.prompts(prompts)
    last = round(0.4 / FRAME) + prompts[0].last
    for number, payload in enumerate(PCMU.encode_all(joined(quiet(0.4), A))[: last + 1 - round(left / FRAME)]):
        call.payload(payload, number * FRAME)
        hearing.analyse(number * FRAME)
    call.finish()
    call.close()
    (one,) = ear.found
    assert one.end == pytest.approx((last + 1) * FRAME - left, abs=0.1)
    assert one.whole is whole
    assert (one.score > 0.9) is whole


def test_a_digit_in_its_midst(prompts: list[Reference]) -> None:
    """Digits that go out as events take the place of 100 ms of a prompt: it is the prompt all the same, and whole."""
    hearing = Hearing()
    call = CallHearing(hearing, Ear(), PCMU)
    ear = call.prompts(prompts)
    for number, payload in enumerate(PCMU.encode_all(joined(quiet(0.4), A, quiet(0.6)))):
        call.payload(b"" if number % 50 in range(30, 37) else payload, number * FRAME)
        hearing.analyse(number * FRAME)
    (one,) = ear.found
    assert one.onset == began(prompts[0], 0.4)
    assert one.whole
    assert one.score > 0.85
    call.close()


def test_sure_before_its_end(prompts: list[Reference]) -> None:
    """A long prompt is sure after a second and a half of sound, pauses aside."""
    one = listen(joined(quiet(0.4), A, quiet(0.6)), prompts).found[0]
    assert one.sure_at is not None
    assert 1.9 < one.sure_at < 2.5


def test_twice(prompts: list[Reference]) -> None:
    """The same prompt played again is heard again."""
    ear = listen(joined(quiet(0.4), A, quiet(0.3), A, quiet(0.6)), prompts)
    assert names(ear.found) == ["a", "a"]
    assert ear.found[1].onset == began(prompts[0], 3.7)


def test_one_that_is_given_up_is_not_due(prompts: list[Reference]) -> None:
    """What was followed, and then seemed not to have begun there, is not waited for."""
    ear = listen(joined(quiet(0.4), A[:12000]), prompts)
    (one,) = ear._following
    due = ear.next_due
    ear._drop(one)
    while ear.ring.count <= due:
        ear.ring.push(SILENT_BANDS, ear.ring.time_of(ear.ring.count), FLOOR)
    assert ear.judge() == 0


# --- files with a period in them -------------------------------------------------------------------------------------

BUSY = joined(tone((480, 620), 0.5), quiet(0.5))
PERIODS = {"busy tone": BUSY, "music": babble(1.0, seed=5)}


@pytest.mark.parametrize("period", PERIODS)
def test_a_file_with_a_period(tmp_path: Path, period: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is heard from where it begins, each time anew, and not from each of its periods on; few are followed."""
    sound = np.tile(PERIODS[period], 60)
    tiled = reference(tmp_path / "tiled.wav", sound)
    most = 0
    follow = PromptEar._follow

    def counted(ear: PromptEar, *arguments: Any) -> None:
        nonlocal most
        follow(ear, *arguments)
        most = max(most, len(ear._following))

    monkeypatch.setattr(PromptEar, "_follow", counted)
    found = listen(joined(quiet(0.5), sound, quiet(3), sound, quiet(2)), [tiled]).found
    assert most <= 2
    assert [(one.onset, one.whole) for one in found] == [(began(tiled, at), True) for at in (0.5, 63.5)]
    assert min(one.score for one in found) > 0.9


def test_a_period_goes_on(tmp_path: Path) -> None:
    """What is heard for longer than a file with a period lasts is that file, and then may be its beginning again."""
    tiled = reference(tmp_path / "tiled.wav", np.tile(BUSY, 8))
    found = listen(joined(quiet(0.5), np.tile(BUSY, 12), quiet(2)), [tiled]).found
    assert [one.onset for one in found if one.end is not None and one.score > 0.7] == [began(tiled, 0.5)]
    assert all(one.onset > 8.4 for one in found[1:])


def test_a_long_prompt_among_many_short_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that were found the ones that were judged are forgotten first, not one that still goes on."""
    monkeypatch.setattr(match, "FOUND_KEPT", 2)
    ear = PromptEar()
    for number in range(3):
        ear._keep(one(reference(tmp_path / f"{number}.wav", A), float(number), 0.9, 5.0 if number else None))
    assert [kept.onset for kept in ear.found] == [0.0, 2.0]


def one(reference: Reference, onset: float, score: float, end: float | None) -> PromptHeard:
    return PromptHeard(reference, onset, sure_at=onset + 1.5, end=end, score=score)


def test_choose(prompts: list[Reference]) -> None:
    """The first; of those that began together the better one, or where they are equal the one of which more was
    heard, or which lacks nothing; and not before all of them are judged."""
    a, b = prompts
    assert choose([]) is None
    early, late = one(b, 1.0, 0.8, 3.0), one(a, 2.0, 0.99, 5.0)
    assert choose([late, early]) == Choice(early, True)
    better = one(a, 1.1, 0.95, 4.0)
    assert choose([early, better]) == Choice(better, True)
    equal = one(b, 1.0, 0.97, 3.4)
    assert choose([equal, better]) == Choice(better, True)
    missing = (a.active_before[-1] - b.active_before[-1]) * FRAME
    lacking = PromptHeard(a, 1.0, missing=missing, sure_at=2.5, end=4.0, score=0.98)
    assert choose([equal, lacking]) == Choice(equal, True)
    going_on = one(a, 1.1, 0.95, None)
    assert choose([equal, going_on]) == Choice(going_on, False)
    assert choose([going_on]) == Choice(going_on, True)
