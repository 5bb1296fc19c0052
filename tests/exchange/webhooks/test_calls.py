"""Real calls told to a real receiver, in the official SDK's eyes."""

from __future__ import annotations

import json
from typing import Any

from botkit import clock
from tests.exchange.kit import Office, Phone, office, play, until
from tests.exchange.webhooks import sdk
from tests.exchange.webhooks.kit import Site, site


def owner(place: Office, name: str) -> Any:
    """The connection of a phone's user."""
    (found,) = [one for one in place.exchange.directory.connections.values() if one.user_name == name]
    return found


def told(one: Site) -> list[tuple[str, Any]]:
    """What a receiver was told, parsed and verified: event types with payloads."""
    return [(str(each.data.event_type), each.data.payload) for each in map(event, one.seen)]


def event(request: Any) -> Any:
    got = sdk.client().webhooks.unsafe_unwrap(request.body.decode())
    expected = json.loads(request.body)["data"]["event_type"].replace("_", ".").split(".")
    assert type(got).__name__ == "".join(part.capitalize() for part in expected) + "WebhookEvent"
    return got


async def types(one: Site, count: int) -> list[str]:
    """The types of the first `count` events, once they are there."""
    await until(lambda: len(one.seen) >= count)
    return [kind for kind, _ in told(one)]


def test_call_that_is_put_through() -> None:
    """A connection with a URL is told of its client's call, which goes its way without any bot."""

    async def scene(place: Office) -> None:
        async with site() as bot:
            alice, bob = await place.phone("alice"), await place.phone("bob", "100")
            owner(place, "alice").webhook_event_url = bot.url
            await call(alice, bob)
            await alice.hang_up()
            await bob.hears("bye")
            assert await types(bot, 4) == ["call.initiated", "call.answered", "call.bridged", "call.hangup"]
            (_, began), (_, answered), _, (_, ended) = told(bot)
            assert (began.state, began.direction, began.from_, began.to) == ("bridging", "outgoing", "alice", "100")
            assert began.offered_codecs == "PCMU"
            assert {header.name: header.value for header in began.custom_headers} == {"X-RTC-CALLID": alice.call_id}
            assert began.call_control_id == answered.call_control_id == ended.call_control_id
            assert began.connection_id == owner(place, "alice").id
            assert (ended.hangup_cause, ended.hangup_source, ended.sip_hangup_cause) == (
                "normal_clearing",
                "caller",
                "200",
            )
            assert ended.start_time == began.start_time

    play(scene, over_network=True)


def test_both_owners_are_told_of_their_own_leg() -> None:
    """Each side's owner hears of its leg, with the sources turned round: alice's callee hangs up, bob does himself."""

    async def scene(place: Office) -> None:
        async with site() as hers, site() as his:
            alice, bob = await place.phone("alice"), await place.phone("bob", "100")
            owner(place, "alice").webhook_event_url = hers.url
            owner(place, "bob").webhook_event_url = his.url
            await call(alice, bob)
            await bob.hang_up()
            await alice.hears("bye")
            assert await types(hers, 4) == await types(his, 4)
            mine, theirs = told(hers)[-1][1], told(his)[-1][1]
            assert (mine.hangup_source, theirs.hangup_source) == ("callee", "callee")
            assert mine.call_control_id != theirs.call_control_id
            assert mine.call_session_id == theirs.call_session_id

    play(scene, over_network=True)


def test_call_that_nobody_takes() -> None:
    """The caller of an unknown number, and one whose callee declines, are told the platform's words."""

    async def scene(place: Office) -> None:
        async with site() as bot:
            alice, bob = await place.phone("alice"), await place.phone("bob", "100")
            owner(place, "alice").webhook_event_url = bot.url
            await alice.reply_to(await alice.dial("999"))
            await alice.hears("bye")
            assert await types(bot, 2) == ["call.initiated", "call.hangup"]
            await alice.media.close()  # type: ignore[union-attr]
            await alice.reply_to(await alice.dial("100"))
            await bob.rings()
            await bob.hang_up("USER_BUSY", 17)
            await alice.hears("bye")
            await types(bot, 4)
            ends = [payload for kind, payload in told(bot) if kind == "call.hangup"]
            assert [(end.hangup_cause, end.sip_hangup_cause, end.hangup_source) for end in ends] == [
                ("not_found", "404", "callee"),
                ("user_busy", "486", "callee"),
            ]

    play(scene, over_network=True)


def test_parked_call_and_its_bot() -> None:
    """A parked call is told of, and waits; its caller who gives up has cancelled, whatever word was used."""

    async def scene(place: Office) -> None:
        async with site() as bot:
            alice = await place.phone("alice")
            connection = owner(place, "alice")
            connection.webhook_event_url, connection.outbound.call_parking_enabled = bot.url, True
            await alice.reply_to(await alice.dial("+15550001"))
            await alice.hears("ringing")
            await until(lambda: len(bot.seen) == 1)
            await alice.hang_up("USER_BUSY", 17)
            assert await types(bot, 2) == ["call.initiated", "call.hangup"]
            (_, began), (_, ended) = told(bot)
            assert (began.state, began.to) == ("parked", "+15550001")
            assert (ended.hangup_cause, ended.sip_hangup_cause, ended.hangup_source) == (
                "originator_cancel",
                "487",
                "caller",
            )

    play(scene, over_network=True)


def test_closing_tells_of_the_last_end() -> None:
    """An exchange that closes under a call lets its hang-up out before it is gone."""

    async def main() -> None:
        async with site() as bot:
            async with office(0) as place:
                alice, bob = await place.phone("alice"), await place.phone("bob", "100")
                owner(place, "alice").webhook_event_url = bot.url
                await call(alice, bob)
            assert (await types(bot, 4))[-1] == "call.hangup"

    clock.run(main())


async def call(alice: Phone, bob: Phone) -> None:
    """Alice calls Bob at 100, who answers."""
    await alice.reply_to(await alice.dial("100"))
    invite = await bob.rings()
    await alice.hears("ringing")
    await alice.connect((await alice.hears("media"))["sdp"])
    await bob.take(invite["sdp"])
    await alice.hears("answer")
