"""TeXML REST, asked by the official SDK and by plain HTTP, on a real port; documents come as texts."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from telnyx import NotFoundError, UnprocessableEntityError

from botkit.exchange.applications import TexmlApplication
from tests.exchange.kit import PATIENCE, Phone, soon
from tests.exchange.rest.kit import Desk, ask

SILENCE = "<Response><Pause length='60'/></Response>"
DESK = "sip:desk@sip.telnyx.com"


def application(desk: Desk, **fields: Any) -> TexmlApplication:
    """An application whose own document nobody serves."""
    values = {"friendly_name": "bot", "voice_url": "http://127.0.0.1:9/voice", **fields}
    return desk.exchange.directory.add_texml_application(TexmlApplication(**values))


def account(desk: Desk) -> str:
    return desk.exchange.texml.calls.account_sid


async def rings(desk: Desk) -> Phone:
    """The operator's phone, which rings; it picks up."""
    phone = desk.phones[0]
    invite = await phone.rings()
    await phone.take(invite["sdp"])
    return phone


async def placed(desk: Desk, texml: str = SILENCE) -> str:
    """A call to the operator with this document, answered; gives its sid."""
    await desk.phone("desk")
    path = f"texml/Accounts/{account(desk)}/Calls"
    body = {"ApplicationSid": application(desk).id, "To": DESK, "From": "+13120000001", "Texml": texml}
    reply = await desk.http.post(path, json=body)
    await rings(desk)
    return str(reply.json()["sid"])


def test_the_sdk_places_a_call() -> None:
    """The SDK sends its keys as the user wrote them, and the reply is flat."""

    async def scene(desk: Desk) -> None:
        phone = await desk.phone("desk")
        reply = await desk.sdk.texml.accounts.calls.calls(
            account(desk),
            body={
                "application_sid": application(desk).id,
                "to": DESK,
                "from_": "+13120000001",
                "texml": "<Response><Hangup/></Response>",
                "caller_id": "The office",
                "custom_headers": [{"name": "X-Order", "value": "17"}],
            },
        )
        assert (reply.from_, reply.to, reply.status) == ("+13120000001", DESK, "queued")
        invite = await phone.rings()
        assert (invite["caller_id_number"], invite["caller_id_name"]) == ("+13120000001", "The office")
        assert {"name": "X-Order", "value": "17"} in invite["dialogParams"]["custom_headers"]
        await phone.take(invite["sdp"])
        assert (await phone.hears("bye"))["cause"] == "NORMAL_CLEARING"

    ask(scene)


@pytest.mark.parametrize("way", ["json", "data"])
def test_camel_case(way: str) -> None:
    """CamelCase is understood in JSON and in forms; the reply has the call's sid."""

    async def scene(desk: Desk) -> None:
        phone = await desk.phone("desk")
        body: dict[str, Any] = {
            "ApplicationSid": application(desk).id,
            "To": DESK,
            "From": "+13120000001",
            "Texml": "<Response/>",
        }
        reply = await desk.http.post(f"texml/Accounts/{account(desk)}/Calls", **{way: body})
        assert reply.status_code == 200
        assert "data" not in reply.json()
        assert reply.json()["sid"] == desk.exchange.switch.legs.live(reply.json()["sid"]).control_id
        await phone.rings()

    ask(scene)


def test_the_older_form() -> None:
    """Calls can be placed by the application's id in the path."""

    async def scene(desk: Desk) -> None:
        phone = await desk.phone("desk")
        reply = await desk.sdk.texml.calls.create(
            application(desk).id, from_="+13120000001", to=DESK, texml="<Response/>"
        )
        assert (reply.status, reply.from_, reply.to) == ("queued", "+13120000001", DESK)
        assert reply.call_sid.startswith("v3:")
        await phone.rings()

    ask(scene)


def test_a_call_resource() -> None:
    """A call can be looked up while it rings, talks, and is over."""

    async def scene(desk: Desk) -> None:
        phone = await desk.phone("desk")
        calls = desk.sdk.texml.accounts.calls
        body = {"ApplicationSid": application(desk).id, "To": DESK, "From": "+13120000001", "Texml": SILENCE}
        reply = await desk.http.post(f"texml/Accounts/{account(desk)}/Calls", json=body)
        sid = reply.json()["sid"]
        call = await calls.retrieve(sid, account_sid=account(desk))
        assert (call.sid, call.status, call.direction) == (sid, "ringing", "outbound")
        assert (call.from_, call.to, call.start_time) == ("+13120000001", DESK, None)
        began = desk.exchange.clock.now()
        await rings(desk)
        async with asyncio.timeout(PATIENCE):
            while call.status != "in-progress":
                call = await calls.retrieve(sid, account_sid=account(desk))
        assert call.start_time is not None
        await phone.hang_up()
        async with asyncio.timeout(PATIENCE):
            while call.status != "completed":
                call = await calls.retrieve(sid, account_sid=account(desk))
        assert call.end_time is not None
        assert call.duration is not None
        assert int(call.duration) <= desk.exchange.clock.now() - began + 0.5  # whole seconds, rounded: "0" as a rule

    ask(scene)


