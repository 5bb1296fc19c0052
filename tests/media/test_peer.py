"""Real ICE, DTLS and SRTP between two peers of this process."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from aioice import ice as aioice

from botkit.clock import MonotonicClock
from botkit.errors import NetworkFault, TimeoutFault
from botkit.media.dtls import process_certificate
from botkit.media.peer import Peer
from botkit.media.rtcp import ReceiverReport
from botkit.media.rtcp import pack as pack_rtcp
from botkit.media.rtp import RtpPacket, pack
from botkit.media.srtp_path import MAX_PER_BEAT
from botkit.media.transport import Arrival
from botkit.media.wallclock import ToMonotonic
from tests.conftest import sockets
from tests.media.waiting import PATIENCE, until

CLOCK = MonotonicClock()
TO_MONOTONIC = ToMonotonic(CLOCK)


def has_version_six() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


HOSTS = [
    "127.0.0.1",
    pytest.param("::1", marks=pytest.mark.skipif(not has_version_six(), reason="left out: no IPv6 here")),
]


def packet(seq: int, payload: bytes = b"\xff" * 160) -> bytes:
    return pack(RtpPacket(0, seq, seq * 160, 7, payload))


def beat(*peers: Peer) -> list[list[Arrival]]:
    """One beat: what each of them has received."""
    now, to_monotonic = CLOCK.now(), TO_MONOTONIC.seconds()
    return [peer.poll(now, to_monotonic) for peer in peers]


def play(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the scene; it must leave no task behind."""

    async def whole() -> None:
        await main()
        for _ in range(3):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(whole())


@contextlib.asynccontextmanager
async def two(host: str = "127.0.0.1", **options: Any) -> AsyncIterator[tuple[Peer, Peer]]:
    """Two peers that have gathered: the offerer and the answerer."""
    peers = Peer(CLOCK, (host,), **options), Peer(CLOCK, (host,), **options)
    try:
        await peers[0].gather(offerer=True)
        await peers[1].gather(offerer=False)
        yield peers
    finally:
        for peer in peers:
            await peer.close()


@contextlib.asynccontextmanager
async def joined(host: str = "127.0.0.1", **options: Any) -> AsyncIterator[tuple[Peer, Peer]]:
    """Two peers with media between them."""
    async with two(host, **options) as (offerer, answerer):
        await join(offerer, answerer)
        yield offerer, answerer


async def join(offerer: Peer, answerer: Peer) -> None:
    await asyncio.gather(
        offerer.connect(answerer.local, timeout=PATIENCE), answerer.connect(offerer.local, timeout=PATIENCE)
    )


