"""A login, and the calls made and taken through it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from botkit import clock, events
from botkit.client.address import route_address
from botkit.client.call import Call
from botkit.client.client import READY_WITHIN, Client
from botkit.clock import VirtualLoop
from botkit.errors import (
    CallEnded,
    ConfigError,
    LocalProtocolError,
    LoginRefused,
    NetworkFault,
    RemoteProtocolError,
    TimeoutFault,
    UsageError,
)
from botkit.exchange.exchange import Exchange, run_exchange
from botkit.media.ear import HeardFrame
from botkit.media.endpoint import Endpoint
from botkit.media.plane import MediaPlane, media_plane
from botkit.media.sink import WavSink
from botkit.media.source import ToneSource
from botkit.media.wav import read_wav
from botkit.settings import Account
from botkit.signalling.line import LineClosed, MemoryLine, memory_lines
from botkit.states import CallState
from botkit.vocabulary import Tone
from tests.client.kit import NUMBER, Stage, play

# --- the login ------------------------------------------------------------------------------------------


def with_exchange(scene: Callable[[Exchange], Coroutine[Any, Any, None]]) -> None:
    """Run the scene with an exchange in memory; no task is left."""

    async def main() -> None:
        async with run_exchange(port=None) as exchange, asyncio.timeout(600.0):
            await scene(exchange)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), virtual=True)


def client_of(exchange: Exchange, name: str = "alice", **changes: Any) -> Client:
    return Client(replace(exchange.account(name), **changes), connect_line=exchange.connect)


def test_events_of_a_login() -> None:
    """Entering connects, logs in and is ready; leaving disconnects. Handlers hear of it until `off`."""

    async def scene(exchange: Exchange) -> None:
        alice = client_of(exchange)
        said: list[str] = []
        handlers = {
            name: (lambda event, name=name: said.append(name)) for name in ("connected", "ready", "disconnected")
        }
        for name, handler in handlers.items():
            alice.on(name, handler)
        alice.off("punted", print)
        async with alice as same:
            assert same is alice
            assert said == ["connected", "ready"]
            assert len(exchange.registrar) == 1
        assert said == ["connected", "ready", "disconnected"]
        again = client_of(exchange)
        again.on("ready", handlers["ready"])
        again.off("ready", handlers["ready"])
        async with again:
            pass
        assert said == ["connected", "ready", "disconnected"]

    with_exchange(scene)


def test_event_that_there_is_not() -> None:
    """A handler for an event that clients do not have is an error of usage that names those they have."""
    client = Client(Account("local", exchange="embedded"))
    with pytest.raises(UsageError, match="'answered'") as error:
        client.on("answered", print)
    assert "incoming" in (error.value.hint or "")


def test_handler_that_raises() -> None:
    """A handler that raises does not hurt the login; the loop hears of it."""

    async def scene(exchange: Exchange) -> None:
        said: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context["exception"]))
        alice = client_of(exchange)
        alice.on("ready", lambda event: 1 / 0)
        async with alice:
            pass
        assert [type(error) for error in said] == [ZeroDivisionError]

    with_exchange(scene)


@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"login": "nobody"}, {"login": None, "token": "made up"}])
def test_login_refused(changes: dict[str, Any]) -> None:
    """Credentials that the server refuses raise `LoginRefused` with its code; no secret is in the text."""

    async def scene(exchange: Exchange) -> None:
        client = client_of(exchange, **changes)
        with pytest.raises(LoginRefused, match=r"'alice' was refused") as refused:
            async with client:
                pass
        assert refused.value.code == -32001
        assert refused.value.hint
        assert "wrong" not in str(refused.value)
        assert "made up" not in str(refused.value)

    with_exchange(scene)


def test_login_with_a_token() -> None:
    """A token logs in under the name of the credential that it was made for."""

    async def scene(exchange: Exchange) -> None:
        credential = exchange.directory.add_credential(exchange.directory.add_user("alice"))
        client = Client(
            Account("alice", exchange="embedded", token=exchange.directory.add_token(credential)),
            connect_line=exchange.connect,
        )
        async with client:
            assert exchange.registrar.line_of(credential.sip_username) is not None

    with_exchange(scene)


def test_account_without_credentials() -> None:
    """An account that has neither token nor password is the operator's error."""

    async def scene(exchange: Exchange) -> None:
        client = client_of(exchange, login=None, password=None)
        with pytest.raises(ConfigError, match="neither token nor login"):
            async with client:
                pass

    with_exchange(scene)