def test_a_call_is_ended() -> None:
    """Status=completed ends a call; ended once more it is over."""

    async def scene(desk: Desk) -> None:
        sid = await placed(desk)
        calls = desk.sdk.texml.accounts.calls
        changed = await calls.update(sid, account_sid=account(desk), status="completed")
        assert changed.sid == sid
        await desk.phones[0].hears("bye")
        with pytest.raises(UnprocessableEntityError) as refused:
            await calls.update(sid, account_sid=account(desk), status="completed")
        assert refused.value.body["errors"][0]["code"] == "90018"  # type: ignore[index]

    ask(scene)


def test_another_document() -> None:
    """A call is given another document as a text."""

    async def scene(desk: Desk) -> None:
        sid = await placed(desk)
        text = "<Response><Pause/><Hangup/></Response>"
        await desk.sdk.texml.accounts.calls.update(sid, account_sid=account(desk), texml=text)
        await desk.phones[0].hears("bye")

    ask(scene)


def test_the_list_of_calls() -> None:
    """Calls are listed, the latest first, filtered and by pages that count from 0."""

    async def scene(desk: Desk) -> None:
        await desk.phone("desk")
        path, app = f"texml/Accounts/{account(desk)}/Calls", application(desk).id
        sids = []
        for number in range(3):
            body = {"ApplicationSid": app, "To": f"+4930000{number}00", "From": "+13120000001", "Texml": SILENCE}
            sids.append((await desk.http.post(path, json=body)).json()["sid"])
        calls = desk.sdk.texml.accounts.calls
        found = await calls.retrieve_calls(account(desk))
        assert [one.sid for one in found.calls or ()] == sids[::-1]
        assert (found.page, found.start, found.end, found.next_page_uri) == (0, 0, 2, None)
        page = await calls.retrieve_calls(account(desk), page=1, page_size=2)
        assert [one.sid for one in page.calls or ()] == sids[:1]
        assert (page.start, page.end) == (2, 2)
        assert page.first_page_uri == f"/v2/texml/Accounts/{account(desk)}/Calls?Page=0&PageSize=2"
        assert not (await calls.retrieve_calls(account(desk), page=7)).calls
        one = await calls.retrieve_calls(account(desk), to="+4930000100")
        assert [call.sid for call in one.calls or ()] == [sids[1]]
        assert {call.status for call in found.calls or ()} == {"failed"}
        assert len((await calls.retrieve_calls(account(desk), status="failed")).calls or ()) == 3
        assert not (await calls.retrieve_calls(account(desk), start_time_gt="2999-01-01")).calls
        assert len((await calls.retrieve_calls(account(desk), start_time_lt="2999-01-01")).calls or ()) == 3

    ask(scene)


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"ApplicationSid": "1"}, "10015", "/ApplicationSid"),
        ({"ApplicationSid": None}, "10004", "/ApplicationSid"),
        ({"To": None}, "10004", "/To"),
        ({"From": None}, "10004", "/From"),
        ({"To": "3120000001"}, "10016", "/To"),
        ({"Timeout": 4}, "10033", "/Timeout"),
        ({"TimeLimit": 20000}, "10033", "/TimeLimit"),
        ({"UrlMethod": "PUT"}, "10032", "/UrlMethod"),
        ({"StatusCallbackEvent": "sometimes"}, "10032", "/StatusCallbackEvent/0"),
        ({"Url": "http://a.test", "Texml": "<Response/>"}, "10015", ""),
    ],
)
def test_refusals(change: dict[str, Any], code: str, pointer: str) -> None:
    """What is missing or out of range is refused, by the name that the request gave it."""

    async def scene(desk: Desk) -> None:
        body: dict[str, Any] = {"ApplicationSid": application(desk).id, "To": DESK, "From": "+13120000001", **change}
        body = {name: value for name, value in body.items() if value is not None}
        reply = await desk.http.post(f"texml/Accounts/{account(desk)}/Calls", json=body)
        assert reply.status_code == 422
        (error,) = reply.json()["errors"]
        assert (error["code"], error.get("source", {}).get("pointer", "")) == (code, pointer)

    ask(scene)


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b"[" * 5000])
def test_no_body(body: bytes) -> None:
    """What is neither JSON nor a form is refused."""

    async def scene(desk: Desk) -> None:
        path = f"texml/Accounts/{account(desk)}/Calls"
        reply = await desk.http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert (reply.status_code, reply.json()["errors"][0]["code"]) == (422, "10015")

    ask(scene)


def test_what_is_not_there() -> None:
    """Another account and an unknown call are not found; without a key nobody gets in."""

    async def scene(desk: Desk) -> None:
        calls = desk.sdk.texml.accounts.calls
        with pytest.raises(NotFoundError):
            await calls.retrieve_calls("other")
        with pytest.raises(NotFoundError):
            await calls.retrieve("v3:x", account_sid=account(desk))
        with pytest.raises(NotFoundError):
            await calls.update("v3:x", account_sid=account(desk), status="completed")
        async with httpx.AsyncClient(base_url=desk.exchange.rest, trust_env=False, timeout=PATIENCE) as stranger:
            assert (await stranger.get(f"texml/Accounts/{account(desk)}/Calls")).status_code == 401

    ask(scene)