class Gathered:
    """What one peer has received so far."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.got: list[Arrival] = []

    def beat(self) -> None:
        self.got += beat(self.peer)[0]

    @property
    def packets(self) -> list[bytes]:
        return [data for data, _ in self.got]


# --- connecting -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("connected", [False, True], ids=["open", "connected"])
@pytest.mark.parametrize("host", HOSTS)
def test_packets_flow_both_ways(host: str, connected: bool) -> None:
    """Two peers connect, and what one sends the other gets in the clear and in order, with no error counted."""

    async def main() -> None:
        async with joined(host, connected=connected) as (offerer, answerer):
            ends = Gathered(offerer), Gathered(answerer)
            for seq in range(30):
                offerer.send(packet(seq))
                answerer.send(packet(1000 + seq))
                await asyncio.sleep(0.001)
                for end in ends:
                    end.beat()
            await until(lambda: all(len(end.got) == 30 for end in ends), meanwhile=lambda: [e.beat() for e in ends])
            assert ends[1].packets == [packet(seq) for seq in range(30)]
            assert ends[0].packets == [packet(1000 + seq) for seq in range(30)]
            assert (offerer.errors, answerer.errors) == (0, 0)

    play(main)


@pytest.mark.parametrize("they_are_client", [None, True, False], ids=["unsaid", "client", "server"])
def test_either_may_be_the_dtls_client(they_are_client: bool | None) -> None:
    """The roles in DTLS are those that the descriptions say, or by default the answerer is the client."""

    async def main() -> None:
        async with two() as (offerer, answerer):
            ours = None if they_are_client is None else not they_are_client
            await asyncio.gather(
                offerer.connect(replace(answerer.local, dtls_client=they_are_client)),
                answerer.connect(replace(offerer.local, dtls_client=ours)),
            )
            offerer.send(packet(1))
            far = Gathered(answerer)
            await until(lambda: far.got, meanwhile=far.beat)

    play(main)


def test_several_addresses() -> None:
    """With several addresses each is offered, and one common to both is enough."""

    async def main() -> None:
        offerer, answerer = Peer(CLOCK, ("127.0.0.1", "127.0.0.2")), Peer(CLOCK, ("127.0.0.2",))
        try:
            await offerer.gather(offerer=True)
            await answerer.gather(offerer=False)
            assert [one.split()[4] for one in offerer.local.candidates] == ["127.0.0.1", "127.0.0.2"]
            await join(offerer, answerer)
            ends = Gathered(offerer), Gathered(answerer)
            offerer.send(packet(1))
            answerer.send(packet(2))
            await until(lambda: all(end.got for end in ends), meanwhile=lambda: [end.beat() for end in ends])
        finally:
            await offerer.close()
            await answerer.close()

    play(main)


def test_wrong_fingerprint() -> None:
    """A certificate that the description does not name is a network's fault, with a hint."""

    async def main() -> None:
        async with two() as (offerer, answerer):
            wrong = replace(offerer.local, fingerprints=(("sha-256", ":".join(["AB"] * 32)),))
            theirs = asyncio.ensure_future(offerer.connect(answerer.local, timeout=PATIENCE))
            with pytest.raises(NetworkFault, match="DTLS") as fault:
                await answerer.connect(wrong, timeout=PATIENCE)
            assert "fingerprint" in (fault.value.hint or "")
            assert answerer.poll(0.0, 0.0) == []
            theirs.cancel()
            await asyncio.wait((theirs,))

    play(main)


def test_nobody_there() -> None:
    """When nobody answers at the remote address the time-out names its phase, media, and says what did not finish."""

    async def main() -> None:
        async with two() as (offerer, answerer):
            await answerer.close()
            remote = replace(answerer.local, candidates=("1 1 udp 2130706431 127.0.0.1 9 typ host",))
            with pytest.raises(TimeoutFault, match="ICE") as fault:
                await offerer.connect(remote, timeout=0.3)
            assert fault.value.phase == "media"
            assert fault.value.hint

    play(main)


def test_dtls_that_never_begins() -> None:
    """When the path is found and the far end says nothing on it, the time-out names DTLS."""

    async def main() -> None:
        async with two() as (offerer, answerer):
            silent = asyncio.ensure_future(answerer.connect(replace(offerer.local, dtls_client=True)))
            with pytest.raises(TimeoutFault, match="DTLS"):  # both wait for the other's ClientHello
                await offerer.connect(replace(answerer.local, dtls_client=True), timeout=3.0)
            silent.cancel()
            await asyncio.wait((silent,))

    play(main)


def test_no_common_family() -> None:
    """Candidates that cannot be paired with ours at all fail at once, as the network's fault."""

    async def main() -> None:
        async with two() as (offerer, answerer):
            remote = replace(answerer.local, candidates=("1 1 udp 2130706431 2001:db8::1 9 typ host",))
            with pytest.raises(NetworkFault, match="no media path"):
                await offerer.connect(remote, timeout=PATIENCE)

    play(main)


def test_unreadable_candidates_are_passed_over() -> None:
    """Candidates that we cannot read or use are one path less, and the good one still connects."""

    async def main() -> None:
        async with two() as (offerer, answerer):
            odd = (
                "",
                "rubbish",
                "1 1 udp not-a-number 127.0.0.1 9 typ host",
                "1 1 tcp 2105458943 127.0.0.1 9 typ host tcptype active",
                "1 2 udp 2130706430 127.0.0.1 9 typ host",
                "1 1 udp 2130706431 9b36eaac-bb2e-49bb-bb78-21c41c499900.local 9 typ host",
            )
            await asyncio.gather(
                offerer.connect(replace(answerer.local, candidates=(*odd, *answerer.local.candidates))),
                answerer.connect(replace(offerer.local, candidates=(*odd, *offerer.local.candidates))),
            )

    play(main)


