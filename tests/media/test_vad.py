import numpy as np
import pytest

from botkit.media.pcm import Pcm
from botkit.media.steady import SteadyTones
from botkit.media.tone import tone
from botkit.media.vad import Activity, SpeechEnd, SpeechFact, SpeechStart, VoiceActivity
from tests.media.sounds import babble, frames, joined, noise, silence


def judge(batch: Pcm, vad: VoiceActivity | None = None) -> list[SpeechFact]:
    vad = vad or VoiceActivity()
    return [fact for row, frame in enumerate(batch) for fact in vad.push(frame, 1 + 0.02 * row)]


def test_speech_between_silences() -> None:
    """Two seconds of speech are told with start, end and duration."""
    start, end = judge(frames(joined(silence(1), babble(2, seed=2), silence(1))))
    assert isinstance(start, SpeechStart)
    assert isinstance(end, SpeechEnd)
    assert start.at == pytest.approx(2, abs=0.15)
    assert end.at == pytest.approx(4, abs=0.2)
    assert end.duration == pytest.approx(end.at - start.at)


def test_reported_once_it_has_lasted() -> None:
    """Speech is reported by the frame that makes it long enough, or three frames later, dated to its first frame."""
    vad = VoiceActivity(start_after=0.2)
    batch = frames(joined(silence(0.5), babble(1, seed=2)))
    facts = [(row, fact) for row, frame in enumerate(batch) for fact in vad.push(frame, 0.02 * row)]
    row, fact = facts[0]
    assert 0.2 <= round(0.02 * (row + 1) - fact.at, 3) <= 0.26


def test_pauses_within_speech() -> None:
    """A pause shorter than stop_after is part of the speech, a longer one ends it."""
    speech = babble(1, seed=2)
    sound = joined(silence(0.5), speech, silence(0.4), speech, silence(1))
    assert len(judge(frames(sound), VoiceActivity(stop_after=0.7))) == 2
    assert len(judge(frames(sound), VoiceActivity(stop_after=0.2))) >= 4


def test_quiet_streams() -> None:
    """Silence and the noise of an idle line are no speech."""
    assert judge(frames(silence(5))) == []
    assert judge(frames(noise(5, level=-55))) == []


def test_clicks_are_no_speech() -> None:
    """A loud frame now and then is no speech."""
    batch = frames(silence(10))
    batch[::25] = np.random.default_rng(1).integers(-20000, 20000, 160).astype(np.int16)
    assert judge(batch) == []


def test_level_gate() -> None:
    """What is below the least level does not count, whatever it sounds like."""
    soft = frames(joined(silence(0.5), babble(2, level=-40, seed=2), silence(1)))
    assert judge(soft, VoiceActivity(min_level=-60))
    assert judge(soft, VoiceActivity(min_level=-20)) == []


def test_a_level_given_is_not_measured_again() -> None:
    """The caller's level is believed."""
    vad = VoiceActivity(start_after=0)
    batch = frames(babble(1, seed=2))
    assert [fact for frame in batch for fact in vad.push(frame, 0, -99)] == []
    assert [fact for frame in batch for fact in vad.push(frame, 0, -20)]


def test_states() -> None:
    """Quiet, starting, speaking, stopping, and quiet again."""
    vad = VoiceActivity()
    seen = []
    for row, frame in enumerate(frames(joined(silence(0.3), babble(1, seed=2), silence(1)))):
        vad.push(frame, 0.02 * row)
        if not seen or seen[-1] is not vad.state:
            seen.append(vad.state)
    assert seen[0] is seen[-1] is Activity.QUIET
    assert seen[-3:] == [Activity.SPEAKING, Activity.STOPPING, Activity.QUIET]
    assert Activity.STARTING in seen


def test_the_short_way_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most frames of a voice are judged by less; without that, the facts are the same."""
    batch = frames(joined(*(sound for seed in range(12) for sound in (babble(1.1, seed=seed), silence(0.03 * seed)))))
    batch[40:60] = frames(tone(440, 0.4))
    quick = judge(batch)
    monkeypatch.setattr(SteadyTones, "go_on", lambda tones, octets, at, level: None)
    assert judge(batch) == quick
    assert len(quick) > 2


def test_resting() -> None:
    """Once speech is over, and none is in doubt, soft frames change nothing."""
    vad = VoiceActivity()
    states = []
    for row, one in enumerate(frames(joined(silence(0.2), babble(1.0, seed=3), silence(1.0)))):
        vad.push(one, 0.02 * row)
        states.append(vad.resting)
    assert all(states[:10])
    assert not any(states[15:55])
    assert states[-1]
