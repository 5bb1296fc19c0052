"""A client and a small FreeSWITCH: over real sockets with real media, and in virtual time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from botkit import clock, events
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.errors import CallEnded, ConfigError, LoginRefused, NetworkFault
from botkit.media.dtls import process_certificate
from botkit.media.peer import Peer
from botkit.runner.doctor.examination import examine
from botkit.runner.doctor.findings import State
from botkit.runner.options import RunOptions
from botkit.runner.run import run_flows
from botkit.settings import Settings
from botkit.states import CallState
from tests.client.verto import FreeSwitch, account, in_memory, listening
from tests.media.waiting import PATIENCE
from tests.runner.doctor.kit import certificate

LOUD = 440.0
"""What the server says to everybody, in Hz."""


def play(scene: Callable[[FreeSwitch, Client], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run `scene(server, client)` in virtual time; it leaves no task and no call."""

    async def main() -> None:
        async with in_memory(**options) as (server, client), asyncio.timeout(600.0):
            await scene(server, client)
        assert not client.calls
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), virtual=True)


def names(call: Call) -> list[str]:
    """The flow language's names of what happens to a call from now on."""
    seen: list[str] = []
    call.listen(lambda event: seen.append(event.name) if event.name else None)
    return seen


# --- real sockets ---------------------------------------------------------------------------------


def test_a_call_over_real_sockets() -> None:
    """Login, a call that is heard, digits, hold and resume, hang-up: each request names the session, and each is
    what the server wants."""

    async def main() -> None:
        async with listening() as (server, pbx), Client(pbx) as client:
            call = await client.dial("9196", headers=[("X-Test", "42")])
            await call.answered(within=PATIENCE)
            await call.expect_tone(LOUD, within=PATIENCE)
            await call.send_dtmf("1#")
            await call.hold()
            assert call.state is CallState.HELD
            await call.resume()
            await call.hangup()
            assert (await call.ended()).by_us
        methods = [frame["method"].removeprefix("verto.") for frame in server.heard]
        assert methods == ["login", "invite", "info", "info", "modify", "modify", "bye"]
        assert [frame["id"] for frame in server.heard] == [1, 2, 3, 4, 5, 6, 7]
        assert len({frame["params"]["sessid"] for frame in server.heard}) == 1
        assert [params["dtmf"] for params in server.said("verto.info")] == ["1", "#"]
        assert [params["action"] for params in server.said("verto.modify")] == ["hold", "unhold"]
        [invite] = server.said("verto.invite")
        assert invite["dialogParams"]["userVariables"] == {"X-Test": "42"}
        assert [reply["result"]["method"] for reply in server.replies] == ["verto.clientReady", "verto.answer"]
        assert server.lines == 1

    clock.run(main())


def test_an_incoming_call_over_real_sockets() -> None:
    """The offer says RTP/SAVPF and no telephone-event; we are DTLS client towards an RSA certificate, hear and are
    heard, and know who calls."""

    async def main() -> None:
        async with listening() as (server, pbx), Client(pbx) as client:
            incoming: asyncio.Queue[Call] = asyncio.Queue()
            client.on("incoming", incoming.put_nowait)
            [seat] = server.seats.values()
            await seat.call("k-1")
            async with asyncio.timeout(PATIENCE):
                call = await incoming.get()
            seen = names(call)
            assert (call.remote, call.local, dict(call.headers)) == ("1001", "1000", {"X_Test": "42"})
            await call.answer()
            await call.expect_tone(LOUD, within=PATIENCE)
            transport = call.endpoint.transport
            assert isinstance(transport, Peer)
            assert transport._dtls._role == "client"
            assert transport._dtls._ssl is not None
            assert (transport._dtls._ssl.get_cipher_name() or "").startswith("ECDHE-RSA")
            assert call.endpoint.session.event_type is None
            seat.ask("bye", callID="k-1", causeCode=16, cause="NORMAL_CLEARING")
            end = await call.ended()
            assert (end.cause, end.by_us) == ("NORMAL_CLEARING", False)
            assert seen[0] == "answered"
            assert seen[-1] == "ended"
            [answer] = server.said("verto.answer")
            assert "RTP/SAVPF 96" in answer["sdp"] or "RTP/SAVPF 0" in answer["sdp"]

    process_certificate()
    clock.run(main())