def test_the_description() -> None:
    """The description of the interface has the body of a call, in CamelCase."""

    async def scene(desk: Desk) -> None:
        described = (await desk.http.get("openapi.json")).json()
        post = described["paths"]["/texml/Accounts/{account_sid}/Calls"]["post"]
        schema = post["requestBody"]["content"]["application/json"]["schema"]
        assert {"ApplicationSid", "To", "From", "Texml", "StatusCallbackEvent"} <= set(schema["properties"])
        assert set(schema["required"]) == {"ApplicationSid", "To", "From"}
        for ref in re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', json.dumps(described)):
            assert ref in described["components"]["schemas"]
        assert "$defs" not in json.dumps(described)

    ask(scene)


ROOM = """<Response><Dial>
    <Conference endConferenceOnExit='true' participantLabel='boss'>room7</Conference>
</Dial></Response>"""


def test_the_list_of_queues_ends() -> None:
    """The SDK walks through all pages of queues and comes to an end; a queue is known by its sid and its name."""

    async def scene(desk: Desk) -> None:
        await placed(desk, "<Response><Enqueue>support</Enqueue></Response>")
        queues = desk.sdk.texml.accounts.queues
        for number in range(4):
            made = await queues.create(account(desk), friendly_name=f"q{number}", max_size=10)
            assert (made.max_size, made.current_size) == (10, 0)
        await soon(lambda: desk.exchange.platform.queues.find("support") is not None)
        found = [one async for one in queues.list(account(desk), page_size=2)]
        assert len(found) == 5
        support = next(one for one in found if one.current_size == 1)
        assert (support.max_size, support.uri) == (100, f"/v2/texml/Accounts/{account(desk)}/Queues/{support.sid}")
        assert support.sid is not None
        again = await queues.retrieve(support.sid, account_sid=account(desk))
        assert again.uri == support.uri
        changed = await queues.update(support.sid, account_sid=account(desk), max_size=7)
        assert changed.max_size == 7
        await queues.delete(support.sid, account_sid=account(desk))
        with pytest.raises(NotFoundError):
            await queues.retrieve(support.sid, account_sid=account(desk))

    ask(scene)


def test_conferences_and_participants() -> None:
    """A conference and its participants are listed, muted, held, removed; the end has its reason."""

    async def scene(desk: Desk) -> None:
        sid = await placed(desk, ROOM)
        conferences = desk.sdk.texml.accounts.conferences
        await soon(lambda: desk.exchange.platform.conferences.active("room7") is not None)
        (room,) = (await conferences.retrieve_conferences(account(desk))).conferences or ()
        assert (room.friendly_name, room.status, room.reason_conference_ended) == ("room7", "in-progress", None)
        assert room.sid is not None
        who = {"account_sid": account(desk), "conference_sid": room.sid}
        (member,) = (
            await conferences.participants.retrieve_participants(room.sid, account_sid=account(desk))
        ).participants or ()
        assert (member.call_sid, member.muted, member.hold, member.status) == (sid, False, False, "connected")
        changed = await conferences.participants.update("boss", **who, muted=True, hold=True)
        assert (changed.muted, changed.hold) == (True, True)
        again = await conferences.participants.retrieve(sid, **who)
        assert (again.muted, again.end_conference_on_exit) == (True, True)
        await conferences.participants.delete(sid, **who)
        await desk.phones[0].hears("bye")
        over = await conferences.retrieve(room.sid, account_sid=account(desk))
        assert (over.status, over.reason_conference_ended, over.call_sid_ending_conference) == (
            "completed",
            "participant-with-end-conference-on-exit-left",
            sid,
        )
        with pytest.raises(UnprocessableEntityError):
            await conferences.update(room.sid, account_sid=account(desk), status="completed")

    ask(scene)


def test_a_participant_is_called() -> None:
    """A call is placed into a conference, which begins with it."""

    async def scene(desk: Desk) -> None:
        await desk.phone("desk")
        conferences = desk.sdk.texml.accounts.conferences
        reply = await conferences.participants.participants(
            "room 8 & more",
            account_sid=account(desk),
            application_sid=application(desk).id,
            to=DESK,
            from_="+13120000001",
            muted=True,
            label="a",
        )
        assert (reply.status, reply.muted) == ("connecting", True)
        await rings(desk)
        await soon(lambda: desk.exchange.platform.conferences.active("room 8 & more") is not None)
        (room,) = (
            await conferences.retrieve_conferences(account(desk), friendly_name="room 8 & more")
        ).conferences or ()
        assert room.sid is not None
        ended = await conferences.update(room.sid, account_sid=account(desk), status="completed")
        assert (ended.status, ended.reason_conference_ended) == ("completed", "conference-ended-via-api")
        await desk.phones[0].hears("bye")

    ask(scene)
