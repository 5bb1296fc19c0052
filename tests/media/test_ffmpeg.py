"""G.722 and Opus, through FFmpeg's codecs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.media.codec import Codec, codec_by_name
from botkit.media.pcm import Pcm, level
from botkit.media.tone import tone

G722, OPUS = codec_by_name("G722"), codec_by_name("opus")
BOTH = pytest.mark.parametrize("codec", [G722, OPUS], ids=lambda codec: codec.name)


def decoded(codec: Codec, payloads: tuple[bytes, ...] | list[bytes]) -> Pcm:
    decoder = codec.decoder()
    return np.concatenate([decoder.decode(payload) for payload in payloads])


@BOTH
def test_a_tone_survives(codec: Codec) -> None:
    """A tone comes back at its level and pitch, one payload a frame."""
    sound = tone(600, 0.5, level=-15, rate=codec.rate)
    payloads = codec.encode_all(sound)
    assert len(payloads) == 25
    again = decoded(codec, payloads)
    assert again.size == sound.size
    middle = again[codec.rate // 10 : codec.rate // 10 * 3]
    assert level(middle) == pytest.approx(-15, abs=0.7)
    turns = np.exp(-2j * np.pi * 600 * np.arange(middle.size) / codec.rate)
    assert abs(middle @ turns) ** 2 * 2 / middle.size / float(middle.astype(float) @ middle) > 0.98


@BOTH
def test_silence_is_silent_after_whatever_came_before(codec: Codec) -> None:
    """The silent payload ends a sound within 60 ms, and is silence from a stream's begin."""
    sound = tone((697, 1209), 0.2, level=-8, rate=codec.rate)
    after = decoded(codec, [*codec.encode_all(sound), *[codec.silence] * 10])[sound.size :].reshape(10, -1)
    assert max(level(frame) for frame in after[3:]) < -60
    assert level(decoded(codec, [codec.silence] * 50)) < -60


@BOTH
def test_sounds_may_be_spliced_into_silence(codec: Codec) -> None:
    """A prompt encoded by itself sounds right at once after silence, and after another one: no crack, no hole."""
    sound = tone(600, 0.2, level=-13, rate=codec.rate)
    payloads = codec.encode_all(sound)
    for before in ([codec.silence] * 30, [*codec.encode_all(tone(1800, 0.2, rate=codec.rate)), *[codec.silence] * 10]):
        first = decoded(codec, [*before, *payloads])[len(before) * codec.samples :][: 5 * codec.samples]
        assert level(first) == pytest.approx(-13, abs=1)
        assert np.abs(first).max() < 1.5 * np.abs(sound).max()


@BOTH
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_whatever_comes_is_decoded(codec: Codec, payloads: list[bytes]) -> None:
    """No payload breaks a decoder: what cannot be decoded is silence, and the stream goes on after it."""
    decoder = codec.decoder()
    for payload in payloads:
        pcm = decoder.decode(payload)
        assert pcm.dtype == np.int16
        assert pcm.ndim == 1
    for payload in codec.encode_all(tone(600, 0.3, level=-13, rate=codec.rate)):
        pcm = decoder.decode(payload)
    assert level(pcm) == pytest.approx(-13, abs=2)


def test_how_long_a_payload_lasts() -> None:
    """G.722 has a byte a tick; Opus says it in its first bytes (RFC 6716 3.1)."""
    assert G722.ticks_of(b"x" * 240) == 240
    assert OPUS.ticks_of(OPUS.silence) == 960
    for head, ticks in (
        (b"", 0),
        (b"\x00", 480),  # SILK, 10 ms
        (b"\x08", 960),
        (b"\x18", 2880),
        (b"\x19", 5760),  # two frames of 60 ms
        (b"\x1b\x03", 5760),  # three would be 180 ms: no packet lasts so long
        (b"\x60", 480),  # hybrid, 10 ms
        (b"\x80", 120),  # CELT, 2.5 ms
        (b"\xf9", 1920),
        (b"\xfb\x83", 2880),
        (b"\xfb", 0),
    ):
        assert OPUS.ticks_of(head) == ticks, head