def test_trickled_candidates() -> None:
    """With `trickle` the candidates may come after `connect` has begun, unreadable ones among them."""

    async def main() -> None:
        async with two() as (offerer, answerer):
            bare = replace(answerer.local, candidates=(), trickle=True)
            theirs = replace(offerer.local, candidates=(), trickle=True)
            connecting = asyncio.gather(offerer.connect(bare), answerer.connect(theirs))
            await asyncio.sleep(0.05)
            assert not connecting.done()
            for text in ("rubbish", *answerer.local.candidates, None):
                offerer.add_candidate(text)
            async with asyncio.timeout(PATIENCE):
                await connecting
            answerer.add_candidate(None)  # it has learned the offerer's address from its checks
            offerer.add_candidate(answerer.local.candidates[0])  # too late to matter
            await asyncio.sleep(0.01)

    play(main)


@pytest.mark.parametrize("trickle", [False, True], ids=["in the description", "trickled"])
def test_far_end_with_a_hidden_address(trickle: bool) -> None:
    """An end that names only a `.local` address, as browsers do, is found by the checks that it sends."""
    hidden = "1 1 udp 2113937151 9b36eaac-bb2e-49bb-bb78-21c41c499900.local 50000 typ host"

    async def main() -> None:
        async with two() as (offerer, answerer):
            browser = replace(offerer.local, candidates=() if trickle else (hidden,), trickle=trickle)
            joining = asyncio.ensure_future(answerer.connect(browser, timeout=PATIENCE))
            if trickle:
                answerer.add_candidate(hidden)
                answerer.add_candidate(None)
            await asyncio.sleep(0.05)
            await offerer.connect(answerer.local, timeout=PATIENCE)
            await joining

    play(main)


def test_certificate_is_made_once() -> None:
    """All peers of a process show one certificate; their names and passwords differ."""

    async def main() -> None:
        async with two() as (one, other):
            assert one.local.fingerprints == other.local.fingerprints
            assert one.local.ufrag != other.local.ufrag
            assert one.local.password != other.local.password
            assert len(one.local.ufrag) >= 4
            assert len(one.local.password) >= 22  # RFC 8839 5.4

    play(main)
    assert process_certificate() is process_certificate()


# --- addresses -----------------------------------------------------------------------------------------------


def test_address_that_is_not_ours() -> None:
    """A host that cannot be bound is a network's fault, and the sockets already made are given back."""

    async def main() -> None:
        before = sockets()
        peer = Peer(CLOCK, ("127.0.0.1", "203.0.113.1"))
        with pytest.raises(NetworkFault, match=r"203\.0\.113\.1"):
            await peer.gather(offerer=True)
        assert len(sockets() - before) == 1
        await peer.close()
        assert sockets() == before

    play(main)


def test_no_address_is_offered_unasked() -> None:
    """Only the host named is offered: no other interface, and no public STUN server is asked."""

    async def main() -> None:
        async with two() as (offerer, _):
            (only,) = offerer.local.candidates
            assert only.split()[4] == "127.0.0.1"
            assert only.endswith("typ host")

    play(main)


# --- times ---------------------------------------------------------------------------------------------------


def test_arrival_times_are_those_of_sending() -> None:
    """A packet read late is dated to its arrival: between its sending and 50 ms later."""

    async def main() -> None:
        async with joined(connected=True) as (offerer, answerer):
            sent: list[tuple[float, float]] = []
            for seq in range(5):
                before = CLOCK.now()
                offerer.send(packet(seq))
                sent.append((before, CLOCK.now()))
                await asyncio.sleep(0.05)
            far = Gathered(answerer)
            await until(lambda: len(far.got) == 5, meanwhile=far.beat)
            for (before, after), (_, at) in zip(sent, far.got, strict=True):
                assert before - 0.005 <= at <= after + 0.05

    play(main)


