"""STUN and TURN servers are asked as a call would ask them."""

from __future__ import annotations

from botkit import clock
from botkit.clock import MonotonicClock
from botkit.media.peer import Peer
from botkit.media.probe import ask_ice_server
from botkit.settings import IceServer
from tests.media.stun import stun_server


def test_a_server_that_answers() -> None:
    """The address at which it sees us is given."""

    async def scene() -> str | None:
        async with stun_server() as port:
            return await ask_ice_server(MonotonicClock(), IceServer(f"stun:127.0.0.1:{port}"), "127.0.0.1")

    answer = clock.run(scene())
    assert answer is not None
    assert answer.startswith("127.0.0.1:")


def test_servers_that_do_not() -> None:
    """None for a mute STUN server and for a TURN server that is none, after the time given."""

    async def scene() -> list[str | None]:
        async with stun_server(mute=True) as port:
            servers = [IceServer(f"stun:127.0.0.1:{port}"), IceServer(f"turn:127.0.0.1:{port}", "user", "secret")]
            return [await ask_ice_server(MonotonicClock(), one, "127.0.0.1", within=0.3) for one in servers]

    assert clock.run(scene()) == [None, None]


def test_a_call_does_not_wait_long_for_a_mute_server() -> None:
    """Gathering ends with the host's candidate when the STUN server has not answered within 5 s."""

    async def scene() -> int:
        async with stun_server(mute=True) as port:
            peer = Peer(MonotonicClock(), ice_servers=(IceServer(f"stun:127.0.0.1:{port}"),))
            try:
                async with MonotonicClock().timeout(20.0):  # aioice by itself goes on for 32 s
                    await peer.gather(offerer=True)
                return len(peer.local.candidates)
            finally:
                await peer.close()

    assert clock.run(scene()) == 1
