import random
from pathlib import Path

import numpy as np
import pytest

from botkit.media import pcm, recorder
from botkit.media.codec import G711, PCMA, PCMU
from botkit.media.pcm import Pcm
from botkit.media.spool import RECEIVED, SENT, Record, Spool
from botkit.media.tone import tone
from botkit.media.wav import read_wav


def records(
    sound: Pcm, at: float, direction: int = RECEIVED, codec: G711 = PCMU, stamp: int = 0, jitter: float = 0
) -> list[Record]:
    draw = random.Random(1)
    return [
        Record(
            direction,
            codec.payload_type,
            index & 0xFFFF,
            (stamp + 160 * index) & 0xFFFFFFFF,
            at + 0.02 * index + draw.random() * jitter,
            payload,
        )
        for index, payload in enumerate(codec.encode_all(sound))
    ]


def sounding(heard: Pcm, rate: int = 8000) -> list[tuple[float, float]]:
    """Where there is sound: begin and end of each stretch, seconds."""
    loud = np.concatenate(([False], pcm.levels(heard[: heard.size // 80 * 80].reshape(-1, 80)) > -40, [False]))
    edges = np.flatnonzero(np.diff(loud.astype(int)))
    return [(begin * 80 / rate, end * 80 / rate) for begin, end in zip(edges[::2], edges[1::2], strict=True)]


TONE = tone(400, 1)


def test_one_side_as_it_was() -> None:
    """A stream without loss is its own samples."""
    received, sent, rate, began = recorder.timelines(records(TONE, 5.0))
    assert np.array_equal(received, PCMU.decode(PCMU.encode(TONE)))
    assert not sent.any()
    assert (rate, began, sent.size) == (8000, 5.0, received.size)


def test_both_sides_on_one_timeline() -> None:
    """What was sent two seconds later lies two seconds later, whatever its timestamps."""
    received, sent, _, began = recorder.timelines(
        records(TONE, 7.0, RECEIVED, stamp=0xFFFFFF00) + records(TONE, 5.0, SENT, PCMA, stamp=12345)
    )
    assert began == 5.0
    assert received.size == sent.size == 24000
    assert sounding(sent) == [pytest.approx((0, 1), abs=0.011)]
    assert sounding(received) == [pytest.approx((2, 3), abs=0.011)]


def test_jitter_does_not_show() -> None:
    """Packets 30 ms late and more are placed by their timestamps."""
    received, _, _, began = recorder.timelines(records(TONE, 5.0, jitter=0.05))
    assert began == pytest.approx(5, abs=0.005)
    assert np.array_equal(received[:8000], PCMU.decode(PCMU.encode(TONE)))


def test_lost_packets_are_silence() -> None:
    """A hole stays a hole of its length."""
    kept = records(TONE, 5.0)
    del kept[20:30]
    received = recorder.timelines(kept)[0]
    assert sounding(received) == [pytest.approx((0, 0.4), abs=0.011), pytest.approx((0.6, 1), abs=0.011)]


def test_order_and_doubles_do_not_matter() -> None:
    """Packets that overtake each other, or come twice, give the same recording."""
    kept = records(TONE, 5.0)
    kept[3], kept[4] = kept[4], kept[3]
    kept.insert(10, kept[9])
    assert np.array_equal(recorder.timelines(kept)[0], PCMU.decode(PCMU.encode(TONE)))


def test_pauses_of_the_sender() -> None:
    """Where timestamps and clock go on alike without packets there is silence."""
    kept = records(TONE, 5.0) + records(TONE, 8.0, stamp=24000)
    assert [round(begin) for begin, _ in sounding(recorder.timelines(kept)[0])] == [0, 3]


def test_a_stream_that_starts_anew() -> None:
    """Another source has other timestamps and is placed by when it arrived."""
    kept = records(TONE, 5.0, stamp=100) + records(TONE, 7.5, stamp=3_000_000_000)
    assert sounding(recorder.timelines(kept)[0])[1] == pytest.approx((2.5, 3.5), abs=0.011)


def test_a_sender_that_stalls() -> None:
    """After a pause in sending that the timestamps do not show the rest is where it was sent."""
    kept = records(tone(400, 3), 5.0, SENT)
    kept = kept[:50] + [one._replace(at=one.at + 0.3) for one in kept[50:]]
    assert sounding(recorder.timelines(kept)[1]) == [
        pytest.approx((0, 1), abs=0.011),
        pytest.approx((1.3, 3.3), abs=0.011),
    ]


def test_a_clock_that_drifts() -> None:
    """A sender whose clock is 0.01 % slow is heard without a click for ten minutes' worth of drift."""
    kept = [one._replace(at=5 + (one.at - 5) * 1.0001) for one in records(tone(400, 20), 5.0)]
    assert len(sounding(recorder.timelines(kept)[0])) == 1


def test_events_are_silence() -> None:
    """Telephone-events and unknown formats leave no sound and no trace."""
    kept = records(TONE, 5.0)
    event = [Record(RECEIVED, 101, 50 + i, 8000, 6 + 0.02 * i, b"\5\x0a\0\xa0") for i in range(5)]
    received = recorder.timelines(kept + event + records(TONE, 6.1, stamp=8800), {"101": "telephone-event"})[0]
    assert sounding(received) == [pytest.approx((0, 1), abs=0.011), pytest.approx((1.1, 2.1), abs=0.011)]


def test_formats_name_dynamic_types() -> None:
    """A payload type of the dynamic range is decoded by its noted codec."""
    kept = [one._replace(payload_type=96) for one in records(TONE, 5.0)]
    assert not recorder.timelines(kept)[0].any()
    assert np.array_equal(recorder.timelines(kept, {"96": "PCMU"})[0], PCMU.decode(PCMU.encode(TONE)))


def test_codecs_may_change() -> None:
    """A side that goes on in another codec is one recording."""
    kept = records(TONE, 5.0) + records(TONE, 6.0, codec=PCMA, stamp=8000)
    assert sounding(recorder.timelines(kept)[0]) == [pytest.approx((0, 2), abs=0.011)]


def test_files_of_a_call(tmp_path: Path) -> None:
    """Three files; in both.wav the dialling party is on the left."""
    spool = Spool(tmp_path / "spool.botkit")
    call = spool.new_call("a", caller_is_us=True)
    for one in records(TONE, 5.0) + records(TONE, 7.0, SENT):
        spool.append(call, *one)
    spool.close()
    cut = recorder.cut_call(spool.path, call, tmp_path / "calls" / "a")
    assert cut is not None
    assert (cut.began, cut.duration) == (5.0, 3.0)
    received, sent, both = (read_wav(path)[0] for path in (cut.rx, cut.tx, cut.both))
    assert np.array_equal(both, np.stack((sent, received), axis=1))
    assert sounding(received)[0][0] == 0
    other = recorder.cut_call(spool.path, call, tmp_path / "calls" / "b", caller_is_us=False)
    assert other is not None
    assert np.array_equal(read_wav(other.both)[0], both[:, ::-1])


def test_a_call_without_packets(tmp_path: Path) -> None:
    """Nothing kept, nothing cut."""
    spool = Spool(tmp_path / "spool.botkit")
    call = spool.new_call("a")
    spool.close()
    assert recorder.cut_call(spool.path, call, tmp_path / "calls") is None
    assert not (tmp_path / "calls").exists()


def test_events_alone() -> None:
    """A call of which only events arrived has recordings without samples."""
    received, sent, rate, _ = recorder.timelines([Record(RECEIVED, 101, 1, 1, 5.0, b"\5\x8a\3\x20")])
    assert (received.size, sent.size, rate) == (0, 0, 8000)


@pytest.mark.filterwarnings("ignore:overflow")
def test_odd_records() -> None:
    """Records that no call can have give some timeline, never an error."""
    draw = random.Random(3)
    times = (0.0, 5.0, -1e308, 1e308, 1e18, -1e18, 5e-324)
    recorder_longest = recorder.LONGEST
    recorder.LONGEST = 60.0
    try:
        for _ in range(200):
            odd = [
                Record(
                    draw.randrange(2),
                    draw.choice((0, 8, 101)),
                    draw.getrandbits(16),
                    draw.getrandbits(32),
                    draw.choice(times) + draw.random(),
                    draw.randbytes(draw.choice((0, 1, 160, 1000))),
                )
                for _ in range(draw.randrange(1, 8))
            ]
            received, sent, _, _ = recorder.timelines(odd, {"x": "PCMU", "9": "none"})
            assert received.size == sent.size
    finally:
        recorder.LONGEST = recorder_longest