def test_without_stamps_the_beat_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel stamps nothing, a packet is dated to the beat that read it."""
    monkeypatch.setattr("botkit.media.wire._TIMESTAMPNS", {})

    async def main() -> None:
        async with joined() as (offerer, answerer):
            offerer.send(packet(1))
            got: list[Arrival] = []
            await until(lambda: got, meanwhile=lambda: got.extend(answerer.poll(1234.5, 0.0)))
            assert got == [(packet(1), 1234.5)]

    play(main)


def test_a_flood_takes_several_beats() -> None:
    """One beat reads at most so many datagrams of one leg; those behind are read on the next ones."""

    async def main() -> None:
        async with joined() as (offerer, answerer):
            for seq in range(3 * MAX_PER_BEAT):
                offerer.send(packet(seq))
            await asyncio.sleep(0.06)
            sizes: list[int] = []
            got: list[bytes] = []

            def read() -> None:
                arrived = beat(answerer)[0]
                sizes.append(len(arrived))
                got.extend(data for data, _ in arrived)

            await until(lambda: len(got) == 3 * MAX_PER_BEAT, meanwhile=read)
            assert max(sizes) <= MAX_PER_BEAT
            assert got == [packet(seq) for seq in range(3 * MAX_PER_BEAT)]

    play(main)


# --- what is not RTP -----------------------------------------------------------------------------------------


def test_reports_go_beside() -> None:
    """RTCP is handed to `on_rtcp` in the clear, with its arrival time, and is no packet of the poll."""

    async def main() -> None:
        async with joined() as (offerer, answerer):
            report = pack_rtcp([ReceiverReport(7)])
            heard: list[Arrival] = []
            offerer.send_rtcp(report)  # nobody listens yet
            far = Gathered(answerer)
            await asyncio.sleep(0.02)
            far.beat()
            answerer.on_rtcp = lambda data, at: heard.append((data, at))
            before = CLOCK.now()
            offerer.send_rtcp(report)
            await until(lambda: heard, meanwhile=far.beat)
            assert heard[0][0] == report
            assert before - 0.005 <= heard[0][1] <= CLOCK.now()
            assert far.got == []

    play(main)


def test_forged_and_odd_datagrams_are_counted() -> None:
    """Datagrams that are no packets of the far end's are counted or dropped, and good ones still come through."""

    async def main() -> None:
        async with joined() as (offerer, answerer):
            host, port = answerer.local.candidates[0].split()[4:6]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for rubbish in (
                    b"",
                    b"x",
                    b"\x80",
                    b"\x80\x00" * 40,
                    b"\x80\xc8" * 40,
                    b"\x16\xfe\xff",
                    os.urandom(60),
                ):
                    stranger.sendto(rubbish, (host, int(port)))
            offerer.send(packet(1))
            far = Gathered(answerer)
            await until(lambda: far.got, meanwhile=far.beat)
            assert far.packets == [packet(1)]
            assert answerer.errors >= 2

    play(main)


def test_packets_before_the_path_is_up() -> None:
    """Sending before the path is up, or after the close, does nothing and raises nothing."""

    async def main() -> None:
        async with two() as (offerer, answerer):
            offerer.send(packet(1))
            offerer.send_rtcp(pack_rtcp([ReceiverReport(7)]))
            assert beat(offerer) == [[]]
            await join(offerer, answerer)
            await offerer.close()
            offerer.send(packet(2))
            offerer.send_rtcp(pack_rtcp([ReceiverReport(7)]))
            assert beat(offerer) == [[]]
            assert offerer.errors == 0

    play(main)


def test_packets_that_cannot_be_sent_are_counted() -> None:
    """A packet that is too long or none at all is counted, and the next one goes out."""

    async def main() -> None:
        async with joined() as (offerer, answerer):
            offerer.send(packet(1, b"x" * 3000))
            offerer.send(b"short")
            offerer.send_rtcp(b"")
            assert offerer.errors == 3
            offerer.send(packet(2))
            far = Gathered(answerer)
            await until(lambda: far.got, meanwhile=far.beat)

    play(main)


# --- consent, and the end ----------------------------------------------------------------------------------


def test_consent_is_asked_and_given_on_the_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    """STUN checks go through the beat after the take-over: consent lasts while both beat, not when one stops."""
    monkeypatch.setattr(aioice, "CONSENT_INTERVAL", 0.05)
    monkeypatch.setattr(aioice, "CONSENT_FAILURES", 1)

    async def main() -> None:
        async with joined(connected=True) as (offerer, answerer):
            lost: list[str] = []
            offerer.on_lost = lost.append
            asked = _requests(offerer)
            await until(lambda: len(asked) >= 5, meanwhile=lambda: beat(offerer, answerer))
            assert not lost
            await until(lambda: lost, meanwhile=lambda: beat(offerer))
            assert lost == ["ICE consent expired"]
            before = offerer.errors
            assert beat(offerer) == [[]]
            offerer.send(packet(1))
            assert beat(offerer) == [[]]
            assert offerer.errors - before <= 1

    play(main)


