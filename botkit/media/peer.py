"""One WebRTC peer: ICE and DTLS from aiortc, the packets our own.

Theory of operation. `RTCIceTransport` and `RTCDtlsTransport` (aiortc's ORTC objects) find the path
and agree on keys; their senders, receivers and decoder threads are never started. aioice is given
a `Connection` whose candidates sit on our own sockets (`wire.Wire`). Once DTLS is done the beat owns
the socket: `poll` drains it, decrypts RTP and RTCP itself, and hands STUN and DTLS back to aiortc's
objects, so consent checks and close notices go on working. A relayed pair (TURN) has no socket of
ours; its datagrams come through aioice's own objects into the same inbox.

This module and `dtls.py` alone know private names of aiortc and aioice; the versions they were read in are
aiortc 1.16 and aioice 0.13.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from aioice import Candidate
from aioice import ice as aioice
from aioice.candidate import candidate_foundation, candidate_priority
from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceServer,
    RTCIceTransport,
)
from aiortc.rtcicetransport import candidate_from_aioice, connection_kwargs

from botkit.clock import Clock
from botkit.errors import NetworkFault, TimeoutFault
from botkit.media.dtls import DtlsTransport, process_certificate
from botkit.media.srtp import SrtpCipher
from botkit.media.srtp_path import Datagram, SrtpPath, path_over
from botkit.media.transport import Arrival, TransportParameters
from botkit.media.wire import Wire
from botkit.settings import IceServer

STALE = 0.030
"""A datagram older than this when read may have others behind it: read on at once."""

LOOK_EVERY = 4
"""Beats between reads to the bottom. An empty read costs as much as a sixth of the whole beat of a leg, and one
packet a beat is the rule; so after a fresh packet the next read waits for the next beat, except on every fourth."""


class _Connection(aioice.Connection):
    """aioice's connection on wires of our own, with RTP kept out of its queue."""

    def __init__(self, hosts: Sequence[str], on_media: Callable[[bytes], None], **options: Any) -> None:
        super().__init__(ice_controlling=False, **options)
        self._hosts = hosts
        self._on_media = on_media

    async def gather_candidates(self) -> None:
        # aioice would list the machine's interfaces first (and leave loopback out); the account names the address.
        self._local_candidates_start = True
        self._local_candidates = await self.get_component_candidates(component=1, addresses=list(self._hosts))
        self._local_candidates_end = True

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        loop = asyncio.get_running_loop()
        wires: list[aioice.StunProtocol] = []
        for host in addresses:
            protocol = aioice.StunProtocol(self)
            try:
                wire = Wire(loop, protocol, host)
            except OSError as error:
                raise NetworkFault(
                    f"cannot open a media socket on {host}: {error}", hint="name an address of this machine"
                ) from error
            self._protocols.append(protocol)  # at once: `close` gives it back, should the next host fail
            address, port = wire.sock.getsockname()[:2]
            protocol.local_candidate = Candidate(
                foundation=candidate_foundation("host", "udp", address),
                component=component,
                transport="udp",
                priority=candidate_priority(component, "host"),
                host=address,
                port=port,
                type="host",
            )
            wires.append(protocol)
        found = [protocol.local_candidate for protocol in wires]
        if self.stun_server:
            asked = [
                aioice.server_reflexive_candidate(protocol, self.stun_server)
                for protocol in wires
                if ipaddress.ip_address(protocol.local_candidate.host).version == 4
            ]
            # Its own retransmissions go on for half a minute (RFC 8489 6.2.1): a call does not wait for that.
            tasks = [asyncio.ensure_future(one) for one in asked]
            try:
                done, _ = await asyncio.wait(tasks, timeout=timeout)
            finally:
                for task in tasks:
                    task.cancel()
            found += [task.result()[0] for task in tasks if task in done and task.exception() is None]
        if self.turn_server:
            found += await super().get_component_candidates(component, [], timeout)  # the relay alone
        return found

    def data_received(self, data: bytes, component: int) -> None:
        if data and 127 < data[0] < 192:
            self._on_media(data)
        else:
            super().data_received(data, component)


