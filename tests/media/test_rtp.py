import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.media import rtp
from botkit.media.rtp import Extender, Kind, ReceptionStatistics, RtpError, RtpPacket

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)


@given(
    st.builds(
        RtpPacket,
        payload_type=st.integers(0, 127),
        seq=U16,
        timestamp=U32,
        ssrc=U32,
        payload=st.binary(max_size=300),
        marker=st.booleans(),
        csrc=st.lists(U32, max_size=15).map(tuple),
        extension=st.none() | st.tuples(U16, st.lists(st.binary(min_size=4, max_size=4), max_size=5).map(b"".join)),
    )
)
def test_round_trip(packet: RtpPacket) -> None:
    """What was packed is read back."""
    assert rtp.parse(rtp.pack(packet)) == packet


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"\xbf\x00" + tail))
def test_garbage_raises_its_own_error_only(data: bytes) -> None:
    """Any bytes give a packet or an RtpError."""
    with contextlib.suppress(RtpError):
        rtp.parse(data)


def test_header_is_as_the_rfc_draws_it() -> None:
    """The twelve bytes stand in network order, the marker above the payload type."""
    assert rtp.pack_header(101, 0x0102, 0x03040506, 0x0708090A, marker=True).hex() == "80e5" + "0102030405060708090a"
    assert rtp.pack_header(0, 1, 2, 3) + b"x" == rtp.pack(RtpPacket(0, 1, 2, 3, b"x"))


def test_padding_is_cut_off() -> None:
    """The last byte of padding counts the padding, itself included."""
    data = bytearray(rtp.pack(RtpPacket(0, 1, 2, 3, b"voice\0\0\3")))
    data[0] |= 0x20
    assert rtp.parse(bytes(data)).payload == b"voice"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x80" * 11, "header alone"),
        (b"\x40" + b"\0" * 11, "version 1"),
        (b"\x8f" + b"\0" * 20, "15 CSRCs"),
        (b"\x90" + b"\0" * 13, "header extension"),
        (b"\x90" + b"\0" * 13 + b"\0\x09", "9 words"),
        (b"\xa0" + b"\0" * 11, "padding of 0"),
        (b"\xa0" + b"\0" * 12 + b"\x07", "padding of 7"),
    ],
)
def test_errors_say_what_is_wrong(data: bytes, says: str) -> None:
    """Each way of being too short has its own words."""
    with pytest.raises(RtpError, match=says):
        rtp.parse(data)


@given(U16, st.integers(-0x8000, 0x7FFF))
def test_sequence_arithmetic_wraps(seq: int, count: int) -> None:
    """Adding and taking the difference undo each other across the wrap."""
    assert rtp.seq_diff(rtp.seq_add(seq, count), seq) == count


@given(U32, st.integers(-0x80000000, 0x7FFFFFFF))
def test_timestamp_arithmetic_wraps(timestamp: int, ticks: int) -> None:
    """Adding and taking the difference undo each other across the wrap."""
    assert rtp.timestamp_diff(rtp.timestamp_add(timestamp, ticks), timestamp) == ticks


@given(U16, st.lists(st.integers(-100, 3000), max_size=200))
def test_extender_unrolls(start: int, steps: list[int]) -> None:
    """Steps forward and a little back give the true numbers, however often they wrap."""
    extender = Extender(16)
    assert extender.extend(start) == start
    highest = start
    for step in steps:
        true = highest + step
        assert extender.extend(true & 0xFFFF) == true
        highest = max(highest, true)


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (0, Kind.STUN),
        (3, Kind.STUN),
        (5, Kind.UNKNOWN),
        (16, Kind.ZRTP),
        (20, Kind.DTLS),
        (63, Kind.DTLS),
        (64, Kind.TURN),
        (128, Kind.RTP),
        (191, Kind.RTP),
        (192, Kind.UNKNOWN),
    ],
)
def test_first_byte_names_the_protocol(first: int, kind: Kind) -> None:
    """RFC 7983 gives each protocol its range of first bytes."""
    assert rtp.kind_of(first) is kind


def test_rtcp_is_told_by_its_second_byte() -> None:
    """Sender reports are RTCP; marked audio with payload type 111 is not."""
    assert rtp.is_rtcp(b"\x80\xc8")
    assert not rtp.is_rtcp(b"\x80\xef")
    assert not rtp.is_rtcp(b"\x16\xc8")
    assert not rtp.is_rtcp(b"\x80")


def feed(statistics: ReceptionStatistics, seqs: list[int], at: float = 0.0) -> None:
    for index, seq in enumerate(seqs):
        statistics.received(seq & 0xFFFF, 160 * seq & 0xFFFFFFFF, at + 0.02 * index)


def test_nothing_lost() -> None:
    """A whole stream counts as received, across the wrap of its numbers."""
    statistics = ReceptionStatistics()
    feed(statistics, list(range(65000, 66000)))
    assert (statistics.packets_received, statistics.packets_lost) == (1000, 0)
    assert statistics.highest_seq == 65999
    assert statistics.jitter == pytest.approx(0, abs=1e-6)


