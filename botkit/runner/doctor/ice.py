"""The STUN and TURN servers that an account names: does each answer?"""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import parse_qs

from botkit.clock import Clock
from botkit.errors import NetworkFault
from botkit.media.probe import ask_ice_server
from botkit.runner.doctor.findings import Note
from botkit.settings import Account, IceServer

UDP_BLOCKED = "does a firewall keep UDP from leaving this machine? media and STUN need it (TURN over TCP or TLS helps)"


async def check_servers(note: Note, account: Account, host: str, clock: Clock, within: float) -> None:
    """Ask every server at once. Raises `NetworkFault` where none answers, or `host` is no address of ours."""
    servers = account.ice_servers
    if not servers:
        return
    answers = await asyncio.gather(*(_ask(server, host, clock, within) for server in servers))
    well = [f"{server.url} answered ({answer})" for server, (answer, _) in zip(servers, answers, strict=True) if answer]
    ill = [f"{server.url}: {why}" for server, (answer, why) in zip(servers, answers, strict=True) if not answer]
    note.facts["servers"] = {server.url: answer for server, (answer, _) in zip(servers, answers, strict=True)}
    if not well:
        raise NetworkFault(f"no ICE server answers: {'; '.join(ill)}", hint=_hint(ill))
    note.text = "; ".join(well)
    if ill:
        note.warn("; ".join(ill), hint=_hint(ill))


def _hint(ill: list[str]) -> str:
    if all("is not known" in one for one in ill):
        return "is `ice_servers` of this account spelt right?"
    if any("no username" in one for one in ill):
        return 'give the TURN server as {url: …, username: …, credential: "${env.…}"} in `ice_servers`'
    return UDP_BLOCKED


async def _ask(server: IceServer, host: str, clock: Clock, within: float) -> tuple[str | None, str]:
    """What it said, or else why it said nothing."""
    name, over_udp = _host_of(server.url)
    try:
        await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except OSError:
        return None, "the name is not known"
    turn = server.url.startswith("turn")
    if turn and not (server.username and server.credential):
        return None, "not asked: the account gives no username and credential for it"
    answer = await ask_ice_server(clock, server, host, within=within)
    if answer is not None:
        return (f"relays as {answer}" if turn else f"we are {answer}"), ""
    how = "UDP" if over_udp else "TCP"
    return None, f"no relay over {how} within {within:g} s, or refused" if turn else f"no answer within {within:g} s"


def _host_of(url: str) -> tuple[str, bool]:
    """The host of `turn:host:port?transport=tcp` (RFC 7065), and whether it is asked over UDP."""
    rest, _, query = url.partition(":")[2].partition("?")
    host = rest.removeprefix("[").partition("]")[0] if rest.startswith("[") else rest.partition(":")[0]
    transport = parse_qs(query).get("transport", ["udp"])[0]
    return host, transport == "udp" and not url.startswith("turns")
