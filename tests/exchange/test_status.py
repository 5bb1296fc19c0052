"""What the exchange shows of itself, over plain HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from botkit.exchange import status
from botkit.exchange.applications import VoiceApplication
from botkit.exchange.conference import ConferencePlan
from botkit.exchange.queue import QueuePlan
from botkit.exchange.seat import SeatPlan
from tests.exchange.kit import PATIENCE, Office, play, soon
from tests.exchange.meeting import Meeting
from tests.exchange.webhooks.kit import site

HOSTILE = "<script>document.title='mine'</script>"


@contextlib.asynccontextmanager
async def browser(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    """Who looks at the exchange's own address."""
    address = f"http://127.0.0.1:{office.exchange.port}"
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=PATIENCE) as web:
        yield web


async def facts(web: httpx.AsyncClient) -> dict[str, Any]:
    """What is told now, not a moment ago."""
    await asyncio.sleep(status.FRESH)
    return dict((await web.get("/status.json")).json())


def test_page() -> None:
    """`/` is one page that loads nothing: all that it names besides itself are the facts."""

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            reply = await web.get("/")
            assert reply.status_code == 200
            assert reply.headers["content-type"] == "text/html; charset=utf-8"
            assert "<title>botkit exchange</title>" in reply.text
            assert "src=" not in reply.text.replace("='http://www.w3.org/2000/svg'", "")
            policy = reply.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; connect-src 'self'")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert (await web.head("/")).status_code == 200
            assert (await web.post("/")).status_code == 405

    play(scene, over_network=True)


def test_registrations() -> None:
    """Name, means, agent, since, and whom calls reach: of two logins the newer one."""

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            assert (await facts(web))["registrations"] == {"length": 0, "rows": []}
            first, second = await office.phone("alice"), await office.phone("alice")
            told = (await facts(web))["registrations"]
            assert told["length"] == 2
            assert [(one["name"], one["means"], one["agent"], one["reached"]) for one in told["rows"]] == [
                ("alice", "password", "test", False),
                ("alice", "password", "test", True),
            ]
            assert abs(told["rows"][0]["since"] - office.exchange.clock.wall()) < 60
            await second.vanish()
            await soon(lambda: len(office.exchange.registrar) == 1)
            (left,) = (await facts(web))["registrations"]["rows"]
            assert left["reached"]
            await first.vanish()

    play(scene, over_network=True)


def test_a_call() -> None:
    """Both legs and their bridge, from ringing to the end; packets are counted; who holds is told."""

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            alice, bob = await office.joined()
            told = await facts(web)
            one, other = told["legs"]["rows"]
            assert (one["from"], one["to"], one["state"], one["direction"]) == ("alice", "100", "active", "outgoing")
            assert (other["state"], other["direction"], other["owner"]) == ("active", "incoming", "bob")
            assert one["where"] == {"kind": "bridge", "name": "100"}
            assert one["codec"] == "PCMU"
            assert one["sent"] > 0
            assert one["received"] > 0
            (bridge,) = told["bridges"]["rows"]
            assert bridge["legs"] == ["alice", "100"]
            assert bridge["through"]
            await alice.ask("telnyx_rtc.modify", action="hold", **alice.about())
            told = await facts(web)
            assert [leg["state"] for leg in told["legs"]["rows"]] == ["held", "active"]
            assert told["bridges"]["rows"][0]["held_by"] == ["alice"]
            await bob.hang_up()
            await office.idle()
            told = await facts(web)
            assert told["legs"] == told["bridges"] == {"length": 0, "rows": []}

    play(scene, over_network=True)


def test_queue_and_conference() -> None:
    """Who waits, in order, and for how long; who is in a room, who is muted, who talks."""

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            meeting = Meeting(office)
            ann, bob, carol, dave = await meeting.guests("ann", "bob", "carol", "dave")
            platform = office.exchange.platform
            for guest in (ann, bob):
                platform.queues.enqueue(guest.leg, "support", QueuePlan())
            room = platform.conferences.create(carol.leg, ConferencePlan("room7"))
            room.join(dave.leg, SeatPlan(muted=True))
            carol.says(60.0)
            async with asyncio.timeout(PATIENCE):
                while not (told := await facts(web))["conferences"]["rows"][0]["members"][0]["talking"]:
                    pass  # her first words are on their way
            (queue,) = told["queues"]["rows"]
            assert (queue["name"], queue["length"]) == ("support", 2)
            assert [entry["who"] for entry in queue["entries"]] == [ann.leg.called, bob.leg.called]
            assert all(entry["waited"] > 0 for entry in queue["entries"])
            (told_room,) = told["conferences"]["rows"]
            assert told_room["name"] == "room7"
            assert [(one["muted"], one["talking"]) for one in told_room["members"]] == [(False, True), (True, False)]
            kinds = [leg["where"]["kind"] for leg in told["legs"]["rows"]]
            assert kinds == ["queue", "queue", "conference", "conference"]
            room.end()
            assert (await facts(web))["conferences"]["length"] == 0

    play(scene, over_network=True)


