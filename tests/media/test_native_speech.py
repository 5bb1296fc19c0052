"""The compiled twin of voice detection finds what the Python finds, frame by frame."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from botkit.media import spectrum, steady
from botkit.media.batch import Batch
from botkit.media.dtmf import digit_tone
from botkit.media.pcm import Levels, Pcm, levels, resample, to_int16
from botkit.media.speech_hearing import SpeechHearing
from botkit.media.tone import tone
from botkit.media.vad import VoiceActivity
from botkit.media.wav import read_wav
from tests.load.digits import AUDIO
from tests.media.sounds import babble, frames, joined, noise, silence, summed

pytestmark = pytest.mark.needs("native")

NEAR = 1e-4
"""Of a threshold: single precision may fall on either side there."""


def compiled(**keywords: Any) -> Any:
    from botkit.media.native_speech import NativeVoiceActivity

    return NativeVoiceActivity(**keywords)


def spoken() -> list[Pcm]:
    """The prompts of `audio/`, at 8 kHz."""
    read = (read_wav(path) for path in sorted(AUDIO.glob("*.wav")))
    return [resample(pcm, rate, 8000) for pcm, rate in read]


def beats(seconds: float) -> Pcm:
    """Two tones so near that their sum swells and falls."""
    return tone((440.0, 480.0), seconds)


def swings(seconds: float) -> Pcm:
    moments = np.arange(round(8000 * seconds)) / 8000
    return to_int16(tone(400, seconds) * (0.6 + 0.4 * np.cos(2 * np.pi * 16 * moments)))


def glides(seconds: float) -> Pcm:
    moments = np.arange(round(8000 * seconds)) / 8000
    return to_int16(8000 * np.sin(2 * np.pi * (400 * moments + 300 * moments**2)))


def walk(seed: int, count: int = 40) -> tuple[Pcm, list[float], Levels]:
    """Frames of all kinds of sounds in turn, with times (some are lost) and levels (some are wrong)."""
    draw = np.random.default_rng(seed)
    voices = spoken()

    def voice(seconds: float) -> Pcm:
        whole = voices[draw.integers(len(voices))]
        begin = draw.integers(max(1, whole.size - round(8000 * seconds)))
        return whole[begin : begin + round(8000 * seconds)]

    kinds: list[Callable[[float], Pcm]] = [
        voice,
        voice,
        lambda seconds: babble(max(seconds, 0.1), seed=int(draw.integers(1000))),
        lambda seconds: tone(float(draw.uniform(200, 3000)), seconds, level=float(draw.uniform(-50, -3))),
        lambda seconds: digit_tone(str(draw.choice(list("0123456789*#"))), seconds),
        lambda seconds: noise(seconds, float(draw.uniform(-60, -5)), int(draw.integers(1000))),
        lambda seconds: summed(tone(440, seconds), noise(seconds, float(draw.uniform(-60, -25)), 1)),
        beats,
        swings,
        glides,
        silence,
    ]
    parts = [kinds[draw.integers(len(kinds))](float(draw.choice([0.02, 0.06, 0.1, 0.3, 1.0]))) for _ in range(count)]
    batch = frames(joined(*parts), shift=int(draw.integers(160)))
    heard = levels(batch)
    if seed % 3 == 1:  # a level that hardly moves makes runs of anything, one that jumps breaks them
        heard = np.round(heard / 3).astype(np.float32) * 3
    if seed % 3 == 2:
        heard += draw.choice([0, 0, 0, 4, -4, 60], heard.size).astype(np.float32)
    at, times = 0.0, []
    for gap in draw.choice([1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 7], heard.size).tolist() if seed % 2 else [1] * heard.size:
        times.append(at)
        at = round(at + 0.02 * gap, 6)
    return batch, times, heard


def is_close(samples: Pcm) -> bool:
    """Whether single precision may decide otherwise about it."""
    with pytest.MonkeyPatch.context() as patch:
        answers = set()
        for by in (1 - NEAR, 1, 1 + NEAR):
            for name in ("PURE", "PURE_WHEN_SHORT", "PEAKED", "HOPELESS"):
                patch.setattr(spectrum, name, getattr(spectrum, name) * by)
            answers.add(spectrum.is_tone(samples))
            patch.undo()
    return len(answers) > 1


def pieces() -> list[Pcm]:
    """Stretches of every length that is judged, of voices, tones and noise."""
    draw = np.random.default_rng(3)
    pairs = [(a, b, c) for a in (200, 255, 440, 941, 2000, 3990) for b in (0, 30, 480, 1336) for c in (0.03, 0.3, 1)]
    moments = np.arange(9600) / 8000
    sounds = [
        to_int16(
            9000 * np.sin(2 * np.pi * a * moments)
            + 9000 * c * np.sin(2 * np.pi * b * moments)
            + draw.normal(0, rough, moments.size)
        )
        for a, b, c in pairs
        for rough in (0, 300, 700)
    ]
    sounds += [*spoken(), noise(1), silence(1), np.full(8000, -32768, np.int16), babble(3), swings(1), glides(2)]
    found = []
    for sound in sounds:
        for count in (1, 2, 3, 4, 5, 7, 8, 9, 10):
            size = 160 * count
            found += [sound[begin : begin + size] for begin in range(0, sound.size - size, max(1117, sound.size // 12))]
    return found


def test_a_tone_is_found_by_both() -> None:
    """Of thousands of stretches of sound both say the same; hundreds of them are tones."""
    from botkit.media import _native

    said = [(samples, spectrum.is_tone(samples), _native.is_tone(samples)) for samples in pieces()]
    assert [samples for samples, one, other in said if one != other and not is_close(samples)] == []
    assert len(said) > 10_000
    assert 1000 < sum(one for _, one, _ in said) < len(said) - 1000


@pytest.mark.parametrize("size", [1, 159, 161, 13 * 160])
def test_other_stretches_are_refused(size: int) -> None:
    """Parts of frames, and more than is judged at once, are the caller's mistake."""
    from botkit.media import _native

    with pytest.raises(ValueError, match="whole frames"):
        _native.is_tone(np.zeros(size, np.int16))


