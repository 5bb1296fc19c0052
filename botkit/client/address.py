"""The local address that a client offers for media."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from urllib.parse import urlsplit

from botkit.errors import NetworkFault
from botkit.settings import Account


def media_address(account: Account) -> str:
    """The local address for media: the account's; loopback beside a server there; else that of the route.

    Raises `NetworkFault` where there is no route.
    """
    if account.address:
        return account.address
    host = urlsplit(account.server or "").hostname or "127.0.0.1"
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return host
    return "127.0.0.1" if host == "localhost" or account.is_embedded else route_address(host)


def route_address(host: str) -> str:
    """The local address from which packets to `host` leave. Sends nothing. Raises `NetworkFault`."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise NetworkFault(f"no route to {host}: {error}", hint="name the local address in the account") from error