def test_account_without_a_server() -> None:
    """An account that names no server needs an exchange first."""

    async def main() -> None:
        with pytest.raises(ConfigError, match="no server") as error:
            async with Client(Account("local", exchange="embedded")):
                pass
        assert "run_exchange" in (error.value.hint or "")

    clock.run(main(), virtual=True)


def test_nobody_listens_there() -> None:
    """A server that refuses the connection is the network's fault, with its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        async def main() -> None:
            account = Account("local", server=f"ws://127.0.0.1:{port}", login="alice", password="x")
            with pytest.raises(NetworkFault, match=f"127.0.0.1:{port}"):
                async with Client(account):
                    pass
            assert asyncio.all_tasks() == {asyncio.current_task()}

        clock.run(main())


def with_line(scene: Callable[[Client, MemoryLine], Coroutine[Any, Any, None]]) -> None:
    """Run the scene with a client and the server's end of its line, at which nobody is."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        near, far = memory_lines(loop.clock)
        account = Account("alice", exchange="embedded", login="alice", password="x")
        async with asyncio.timeout(600.0):
            await scene(Client(account, connect_line=lambda: near), far)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), virtual=True)


def test_server_that_says_nothing() -> None:
    """A server that never answers the login is a time-out of that phase."""

    async def scene(client: Client, server: MemoryLine) -> None:
        begin = client_time()
        with pytest.raises(TimeoutFault) as fault:
            async with client:
                pass
        assert fault.value.phase == "login"
        assert client_time() - begin <= READY_WITHIN + 5.0

    with_line(scene)


def client_time() -> float:
    return asyncio.get_running_loop().time()


def test_server_that_hangs_up() -> None:
    """A server that closes the line during the login is the network's fault."""

    async def scene(client: Client, server: MemoryLine) -> None:
        async def hang_up() -> None:
            await server.receive()
            await server.close(1011, "out of order")

        closing = asyncio.ensure_future(hang_up())
        with pytest.raises(NetworkFault, match=r"closed the connection during the login.*1011 out of order"):
            async with client:
                pass
        await closing

    with_line(scene)


def test_cancelled_login() -> None:
    """Who gives up during the login leaves a closed line and no task."""

    async def scene(client: Client, server: MemoryLine) -> None:
        async def enter() -> None:
            async with client:
                pass

        entering = asyncio.ensure_future(enter())
        await asyncio.sleep(1.0)
        entering.cancel()
        await asyncio.wait((entering,))
        assert entering.cancelled()
        assert "login" in await server.receive()
        with pytest.raises(LineClosed):
            await server.receive()

    with_line(scene)


def test_line_that_is_awaited() -> None:
    """The way to a line may be a coroutine."""

    async def scene(exchange: Exchange) -> None:
        async def connect() -> Any:
            return exchange.connect()

        async with Client(exchange.account("alice"), connect_line=connect):
            assert len(exchange.registrar) == 1

    with_exchange(scene)


def test_before_entering() -> None:
    """Before it is entered a client can neither dial nor tell its plane."""

    async def main() -> None:
        client = Client(Account("local", exchange="embedded"))
        with pytest.raises(UsageError, match="enter the client"):
            _ = client.plane
        with pytest.raises(UsageError, match="enter the client"):
            await client.dial(NUMBER)

    clock.run(main(), virtual=True)


# --- calls ------------------------------------------------------------------------------------------------


