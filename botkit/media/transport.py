"""Where a session's packets go: the interface, and the in-memory line.

A transport is *gathered* (it knows its own ICE parameters), then *connected* to the remote ones,
then polled and written on the beat. `Peer` does it over ICE, DTLS and SRTP; `MemoryTransport`
joins two ends inside one process, in real or virtual time, for tests and for flows that the
exchange hosts itself.
"""

from __future__ import annotations

import bisect
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from botkit.clock import Clock
from botkit.errors import NetworkFault, TimeoutFault

Arrival = tuple[bytes, float]
"""A packet in the clear, and when it arrived (monotonic seconds)."""


@dataclass(frozen=True, slots=True)
class TransportParameters:
    """What one end tells the other in its SDP. `candidates` are attribute values without `candidate:`."""

    ufrag: str
    password: str
    candidates: tuple[str, ...]
    fingerprints: tuple[tuple[str, str], ...]  # (algorithm, value)
    dtls_client: bool | None = None  # setup:active → True, passive → False, actpass → None
    ice_lite: bool = False
    trickle: bool = False  # more candidates may follow


class Transport(Protocol):
    """One end of a media path. Made, gathered, connected, polled on the beat, closed."""

    on_rtcp: Callable[[bytes, float], None] | None
    """Given each RTCP compound packet in the clear with its arrival time, from within `poll`."""
    on_lost: Callable[[str], None] | None
    """Told once when the path is lost after it was up (consent expired, DTLS closed)."""
    errors: int
    """Datagrams that could not be sent, received or decrypted."""

    @property
    def local(self) -> TransportParameters: ...

    async def gather(self, *, offerer: bool) -> None:
        """Find the own candidates. The offerer controls ICE (RFC 8445 6.1.1); its checks may come early.

        Raises `NetworkFault` when no address can be bound."""
        ...

    async def connect(self, remote: TransportParameters, *, timeout: float = 10.0) -> None:
        """Join with the remote end. Raises `TimeoutFault` or `NetworkFault`; a cancelled caller closes it."""
        ...

    def add_candidate(self, candidate: str | None) -> None:
        """A trickled remote candidate; None ends the list."""
        ...

    def poll(self, now: float, to_monotonic: float) -> list[Arrival]:
        """RTP that arrived since the last beat, decrypted, oldest first, at most eight. Never raises.

        `to_monotonic` is what to add to wallclock seconds to get monotonic ones; while that is infinite, arrival
        times are those of reading."""
        ...

    def send(self, packet: bytes) -> None:
        """Send one RTP packet, given in the clear. Never raises; trouble is counted in `errors`."""
        ...

    def send_rtcp(self, packet: bytes) -> None:
        """Send one RTCP compound packet, given in the clear. Never raises."""
        ...

    async def close(self) -> None:
        """Give everything back. May be called at any time, more than once."""
        ...


def _arrived_at(arrival: Arrival) -> float:
    return arrival[1]


class MemoryNetwork:
    """Joins `MemoryTransport`s by their ICE user fragments.

    `carry` may drop or delay packets: given (packet, now) it returns the time of arrival, or None
    for a lost one.
    """

    def __init__(self, clock: Clock, carry: Callable[[bytes, float], float | None] | None = None) -> None:
        self.clock = clock
        self.carry = carry
        self.ends: dict[str, MemoryTransport] = {}


class MemoryTransport:
    """An end of an in-memory line; packets stay in the clear and arrive at once unless `carry` says otherwise."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.on_rtcp: Callable[[bytes, float], None] | None = None
        self.on_lost: Callable[[str], None] | None = None
        self.errors = 0
        self._network = network
        self._far: MemoryTransport | None = None
        self._inbox: list[Arrival] = []  # by arrival
        self._rtcp: list[Arrival] = []
        self._ufrag = secrets.token_hex(8)
        network.ends[self._ufrag] = self

    @property
    def local(self) -> TransportParameters:
        return TransportParameters(
            ufrag=self._ufrag,
            password=self._ufrag * 2,
            candidates=("1 1 udp 1 127.0.0.1 9 typ host",),
            fingerprints=(("sha-256", ":".join(["00"] * 32)),),
        )

    async def gather(self, *, offerer: bool) -> None:
        """Nothing to find."""

    async def connect(self, remote: TransportParameters, *, timeout: float = 10.0) -> None:
        far = self._network.ends.get(remote.ufrag)
        if far is None:
            raise NetworkFault(f"no in-memory line is called {remote.ufrag}")
        self._far = far
        try:
            async with self._network.clock.timeout(timeout):
                while far._far is None:  # the other side has not applied our description yet
                    await self._network.clock.sleep(0.002)
        except TimeoutError:
            raise TimeoutFault("the other end of the in-memory line never connected", "media") from None

    def add_candidate(self, candidate: str | None) -> None:
        """In-memory lines have no candidates."""

    def poll(self, now: float, to_monotonic: float) -> list[Arrival]:
        if self._rtcp:
            reports, self._rtcp = self._rtcp, []
            for packet, at in reports:
                if self.on_rtcp is not None:
                    self.on_rtcp(packet, at)
        inbox = self._inbox
        if not inbox:
            return inbox
        if inbox[-1][1] <= now and len(inbox) <= 8:
            self._inbox = []
            return inbox
        due = min(bisect.bisect_right(inbox, now, key=_arrived_at), 8)
        self._inbox = inbox[due:]
        return inbox[:due]

    def send(self, packet: bytes) -> None:
        far = self._far
        if far is None:
            self.errors += 1
            return
        now = self._network.clock.now()
        if self._network.carry is None:
            far._inbox.append((packet, now))
        elif (at := self._network.carry(packet, now)) is not None:
            bisect.insort(far._inbox, (packet, at), key=_arrived_at)

    def send_rtcp(self, packet: bytes) -> None:
        if self._far is not None:
            self._far._rtcp.append((packet, self._network.clock.now()))

    async def close(self) -> None:
        self._network.ends.pop(self._ufrag, None)
        self._far = None
        self._inbox.clear()
