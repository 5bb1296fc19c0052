"""Phones that act by themselves, many calls each, and a watch over all that an exchange tells of its legs.

For tests in which anything may cross anything: a robot acknowledges whatever comes, answers by its `manner`, and
keeps its calls. Like `kit.Phone` it uses nothing of botkit's own client but the media.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Coroutine, Mapping
from typing import Any, Literal

from websockets.exceptions import ConnectionClosed

from botkit.errors import NetworkFault, RemoteProtocolError, TimeoutFault
from botkit.exchange.bridge import Bridge
from botkit.exchange.leg import Leg
from botkit.exchange.queue import Entry
from botkit.exchange.seat import Seat
from botkit.media.endpoint import Endpoint
from botkit.signalling.line import LineClosed
from tests.exchange.kit import Frame, Office, Phone

Manner = Literal["answers", "busy", "rings"]


class RobotCall:
    """One call of a robot: its id, its media, and whether it is up."""

    def __init__(self, call_id: str, media: Endpoint, offer: str = "") -> None:
        self.id = call_id
        self.media = media
        self.offer = offer
        self.is_up = False
        self.held = False


class Robot:
    """A client of `name`. `manner` is what it does with a call that comes in; `codecs` are what it speaks."""

    def __init__(self, office: Office, name: str, *codecs: str, manner: Manner = "answers") -> None:
        self.office = office
        self.name = name
        self.codecs = codecs or ("PCMU",)
        self.manner: Manner = manner
        self.calls: dict[str, RobotCall] = {}
        self.line: Phone | None = None
        self.session_id = ""
        self.refusals: list[Frame] = []
        """Errors that it was sent."""
        self._ids = itertools.count(1)
        self._work: set[asyncio.Task[None]] = set()
        self._reader: asyncio.Task[None] | None = None

    async def log_in(self, *numbers: str) -> Robot:
        """On a line of its own; with the session of before where there was one."""
        account = self.office.exchange.account(self.name, *numbers)
        line = self.line = await self.office.line()
        before = {"sessid": self.session_id} if self.session_id else {}
        reply = await line.ask(
            "login",
            login=self.name,
            passwd=account.password,
            userVariables={},
            reconnection=bool(before),
            loginParams={},
            **before,
            **{"User-Agent": "robot"},
        )
        self.session_id = reply["result"]["sessid"]
        unread, line._unread = line._unread, []
        self._reader = asyncio.create_task(self._read(line, unread), name=f"robot {self.name}")
        return self

    async def _read(self, line: Phone, unread: list[Frame]) -> None:
        with contextlib.suppress(LineClosed, ConnectionClosed):
            for frame in unread:
                await self._take(line, frame)
            while True:
                await self._take(line, await line.read())

    async def _take(self, line: Phone, frame: Frame) -> None:
        if "method" not in frame:
            if "error" in frame:
                self.refusals.append(frame)
            return
        await line.write(f'{{"jsonrpc":"2.0","id":{_text(frame["id"])},"result":{{"method":"{frame["method"]}"}}}}')
        params = frame.get("params", {})
        call = self.calls.get(params.get("callID", ""))
        match frame["method"].removeprefix("telnyx_rtc."):
            case "invite":
                call = RobotCall(params["callID"], self.office.plane.endpoint(codecs=self.codecs), params["sdp"])
                self.calls[call.id] = call
                if self.manner == "answers":
                    self.start(self.answer(call))
                elif self.manner == "busy":
                    self.start(self.hang_up(call, "USER_BUSY", 17))
            case "media" | "answer" if call is not None:
                if "sdp" in params and not call.media.described:
                    self.start(self._accept(call, params["sdp"]))
                if frame["method"].endswith("answer"):
                    call.is_up = True
            case "attach" if call is not None:
                self.start(self._attach(call, params["sdp"]))
            case "bye" if call is not None:
                self._over(call)
            case _:
                pass

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something beside all else; what a line that is gone makes of it does not matter."""
        task = asyncio.create_task(_forgiving(work), name=f"robot {self.name} at work")
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _over(self, call: RobotCall) -> None:
        self.calls.pop(call.id, None)
        self.start(call.media.close())

    async def _accept(self, call: RobotCall, sdp: str) -> None:
        call.media.accept(sdp)
        await call.media.connect()

    async def _attach(self, call: RobotCall, offer: str) -> None:
        fresh = self.office.plane.endpoint(codecs=self.codecs)
        try:
            fresh.continues(call.media)
            sdp = await fresh.answer(offer)
            await self.say("attach", call, sdp=sdp)
            await call.media.move_to(fresh)
        finally:
            await fresh.close()

    async def say(self, method: str, call: RobotCall, **more: Any) -> None:
        """A request about a call; its reply is not awaited."""
        if self.line is None:
            return
        dialog = {"callID": call.id, **more.pop("dialog", {})}
        await self.line.say(f"telnyx_rtc.{method}", sessid=self.session_id, **more, dialogParams=dialog)

    async def dial(self, number: str) -> RobotCall:
        """Call; what becomes of it is seen by `calls`."""
        call = RobotCall(f"{self.name}-{id(self)}-{next(self._ids)}", self.office.plane.endpoint(codecs=self.codecs))
        self.calls[call.id] = call
        sdp = await call.media.offer()
        await self.say("invite", call, sdp=sdp, dialog={"destination_number": number})
        return call

    async def answer(self, call: RobotCall) -> None:
        """Take a call that rings."""
        sdp = await call.media.answer(call.offer)
        await self.say("answer", call, sdp=sdp)
        call.is_up = True
        await call.media.connect()

    async def hang_up(self, call: RobotCall, cause: str = "NORMAL_CLEARING", code: int = 16) -> None:
        await self.say("bye", call, cause=cause, causeCode=code)
        self._over(call)

    async def modify(self, call: RobotCall, action: str, **more: Any) -> None:
        """Ask for `hold`, `unhold`, `transfer`, …"""
        await self.say("modify", call, action=action, **more)

    async def info(self, call: RobotCall, digits: str) -> None:
        """Digits by `info`."""
        await self.say("info", call, dtmf=digits)

    async def drop(self) -> None:
        """Lose the line; the calls' media goes on."""
        line, self.line = self.line, None
        if line is not None:
            await line.vanish()
        if self._reader is not None:
            await asyncio.wait((self._reader,))
            self._reader = None

    async def close(self) -> None:
        """Be gone, with all media."""
        await self.drop()
        for call in list(self.calls.values()):
            self._over(call)
        while self._work:
            await asyncio.wait(self._work)