def test_many_calls_at_once() -> None:
    """One client may have many calls at once, made and taken; each has its own end."""

    async def scene(stage: Stage) -> None:
        pairs = [await stage.call() for _ in range(10)]
        assert len(stage.alice.calls) == len(stage.bob.calls) == 10
        assert len({near.id for near, _ in pairs}) == 10
        await asyncio.gather(*(near.hangup() for near, _ in pairs[:5]), *(far.hangup() for _, far in pairs[5:]))
        await asyncio.gather(*(call.ended() for pair in pairs for call in pair))
        assert not stage.alice.calls
        assert not stage.bob.calls

    play(scene)


def test_calls_both_ways() -> None:
    """Who can be called can call, too."""

    async def scene(stage: Stage) -> None:
        came: asyncio.Queue[Call] = asyncio.Queue()
        stage.alice.on("incoming", came.put_nowait)
        there, _ = await stage.call()
        back = await stage.bob.dial("alice")
        await (await came.get()).answer()
        await back.answered()
        assert there.state is back.state is CallState.ACTIVE

    play(scene)


def test_leaving_ends_every_call() -> None:
    """Leaving a client ends its calls with a bye, ringing ones and those that are up."""

    async def scene(stage: Stage) -> None:
        async with Client(stage.exchange.account("carol"), connect_line=stage.exchange.connect) as carol:
            up = await carol.dial(NUMBER)
            first = await stage.incoming.get()
            await first.answer()
            await up.answered()
            ringing = await carol.dial(NUMBER)
            second = await stage.incoming.get()
        assert up.state is ringing.state is CallState.DONE
        assert (await first.ended()).cause == "NORMAL_CLEARING"
        assert (await second.ended()).cause == "ORIGINATOR_CANCEL"

    play(scene)


def test_call_that_is_not_answered_by_anybody() -> None:
    """An incoming call that no handler takes rings, and ends with its client."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.dial()
        await stage.clock.sleep(5.0)
        assert near.state is CallState.RINGING

    play(scene)


def test_line_that_is_lost() -> None:
    """When the line is lost for good its calls end as the network's fault, their media is given back, and nobody can
    dial."""

    async def main() -> None:
        async with run_exchange(port=None, calls_kept=5.0) as exchange:
            lines: list[MemoryLine] = []

            def connect() -> MemoryLine:
                if lines:
                    raise NetworkFault("no way back")
                line = exchange.connect()
                assert isinstance(line, MemoryLine)
                lines.append(line)
                return line

            bob = Client(exchange.account("bob", NUMBER), connect_line=exchange.connect)
            came: asyncio.Queue[Call] = asyncio.Queue()
            bob.on("incoming", came.put_nowait)
            async with bob, Client(exchange.account("alice"), connect_line=connect) as alice:
                said: list[Any] = []
                alice.on("disconnected", said.append)
                near = await alice.dial(NUMBER)
                far = await came.get()
                await far.answer()
                await near.answered()
                lines[0].cut()
                async with asyncio.timeout(120.0):
                    assert (await near.ended()).cause == "RECOVERY_ON_TIMER_EXPIRE"
                    await far.ended()
                assert isinstance(near.fault, NetworkFault)
                assert said
                await near.hangup()
                await exchange.clock.sleep(0.5)
                assert len(exchange.plane.pacer) == 0
                with pytest.raises((LocalProtocolError, NetworkFault, UsageError)):
                    await alice.dial(NUMBER)
                assert not alice.calls

    clock.run(main(), virtual=True)


def test_login_that_is_good_no_more() -> None:
    """A client whose user is switched off hears that it was punted, and its calls end."""

    async def scene(stage: Stage) -> None:
        said: list[Any] = []
        stage.alice.on("punted", said.append)
        near, _ = await stage.call()
        user = stage.exchange.directory.add_user("alice")
        user.active = False
        stage.exchange.directory.touch(user)
        ended = await near.ended()
        assert ended.cause == "PICKED_OFF"
        assert said == [events.Punted()]

    play(scene)


def test_description_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the far end's description cannot be used the call ends, with the fault, and others go on."""

    async def scene(stage: Stage) -> None:
        other, _ = await stage.call()

        def refuse(self: Endpoint, answer: str, **options: Any) -> None:
            raise RemoteProtocolError("an answer without audio")

        with monkeypatch.context() as patch:
            patch.setattr(Endpoint, "accept", refuse)
            near, far = await stage.dial()
            with pytest.raises(RemoteProtocolError, match="without audio"):
                await near.answered(within=5.0)
            await far.ended()
        assert near.end is not None
        assert near.end.cause == "DESTINATION_OUT_OF_ORDER"
        assert other.state is CallState.ACTIVE

    play(scene)