def test_lost_webhooks() -> None:
    """An event that nobody took is counted, and the latest is named."""

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            before = (await facts(web))["webhooks"]
            assert before == {"waiting": 0, "under_way": 0, "lost": 0, "last_lost": ""}
            async with site(
                answer=b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
            ) as hook:  # it refuses for good: nothing is tried again
                app = VoiceApplication(application_name="app", webhook_event_url=hook.url)
                owner = office.exchange.directory.add_voice_application(app).id
                guest = await Meeting(office).guest("ann", owner=owner)
                await office.exchange.platform.webhooks.settled()
                after = (await facts(web))["webhooks"]
                assert after == {"waiting": 0, "under_way": 0, "lost": 2, "last_lost": "call.answered"}
                await guest.phone.hang_up()
                await office.idle()
                await office.exchange.platform.webhooks.settled()

    play(scene, over_network=True)


def test_hostile_names() -> None:
    """What callers say of themselves is told cut short, in ASCII, with nothing that could hide or turn the rest."""

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            mallory, _ = await office.phone("mallory"), await office.phone("bob", "100")
            name = HOSTILE + "\u202e\x1b[2J\ud800" + "x" * 100_000
            await mallory.reply_to(await mallory.dial("100", dialog={"caller_id_name": name}))
            await mallory.hears("ringing")
            reply = await web.get("/status.json")
            assert reply.content.isascii()
            assert len(reply.content) < 5000
            shown = reply.json()["legs"]["rows"][0]["from_name"]
            assert shown.startswith(HOSTILE)
            assert shown.isprintable()
            assert len(shown) == status.TEXT + 1

    play(scene, over_network=True)


def test_no_secrets() -> None:
    """Neither a password nor a key is in what is shown."""

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            account = office.exchange.account("alice")
            await office.phone("alice")
            shown = "".join([(await web.get(path)).text for path in ("/", "/status.json", "/healthz")])
            assert "alice" in shown
            assert account.password
            for secret in (
                account.password,
                office.exchange.api_key,
                *(line.voice_sdk_id for line in office.exchange.lines),
            ):
                assert secret not in shown

    play(scene, over_network=True)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"host": "localhost:8080"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"host": "192.0.2.7"}, 200),
        ({"host": "rebound.example:8080"}, 421),
        ({"host": "127.0.0.1.example"}, 421),
        ({"host": ""}, 421),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_other_sites(headers: Mapping[str, str], code: int) -> None:
    """A page of another site cannot read the facts: not by a name of its own for this machine, not from elsewhere."""

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            reply = await web.get("/status.json", headers={**headers, "origin": "http://rebound.example"})
            assert reply.status_code == code
            assert "access-control-allow-origin" not in reply.headers
            assert (await web.get("/", headers={k: v for k, v in headers.items() if k == "host"})).status_code in (
                200,
                code,
            )

    play(scene, over_network=True)


def test_long_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long list the first are told, and how many there are."""
    monkeypatch.setattr(status, "SHOWN", 2)

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            for name in ("ann", "bob", "carol"):
                await office.phone(name)
            told = (await facts(web))["registrations"]
            assert told["length"] == 3
            assert [one["name"] for one in told["rows"]] == ["ann", "bob"]

    play(scene, over_network=True)


def test_one_answer_for_all_who_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks while an answer is fresh gets the same answer; it is not made twice."""
    monkeypatch.setattr(status, "FRESH", 600.0)

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            replies = await asyncio.gather(*(web.get("/status.json") for _ in range(20)))
            assert len({reply.content for reply in replies}) == 1

    play(scene, over_network=True)


def test_healthz() -> None:
    """A monitor learns that it lives, since when, its version, who is registered, how many legs there are."""

    async def scene(office: Office) -> None:
        async with browser(office) as web:
            first = (await web.get("/healthz")).json()
            assert first["version"]
            assert {name: first[name] for name in ("status", "registrations", "legs")} == {
                "status": "ok",
                "registrations": 0,
                "legs": 0,
            }
            await office.joined()
            then = (await web.get("/healthz", headers={"host": "exchange.internal"})).json()
            assert (then["registrations"], then["legs"]) == (2, 2)
            assert then["uptime"] > first["uptime"] >= 0
            assert set(then["beat"]) == {"late", "lost"}
            assert (await web.get("/nothing")).status_code == 404
            json.dumps(then, allow_nan=False)

    play(scene, over_network=True)