def _text(ident: object) -> str:
    return f'"{ident}"' if isinstance(ident, str) else str(ident)


async def _forgiving(work: Awaitable[Any]) -> None:
    with contextlib.suppress(LineClosed, ConnectionClosed, NetworkFault, TimeoutFault, RemoteProtocolError):
        await work


AFTER_HANGUP = {"call.recording.saved", "call.recording.error", "conference.participant.left"}
"""What may be told of a leg after its hang-up."""


class Watch:
    """Everything that is told of the legs of an exchange, and whether it is in order."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.told: dict[str, list[str]] = {}
        """Event types by call control id, in order."""
        office.exchange.platform.listeners.append(self._hear)

    def _hear(self, leg: Leg, event_type: str, fields: Mapping[str, object]) -> None:
        self.told.setdefault(leg.control_id, []).append(event_type.removeprefix("call."))

    def check_order(self, *, over: bool = False) -> None:
        """initiated first, answered once, hangup once and last. `over`: all calls have ended."""
        for ident, told in self.told.items():
            assert told[0] == "initiated", (ident, told)
            assert told.count("initiated") == 1, (ident, told)
            assert told.count("answered") <= 1, (ident, told)
            if "bridged" in told:
                assert told.index("answered") < told.index("bridged"), (ident, told)
            assert told.count("hangup") <= 1, (ident, told)
            if over:
                assert "hangup" in told, (ident, told)
            after = told[told.index("hangup") + 1 :] if "hangup" in told else []
            assert {f"call.{one}" for one in after} <= AFTER_HANGUP, (ident, told)

    async def settle(self) -> None:
        """Let who was just told of an end see to it: that takes a step of the loop or two, and no time."""
        for _ in range(5):
            if not any(leg.over.done() for leg in self.office.exchange.switch.legs):
                return
            await asyncio.sleep(0)

    def check_places(self) -> None:
        """Each live leg has one place, which knows it; places know living legs only."""
        exchange = self.office.exchange
        known = {leg.control_id: leg for leg in exchange.switch.legs}
        assert len(known) == len(exchange.switch.legs)
        for leg in exchange.switch.legs:
            assert not leg.over.done(), leg.over.result()
            place = leg.place.beneath if isinstance(leg.place, Entry) else leg.place
            if isinstance(leg.place, Entry):
                assert leg.place in leg.place.queue.entries
            if isinstance(place, Bridge):
                assert not place.dissolved.is_set()
                assert leg in place.legs
                far = place.other(leg)
                assert not far.over.done()
                beneath = far.place.beneath if isinstance(far.place, Entry) else far.place
                assert beneath is place
            elif isinstance(place, Seat):
                assert place in place.conference.seats
                assert not place.conference.is_over
            else:
                assert place is None
        for conference in exchange.platform.conferences:
            for seat in conference.seats:
                assert seat.leg.place is seat
                assert not seat.leg.over.done()
        for queue in exchange.platform.queues:
            for entry in queue.entries:
                if entry.is_alive:
                    assert entry.leg.place is entry
                    assert not entry.leg.over.done()

    async def check_sound(self, seconds: float = 0.2) -> None:
        """RTP goes out to every answered leg, whatever it is doing: a silent line would be taken for dead. (What a
        bridge feeds is as silent as the other end, whose media may be gone with its line.)"""
        lost = self.office.exchange.recovery.lost
        legs = {leg: leg.endpoint.session.sender.sent for leg in self.office.exchange.switch.legs if leg.is_answered}
        await asyncio.sleep(seconds)
        for leg, before in legs.items():
            if not leg.over.done() and leg.endpoint.up and leg not in lost and leg.peer not in lost:
                assert leg.endpoint.session.sender.sent > before, f"silence on {leg.id} in {leg.place}"

    def check_gone(self) -> None:
        """Nothing is left of any call."""
        exchange = self.office.exchange
        assert not list(exchange.switch.legs)
        assert not exchange.switch.bridges
        assert not exchange.recovery.lost
        assert not exchange.platform.commands._last
        assert not any(line.legs or line.placed for line in exchange.lines)
        for queue in exchange.platform.queues:
            assert not queue.entries
        for conference in exchange.platform.conferences:
            assert conference.is_over
        network = exchange.plane.network
        assert network is None or not network.ends, "a media path of no call"
        names = [task.get_name() for task in asyncio.all_tasks()]
        calls = [name for name in names if name.startswith(("call ", "command ", "lost "))]
        assert not calls, calls
        self.check_order(over=True)
