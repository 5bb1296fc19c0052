"""The line of one party: a frame a beat, whatever the packets do."""

import itertools
import random

import numpy as np
import pytest

from botkit.media.codec import PCMA, PCMU, codec_by_name
from botkit.media.playout import CUSHION, LONGEST, Playout, Said
from botkit.media.tone import tone

NAMES = [bytes([code]) * 160 for code in range(1, 100)]
"""Payloads that can be told apart, none of them silent."""


def played(line: Playout, arrivals: list[list[bytes | None]]) -> list[Said | None]:
    """What is taken in each beat while `arrivals` come, those of one beat at a time."""
    taken = []
    for came in arrivals:
        for payload in came:
            line.push(payload, 0.0)
        taken.append(line.take())
    return taken


def test_frames_leave_in_order_one_beat_after_they_came() -> None:
    """The first one waits for a beat; from then on each beat has its frame."""
    assert played(Playout(PCMU), [[name] for name in NAMES[:5]]) == [None, *NAMES[:4]]


def test_a_late_packet_leaves_no_hole() -> None:
    """None in one beat and two in the next: the frame that waited fills the beat."""
    a, b, c, d, e = NAMES[:5]
    assert played(Playout(PCMU), [[a], [b], [], [c, d], [e]]) == [None, a, b, c, d]


def test_a_line_that_ran_dry_waits_longer_from_then_on() -> None:
    """Two beats late: one beat is silent, once; the next time there is a frame for it."""
    line = Playout(PCMU)
    a, b, c, d, e, f, g, h = NAMES[:8]
    came: list[list[bytes | None]] = [[a], [b], [], [], [c, d, e], [f], [], [], [g, h]]
    assert played(line, came) == [None, a, b, None, c, d, e, f, g]


def test_what_waits_too_long_is_cut() -> None:
    """A second after the last burst the queue is as short as it can be."""
    line = Playout(PCMU)
    for name in NAMES[:6]:
        line.push(name, 0.0)
    for _ in range(60):
        line.push(NAMES[9], 0.0)
        assert line.take() is not None
    assert len(line) == CUSHION


def test_it_is_cut_at_silence_at_once() -> None:
    """A silent frame that need not wait is left out."""
    line = Playout(PCMU)
    a, b, c = NAMES[:3]
    assert played(line, [[a, PCMU.silence, b, c], [], []]) == [a, b, c]


def test_a_flood_is_no_memory() -> None:
    """Of many packets at once only the last are kept."""
    line = Playout(PCMU)
    for name in NAMES:
        line.push(name, 0.0)
    assert len(line) == LONGEST
    assert line.take() == NAMES[-LONGEST]


def test_a_loss_takes_its_time_once() -> None:
    """Told late, as the receiver does, when the time of the lost one has passed in silence: nothing is put in."""
    a, b, c, d, e = NAMES[:5]
    assert played(Playout(PCMU), [[a], [b], [], [], [None, c, d], [e]]) == [None, a, b, None, c, d]


def test_a_loss_that_is_told_early_is_a_silent_frame() -> None:
    """Where its time has not come yet, it gets it."""
    a, b, c, d = NAMES[:4]
    assert played(Playout(PCMU), [[a], [b], [None], [c], [d]]) == [None, a, b, None, c]


def test_a_pause_is_not_played_again_when_it_is_told() -> None:
    """A sender that sent nothing for a while: what comes after it comes at once, but for the first beat."""
    a, b, c, d = NAMES[:4]
    assert played(Playout(PCMU), [[a], [b], *[[]] * 50, [*[b""] * 50, c], [d]]) == [None, a, b, *[None] * 50, c]


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda codec: codec.name)
def test_silence_of_g711_is_known_by_its_codes(codec) -> None:
    """Any mix of the codes of the least values is silence; with one louder sample it is not."""
    quiet = np.flatnonzero(np.abs(codec.values.astype(int)) <= 8).astype(np.uint8)
    payload = np.random.default_rng(1).choice(quiet, 160).tobytes()
    loud = payload[:80] + codec.encode(np.array([500], np.int16)) + payload[81:]
    assert played(Playout(codec), [[payload], [loud], [loud]]) == [None, None, loud]


@pytest.mark.parametrize("size", [80, 240, 400])
def test_packets_of_other_lengths_are_cut_into_frames(size: int) -> None:
    """Nothing of the stream is lost or doubled."""
    stream = bytes(code % 100 + 1 for code in range(4800))
    line = Playout(PCMU)
    taken: list[Said] = []
    for start in range(0, len(stream), size):
        line.push(stream[start : start + size], 0.0)
        while len(line) > CUSHION:
            taken.append(line.take() or b"")
    out = b"".join(one for one in taken if isinstance(one, bytes))
    assert len(out) > 4000
    assert stream.startswith(out)


@pytest.mark.parametrize("name", ["G722", "opus"])
def test_codecs_with_a_memory_are_decoded(name: str) -> None:
    """A tone comes out as loud as it went in, in frames of the codec's rate."""
    codec = codec_by_name(name)
    said = tone((440.0,), 1.0, level=-13.0, rate=codec.rate)
    line = Playout(codec)
    frames = played(line, [[payload] for payload in codec.encode_all(said)])
    heard = np.concatenate([frame for frame in frames if isinstance(frame, np.ndarray)])
    assert heard.shape == (49 * codec.samples,)
    assert np.abs(heard[codec.rate // 2 :]).max() == pytest.approx(np.abs(said).max(), rel=0.1)


@pytest.mark.parametrize("name", ["G722", "opus"])
def test_silence_of_codecs_with_a_memory_is_silence(name: str) -> None:
    """Their silent payloads say nothing, however many come."""
    codec = codec_by_name(name)
    assert played(Playout(codec), [[codec.silence]] * 30) == [None] * 30


def test_unsteady_packets_become_steady_frames() -> None:
    """With up to 60 ms of jitter: once settled, each beat has its frame, in order."""
    draw = random.Random(1)
    at = 0
    due: list[tuple[int, bytes]] = []
    for number in range(500):
        at = max(at, number + draw.randrange(4))  # the receiver keeps the order
        due.append((at, NAMES[number % 90]))
    taken = played(Playout(PCMU), [[name for when, name in due if when == beat] for beat in range(500)])
    settled = taken[20:]
    assert settled.count(None) <= 12  # the queue is cut now and then, and found too short
    order = [NAMES.index(name) for name in settled if name is not None]
    assert all((after - before) % 90 in (1, 2) for before, after in itertools.pairwise(order))
