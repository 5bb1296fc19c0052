"""A client whose line breaks: it comes back by itself, and its calls with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from botkit import clock, events
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.errors import LocalProtocolError, NetworkFault
from botkit.exchange.exchange import Exchange, run_exchange
from botkit.media.source import ToneSource
from botkit.signalling.line import MemoryLine
from botkit.signalling.reconnect import TRIES
from botkit.states import CallState
from botkit.vocabulary import Tone

NUMBER = "+18005550100"
QUIET = ("speech_started", "speech_ended")


class Road:
    """The way to an exchange: what `connect` is told, and a line to cut."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.lines: list[MemoryLine] = []
        self.tries = 0
        self.closed = False

    def connect(self) -> MemoryLine:
        self.tries += 1
        if self.closed:
            raise NetworkFault("no way there")
        line = self._exchange.connect()
        assert isinstance(line, MemoryLine)
        self.lines.append(line)
        return line

    def cut(self) -> None:
        self.lines[-1].cut()


class Stage:
    """Alice has called bob, and both are heard: she says 600 Hz, he 900. Each has a road of their own."""

    def __init__(self, exchange: Exchange, alice: Client, bob: Client, roads: tuple[Road, Road]) -> None:
        self.exchange, self.alice, self.bob = exchange, alice, bob
        self.road, self.other_road = roads
        self.near: Call
        self.far: Call
        self.happened: list[str] = []
        """What alice's call told, without what was heard."""
        self.told: list[str] = []
        """What bob's call told."""

    async def hear_each_other(self) -> None:
        """Each says a tone that the other one hears from its beginning."""
        for speaker, listener in ((self.near, self.far), (self.far, self.near)):
            speaker.audio_in = None
            await self.exchange.clock.sleep(0.5)
            hearing = asyncio.ensure_future(listener.expect_tone(600, within=5.0))
            await asyncio.sleep(0)
            speaker.audio_in = ToneSource((600.0,), 1.0)
            await hearing
            speaker.audio_in = None

    async def digits(self) -> None:
        await self.near.send_dtmf("12#")
        await self.far.expect_dtmf("12#", within=5.0)


@contextlib.asynccontextmanager
async def stage(port: int | None) -> AsyncIterator[Stage]:
    async with run_exchange(port=port) as exchange:
        roads = Road(exchange), Road(exchange)
        ways = [{"connect_line": road.connect} if port is None else {} for road in roads]
        alice = Client(exchange.account("alice"), **ways[0])
        bob = Client(exchange.account("bob", NUMBER), **ways[1])
        incoming: asyncio.Queue[Call] = asyncio.Queue()
        bob.on("incoming", incoming.put_nowait)
        async with alice, bob:
            one = Stage(exchange, alice, bob, roads)
            one.near = await alice.dial(NUMBER)
            one.far = await incoming.get()
            await one.far.answer()
            await one.near.answered()
            one.near.listen(lambda event: one.happened.append(event.name) if event.name not in QUIET else None)
            one.far.listen(lambda event: one.told.append(event.name) if event.name not in QUIET else None)
            yield one


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]], *, over_network: bool = False) -> None:
    """Run a scene, in memory and virtual time or over sockets; nothing of it stays."""

    async def main() -> None:
        async with stage(0 if over_network else None) as one:
            async with asyncio.timeout(600.0):
                await scene(one)
            plane = one.exchange.plane
        assert len(plane.pacer) == 0
        if plane.network is not None:
            assert not plane.network.ends
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks stayed: {left}"

    clock.run(main(), virtual=not over_network)


async def back(one: Stage) -> None:
    """Wait until alice's call is up again."""
    async with asyncio.timeout(30.0):
        while "reconnected" not in one.happened or one.exchange.recovery.lost:
            await one.exchange.clock.sleep(0.1)


