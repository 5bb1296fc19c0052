"""Does a STUN or TURN server answer? Asked the way a call would ask it."""

from __future__ import annotations

from botkit.clock import Clock
from botkit.media.peer import Peer
from botkit.settings import IceServer


async def ask_ice_server(clock: Clock, server: IceServer, host: str, *, within: float = 5.0) -> str | None:
    """The address at which a STUN server sees a socket on `host`, or that a TURN server relays for it.

    None where it does not answer, or refuses. Raises `NetworkFault` when no socket can be bound on `host`.
    """
    peer = Peer(clock, (host,), ice_servers=(server,))
    wanted = "srflx" if server.url.startswith("stun") else "relay"
    try:
        async with clock.timeout(within):
            await peer.gather(offerer=True)
    except TimeoutError:
        return None
    finally:
        candidates = peer.local.candidates
        await peer.close()
    for candidate in candidates:
        # foundation component transport priority address port typ type … (RFC 8839 section 5.1)
        fields = candidate.split()
        if fields[7] == wanted:
            return f"{fields[4]}:{fields[5]}"
    return None