class Peer:
    """One end of a WebRTC path; a `botkit.media.transport.Transport`.

    `hosts` are the local addresses to offer; `connected` allows the socket to be connected to the
    remote address (loopback, to our own exchange). `ice_servers` are never assumed: none means
    host candidates only. `certificate` is the process's where none is given; one that no other peer has
    makes the far end begin DTLS anew where it goes on with a transport that it has (RFC 8842 4).
    """

    __slots__ = (
        "_beats",
        "_clock",
        "_closed",
        "_connected",
        "_dtls",
        "_gatherer",
        "_hidden",
        "_ice",
        "_inbox",
        "_offerer",
        "_path",
        "_protocol",
        "_remote",
        "_rx",
        "_trickled",
        "_up",
        "_wire",
        "errors",
        "milestones",
        "on_lost",
        "on_rtcp",
        "pair",
    )

    def __init__(
        self,
        clock: Clock,
        hosts: Sequence[str] = ("127.0.0.1",),
        *,
        connected: bool = False,
        ice_servers: Sequence[IceServer] = (),
        certificate: RTCCertificate | None = None,
    ) -> None:
        self.on_rtcp: Callable[[bytes, float], None] | None = None
        self.on_lost: Callable[[str], None] | None = None
        self.errors = 0
        self.milestones: dict[str, float] = {}
        """When (monotonic) `connect` began, `ice` had a path, `dtls` had keys: as far as it has come."""
        self.pair: tuple[str, str] | None = None
        """The two candidates that ICE chose, ours first: "host 192.0.2.1:4000"."""
        self._clock = clock
        self._connected = connected
        self._inbox: list[Arrival] = []
        servers = [
            RTCIceServer(urls=server.url, username=server.username, credential=server.credential)
            for server in ice_servers
        ]
        # Our own names: aioice draws its random ones letter by letter, which costs as much as a signature.
        name, password = secrets.token_hex(4), secrets.token_hex(16)
        gatherer = RTCIceGatherer([], local_username=name, local_password=password)
        gatherer._connection = _Connection(
            hosts, self._media_by_loop, local_username=name, local_password=password, **connection_kwargs(servers)
        )
        self._gatherer = gatherer
        self._ice = RTCIceTransport(gatherer)
        self._dtls = DtlsTransport(self._ice, [certificate or process_certificate()])
        self._wire: Wire | None = None
        self._protocol: Any = None
        self._remote: Any = None
        self._rx: SrtpCipher | None = None
        self._path: SrtpPath | None = None
        self._offerer = False
        self._beats = 0
        self._closed = False
        self._hidden = False  # the far end has named a candidate that we cannot resolve
        self._up = False
        self._trickled: set[asyncio.Task[None]] = set()

    @property
    def local(self) -> TransportParameters:
        ice = self._gatherer.getLocalParameters()
        prints = self._dtls.getLocalParameters().fingerprints
        return TransportParameters(
            ufrag=ice.usernameFragment or "",
            password=ice.password or "",
            candidates=tuple(candidate.to_sdp() for candidate in self._gatherer._connection.local_candidates),
            fingerprints=tuple((p.algorithm, p.value) for p in prints if p.algorithm == "sha-256"),
        )

    async def gather(self, *, offerer: bool) -> None:
        # Set before the remote end can know of us: a check that finds us in the wrong role costs a round trip.
        self._offerer = offerer
        self._ice._connection.ice_controlling = offerer
        self._ice._role_set = True
        await self._gatherer.gather()

    async def connect(self, remote: TransportParameters, *, timeout: float = 10.0) -> None:
        try:
            async with self._clock.timeout(timeout):
                await self._connect(remote)
        except TimeoutError:
            phase = "ICE" if self._ice.state != "completed" else "DTLS"
            raise TimeoutFault(
                f"media did not connect within {timeout:g} s ({phase} did not finish)",
                "media",
                hint="is UDP between the two addresses open? behind NAT the account needs ice_servers",
            ) from None

    async def _connect(self, remote: TransportParameters) -> None:
        if self._closed:
            raise NetworkFault("the media path was closed before it was up")
        self.milestones["connect"] = self._clock.now()
        for text in remote.candidates:
            await self._add(text)
        if not remote.trickle:
            await self._no_more_candidates()
        await self._ice.start(
            RTCIceParameters(usernameFragment=remote.ufrag, password=remote.password, iceLite=remote.ice_lite)
        )
        if self._ice.state != "completed":
            raise NetworkFault(
                "no media path: every ICE candidate pair failed",
                hint="the addresses in the two SDPs cannot reach each other over UDP",
            )
        self.milestones["ice"] = self._clock.now()
        chosen = self._ice._connection._nominated[1]
        self.pair = (_in_words(chosen.local_candidate), _in_words(chosen.remote_candidate))
        # RFC 8842 section 5: the answerer chooses, and chooses active as a rule.
        they_are_client = remote.dtls_client if remote.dtls_client is not None else self._offerer
        self._dtls._set_role("server" if they_are_client else "client")
        await self._dtls.start(
            RTCDtlsParameters(fingerprints=[RTCDtlsFingerprint(algorithm=a, value=v) for a, v in remote.fingerprints])
        )
        if self._dtls.state != "connected":
            raise NetworkFault(
                "the DTLS handshake failed",
                hint="the other end's certificate does not match the fingerprint in its SDP",
            )
        self.milestones["dtls"] = self._clock.now()
        self._take_over()

    def _take_over(self) -> None:
        pair = self._ice._connection._nominated[1]
        self._rx = SrtpCipher(self._dtls._rx_srtp)
        self._protocol, self._remote = pair.protocol, pair.remote_addr
        transport = pair.protocol.transport
        if isinstance(transport, Wire):
            loopback = ipaddress.ip_address(pair.remote_addr[0]).is_loopback
            transport.take_over(pair.remote_addr, connect=self._connected and loopback)
            self._wire = transport
        self._path = path_over(transport, pair.remote_addr, SrtpCipher(self._dtls._tx_srtp), self._rx)
        self._up = True
        self._ice.on("statechange", self._state_changed)
        self._dtls.on("statechange", self._state_changed)

    def _state_changed(self) -> None:
        if self._up and not self._closed and (self._ice.state == "failed" or self._dtls.state in ("closed", "failed")):
            self._up = False
            expired = self._ice._connection._closing  # aioice closes itself then, which ends DTLS first
            if expired:
                self._wire = None
            if self.on_lost is not None:
                self.on_lost("ICE consent expired" if expired else "the other end closed its media")

    async def _add(self, text: str) -> None:
        try:
            candidate = Candidate.from_sdp(text)
        except (ValueError, IndexError):
            return  # a candidate we cannot read is one path less, not an error (RFC 8839 5.1)
        if candidate.component != 1 or candidate.transport.lower() != "udp":
            return  # component 2 is RTCP, which we multiplex
        if candidate.host.endswith(".local"):
            # That would need multicast DNS; its owner reaches us all the same and is learned as peer reflexive.
            self._hidden = True
            return
        await self._ice.addRemoteCandidate(candidate_from_aioice(candidate))

    async def _no_more_candidates(self) -> None:
        if not self._hidden:  # else one more may be learned, and with none named aioice would give up at once
            await self._ice.addRemoteCandidate(None)

    def add_candidate(self, candidate: str | None) -> None:
        async def add() -> None:
            with contextlib.suppress(ValueError):  # after the end of candidates: too late to matter
                await (self._add(candidate) if candidate else self._no_more_candidates())

        task = asyncio.get_running_loop().create_task(add())
        self._trickled.add(task)
        task.add_done_callback(self._trickled.discard)

    def _media_by_loop(self, data: bytes) -> None:
        """RTP or RTCP that the event loop read: before the beat took over, or through a relay."""
        if len(self._inbox) < 50:
            self._inbox.append((data, self._clock.now()))

    def poll(self, now: float, to_monotonic: float) -> list[Arrival]:
        got: list[Arrival] = []
        rx = self._rx
        if rx is None:
            return got
        if self._inbox:
            self._open_inbox(rx, got)
        if self._wire is None or self._closed:
            return got
        assert self._path is not None
        self._beats += 1
        others: list[Datagram] = []
        fresh = STALE if self._beats % LOOK_EVERY else -math.inf
        self.errors += self._path.receive(now, to_monotonic, fresh, got, others)
        for data, at, address in others:
            if 127 < data[0] < 192:
                self._rtcp(rx.unprotect(data, rtcp=True), at)
            else:  # STUN and DTLS go back to their owners (RFC 7983)
                self._hand_back(data, address or self._remote)
        return got

    def _hand_back(self, data: bytes, address: Any) -> None:
        """A datagram for aiortc's objects. Their parsers raise more than they say (a STUN attribute of the
        wrong length: struct.error), and whoever can reach the socket may send it."""
        try:
            self._protocol.datagram_received(data, address)
        except Exception:
            self.errors += 1

    def _open_inbox(self, rx: SrtpCipher, got: list[Arrival]) -> None:
        inbox, self._inbox = self._inbox, []
        for data, at in inbox:
            rtcp = len(data) > 1 and 192 <= data[1] <= 223
            clear = rx.unprotect(data, rtcp=rtcp)
            if rtcp:
                self._rtcp(clear, at)
            elif clear is None:
                self.errors += 1
            else:
                got.append((clear, at))

    def _rtcp(self, clear: bytes | None, at: float) -> None:
        if clear is None:
            self.errors += 1
        elif self.on_rtcp is not None:
            self.on_rtcp(clear, at)

    def send(self, packet: bytes) -> None:
        path = self._path
        if path is not None and not self._closed and not path.send(packet):
            self.errors += 1

    def send_rtcp(self, packet: bytes) -> None:
        path = self._path
        if path is not None and not self._closed and not path.send_rtcp(packet):
            self.errors += 1

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for task in list(self._trickled):
            task.cancel()
        pump = self._dtls._task
        await self._dtls.stop()
        await self._ice.stop()
        if pump is not None:
            await asyncio.gather(pump, return_exceptions=True)
        # a peer that never connected has sockets all the same
        await self._gatherer._connection.close()


def _in_words(candidate: Candidate) -> str:
    host = f"[{candidate.host}]" if ":" in candidate.host else candidate.host
    return f"{candidate.type} {host}:{candidate.port}"
