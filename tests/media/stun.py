"""A STUN server in a few lines (RFC 8489 section 5): it says from where it was asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aioice import stun


class _Server(asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        asked = stun.parse_message(data)
        said = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, asked.transaction_id)
        said.attributes["XOR-MAPPED-ADDRESS"] = address[:2]
        self.transport.sendto(bytes(said), address)


@contextlib.asynccontextmanager
async def stun_server(*, mute: bool = False) -> AsyncIterator[int]:
    """Gives its port. `mute`: it takes what is sent and answers nobody."""
    make = asyncio.DatagramProtocol if mute else _Server
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(make, local_addr=("127.0.0.1", 0))
    try:
        yield int(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()
        await asyncio.sleep(0)