def test_nothing_received() -> None:
    """Before the first packet all is zero."""
    statistics = ReceptionStatistics()
    assert (statistics.packets_expected, statistics.packets_lost, statistics.highest_seq) == (0, 0, 0)
    assert statistics.take_fraction_lost() == 0


def test_loss_and_its_fraction() -> None:
    """One of four lost is 64/256, counted per interval."""
    statistics = ReceptionStatistics()
    feed(statistics, [seq for seq in range(1, 401) if seq % 4 != 2])
    assert statistics.packets_lost == 100
    assert statistics.take_fraction_lost() == 64
    assert statistics.take_fraction_lost() == 0
    feed(statistics, list(range(401, 501)), at=8)
    assert statistics.take_fraction_lost() == 0
    assert statistics.source_lost == 100


def test_order_does_not_matter_to_loss() -> None:
    """Packets out of order are not lost, and are counted as late."""
    seqs = list(range(300))
    seqs[100], seqs[101] = seqs[101], seqs[100]
    statistics = ReceptionStatistics()
    feed(statistics, seqs)
    assert (statistics.packets_lost, statistics.late) == (0, 1)


def test_duplicates_count_as_received() -> None:
    """RFC 3550 A.3: duplicates make the loss negative."""
    statistics = ReceptionStatistics()
    feed(statistics, [1, 2, 2, 2, 3])
    assert statistics.packets_lost == -2


def test_restarted_numbers_begin_a_new_source() -> None:
    """A far jump is believed when its successor follows, and loses nothing but what was lost."""
    statistics = ReceptionStatistics()
    feed(statistics, [*range(100, 150), *range(40000, 40050)])
    assert (statistics.packets_received, statistics.packets_lost) == (100, 0)
    assert statistics.highest_seq == 40049


def test_one_wild_number_is_not_believed() -> None:
    """A single packet from nowhere changes nothing."""
    statistics = ReceptionStatistics()
    feed(statistics, [*range(100, 150), 40000, *range(150, 200)])
    assert (statistics.packets_received, statistics.packets_lost) == (100, 0)


def test_restart_just_before_the_wrap() -> None:
    """A restart whose second packet has number 0 counts two."""
    statistics = ReceptionStatistics()
    feed(statistics, [30000, 30001, 65535, 0, 1])
    assert (statistics.packets_expected, statistics.packets_lost) == (5, 0)


def test_new_source_keeps_the_totals() -> None:
    """After a change of SSRC the totals go on and the report begins anew."""
    statistics = ReceptionStatistics()
    feed(statistics, [1, 2, 4])
    statistics.switch_source()
    feed(statistics, [9000, 9001])
    assert (statistics.packets_received, statistics.packets_lost, statistics.source_lost) == (5, 1, 0)


def test_jitter_settles_at_the_mean_difference() -> None:
    """Arrivals that swing by 5 ms each way settle at 10 ms between neighbours (A.8)."""
    statistics = ReceptionStatistics(48000)
    for index in range(500):
        statistics.received(index, 960 * index, 0.02 * index + (0.005 if index % 2 else -0.005))
    assert statistics.jitter_seconds == pytest.approx(0.010, rel=0.01)


def test_jitter_does_not_see_the_timestamp_wrap() -> None:
    """A timestamp that wraps is a step like any other."""
    statistics = ReceptionStatistics()
    for index in range(100):
        statistics.received(index, (0xFFFFFFFF - 8000 + 160 * index) & 0xFFFFFFFF, 0.02 * index)
    assert statistics.jitter == pytest.approx(0, abs=1e-3)


def test_events_do_not_count_as_jitter() -> None:
    """Packets of one telephone-event share a timestamp and leave the jitter alone."""
    statistics = ReceptionStatistics()
    for index in range(10):
        statistics.received(index, 1600, 0.02 * index)
    assert statistics.jitter == 0


def test_audio_after_an_event_is_in_time() -> None:
    """An event of 100 ms, its end repeated, then audio: all on the beat, so no jitter at all."""
    heard = ReceptionStatistics()
    timestamps = [0, 160, *[320] * 7, 320 + 7 * 160, 320 + 8 * 160]
    for index, timestamp in enumerate(timestamps):
        heard.received(index, timestamp, index * 0.02)
    assert heard.jitter == pytest.approx(0, abs=1e-6)


def test_loss_by_chance_is_counted_exactly() -> None:
    """Loss counted equals loss made, for any packets dropped inside the stream."""
    draw = random.Random(7)
    kept = [0, *[seq for seq in range(1, 99_999) if draw.random() > 0.05], 99_999]
    statistics = ReceptionStatistics()
    feed(statistics, kept)
    assert statistics.packets_lost == 100_000 - len(kept)