def test_address_that_cannot_be_bound() -> None:
    """When no media socket can be bound the dial raises, and leaves no call behind."""

    async def main() -> None:
        async with run_exchange() as exchange:
            account = replace(exchange.account("alice"), address="203.0.113.1")
            async with Client(account) as alice:
                with pytest.raises(NetworkFault, match=r"203\.0\.113\.1"):
                    await alice.dial(NUMBER)
                assert not alice.calls

    clock.run(main())


# --- devices ------------------------------------------------------------------------------------------------


def test_devices_of_all_calls(tmp_path: Path) -> None:
    """A client's `audio_in` and `audio_out` are those of each call made from then on."""

    async def scene(stage: Stage) -> None:
        stage.alice.audio_in = ToneSource((440.0,), 0.5)
        stage.bob.audio_out = lambda call: WavSink(tmp_path / f"{call.id}.wav")
        near, far = await stage.call()
        await far.expect_tone(440)
        await stage.clock.sleep(1.0)
        stage.alice.audio_in = None
        await near.hangup()
        await far.close()
        pcm, rate = read_wav(tmp_path / f"{far.id}.wav")
        assert rate == 8000
        assert pcm.size > 8000
        second, theirs = await stage.call()
        assert second.audio_in is None
        await theirs.expect_silence(1.0)

    play(scene)


def test_sink_that_raises() -> None:
    """A sink that raises hurts no call, not even its own, and the loop hears of it."""
    said: list[type[BaseException]] = []

    class Broken:
        def push(self, frame: HeardFrame) -> None:
            raise ZeroDivisionError

        def close(self) -> None: ...

    async def scene(stage: Stage) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(type(context["exception"])))
        near, far = await stage.call()
        near.audio_out = Broken()
        playing = asyncio.ensure_future(near.play(Tone((440.0,), 0.5)))
        await far.expect_tone(440)
        await playing
        assert near.fault is None

    play(scene)
    assert set(said) == {ZeroDivisionError}


# --- addresses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "address"),
    [
        (Account("a", exchange="embedded"), "127.0.0.1"),
        (Account("a", exchange="embedded", server="ws://127.0.0.1:1"), "127.0.0.1"),
        (Account("a", server="ws://localhost:1"), "127.0.0.1"),
        (Account("a", server="ws://[::1]:1"), "::1"),
        (Account("a", server="ws://127.0.0.2:1"), "127.0.0.2"),
        (Account("a", server="wss://example.invalid", address="192.0.2.7"), "192.0.2.7"),
    ],
)
def test_address_of_the_media(account: Account, address: str) -> None:
    """Media uses the address that the account says; beside a server on this machine, its loopback."""
    assert Client(account)._media_address() == address


def test_address_by_the_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it is the address from which packets to the server leave; without a route, the network's fault."""
    assert route_address("127.0.0.1") == "127.0.0.1"

    def unknown(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NetworkFault, match=r"no route to rtc\.example") as fault:
        route_address("rtc.example")
    assert "address" in (fault.value.hint or "")


# --- over the network -----------------------------------------------------------------------------------------


