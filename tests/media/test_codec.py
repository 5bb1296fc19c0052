import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.errors import ConfigError
from botkit.media.codec import G711, PCMA, PCMU, codec_by_name, codec_names
from botkit.media.pcm import Pcm

LAWS = pytest.mark.parametrize("law", [PCMU, PCMA], ids=lambda law: law.name)
EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


def with_audioop(law: G711, samples: Pcm) -> tuple[bytes, bytes]:
    """The codes of `samples` and the values of all codes by the C code of the standard library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    encode, decode = (audioop.lin2ulaw, audioop.ulaw2lin) if law is PCMU else (audioop.lin2alaw, audioop.alaw2lin)
    return encode(samples.tobytes(), 2), decode(bytes(range(256)), 2)


@LAWS
def test_values_are_the_standards(law: G711) -> None:
    """All 256 codes decode to the values of ITU-T G.711."""
    assert law.decode(bytes(range(256))).tobytes() == with_audioop(law, EVERY_SAMPLE)[1]


@LAWS
def test_codes_are_as_near_as_the_standards(law: G711) -> None:
    """Each of the 65536 samples meets a value at most as far off as the standard's code does."""
    theirs = law.decode(with_audioop(law, EVERY_SAMPLE)[0]).astype(int)
    ours = law.decode(law.encode(EVERY_SAMPLE)).astype(int)
    assert np.all(np.abs(ours - EVERY_SAMPLE) <= np.abs(theirs - EVERY_SAMPLE))


@LAWS
def test_codes_survive(law: G711) -> None:
    """Decoding and encoding gives each code back, but for the second zero of mu-law."""
    codes = bytes(range(256))
    again = law.encode(law.decode(codes))
    assert [code for code in codes if again[code] != code] == ([0x7F] if law is PCMU else [])


def test_silence() -> None:
    """Silence is 0xFF in mu-law and 0xD5 in A-law."""
    assert PCMU.silence == b"\xff" * 160
    assert PCMA.silence == b"\xd5" * 160
    assert np.abs(PCMA.decode(PCMA.silence)).max() <= 8


@LAWS
@given(st.lists(st.binary(min_size=160, max_size=160), min_size=1, max_size=8))
def test_batches_equal_single_frames(law: G711, payloads: list[bytes]) -> None:
    """Many legs at once give what one leg at a time gives."""
    batch = law.decode_batch(payloads)
    assert batch.shape == (len(payloads), 160)
    for row, payload in zip(batch, payloads, strict=True):
        assert np.array_equal(row, law.decode(payload))
    assert law.encode_batch(batch) == [law.encode(row) for row in batch]


@LAWS
def test_the_last_frame_is_filled(law: G711) -> None:
    """A prompt of two and a half frames has three payloads, silence at its end."""
    payloads = law.encode_all(np.full(400, 1000, np.int16))
    assert [len(payload) for payload in payloads] == [160, 160, 160]
    assert payloads[2][80:] == law.silence[80:]
    assert law.encode_all(np.zeros(0, np.int16)) == ()


def test_a_frame_is_twenty_milliseconds() -> None:
    """160 samples, 160 ticks of an 8 kHz clock."""
    assert (PCMU.samples, PCMU.ticks, PCMU.payload_type, PCMA.payload_type) == (160, 160, 0, 8)


def test_codecs_are_found_by_name_in_any_case() -> None:
    """SDP's encoding names know no case (RFC 8866 6.6)."""
    assert codec_by_name("pcmu") is PCMU
    assert {"PCMU", "PCMA"} <= set(codec_names())


def test_an_unknown_codec_is_the_operators_fault() -> None:
    """The error lists what there is."""
    with pytest.raises(ConfigError, match=r"(?s)'GSM'.*PCMU, PCMA"):
        codec_by_name("GSM")
