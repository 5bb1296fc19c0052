import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.media import rtcp
from botkit.media.rtcp import Bye, ReceiverReport, ReportBlock, RtcpError, SenderReport, SourceDescription
from botkit.media.rtp import ReceptionStatistics

U32 = st.integers(0, 0xFFFFFFFF)
blocks = st.lists(
    st.builds(ReportBlock, U32, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), U32, U32, U32, U32), max_size=31
).map(tuple)
name = st.text(st.characters(codec="ascii"), max_size=40)
packets = st.one_of(
    st.builds(SenderReport, U32, st.integers(0, 2**64 - 1), U32, U32, U32, blocks),
    st.builds(ReceiverReport, U32, blocks),
    st.builds(SourceDescription, st.lists(st.tuples(U32, name), max_size=31).map(tuple)),
    st.builds(Bye, st.lists(U32, max_size=31).map(tuple), name),
)


@given(st.lists(packets, min_size=1, max_size=5).map(tuple))
def test_round_trip(compound: tuple[rtcp.RtcpPacket, ...]) -> None:
    """A compound that was packed is read back."""
    assert rtcp.parse(rtcp.pack(compound)) == compound


def header(kind: int, count: int, words: int) -> bytes:
    return bytes([0x80 | count, kind, 0, words])


@given(
    st.binary(max_size=80)
    | st.builds(
        lambda kind, count, words, tail: header(kind, count, words) + tail,
        st.integers(200, 204),
        st.integers(0, 31),
        st.integers(0, 20),
        st.binary(max_size=80),
    )
    | st.builds(
        lambda kind, count, body: header(kind, count, len(body) // 4) + body[: len(body) // 4 * 4],
        st.integers(200, 204),
        st.integers(0, 31),
        st.binary(max_size=80),
    )
)
def test_garbage_raises_its_own_error_only(data: bytes) -> None:
    """Any bytes give packets or an RtcpError."""
    with contextlib.suppress(RtcpError):
        rtcp.parse(data)


def test_unknown_types_are_skipped() -> None:
    """Feedback and extended reports of browsers stand between packets that we know."""
    report, bye = ReceiverReport(1), Bye((1,))
    unknown = header(205, 1, 2) + b"12345678"
    assert rtcp.parse(rtcp.pack([report]) + unknown + rtcp.pack([bye])) == (report, bye)


def test_padding_is_cut_off() -> None:
    """Padding of the last packet does not show in it."""
    assert rtcp.parse(bytes([0xA1, 203, 0, 2]) + b"\0\0\0\7" + b"\0\0\0\4") == (Bye((7,)),)


def test_other_items_of_a_description_are_skipped() -> None:
    """A TOOL item beside the CNAME does no harm."""
    body = b"\0\0\0\1" + b"\6\3abc" + b"\1\2me" + b"\0" * 3
    assert rtcp.parse(header(202, 1, 4) + body) == (SourceDescription(((1, "me"),)),)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\x80", "1 bytes after"),
        (b"\x40\xc8\0\0", "version 1"),
        (header(200, 0, 6) + b"\0" * 8, "claims 24 bytes, 8"),
        (header(201, 1, 1) + b"\0" * 4, "cut short"),
        (b"\xa0\xc9\0\0", "padding"),
    ],
)
def test_errors_say_what_is_wrong(data: bytes, says: str) -> None:
    """Each defect has its own words."""
    with pytest.raises(RtcpError, match=says):
        rtcp.parse(data)


@given(st.floats(0, 2_085_978_495))
def test_wallclock_survives_ntp(wall: float) -> None:
    """Seconds since 1970 come back within a microsecond."""
    assert rtcp.wall_from_ntp(rtcp.ntp_from_wall(wall)) == pytest.approx(wall, abs=2e-6)


def test_round_trip_time_of_the_rfc() -> None:
    """The example of RFC 3550 figure 2 gives 6.125 s."""
    arrival = 0xB710_8000 << 16  # only the middle counts
    block = ReportBlock(1, last_sr=0xB705_2000, delay=0x0005_4000)
    assert rtcp.round_trip(arrival, block) == 6.125


def test_round_trip_needs_a_sender_report() -> None:
    """Without a report of ours heard, or before its time, there is none."""
    assert rtcp.round_trip(5 << 16, ReportBlock(1)) is None
    assert rtcp.round_trip(5 << 16, ReportBlock(1, last_sr=6)) is None


def test_a_block_tells_what_was_counted() -> None:
    """Loss, jitter and highest number go from the statistics into the block."""
    heard = ReceptionStatistics()
    for seq in (10, 11, 13):
        heard.received(seq, 160 * seq, 0.02 * seq)
    ntp = rtcp.ntp_from_wall(1_000_000.5)
    block = rtcp.block_about(77, heard, last_sr_ntp=ntp, since_sr=1.5)
    assert (block.ssrc, block.lost, block.fraction_lost, block.highest_seq) == (77, 1, 64, 13)
    assert (block.last_sr, block.delay) == (rtcp.middle(ntp), 98304)
    assert rtcp.block_about(77, heard).delay == 0


def test_both_ends_measure_the_round_trip() -> None:
    """A report answered after half a second over 40 ms each way gives 80 ms."""
    sent = rtcp.ntp_from_wall(1000.0)
    block = rtcp.block_about(1, ReceptionStatistics(), last_sr_ntp=sent, since_sr=0.5)
    assert rtcp.round_trip(rtcp.ntp_from_wall(1000.58), block) == pytest.approx(0.08, abs=1e-4)
