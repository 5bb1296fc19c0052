"""Whole examinations: the embedded exchange, an exchange elsewhere, and what may be wrong with it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import serve

from botkit import clock
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.exchange.exchange import Exchange, run_exchange
from botkit.exchange.line import ClientLine
from botkit.media.endpoint import Endpoint
from botkit.media.peer import Peer
from botkit.results import PacerHealth
from botkit.runner.doctor.call import late_between, uneven
from botkit.runner.doctor.examination import credentials_hint
from botkit.runner.doctor.findings import STEPS, Diagnosis, State
from botkit.settings import LOCAL, Account, Caps, Settings
from botkit.signalling.orders import Order, SendMedia
from botkit.vocabulary import Tone
from tests.runner.doctor.kit import PATIENT, account, account_on, examined, fault_of, finding

NUMBER = "5100"
ALLOWED = Settings(allow=(NUMBER,))


def test_the_embedded_exchange() -> None:
    """Every step is tried and well: sound both ways, digits there and back."""
    diagnosis = clock.run(examined(LOCAL))
    assert not [one for one in diagnosis.findings if one.state is not State.OK and "too busy" not in one.text]
    assert diagnosis.account == "local"
    assert "embedded exchange" in finding(diagnosis, "name").text
    assert finding(diagnosis, "tls").facts == {"encrypted": False}
    assert finding(diagnosis, "ice").facts["pair"]["local"].startswith("host 127.0.0.1:")
    audio = finding(diagnosis, "audio").facts
    assert audio["level"] > -30
    assert audio["far_level"] > -30
    assert set(finding(diagnosis, "dtmf").facts["back"]) == {"info", "rtp"}
    assert all(one.took is not None and one.took >= 0 for one in diagnosis.findings)


def test_sound_that_is_uneven() -> None:
    """The network is suspected only where our own beats were kept: late and lost ones are of those that were due."""
    before = PacerHealth(1000, 10, 5)
    assert late_between(before, before) == 0.0
    busy = late_between(before, PacerHealth(1060, 22, 45))
    assert busy == pytest.approx(0.52)
    said, hint = uneven(busy)
    assert "too busy" in said
    assert "52% of its own beats" in hint
    said, hint = uneven(late_between(before, PacerHealth(1100, 12, 6)))
    assert said == "people will hear that"
    assert "network" in hint


def test_a_number_on_the_embedded_exchange() -> None:
    """The test line answers whatever may be dialled; an emergency number may not, and nothing is dialled."""
    assert clock.run(examined(LOCAL, dial="+18005550177")).fault is None
    settings = Settings(allow=("5100",))
    assert clock.run(examined(LOCAL, settings)).fault is None  # our own line is nobody else's number
    fault_of(clock.run(examined(LOCAL, settings, dial="5101")), "call")
    text, hint = fault_of(clock.run(examined(LOCAL, dial="911")), "call")
    assert "911" in text
    assert "allow" in hint


def test_an_identity_of_the_embedded_exchange() -> None:
    """An embedded account that says whom to log in as is tried as that identity, which the settings give."""
    settings = Settings(exchange={"connections": {"john1234": {"password": "secret12"}}})
    john = Account("john", exchange="embedded", login="john1234", password="secret12")
    diagnosis = clock.run(examined(john, settings))
    assert diagnosis.fault is None, diagnosis.findings
    assert "john1234" in finding(diagnosis, "login").text
    fault_of(clock.run(examined(dataclasses.replace(john, password="other"), settings)), "login")


# --- the login -----------------------------------------------------------------------------------------------------


def test_a_wrong_password() -> None:
    """The hint names the variable that the password came from, and nobody sees the password."""

    async def scene() -> Diagnosis:
        async with run_exchange() as exchange:
            one = account_on(exchange, password="looking-glass", variables=(("password", "LAB_PASSWORD"),))
            return await examined(one)

    diagnosis = clock.run(scene())
    text, hint = fault_of(diagnosis, "login")
    assert "refused" in text
    assert "$LAB_PASSWORD" in hint
    assert "'alice'" in hint
    assert "looking-glass" not in repr(diagnosis)


def test_hints_about_credentials() -> None:
    """A token may have expired; a secret that came from nowhere is asked about by the account's name."""
    token = Account(name="lab", server="ws://x", token="t", variables=(("token", "LAB_TOKEN"),))
    assert "$LAB_TOKEN" in credentials_hint(token)
    assert "expired" in credentials_hint(token)
    assert "'lab'" in credentials_hint(account("ws://x"))