def test_over_real_sockets() -> None:
    """A whole call over WebSocket, ICE and DTLS on loopback: tones both ways, digits, figures, and nothing left."""

    async def main() -> None:
        async with run_exchange() as exchange, asyncio.timeout(60.0):
            bob = Client(exchange.account("bob", NUMBER))
            came: asyncio.Queue[Call] = asyncio.Queue()
            bob.on("incoming", came.put_nowait)
            async with Client(exchange.account("alice")) as alice, bob:
                async with await alice.dial(NUMBER) as near:
                    far = await came.get()
                    await far.answer()
                    await near.answered()
                    playing = asyncio.ensure_future(far.play(Tone((440.0,), 0.6)))
                    heard = await near.expect_tone(440)
                    assert heard.latency is not None
                    assert heard.latency < 5.0
                    await playing
                    sending = asyncio.ensure_future(near.send_dtmf("1#"))
                    await far.expect_dtmf("1#")
                    await sending
                    assert near.figures.lost == 0
                    assert near.figures.received > 20
                assert (await far.ended()).cause == "NORMAL_CLEARING"
                assert (near.fault, far.fault) == (None, None)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main())


def test_own_plane() -> None:
    """A client may be given its media plane, and leaves it running."""

    async def main() -> None:
        async with media_plane() as plane, run_exchange(port=None, plane=plane) as exchange:
            async with Client(exchange.account("alice"), connect_line=exchange.connect, plane=plane) as alice:
                assert alice.plane is plane
            assert isinstance(alice.plane, MediaPlane)
            beats = plane.pacer.health.beats
            await plane.clock.sleep(0.1)
            assert plane.pacer.health.beats == beats  # nobody to walk, and still there

    clock.run(main(), virtual=True)


# --- what goes wrong on leaving -------------------------------------------------------------------------


def test_left_while_a_call_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose invite was not sent ends with its client; line and login end, too."""
    offer = Endpoint.offer

    async def slow(self: Endpoint, codecs: Any = None) -> str:
        await asyncio.sleep(0.3)
        return await offer(self, codecs)

    monkeypatch.setattr(Endpoint, "offer", slow)

    async def scene(exchange: Exchange) -> None:
        async with client_of(exchange) as alice:
            dialling = asyncio.ensure_future(alice.dial(NUMBER))
            await asyncio.sleep(0.1)
            (call,) = alice.calls.values()
        assert call.end is not None
        assert call.end.cause == "ORIGINATOR_CANCEL"
        with pytest.raises(CallEnded):
            await dialling
        await asyncio.sleep(0.1)
        assert not exchange.lines
        assert not alice.calls

    with_exchange(scene)


def test_a_call_that_cannot_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails in closing one call is told to the loop, and the client is left all the same."""

    async def broken(self: Call) -> None:
        monkeypatch.undo()
        raise LocalProtocolError("a bug")

    async def scene(exchange: Exchange) -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))
        bob = client_of(exchange, "bob")
        async with bob, client_of(exchange) as alice:
            await alice.dial("bob")
            monkeypatch.setattr(Call, "close", broken)
        await asyncio.sleep(0.1)
        assert [type(error) for error in told] == [LocalProtocolError]
        assert not exchange.lines

    with_exchange(scene)


def test_entered_once() -> None:
    """A client that was left cannot be entered again."""

    async def scene(exchange: Exchange) -> None:
        alice = client_of(exchange)
        async with alice:
            with pytest.raises(UsageError, match="entered once"):
                await alice.__aenter__()
        with pytest.raises(UsageError, match="entered once"):
            await alice.__aenter__()

    with_exchange(scene)


def test_failed_media_is_an_error_event() -> None:
    """A call that ends because its media is lost says so first, once."""

    async def scene(stage: Stage) -> None:
        near, _ = await stage.call()
        said: list[str] = []
        near.listen(lambda event: said.append(event.name or ""))
        errors: list[events.CallFailed] = []
        near.on("error", errors.append)
        assert near.endpoint.transport.on_lost is not None
        near.endpoint.transport.on_lost("ICE consent expired")
        await near.ended()
        await asyncio.sleep(0.1)
        assert [error.message for error in errors] == ["media was lost: ICE consent expired"]
        assert said.index("error") < said.index("ended")

    play(scene)