def _requests(peer: Peer) -> list[Any]:
    """Grows with each consent check that `peer` sends."""
    asked: list[Any] = []
    connection = peer._ice._connection
    build = connection.build_request

    def counted(*args: Any, **options: Any) -> Any:
        asked.append(args)
        return build(*args, **options)

    connection.build_request = counted  # type: ignore[method-assign]
    return asked


@pytest.mark.parametrize("connected", [False, True], ids=["open", "connected"])
def test_the_other_side_closes(connected: bool) -> None:
    """`on_lost` is told, once, when the other side closes; afterwards sending and polling still raise nothing."""

    async def main() -> None:
        async with joined(connected=connected) as (offerer, answerer):
            lost: list[str] = []
            offerer.on_lost = lost.append
            answerer.on_lost = lambda why: pytest.fail("the side that closes loses nothing")
            await answerer.close()
            await until(lambda: lost, meanwhile=lambda: beat(offerer))
            for seq in range(5):
                offerer.send(packet(seq))
                beat(offerer)
                await asyncio.sleep(0.002)
            assert lost == ["the other end closed its media"]

    play(main)


def test_closed_far_end_is_counted() -> None:
    """On a connected socket a far end whose socket is gone shows as errors on this leg, and never raises."""

    async def main() -> None:
        async with joined(connected=True) as (offerer, answerer):
            await answerer.close()

            def speak() -> None:
                offerer.send(packet(1))
                beat(offerer)

            await until(lambda: offerer.errors, meanwhile=speak)

    play(main)


@pytest.mark.parametrize("when", ["new", "gathered", "connecting", "up"])
def test_close_at_any_time(when: str) -> None:
    """Whenever it is closed, once or twice, no task and no socket is left."""

    async def main() -> None:
        offerer, answerer = Peer(CLOCK), Peer(CLOCK)
        connecting: asyncio.Future[Any] | None = None
        if when != "new":
            await offerer.gather(offerer=True)
            await answerer.gather(offerer=False)
        if when == "connecting":
            connecting = asyncio.ensure_future(offerer.connect(answerer.local, timeout=PATIENCE))
            await asyncio.sleep(0.05)
        elif when == "up":
            await join(offerer, answerer)
        await offerer.close()
        await offerer.close()
        await answerer.close()
        if connecting is not None:
            with pytest.raises((NetworkFault, TimeoutFault)):
                await connecting
        offerer.add_candidate("1 1 udp 2130706431 127.0.0.1 9 typ host")  # a straggler of signalling
        offerer.add_candidate(None)
        await asyncio.sleep(0.01)

    play(main)


def test_cancelled_connect_and_close() -> None:
    """A connect that is cancelled half way leaves nothing once the peer is closed."""

    async def main() -> None:
        async with two() as (offerer, answerer):
            connecting = asyncio.ensure_future(offerer.connect(answerer.local))
            await asyncio.sleep(0.03)
            connecting.cancel()
            await asyncio.wait((connecting,))
            assert connecting.cancelled()

    play(main)


def test_connect_after_close() -> None:
    """A peer that was closed cannot be connected: the network's fault, at once."""

    async def main() -> None:
        async with two() as (offerer, answerer):
            await offerer.close()
            with pytest.raises(NetworkFault, match="closed"):
                await offerer.connect(answerer.local, timeout=PATIENCE)

    play(main)


@pytest.mark.parametrize("connected", [False, True], ids=["open", "connected"])
def test_a_malformed_stun_message_is_counted(connected: bool) -> None:
    """A STUN attribute of the wrong length makes aioice's parser raise struct.error: the beat does not hear of it."""
    short_priority = struct.pack("!HHI12s", 1, 8, 0x2112A442, b"x" * 12) + struct.pack("!HH", 0x24, 2) + b"\0" * 4

    async def main() -> None:
        async with joined(connected=connected) as (offerer, answerer):
            assert offerer._wire is not None
            offerer._wire.sendto(short_priority, offerer._remote)
            offerer.send(packet(1))
            end = Gathered(answerer)
            for _ in range(8):
                await asyncio.sleep(0.01)
                end.beat()
            assert end.packets == [packet(1)]
            assert answerer.errors == 1

    play(main)
