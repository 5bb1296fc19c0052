"""The media plane of a process: the beat, the ears, the spool and the way to make an endpoint.

One per event loop. `media_plane()` shares it between an exchange and any number of clients: the
first to enter starts the beat, the last to leave stops it.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Sequence

from threadpoolctl import threadpool_limits

from botkit.clock import Clock, MonotonicClock, VirtualLoop
from botkit.media.codec import codec_names
from botkit.media.endpoint import Endpoint
from botkit.media.hearing import Hearing
from botkit.media.pacer import Pacer, beating
from botkit.media.spool import Spool
from botkit.media.transport import MemoryNetwork, MemoryTransport, Transport
from botkit.media.wire import probe_arrival_times
from botkit.settings import IceServer


class MediaPlane:
    """What all calls of one event loop share.

    With a `network` every endpoint is joined in memory; without, over ICE and DTLS.
    """

    def __init__(self, clock: Clock, *, network: MemoryNetwork | None = None) -> None:
        self.clock = clock
        self.network = network
        self.pacer = Pacer(clock)
        self.pacer.kernel_times = network is not None or probe_arrival_times()  # in memory they are exact
        self.hearing = Hearing()
        self.pacer.after_each_beat(self.hearing.analyse)
        self.spool: Spool | None = None

    def endpoint(
        self,
        *,
        host: str = "127.0.0.1",
        codecs: Sequence[str] = codec_names(),
        connected: bool = False,
        ice_servers: Sequence[IceServer] = (),
        cname: str = "botkit",
        own_certificate: bool = False,
    ) -> Endpoint:
        """An endpoint for one leg. `connected`: its far end cannot change its address (our own exchange).
        `own_certificate`: one that no other has, so that a far end that goes on with the DTLS transport that it has
        begins anew (RFC 8842 4)."""
        transport: Transport
        if self.network is not None:
            transport = MemoryTransport(self.network)
        else:
            from botkit.media.dtls import Certificate
            from botkit.media.peer import Peer

            certificate = Certificate.generateCertificate() if own_certificate else None
            transport = Peer(self.clock, (host,), connected=connected, ice_servers=ice_servers, certificate=certificate)
        return Endpoint(self.clock, self.pacer, transport, codecs=codecs, cname=cname, host=host)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[MediaPlane]:
        """Keep the beat while the scope lasts."""
        if self.network is None:
            from botkit.media.dtls import process_certificate

            process_certificate()  # made now, so that the first call's set-up is like the others'
        # BLAS threads spin between beats and, over arrays as small as ours, wait for each other: one does it all.
        with threadpool_limits(limits=1, user_api="blas"):
            async with beating(self.pacer):
                yield self


_planes: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = weakref.WeakKeyDictionary()


class _Shared:
    """The plane of one loop and how many use it."""

    def __init__(self, plane: MediaPlane) -> None:
        self.plane = plane
        self.users = 0
        self.scope: contextlib.AbstractAsyncContextManager[MediaPlane] | None = None


@contextlib.asynccontextmanager
async def media_plane() -> AsyncIterator[MediaPlane]:
    """The running loop's media plane, started by the first that asks for it and stopped by the last.

    On a `VirtualLoop` it is in memory and in virtual time.
    """
    loop = asyncio.get_running_loop()
    shared = _planes.get(loop)
    if shared is None:
        if isinstance(loop, VirtualLoop):
            plane = MediaPlane(loop.clock, network=MemoryNetwork(loop.clock))
        else:
            plane = MediaPlane(MonotonicClock())
        shared = _planes[loop] = _Shared(plane)
    shared.users += 1
    try:
        if shared.scope is None:
            shared.scope = shared.plane.running()
            await shared.scope.__aenter__()
        yield shared.plane
    finally:
        shared.users -= 1
        if shared.users == 0 and shared.scope is not None:
            scope, shared.scope = shared.scope, None
            del _planes[loop]
            await scope.__aexit__(None, None, None)