def test_a_call_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that is signed by itself, as FreeSWITCH's is at first, is trusted where SSL_CERT_FILE names it."""
    files = certificate(tmp_path, own=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[0])

    async def main() -> None:
        async with listening(context) as (_server, pbx):
            with pytest.raises(NetworkFault, match="is not trusted"):
                async with Client(pbx):
                    pass
            monkeypatch.setenv("SSL_CERT_FILE", str(files[1]))
            async with Client(pbx) as client:
                call = await client.dial("9196")
                await call.answered(within=PATIENCE)
                await call.hangup()

    clock.run(main())


FLOW = """
flow: Echo of a switchboard
account: pbx
dial: "9196"
on:
  answered:
    - expect_tone: {hz: 440, within: 10s}
    - send_dtmf: "12"
    - hangup
  ended:
    - check: call.cause == "NORMAL_CLEARING"
"""


def test_a_flow_runs_against_it(tmp_path: Path) -> None:
    """`botkit run` with an account of this dialect: the same flow as elsewhere."""
    path = tmp_path / "echo.yaml"
    path.write_text(FLOW)

    async def main() -> None:
        async with listening() as (server, pbx):
            settings = Settings(accounts={"pbx": pbx}, allow=("9196",), flows_may_use=("pbx",))
            result = await run_flows([path], RunOptions(out=tmp_path / "out", paths=(path,), settings=settings))
        assert result.status == 0, result
        assert [params["dtmf"] for params in server.said("verto.info")] == ["1", "2"]

    clock.run(main())


def test_the_doctor_finds_it_well() -> None:
    """Login, readiness, ICE, DTLS, call and audio; only digits do not come back from a tone."""

    async def main() -> None:
        async with listening() as (_server, pbx):
            settings = Settings(accounts={"pbx": pbx}, allow=("9196",))
            diagnosis = await examine(settings, pbx, dial="9196")
        states = {one.step: one.state for one in diagnosis.findings}
        assert {states[step] for step in ("login", "ready", "ice", "dtls", "call", "audio")} == {State.OK}, diagnosis
        ready = next(one for one in diagnosis.findings if one.step == "ready")
        assert ready.text == "calls may be made"

    clock.run(main())


# --- virtual time ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "cause", "code"), [("9190", "USER_BUSY", 17), ("5555", "NO_ROUTE_DESTINATION", 3)])
def test_a_call_that_is_refused(number: str, cause: str, code: int) -> None:
    """The invite was taken; the bye says how it went."""

    async def scene(server: FreeSwitch, client: Client) -> None:
        call = await client.dial(number)
        with pytest.raises(CallEnded) as caught:
            await call.answered()
        assert (caught.value.cause, caught.value.code) == (cause, code)
        assert server.said("verto.bye") == []

    play(scene)


def test_ringing_is_never_seen() -> None:
    """The server does not tell that it rings: no such event, and the call is connecting until it is answered."""

    async def scene(server: FreeSwitch, client: Client) -> None:
        call = await client.dial("9191")
        seen = names(call)
        await client.plane.clock.sleep(0.5)
        assert call.state is CallState.CONNECTING
        await call.answered(within=5)
        assert seen == ["answered"]
        await call.hangup()

    play(scene)


def test_early_media_is_heard() -> None:
    """Before the answer, which brings no description of its own."""

    async def scene(server: FreeSwitch, client: Client) -> None:
        call = await client.dial("9189")
        seen = names(call)
        await client.plane.clock.sleep(0.5)
        await call.expect_sound(now=True, within=0.2)
        assert (seen, call.state) == (["early_media"], CallState.RINGING)
        await call.answered(within=5)
        assert seen == ["early_media", "answered"]
        await call.hangup()

    play(scene)


