"""The in-memory line."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from botkit import clock
from botkit.clock import VirtualLoop
from botkit.errors import NetworkFault, TimeoutFault
from botkit.media.transport import MemoryNetwork, MemoryTransport, TransportParameters

Carry = Callable[[bytes, float], float | None]
Scene = Callable[["Line"], Coroutine[Any, Any, None]]


class Line:
    """Two ends of one line, in virtual time."""

    def __init__(self, carry: Carry | None = None) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.clock = loop.clock
        self.network = MemoryNetwork(self.clock, carry)
        self.near, self.far = MemoryTransport(self.network), MemoryTransport(self.network)

    async def join(self) -> None:
        await asyncio.gather(self.near.connect(self.far.local), self.far.connect(self.near.local))

    def polled(self, end: MemoryTransport) -> list[tuple[bytes, float]]:
        return end.poll(self.clock.now(), 0.0)


def play(scene: Scene, carry: Carry | None = None) -> None:
    async def main() -> None:
        await scene(Line(carry))

    clock.run(main(), virtual=True)


def test_packets_go_both_ways_in_order() -> None:
    """What one end sends the other polls, oldest first, with the time of its arrival; and nothing comes back."""

    async def scene(line: Line) -> None:
        await line.near.gather(offerer=True)
        await line.join()
        begin = line.clock.now()
        line.near.send(b"one")
        await line.clock.sleep(0.01)
        line.near.send(b"two")
        line.far.send(b"three")
        got = line.polled(line.far)
        assert got == [(b"one", begin), (b"two", pytest.approx(begin + 0.01))]
        assert [packet for packet, _ in line.polled(line.near)] == [b"three"]
        assert line.polled(line.far) == []

    play(scene)


def test_eight_a_beat() -> None:
    """A poll gives at most eight packets; the others wait in order for the next ones."""

    async def scene(line: Line) -> None:
        await line.join()
        for number in range(20):
            line.near.send(bytes([number]))
        polls = [[packet[0] for packet, _ in line.polled(line.far)] for _ in range(4)]
        assert polls == [list(range(8)), list(range(8, 16)), list(range(16, 20)), []]

    play(scene)


def test_reports_go_beside() -> None:
    """RTCP is handed to `on_rtcp` from within the poll, with its arrival time; without one it is dropped."""

    async def scene(line: Line) -> None:
        await line.join()
        heard: list[tuple[bytes, float]] = []
        line.near.send_rtcp(b"nobody")
        line.polled(line.far)
        line.far.on_rtcp = lambda packet, at: heard.append((packet, at))
        line.near.send_rtcp(b"report")
        assert line.polled(line.far) == []
        assert heard == [(b"report", line.clock.now())]

    play(scene)


def test_lost_and_late_packets() -> None:
    """`carry` decides: None loses a packet, a later time makes it wait, and quicker ones overtake it."""

    def carry(packet: bytes, now: float) -> float | None:
        return {b"lost": None, b"slow": now + 0.05}.get(packet, now)

    async def scene(line: Line) -> None:
        await line.join()
        begin = line.clock.now()
        for packet in (b"lost", b"slow", b"quick"):
            line.near.send(packet)
        assert line.polled(line.far) == [(b"quick", begin)]
        await line.clock.sleep(0.04)
        assert line.polled(line.far) == []
        await line.clock.sleep(0.02)
        assert line.polled(line.far) == [(b"slow", pytest.approx(begin + 0.05))]

    play(scene, carry)


def test_the_same_packet_twice() -> None:
    """Two equal packets with equal arrival times are two packets."""

    async def scene(line: Line) -> None:
        await line.join()
        line.near.send(b"slow")
        for _ in range(12):
            line.near.send(b"same")
        assert [len(line.polled(line.far)) for _ in range(3)] == [8, 5, 0]

    play(scene)


def test_delayed_packets_are_polled_by_arrival() -> None:
    """What arrives between two polls comes out in the order of arrival, not of sending."""
    delays = iter((0.03, 0.01, 0.02))

    async def scene(line: Line) -> None:
        await line.join()
        for packet in (b"third", b"first", b"second"):
            line.near.send(packet)
        await line.clock.sleep(0.1)
        assert [packet for packet, _ in line.polled(line.far)] == [b"first", b"second", b"third"]

    play(scene, lambda packet, now: now + next(delays))


def test_the_latest_arrivals_wait_when_there_are_too_many() -> None:
    """Of more than eight that have arrived the eight oldest come first."""
    delays = iter((0.05, *(0.001 * number for number in range(9))))

    async def scene(line: Line) -> None:
        await line.join()
        for number in range(10):
            line.near.send(bytes([number]))
        await line.clock.sleep(0.1)
        polls = [[packet[0] for packet, _ in line.polled(line.far)] for _ in range(2)]
        assert polls == [[1, 2, 3, 4, 5, 6, 7, 8], [9, 0]]

    play(scene, lambda packet, now: now + next(delays))


def test_unknown_far_end() -> None:
    """To join with nobody is a network's fault."""

    async def scene(line: Line) -> None:
        with pytest.raises(NetworkFault, match="in-memory"):
            await line.near.connect(TransportParameters("nobody", "x" * 22, (), ()))

    play(scene)


def test_far_end_that_never_joins() -> None:
    """When the other end does not join in time, the time-out names its phase."""

    async def scene(line: Line) -> None:
        with pytest.raises(TimeoutFault) as fault:
            await line.near.connect(line.far.local, timeout=3.0)
        assert fault.value.phase == "media"
        assert line.clock.now() == pytest.approx(3.0, abs=0.01)

    play(scene)


def test_before_and_after_the_line_is_joined() -> None:
    """Sending into nothing is counted, not raised; closing may be done twice and drops what waits."""

    async def scene(line: Line) -> None:
        line.near.send(b"too early")
        line.near.send_rtcp(b"too early")
        assert line.near.errors == 1
        await line.join()
        line.near.send(b"unread")
        await line.far.close()
        await line.far.close()
        assert line.polled(line.far) == []
        await line.near.close()
        line.near.send(b"too late")
        assert line.near.errors == 2
        assert not line.network.ends

    play(scene)


def test_candidates_are_taken_and_forgotten() -> None:
    """A memory line has no use for candidates, and takes them all the same."""

    async def scene(line: Line) -> None:
        line.near.add_candidate("1 1 udp 1 127.0.0.1 9 typ host")
        line.near.add_candidate(None)
        await line.join()

    play(scene)