def test_a_verto_login_has_a_domain() -> None:
    """Where one is refused that has none, the hint says so."""
    lab = account("ws://x")
    assert "user@domain" not in credentials_hint(lab)
    assert "user@domain" in credentials_hint(dataclasses.replace(lab, dialect="verto", login="1000"))
    assert "user@domain" not in credentials_hint(dataclasses.replace(lab, dialect="verto", login="1000@pbx.example"))


def test_a_server_that_is_mute_after_the_handshake() -> None:
    """The WebSocket opens, the login has no answer: the wait has an end."""

    async def mute(websocket: Any) -> None:
        async for _ in websocket:
            pass

    async def scene() -> Diagnosis:
        async with serve(mute, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            return await examined(account(f"ws://127.0.0.1:{port}"), patience=dataclasses.replace(PATIENT, login=0.5))

    text, hint = fault_of(clock.run(scene()), "login")
    assert "within 0.5 s" in text
    assert "dialect" in hint


def test_a_server_that_hangs_up() -> None:
    """A server that closes in the middle of the login is said to have done so."""

    async def rude(websocket: Any) -> None:
        await websocket.recv()
        await websocket.close(1008, "go away")

    async def scene() -> Diagnosis:
        async with serve(rude, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            return await examined(account(f"ws://127.0.0.1:{port}"))

    text, hint = fault_of(clock.run(scene()), "login")
    assert "go away" in text
    assert hint


# --- the call ------------------------------------------------------------------------------------------------------


def called(
    does: Callable[[Call], Awaitable[object]],
    settings: Settings = ALLOWED,
    *,
    dial: str | None = NUMBER,
    prepared: Callable[[Exchange], None] = lambda exchange: None,
    **patience: float,
) -> Diagnosis:
    """The diagnosis of an account on an exchange where bob has the number and does that with a call."""

    async def scene() -> Diagnosis:
        async with run_exchange() as exchange:
            prepared(exchange)
            async with Client(exchange.account("bob", NUMBER)) as bob:
                bob.on("incoming", does)
                one = account_on(exchange)
                # bob gives no digit back
                return await examined(one, settings, dataclasses.replace(PATIENT, digit=0.5, **patience), dial=dial)

    return clock.run(scene())


async def talks(call: Call) -> None:
    await call.answer()
    await call.play(Tone((440.0,), 60.0))


def test_without_a_number() -> None:
    """An account elsewhere is not called by itself: what needs a call is not tried, and how to try it is said."""
    diagnosis = called(talks, dial=None)
    assert [one.step for one in diagnosis.findings if one.state is State.NOT_TRIED] == list(STEPS[6:])
    assert diagnosis.fault is None
    assert "--dial NUMBER" in finding(diagnosis, "call").text
    assert finding(diagnosis, "ice").text == "candidates: 1 host"


def test_a_number_that_answers_and_talks() -> None:
    """It is heard; digits that nobody gives back are no fault."""
    diagnosis = called(talks)
    assert diagnosis.fault is None
    assert finding(diagnosis, "audio").facts["level"] > -30
    assert finding(diagnosis, "dtmf").state is State.OK
    assert "none came back" in finding(diagnosis, "dtmf").text


def test_an_end_that_is_silent() -> None:
    """Packets without sound are a warning."""

    async def answers(call: Call) -> None:
        await call.answer()

    audio = finding(called(answers), "audio")
    assert audio.state is State.WARNING
    assert "silence" in audio.text


@pytest.mark.parametrize(
    ("settings", "words"),
    [(Settings(), 'allow: ["5100"]'), (Settings(allow=("10??",)), "add it to `allow`")],
    ids=["no list", "another list"],
)
def test_a_number_that_is_not_allowed(settings: Settings, words: str) -> None:
    """It is not dialled; the hint has the line to write."""
    calls: list[Call] = []

    async def counts(call: Call) -> None:
        calls.append(call)

    diagnosis = called(counts, settings)
    _, hint = fault_of(diagnosis, "call")
    assert words in hint
    assert not calls
    assert finding(diagnosis, "dtls").state is State.NOT_TRIED


def test_caps_hold() -> None:
    """Where the caps leave no time for a call, none is placed."""
    text, hint = fault_of(called(talks, Settings(allow=(NUMBER,), caps=Caps(minutes=0.1))), "call")
    assert "caps.minutes" in text + hint


@pytest.mark.parametrize(
    ("cause", "hint"), [("busy", "busy"), ("declined", "may this account dial"), ("unallocated", "number right")]
)
def test_a_number_that_refuses(cause: str, hint: str) -> None:
    """The cause is told, with what to do about it."""

    async def refuses(call: Call) -> None:
        await call.reject(cause)

    text, said = fault_of(called(refuses), "call")
    assert NUMBER in text
    assert hint in said


def test_a_number_that_nobody_has() -> None:
    """It is the call's fault, and ICE is not blamed for it."""
    diagnosis = called(talks, Settings(allow=("4000",)), dial="4000")
    text, _ = fault_of(diagnosis, "call")
    assert "UNALLOCATED_NUMBER" in text
    assert finding(diagnosis, "ice").state is State.OK


def test_a_number_that_rings_on() -> None:
    """Nobody answers: the wait has an end, and the call with it."""
    ended: list[str] = []

    async def rings(call: Call) -> None:
        ended.append((await call.ended()).cause)

    text, hint = fault_of(called(rings, answer=3.0), "call")
    assert "did not answer within 3 s" in text
    assert "answers by itself" in hint
    assert ended == ["ORIGINATOR_CANCEL"]


def test_a_server_that_tells_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without early media the path is known with the answer only: a call that is not taken is no fault of ICE."""
    order = ClientLine.order

    def without_media(line: ClientLine, what: Order) -> None:
        if not isinstance(what, SendMedia):
            order(line, what)

    async def rings(call: Call) -> None:
        await call.ended()

    monkeypatch.setattr(ClientLine, "order", without_media)
    diagnosis = called(rings, answer=0.5)
    text, _ = fault_of(diagnosis, "call")
    assert "neither answered nor was refused within 0.5 s" in text
    assert finding(diagnosis, "ice").text == "candidates: 1 host"


def never_connecting(change: Callable[[Endpoint], None]) -> Callable[[Exchange], None]:
    """An exchange whose media never comes: its legs are changed so, and do not join their path."""

    def prepare(exchange: Exchange) -> None:
        make = exchange.switch.setup.make_endpoint

        def endpoint(line: Any) -> Endpoint:
            made = make(line)
            change(made)

            async def never(timeout: float = 10.0) -> None:
                await asyncio.Event().wait()

            made.connect = never  # type: ignore[method-assign]
            return made

        exchange.switch.setup.make_endpoint = endpoint

    return prepare


def elsewhere(endpoint: Endpoint) -> None:
    """Name a candidate where nobody is."""
    ours = endpoint._ours
    nobody = ("1 1 udp 2130706431 127.0.0.1 9 typ host",)
    endpoint._ours = lambda: dataclasses.replace(ours(), candidates=nobody)  # type: ignore[method-assign]


def test_media_that_never_arrives() -> None:
    """No pair of addresses works: the fault is ICE's, with the firewall in the hint and our candidates in the words."""
    text, hint = fault_of(called(talks, prepared=never_connecting(elsewhere), media=1.0), "ice")
    assert "no media path" in text
    assert "candidates: 1 host" in text
    assert "firewall" in hint


def test_keys_that_are_never_agreed() -> None:
    """STUN passes and DTLS does not: the fault is told from ICE's."""
    text, hint = fault_of(called(talks, prepared=never_connecting(lambda endpoint: None), media=5.0), "dtls")
    assert "DTLS" in text
    assert "firewall" in hint


def test_one_way_audio() -> None:
    """The call is up and no packet comes: one-way, and the hint says where to look."""

    class Mute(Peer):
        """Its packets get lost; its reports arrive."""

        def send(self, packet: bytes) -> None: ...

    def prepare(exchange: Exchange) -> None:
        plane, before = exchange.plane, exchange.plane.endpoint

        def endpoint(**options: Any) -> Endpoint:
            if options.get("cname") != "exchange":
                return before(**options)
            return Endpoint(plane.clock, plane.pacer, Mute(plane.clock, (options["host"],)))

        plane.endpoint = endpoint  # type: ignore[method-assign]

    text, hint = fault_of(called(talks, prepared=prepare), "audio")
    assert "one-way" in text
    assert "firewall" in hint


def test_cancelled_in_the_middle_of_a_call() -> None:
    """The far end gets its bye, and nothing is left."""
    ended: list[str] = []

    async def waits(call: Call) -> None:
        await call.answer()
        ended.append((await call.ended()).cause)

    async def scene() -> None:
        async with run_exchange() as exchange, Client(exchange.account("bob", NUMBER)) as bob:
            bob.on("incoming", waits)
            seen = asyncio.Event()
            work = asyncio.ensure_future(
                examined(account_on(exchange), ALLOWED, dial=NUMBER, trying=lambda step: step == "audio" and seen.set())
            )
            await seen.wait()
            work.cancel()
            await asyncio.wait((work,))
            assert work.cancelled()
            async with asyncio.timeout(20.0):
                while not ended:  # noqa: ASYNC110 - what bob is told has no event of its own
                    await asyncio.sleep(0.02)

    clock.run(scene())
    assert ended == ["NORMAL_CLEARING"]
