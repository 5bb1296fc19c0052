"""A backend that controls calls: the official SDK, and a receiver that verifies and parses what it is told.

Over real sockets. Events are read leg by leg, in order, so a test says of each leg what it is told and misses nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from telnyx import APIStatusError

from botkit.clock import VirtualLoop
from botkit.exchange.applications import VoiceApplication
from botkit.exchange.connections import CredentialConnection
from botkit.exchange.leg import Leg
from botkit.exchange.server import make_app
from tests.exchange.kit import PATIENCE, Office, Phone, play, until
from tests.exchange.rest.kit import Desk, ask, rest_clients
from tests.exchange.webhooks.kit import Net, Receiver, Request, Site, site
from tests.exchange.webhooks.sdk import client

FROM = "+13120000001"
"""The number that dialled legs show."""

_CLASSES = {"call.dequeued": "call.left.queue"}
"""Event types whose class in the SDK has another name."""

STATE, OTHER_STATE = "c3RhdGU=", "b3RoZXI="


class Bot:
    """A desk with a receiver, and an application `app` whose events go there. `calls` and `actions` are the SDK's."""

    def __init__(self, desk: Desk, hook: Site | NearSite) -> None:
        self.desk = desk
        self.hook = hook
        self.exchange = desk.exchange
        self.calls = desk.sdk.calls
        self.actions = desk.sdk.calls.actions
        self.app = self.application().id
        self._read: dict[str, int] = {}

    def application(self, **fields: Any) -> VoiceApplication:
        fields = {"application_name": "app", "webhook_event_url": self.hook.url, **fields}
        return self.exchange.directory.add_voice_application(VoiceApplication(**fields))

    def application_of(self, connection_id: str) -> VoiceApplication:
        return self.exchange.directory.voice_applications[connection_id]

    # --- phones and calls ----------------------------------------------------------------------------

    def connection(self, name: str) -> CredentialConnection:
        """The connection of a phone's user."""
        return next(one for one in self.exchange.directory.connections.values() if one.user_name == name)

    async def parking(self, name: str = "alice") -> Phone:
        """A phone whose calls are parked, and told of here."""
        phone = await self.desk.phone(name)
        connection = self.connection(name)
        connection.webhook_event_url, connection.outbound.call_parking_enabled = self.hook.url, True
        return phone

    async def parked(self, name: str = "alice", number: str = "+15550001", **more: Any) -> tuple[Phone, str]:
        """Somebody dials, and hears it ring; gives the phone and the call_control_id."""
        phone = await self.parking(name)
        await phone.reply_to(await phone.dial(number, **more))
        control_id = str((await phone.hears("ringing"))["telnyx_call_control_id"])
        await self.hears(control_id, "call.initiated")
        return phone, control_id

    async def up(self, name: str = "alice", **more: Any) -> tuple[Phone, str]:
        """A parked call that is answered."""
        phone, control_id = await self.parked(name, **more)
        await self.actions.answer(control_id)
        await phone.connect((await phone.hears("answer"))["sdp"])
        await self.hears(control_id, "call.answered")
        return phone, control_id

    async def ringing(self, phone: Phone, to: str, **more: Any) -> tuple[dict[str, Any], str]:
        """Dial a phone; gives its invite and the call_control_id."""
        control_id = await self.dial(to, **more)
        invite = await phone.rings()
        await self.hears(control_id, "call.initiated")
        return invite, control_id

    async def reached(self, name: str, to: str, **more: Any) -> tuple[Phone, str]:
        """Dial somebody, who answers."""
        phone = await self.desk.phone(name, to)
        invite, control_id = await self.ringing(phone, to, **more)
        await phone.take(invite["sdp"])
        await self.hears(control_id, "call.answered")
        return phone, control_id

    async def dial(self, to: str, **more: Any) -> str:
        """Dial; gives the call_control_id."""
        reply = await self.calls.dial(**{"connection_id": self.app, "from_": FROM, "to": to, **more})
        assert reply.data is not None
        return reply.data.call_control_id

    def leg(self, control_id: str) -> Leg:
        return self.exchange.switch.legs.live(control_id)

    async def alive(self, control_id: str) -> bool:
        """As REST has it."""
        reply = await self.calls.retrieve_status(control_id)
        assert reply.data is not None
        return reply.data.is_alive

    # --- what is told --------------------------------------------------------------------------------

    async def hears(self, about: str, *kinds: str, patience: float = PATIENCE) -> Any:
        """The next events of this leg are these, in order; gives the payload of the last, as the SDK has it."""
        payload = None
        for kind in kinds:
            at = self._read.get(about, 0)
            async with asyncio.timeout(patience):
                await until(lambda at=at: len(self._about(about)) > at)  # type: ignore[misc]
            self._read[about] = at + 1
            request = self._about(about)[at]
            assert request.type == kind, (
                f"{kind} was due, {request.type} came: {[one.type for one in self._about(about)]}"
            )
            payload = parsed(request, self.exchange.public_key)
        return payload

    async def hears_nothing(self, about: str, seconds: float = 0.3) -> None:
        """Nothing more is told of it for so long."""
        await asyncio.sleep(seconds)
        unread = self._about(about)[self._read.get(about, 0) :]
        assert [request.type for request in unread] == []

    async def ended(self, control_id: str) -> tuple[str, str, str]:
        """The next event is the hang-up; gives its cause, its SIP status and its source."""
        payload = await self.hears(control_id, "call.hangup")
        return payload.hangup_cause, payload.sip_hangup_cause, payload.hangup_source

    def _about(self, about: str) -> list[Request]:
        return [request for request in self.hook.seen if subject(request) == about]