def test_a_call_goes_on() -> None:
    """Dropped, reconnecting, reconnected: then both hear each other, and digits pass. The other end knew nothing."""

    async def scene(one: Stage) -> None:
        await one.hear_each_other()
        one.road.cut()
        await back(one)
        assert one.happened == ["dropped", "reconnecting", "reconnected"]
        assert one.told == []
        assert one.near.state is CallState.ACTIVE
        await one.hear_each_other()
        await one.digits()
        await one.near.hangup()
        assert (await one.far.ended()).cause == "NORMAL_CLEARING"
        assert one.near.fault is None

    play(scene)


def test_over_sockets() -> None:
    """The same with real sockets, ICE and DTLS anew."""

    async def scene(one: Stage) -> None:
        for line in list(one.exchange.lines):
            if line.user is not None and line.user.name == "alice":
                await line.close()
        await back(one)
        await one.hear_each_other()
        await one.digits()
        assert one.told == ["dtmf"] * 3

    play(scene, over_network=True)


def test_a_callee_comes_back() -> None:
    """The one who was called may be the one whose line breaks."""

    async def scene(one: Stage) -> None:
        one.other_road.cut()
        async with asyncio.timeout(30.0):
            while "reconnected" not in one.told or one.exchange.recovery.lost:
                await one.exchange.clock.sleep(0.1)
        assert one.happened == []
        await one.hear_each_other()
        await one.digits()

    play(scene)


def test_both_lines_break_at_once() -> None:
    """Both come back, and hear each other."""

    async def scene(one: Stage) -> None:
        one.road.cut()
        one.other_road.cut()
        await back(one)
        async with asyncio.timeout(30.0):
            while "reconnected" not in one.told:
                await one.exchange.clock.sleep(0.1)
        await one.hear_each_other()

    play(scene)


def test_again_and_again() -> None:
    """A call outlives any number of lines."""

    async def scene(one: Stage) -> None:
        for _ in range(4):
            one.happened.clear()
            one.road.cut()
            await back(one)
        await one.hear_each_other()

    play(scene)


def test_what_is_played_goes_on() -> None:
    """What is being played when the line breaks is played to its end, over both paths, and heard whole."""

    async def scene(one: Stage) -> None:
        playing = asyncio.ensure_future(one.near.play(Tone((600.0,), 6.0)))
        hearing = asyncio.ensure_future(one.far.expect_tone(600, within=10.0, until="end"))
        await one.exchange.clock.sleep(0.5)
        one.road.cut()
        await back(one)
        assert not playing.done()
        assert (await playing).stopped_by is None
        heard = await hearing
        assert heard.started is not None
        assert heard.ended is not None
        assert heard.ended - heard.started == pytest.approx(6.0, abs=0.1)

    play(scene)


def test_a_held_call_comes_back_on_hold() -> None:
    """On hold before, on hold after; resumed, they hear each other."""

    async def scene(one: Stage) -> None:
        await one.near.hold()
        one.road.cut()
        await back(one)
        assert one.near.state is CallState.HELD
        await one.near.resume()
        await one.hear_each_other()

    play(scene)


def test_the_way_back_takes_a_few_tries() -> None:
    """Tries follow one another, further and further apart, until one succeeds."""

    async def scene(one: Stage) -> None:
        one.road.closed = True
        one.road.cut()
        await one.exchange.clock.sleep(20.0)
        assert one.near.state is CallState.DROPPED
        assert 3 <= one.road.tries - 1 <= 5
        one.road.closed = False
        await back(one)
        await one.hear_each_other()

    play(scene)


def test_no_way_back() -> None:
    """The call ends after a minute, by the network's fault; after ten tries there are no more, and nobody can dial."""

    async def scene(one: Stage) -> None:
        one.road.closed = True
        one.road.cut()
        ended = await one.near.ended()
        assert ended.cause == "RECOVERY_ON_TIMER_EXPIRE"
        assert isinstance(one.near.fault, NetworkFault)
        assert (await one.far.ended()).cause == "RECOVERY_ON_TIMER_EXPIRE"
        await one.exchange.clock.sleep(300.0)
        assert one.road.tries == 1 + TRIES
        with pytest.raises(LocalProtocolError):
            await one.alice.dial(NUMBER)

    play(scene)


