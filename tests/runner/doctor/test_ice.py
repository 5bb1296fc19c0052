"""STUN and TURN servers of an account."""

from __future__ import annotations

from botkit import clock
from botkit.exchange.exchange import run_exchange
from botkit.runner.doctor.findings import Diagnosis, State
from botkit.settings import IceServer
from tests.media.stun import stun_server
from tests.runner.doctor.kit import account_on, examined, fault_of, finding


def diagnosed(*servers: str | IceServer) -> Diagnosis:
    """An account whose servers are these; {port} is one that answers, {mute} one that does not."""

    async def scene() -> Diagnosis:
        async with run_exchange() as exchange, stun_server() as port, stun_server(mute=True) as mute:
            listed = tuple(
                one if isinstance(one, IceServer) else IceServer(one.format(port=port, mute=mute)) for one in servers
            )
            return await examined(account_on(exchange, ice_servers=listed))

    return clock.run(scene())


def test_a_server_that_answers() -> None:
    """It is named with what it said, and the candidates are counted by kind."""
    found = finding(diagnosed("stun:127.0.0.1:{port}"), "ice")
    assert found.state is State.OK
    assert "answered (we are 127.0.0.1:" in found.text
    assert "1 host, 1 srflx" in found.text


def test_one_of_two_that_does_not() -> None:
    """That is a warning that names it, and the firewall."""
    found = finding(diagnosed("stun:127.0.0.1:{port}", "stun:127.0.0.1:{mute}"), "ice")
    assert found.state is State.WARNING
    assert "no answer within 3 s" in found.text
    assert "firewall" in (found.hint or "")


def test_none_that_answers() -> None:
    """That is a fault: UDP is blocked, or the list is wrong."""
    text, hint = fault_of(diagnosed("stun:127.0.0.1:{mute}"), "ice")
    assert "no ICE server answers" in text
    assert "UDP" in hint


def test_a_name_that_is_not_known() -> None:
    """A server whose name does not resolve is told from one that is silent."""
    text, hint = fault_of(diagnosed("stun:nobody.invalid:3478"), "ice")
    assert "the name is not known" in text
    assert "ice_servers" in hint


def test_a_relay_without_a_password() -> None:
    """TURN asks for a name and a password (RFC 8656 section 5): without them it is not asked, and that is said."""
    found = finding(diagnosed("stun:127.0.0.1:{port}", "turn:127.0.0.1:3478?transport=tcp"), "ice")
    assert found.state is State.WARNING
    assert "no username and credential" in found.text
    assert "credential:" in (found.hint or "")


def test_a_relay_that_does_not_answer() -> None:
    """A relay's way is named: a firewall may pass TCP and not UDP."""
    text, _ = fault_of(diagnosed(IceServer("turn:127.0.0.1:9?transport=tcp", "user", "secret")), "ice")
    assert "no relay over TCP" in text
    assert "secret" not in text
