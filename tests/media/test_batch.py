"""What calls hand in, and what of it is analysed at once."""

import numpy as np

from botkit.media.batch import Line, batch_of
from botkit.media.codec import PCMA, PCMU, Codec, codec_by_name
from botkit.media.pcm import Pcm
from tests.media.sounds import noise


def frame(seed: int) -> Pcm:
    return noise(0.02, seed=seed)


def filled() -> Line:
    """Frames of the slots 4, 0 and 2, in the order in which they came; one of 0 was lost, one of 2 was not sent."""
    line = Line()
    for number, slot in enumerate([4, 0, 2, 0, 4, 2, 0]):
        if number == 3:
            line.lost.append(len(line.payloads))
        if number == 5:
            line.unsent.append(len(line.payloads))
        line.slots.append(slot)
        line.payloads.append(bytes([number]))
        line.times.append(float(number))
    return line


def test_frames_of_one_call_lie_in_a_row() -> None:
    """A line is taken in the order of the slots, what is of one slot in the order in which it came."""
    line = filled()
    frames = line.take()
    assert frames.slots.tolist() == [0, 0, 0, 2, 2, 4, 4]
    assert frames.times.tolist() == [1, 3, 6, 2, 5, 0, 4]
    assert [payload[0] for payload in frames.payloads] == [1, 3, 6, 2, 5, 0, 4]
    assert np.flatnonzero(frames.lost).tolist() == [1]
    assert np.flatnonzero(~frames.sent).tolist() == [4]
    assert len(line.take()) == 0


def test_one_call_leaves_the_line() -> None:
    """What is of one slot can be taken alone; the others stay as they were."""
    line = filled()
    alone = line.take(2)
    assert alone.times.tolist() == [2, 5]
    assert alone.sent.tolist() == [True, False]
    rest = line.take()
    assert rest.times.tolist() == [1, 3, 6, 0, 4]
    assert rest.lost.tolist() == [False, True, False, False, False]
    assert rest.sent.all()


def test_a_batch_knows_what_was_before() -> None:
    """Each frame knows which of its call's it is, and those that are not the first are told."""
    line = filled()
    line.payloads = [PCMU.silence] * 7
    batch = batch_of(line.take(), [PCMU] * 5)
    assert batch.turns.tolist() == [0, 1, 2, 0, 1, 0, 1]
    assert batch.later.tolist() == [1, 2, 4, 6]


def test_codecs_are_decoded_together() -> None:
    """G.711 of either law and samples of another codec: all as samples, and as mu-law for those that remember."""
    codecs: list[Codec | None] = [PCMU, PCMA, codec_by_name("opus"), None, PCMU]
    line, sounds = Line(), {slot: frame(slot) for slot in (4, 2, 1, 0)}
    for slot, sound in sounds.items():
        codec = codecs[slot]
        line.slots.append(slot)
        line.payloads.append(codec.encode(sound) if codec in (PCMU, PCMA) else sound)  # type: ignore[union-attr]
        line.times.append(0.0)
    batch = batch_of(line.take(), codecs)
    for row, slot in enumerate(batch.slots.tolist()):
        codec = codecs[slot]
        wanted = sounds[slot] if slot == 2 else codec.decode(codec.encode(sounds[slot]))  # type: ignore[union-attr]
        assert batch.frames[row].tobytes() == wanted.tobytes()
        assert batch.octets[row].tobytes() == PCMU.encode(wanted)