SETTINGS: list[dict[str, Any]] = [
    {},
    {"spoilt": 2},
    {"start_after": 0.0, "stop_after": 0.0},
    {"start_after": 0.3, "stop_after": 0.1, "min_level": -60.0, "aggressiveness": 0, "spoilt": 7},
]


@pytest.fixture
def same_spectrum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both judge tones alike, also what lies on the threshold: all else is exact."""
    from botkit.media import _native

    monkeypatch.setattr(steady, "is_tone", _native.is_tone)


@pytest.mark.usefixtures("same_spectrum")
@pytest.mark.parametrize("seed", range(48))
def test_the_same_facts(seed: int) -> None:
    """Voices, tones, beats and noise, with losses and false levels: all is as in Python after each frame."""
    settings = SETTINGS[seed // 6 % len(SETTINGS)]
    one, other = VoiceActivity(**settings), compiled(**settings)
    batch, times, heard = walk(seed)
    told = 0
    for frame, at, level in zip(batch, times, heard.tolist(), strict=True):
        facts = one.push(frame, at, level)
        told += len(facts)
        assert list(other.push(frame, at, level)) == list(facts)
        assert (other.state, other.sure_until, other.resting) == (one.state, one.sure_until, one.resting)
    assert told


@pytest.mark.parametrize("level", [float("nan"), float("inf"), -float("inf")])
def test_levels_that_are_none(level: float) -> None:
    """A level that is no number leaves both where they were told to be alike."""
    one, other = VoiceActivity(start_after=0.0, stop_after=0.0), compiled(start_after=0.0, stop_after=0.0)
    batch, _, heard = walk(0)
    heard[::5] = level
    for row, frame in enumerate(batch):
        at = 0.02 * row - 5.0 * (row % 97 == 96)  # and a clock that is set back
        assert list(other.push(frame, at, float(heard[row]))) == list(one.push(frame, at, float(heard[row])))


def test_a_level_not_given_is_measured() -> None:
    """As in Python."""
    one, other = VoiceActivity(), compiled()
    for row, frame in enumerate(frames(joined(babble(1, seed=2), silence(1)))):
        assert list(other.push(frame, 0.02 * row)) == list(one.push(frame, 0.02 * row))


def batch_of_rows(slots: list[int], rows: list[Pcm], times: list[float]) -> Batch:
    by = np.array(slots, np.intp)
    later = np.flatnonzero(by[1:] == by[:-1]) + 1
    turns = np.zeros(len(slots), np.intp)  # which nobody here asks for
    octets = np.zeros((len(slots), 160), np.uint8)
    return Batch(by, np.array(times), turns, later, np.ones(len(slots), np.bool_), np.stack(rows), octets)


@pytest.mark.usefixtures("same_spectrum")
def test_many_calls_at_once() -> None:
    """The same facts in the same order, of calls that come and go, some with several frames in a batch."""
    from botkit.media.native_speech import NativeSpeechHearing

    draw = np.random.default_rng(5)
    one, other = SpeechHearing(), NativeSpeechHearing()
    walks = [walk(60 + number) for number in range(12)]
    at = [0] * len(walks)
    for slot in range(len(walks)):
        one.enter(slot, VoiceActivity())
        other.enter(slot, compiled())
    told = 0
    for _ in range(900):
        slots = sorted(draw.choice(len(walks), size=int(draw.integers(1, 20))).tolist())
        rows, times, heard = [], [], []
        for slot in slots:
            batch, when, level = walks[slot]
            row = at[slot] % len(batch)
            rows.append(batch[row])
            times.append(when[row] + 1000 * (at[slot] // len(batch)))
            heard.append(level[row])
            at[slot] += 1
        batch, loud = batch_of_rows(slots, rows, times), np.array(heard, np.float32)
        facts = [(slot, fact) for slot, found in one.hear(batch, loud) for fact in found]
        assert [(slot, fact) for slot, found in other.hear(batch, loud) for fact in found] == facts
        told += len(facts)
        if draw.random() < 0.1:
            slot = int(draw.integers(len(walks)))
            one.leave(slot)
            other.leave(slot)
            if draw.random() < 0.8:
                one.enter(slot, VoiceActivity())
                other.enter(slot, compiled())
    assert told > 100


def hear_all(**changed: Any) -> object:
    """Hear two frames of silence with something changed."""
    from botkit.media import _native

    given: dict[str, Any] = {
        "by_slot": [compiled(), None],
        "slots": np.array([0, 1]),
        "frames": np.zeros((2, 160), np.int16),
        "times": np.zeros(2),
        "levels": np.zeros(2, np.float32),
    }
    return _native.Speech.hear_all(*(given | changed).values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"by_slot": ["no speech", None]},
        {"by_slot": (None, None)},
        {"by_slot": []},
        {"slots": np.array([0, 2])},
        {"slots": np.array([-1, 0])},
        {"slots": np.array([0])},
        {"slots": [0, 1]},
        {"frames": np.zeros((2, 159), np.int16)},
        {"frames": np.zeros(320, np.int16)},
        {"frames": np.zeros((3, 160), np.int16)},
        {"frames": np.zeros((2, 320), np.int16)[:, ::2]},
        {"times": np.zeros(3)},
        {"times": np.zeros(2, np.float32)},
        {"levels": np.zeros(2)},
    ],
    ids=str,
)
def test_wrong_arrays_are_refused(wrong: dict[str, Any]) -> None:
    """Nothing is read beyond what is there."""
    assert hear_all() == []
    with pytest.raises((TypeError, ValueError, BufferError)):
        hear_all(**wrong)


@pytest.mark.parametrize("octets", [b"", bytes(319), bytes(321), bytearray(320), None])
def test_other_frames_are_refused(octets: Any) -> None:
    """A frame is 320 bytes."""
    with pytest.raises(ValueError, match="320 bytes"):
        compiled().judge(octets, 0.0, 0.0)


def test_what_webrtcvad_raises_is_raised() -> None:
    """An error of the detector comes through, and nothing is left of the frame."""
    from botkit.media import _native

    class Refusal(Exception):
        pass

    def refuse(*arguments: object) -> bool:
        raise Refusal

    speech = _native.Speech(refuse, None, 0.1, 0.5, -45.0, 0)
    for _ in range(3):
        with pytest.raises(Refusal):
            speech.judge(bytes(320), 0.0, 0.0)
        with pytest.raises(Refusal):
            hear_all(by_slot=[speech, None])
    assert speech.judge(bytes(320), 0.0, -90.0) is None


def test_nothing_is_kept() -> None:
    """What was heard and told is let go, and so is the detector of a call that is over."""
    batch, times, heard = walk(0, 8)
    tracemalloc.start()
    try:
        for round_ in range(4):
            speech = compiled(start_after=0.0, stop_after=0.0, spoilt=2)
            for frame, at, level in zip(batch, times, heard.tolist(), strict=True):
                speech.push(frame, at, level)
            rest = batch_of_rows([0] * len(batch), list(batch), times)
            type(speech).hear_all([speech], rest.slots, rest.frames, rest.times, heard)
            del speech, rest
            gc.collect()
            if round_ == 1:
                before = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] - before < 1000
    finally:
        tracemalloc.stop()