def subject(request: Request) -> str:
    """The leg that an event is about, or the conference."""
    payload = request.event["data"]["payload"]
    return str(payload.get("conference_id") or payload["call_control_id"])


def parsed(request: Request, public_key: str) -> Any:
    """The payload of an event whose signature is good, of the class that has its name."""
    from telnyx.lib import verify_webhook_signature

    if not isinstance(asyncio.get_running_loop(), VirtualLoop):  # whose minutes are no time at all for the SDK
        verify_webhook_signature(request.body, request.headers, public_key)
    event = client().webhooks.unsafe_unwrap(request.body.decode())
    kind = json.loads(request.body)["data"]["event_type"]
    name = "".join(word.capitalize() for word in _CLASSES.get(kind, kind).replace("_", ".").split("."))
    assert type(event).__name__ == f"{name}WebhookEvent"
    return event.data.payload


async def refused(code: str, asked: Awaitable[Any], status: int = 422, pointer: str | None = None) -> str:
    """What was asked is answered by an error of this code; gives its detail."""
    with pytest.raises(APIStatusError) as error:
        await asked
    assert error.value.status_code == status
    body: Any = error.value.body
    (first, *_) = body["errors"]
    assert first["code"] == code
    if pointer is not None:
        assert first["source"] == {"pointer": pointer}
    return str(first["detail"])


Scene = Callable[[Bot], Awaitable[None]]


def control(scene: Scene, **options: Any) -> None:
    """Run a scene with a backend over real sockets. `options` are `run_exchange`'s."""

    async def whole(desk: Desk) -> None:
        async with site() as hook:
            await _played(Bot(desk, hook), scene)

    ask(whole, **{"hold_audio": None, "calls_kept": 0.2, **options})


def control_in_no_time(scene: Scene, **options: Any) -> None:
    """The same in memory and virtual time, for what takes minutes, or has many cases."""

    async def whole(office: Office) -> None:
        exchange, hook = office.exchange, NearSite()
        exchange.platform.http._transport = Net(bot=hook)
        near = httpx.ASGITransport(app=make_app(exchange))
        async with rest_clients(exchange, "http://exchange/v2", near) as (sdk, http):
            await _played(Bot(Desk.of(office, sdk, http), hook), scene)

    play(whole, **{"hold_audio": None, "calls_kept": 0.2, **options})


class NearSite(Receiver):
    """A receiver in memory."""

    url = "http://bot/hook"


async def _played(bot: Bot, scene: Scene) -> None:
    await scene(bot)
    for phone in bot.desk.phones:
        await phone.vanish()
    async with asyncio.timeout(PATIENCE):
        await until(lambda: not len(bot.exchange.switch.legs))
    await bot.exchange.platform.webhooks.settled()