def test_a_client_that_is_left_while_it_is_away() -> None:
    """Leaving waits for no try; the call is over for both in time."""

    async def scene(one: Stage) -> None:
        one.road.closed = True
        one.road.cut()
        await one.exchange.clock.sleep(10.0)
        before = one.exchange.clock.now()
        await one.alice.__aexit__()
        assert one.exchange.clock.now() - before < 1.0
        assert one.near.end is not None

    play(scene)


def test_a_hangup_while_it_is_away() -> None:
    """The call is over at once here, and for the other end when the client is back."""

    async def scene(one: Stage) -> None:
        one.road.cut()
        await one.exchange.clock.sleep(0.1)
        await one.near.hangup()
        async with asyncio.timeout(10.0):
            assert (await one.far.ended()).cause == "NORMAL_CLEARING"

    play(scene)


def test_the_other_end_hangs_up_while_it_is_away() -> None:
    """The server names the call no more: it is over when the client is back, and that is the network's fault."""

    async def scene(one: Stage) -> None:
        one.road.cut()
        await one.exchange.clock.sleep(0.1)
        await one.far.hangup()
        ended = await one.near.ended()
        assert ended.cause == "RECOVERY_ON_TIMER_EXPIRE"
        assert isinstance(one.near.fault, NetworkFault)

    play(scene)


def test_a_login_that_is_refused_on_the_way_back() -> None:
    """A password that was changed meanwhile: no more tries, and the call's fault says so."""

    async def scene(one: Stage) -> None:
        one.exchange.directory.add_user("alice", password="another")
        one.road.cut()
        await one.near.ended()
        assert "refused" in str(one.near.fault)
        tries = one.road.tries
        await one.exchange.clock.sleep(60.0)
        assert one.road.tries == tries

    play(scene)


def test_who_is_punted_stays_away() -> None:
    """A client whose login is good no more does not come back."""

    async def scene(one: Stage) -> None:
        line = one.exchange.registrar.line_of("alice")
        assert line is not None
        line.punt()
        assert (await one.near.ended()).cause == "PICKED_OFF"
        await one.exchange.clock.sleep(60.0)
        assert one.road.tries == 1

    play(scene)


def test_media_that_goes_with_the_line() -> None:
    """A media path that is lost, too, is no end while the call waits."""

    async def scene(one: Stage) -> None:
        lost = one.near.endpoint.transport.on_lost
        assert lost is not None
        lost("ICE consent expired")  # a moment before the line
        one.road.closed = True
        one.road.cut()
        await one.exchange.clock.sleep(10.0)
        assert one.near.end is None
        one.road.closed = False
        await back(one)
        await one.hear_each_other()

    play(scene)


def test_calls_after_the_way_back() -> None:
    """A client that is back may dial, and tells that it is ready once more."""

    async def scene(one: Stage) -> None:
        ready: list[Any] = []
        one.alice.on("ready", ready.append)
        await one.near.hangup()
        one.road.cut()
        async with asyncio.timeout(30.0):
            while not ready:
                await one.exchange.clock.sleep(0.1)
        assert isinstance(ready[0], events.ClientReady)
        call = await one.alice.dial(NUMBER)
        async with asyncio.timeout(5.0):
            while call.state is not CallState.RINGING:
                await one.exchange.clock.sleep(0.1)

    play(scene)


def test_an_exchange_that_goes_first() -> None:
    """The call has its bye; the client's tries are in vain and end with it."""

    async def scene(one: Stage) -> None:
        await one.exchange.close()
        assert (await one.near.ended()).cause == "SYSTEM_SHUTDOWN"
        assert one.near.fault is None
        await one.exchange.clock.sleep(5.0)
        assert one.road.tries > 1

    play(scene)