def test_a_call_that_is_given_up() -> None:
    """It is cancelled, as mod_verto's own cause says, and the server says no more than the result."""

    async def scene(server: FreeSwitch, client: Client) -> None:
        call = await client.dial("9191")
        await client.plane.clock.sleep(0.5)
        await call.hangup()
        assert (await call.ended()).cause == "ORIGINATOR_CANCEL"
        [bye] = server.said("verto.bye") or [await _until_heard(server, client, "verto.bye")]
        assert (bye["cause"], bye["causeCode"]) == ("ORIGINATOR_CANCEL", 487)

    play(scene)


async def _until_heard(server: FreeSwitch, client: Client, method: str) -> dict[str, Any]:
    while not server.said(method):
        await client.plane.clock.sleep(0.01)
    return server.said(method)[0]


def test_a_transfer() -> None:
    """The far end is moved at once; our part ends with the server's bye."""

    async def scene(server: FreeSwitch, client: Client) -> None:
        call = await client.dial("9196")
        await call.answered()
        assert await call.transfer("9197") == "answered"
        assert call.state is CallState.DONE

    play(scene)


def test_chatter_does_not_hold_the_server_back() -> None:
    """Digits every 20 ms, by one call, while another is being answered: the answer comes all the same."""

    async def scene(server: FreeSwitch, client: Client) -> None:
        talking = await client.dial("9196")
        await talking.answered()
        sending = asyncio.ensure_future(talking.send_dtmf("1" * 200, length=0.02, gap=0.0))
        await client.plane.clock.sleep(0.1)
        other = await client.dial("9196")
        await other.answered(within=1)
        assert not sending.done()
        await sending
        await talking.hangup()
        await other.hangup()
        await client.plane.clock.sleep(1.0)
        assert len(server.said("verto.info")) == 200

    play(scene)


def test_a_newer_login_takes_the_place() -> None:
    """Who is punted loses its calls and its line, and does not come back: that would start a war."""

    async def scene(server: FreeSwitch, client: Client) -> None:
        punted: list[Any] = []
        client.on("punted", punted.append)
        call = await client.dial("9196")
        await call.answered()
        [seat] = server.seats.values()
        seat.ask("punt")
        assert (await call.ended()).cause == "PICKED_OFF"
        await client.plane.clock.sleep(120.0)
        assert len(punted) == 1
        assert server.lines == 1
        assert len(server.said("login")) == 1

    play(scene)


def test_the_servers_texts_and_names_do_no_harm() -> None:
    """A display, an info with a text and a conference's event reach who listens, and the call goes on."""

    async def scene(server: FreeSwitch, client: Client) -> None:
        call = await client.dial("9196")
        await call.answered()
        heard: list[events.CallEvent] = []
        call.listen(heard.append)
        [seat] = server.seats.values()
        seat.ask("display", callID=call.id, display_name="Bob", display_number="1001", display_direction="inbound")
        seat.ask("info", callID=call.id, msg={"from": "1001", "to": "1000", "body": "hi"})
        seat.ask("event", eventChannel="x", pvtData={"callID": call.id})
        seat.ask("ping", serno=1)
        await client.plane.clock.sleep(1.0)
        assert [type(event) for event in heard] == [events.DisplayChanged, events.InfoReceived]
        assert [reply["result"]["method"] for reply in server.replies[-4:]] == [
            "verto.display",
            "verto.info",
            "verto.event",
            "verto.ping",
        ]
        assert call.state is CallState.ACTIVE
        await call.hangup()

    play(scene)


@pytest.mark.parametrize("login", ["1000", "7777@127.0.0.1"])
def test_a_refused_login(login: str) -> None:
    """The hint says what a login looks like here."""

    async def main() -> None:
        async with listening() as (_server, pbx):
            with pytest.raises(LoginRefused, match=r"Authentication Failure \(-32001\)") as caught:
                async with Client(account(server=pbx.server, login=login)):
                    pass
            assert "user@domain" in (caught.value.hint or "")

    clock.run(main())


def test_a_token_is_the_operators_mistake() -> None:
    """It is told as such, though the account was not read from a file."""

    async def main() -> None:
        async with listening() as (_server, pbx):
            with pytest.raises(ConfigError, match="login and a password only"):
                async with Client(account(server=pbx.server, login=None, password=None, token="a.b.c")):
                    pass

    clock.run(main())
