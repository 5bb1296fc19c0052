"""The way of events, in virtual time: order, retries, failover, limits, closing, chaos."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable
from typing import Any

import pytest

from botkit.exchange.webhooks.chaos import Chaos
from botkit.exchange.webhooks.delivery import HEAD_START
from botkit.exchange.webhooks.payload import Event
from botkit.exchange.webhooks.targets import Overrides
from botkit.exchange.webhooks.webhooks import Webhooks
from tests.exchange.webhooks.kit import App, Receiver, Room, Told, play

BOTH = App("http://bot/hook", "http://spare/hook")


def dial(webhooks: Webhooks, digits: str, leg: Told | None = None) -> None:
    """Tell of these digits."""
    for digit in digits:
        webhooks.tell(leg or Told(), "call.dtmf.received", {"digit": digit})


def digits(receiver: Receiver) -> str:
    """The digits that a receiver was told of, in the order of their coming."""
    return "".join(request.event["data"]["payload"]["digit"] for request in receiver.seen)


def outcomes(webhooks: Webhooks) -> list[str | None]:
    """Of all deliveries, oldest first."""
    return [delivery.status for delivery in reversed(list(webhooks.deliveries))]


def about(times: Iterable[float]) -> Any:
    """These times, or a head start later."""
    return pytest.approx(list(times), abs=2 * HEAD_START)


def test_order_within_a_leg() -> None:
    """Events of one leg come in their order, one at a time, however slow the receiver is."""
    bot = Receiver(1.5, 0.2, 1.0)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "12345")
        await webhooks.settled()
        assert digits(bot) == "12345"
        assert bot.most_busy == 1

    play(scene, bot=bot)


def test_order_survives_retries() -> None:
    """An event that is retried holds back those that come after it."""
    bot = Receiver(500, 503)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "12")
        await webhooks.settled()
        assert digits(bot) == "1112"

    play(scene, bot=bot)


def test_legs_do_not_wait_for_each_other() -> None:
    """A leg whose receiver is slow holds up no other leg."""
    slow, bot = Receiver(1.9, 1.9, 1.9), Receiver()

    async def scene(webhooks: Webhooks) -> None:
        other = Told(control_id="v3:slow", overrides=Overrides(url="http://slow/"))
        dial(webhooks, "123", other)
        dial(webhooks, "789")
        await webhooks.settled()
        assert digits(bot) == "789"
        assert bot.times[-1] < 0.1
        assert slow.times == about([0.0, 1.9, 3.8])

    play(scene, bot=bot, slow=slow)


def test_telling_does_not_wait() -> None:
    """Whoever tells goes on at once; the event is as things were then."""
    bot = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        leg = Told(client_state="Zmlyc3Q=")
        webhooks.tell(leg, "call.answered", {})
        leg.client_state = "c2Vjb25k"
        assert webhooks.waiting == 1
        assert not bot.seen
        await webhooks.settled()
        assert webhooks.waiting == 0
        assert bot.seen[0].event["data"]["payload"]["client_state"] == "Zmlyc3Q="

    play(scene, bot=bot)


def test_replies_go_first() -> None:
    """An event with none before it waits a moment, so that the reply to its command is out; the next ones do not."""
    bot = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "12")
        await webhooks.settled()
        assert bot.times == pytest.approx([HEAD_START, HEAD_START])

    play(scene, bot=bot)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_success(status: int) -> None:
    """An event that was taken is sent once."""
    bot = Receiver(status)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "1")
        await webhooks.settled()
        assert len(bot.seen) == 1
        assert outcomes(webhooks) == ["delivered"]

    play(scene, bot=bot)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 405, 409, 410, 422])
def test_refused_for_good(status: int) -> None:
    """A redirect, which nobody follows, and most 4xx fail at once."""
    bot = Receiver(status)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "1")
        await webhooks.settled()
        assert len(bot.seen) == 1
        assert outcomes(webhooks) == ["failed"]

    play(scene, bot=bot)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 2.5])
def test_tried_again(status: int | float) -> None:
    """408, 429, 5xx and no answer in time are tried again after 0.5, 2 and 5 s, and then given up."""
    bot = Receiver(*[status] * 5)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "1")
        await webhooks.settled()
        spent = 2.0 if isinstance(status, float) else 0.0
        assert bot.times == about([0.0, spent + 0.5, 2 * spent + 2.5, 3 * spent + 7.5])
        assert outcomes(webhooks) == ["failed"]
        assert len({request.event["data"]["id"] for request in bot.seen}) == 1
        assert [request.event["meta"]["attempt"] for request in bot.seen] == [1, 2, 3, 4]

    play(scene, bot=bot)


def test_nobody_at_the_address() -> None:
    """A connection that cannot be made is tried again, and its fault is in the log."""

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "1")
        await webhooks.settled()
        (delivery,) = webhooks.deliveries
        assert [attempt.error for attempt in delivery.attempts] == ["ConnectError: nobody at bot"] * 4
        assert asyncio.get_running_loop().time() == pytest.approx(7.5, abs=0.02)

    play(scene)


@pytest.mark.parametrize("url", ["nonsense", "http://xn--/", "http://☎.invalid/", "http://a:b/", "ftp://bot/", "\x00"])
def test_address_that_is_none(url: str) -> None:
    """An owner's URL that cannot be asked is a receiver that does not answer; its failover gets the event."""
    spare = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "12")
        await webhooks.settled()
        assert digits(spare) == "12"
        assert outcomes(webhooks) == ["delivered", "delivered"]

    play(scene, App(url, "http://spare/"), spare=spare)


def test_timeout_of_the_owner() -> None:
    """`webhook_timeout_secs` is the time that a receiver has."""
    bot = Receiver(20.0)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "1")
        await webhooks.settled()
        assert outcomes(webhooks) == ["delivered"]
        assert len(bot.seen) == 1

    play(scene, App(webhook_timeout_secs=25), bot=bot)


def test_failover_in_each_attempt() -> None:
    """Each attempt goes to the primary, then to the failover, before there is a pause."""
    bot, spare = Receiver(500, 500), Receiver(500, 200)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "1")
        await webhooks.settled()
        assert bot.times == spare.times == about([0.0, 0.5])
        (delivery,) = webhooks.deliveries
        assert [attempt.status for attempt in delivery.attempts] == [500, 500, 500, 200]
        assert [request.event["meta"] for request in (bot.seen[1], spare.seen[1])] == [
            {"attempt": 2, "delivered_to": "http://bot/hook"},
            {"attempt": 2, "delivered_to": "http://spare/hook"},
        ]

    play(scene, BOTH, bot=bot, spare=spare)


def test_failover_is_not_asked_for_nothing() -> None:
    """The failover hears only of what the primary did not take."""
    bot, spare = Receiver(200, 404), Receiver()

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "12")
        await webhooks.settled()
        assert (digits(bot), digits(spare)) == ("12", "2")
        assert outcomes(webhooks) == ["delivered", "delivered"]

    play(scene, BOTH, bot=bot, spare=spare)


def test_who_refuses_for_good_is_not_asked_again() -> None:
    """A primary that said 404 is left alone while its failover is tried again."""
    bot, spare = Receiver(404), Receiver(503, 503)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "1")
        await webhooks.settled()
        assert (len(bot.seen), len(spare.seen)) == (1, 3)

    play(scene, BOTH, bot=bot, spare=spare)


def test_policy_of_the_command() -> None:
    """`webhook_retries_policies` gives the pauses of its event."""
    bot = Receiver(*[500] * 9)

    async def scene(webhooks: Webhooks) -> None:
        said = Overrides().updated({"webhook_retries_policies": {"call.dtmf.received": {"retries_ms": [100, 3000]}}})
        dial(webhooks, "1", Told(overrides=said))
        await webhooks.settled()
        assert bot.times == about([0.0, 0.1, 3.1])

    play(scene, bot=bot)


def test_several_urls_get_an_event_each() -> None:
    """A dead one among them takes nothing from the others; the next event waits for all."""
    bot, also = Receiver(), Receiver()

    async def scene(webhooks: Webhooks) -> None:
        urls = {"webhook_urls": {"call.dtmf.received": ["http://also/", "http://dead/"]}}
        leg = Told(overrides=Overrides().updated(urls))
        dial(webhooks, "1", leg)
        webhooks.tell(leg, "call.hangup", {})
        await webhooks.settled()
        assert also.types == ["call.dtmf.received"]
        assert also.times == about([0.0])
        assert bot.types == ["call.hangup"]
        assert bot.times == about([7.5])
        assert sorted(map(str, outcomes(webhooks))) == ["delivered", "delivered", "failed"]

    play(scene, bot=bot, also=also)


def test_get_has_the_event_in_its_query() -> None:
    """With GET the event stands behind what the URL had, null as nothing, and there is no body."""
    bot = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        said = Overrides().updated({"webhook_url": "http://bot/x?mine=1&from=me", "webhook_url_method": "GET"})
        webhooks.tell(Told(overrides=said), "call.answered", {})
        await webhooks.settled()
        (request,) = bot.seen
        assert (request.method, request.path, request.body) == ("GET", "/x", b"")
        assert request.query.startswith("mine=1&from=me&record_type=event&event_type=call.answered&id=")
        assert "&client_state=&" in request.query
        assert "&to=%2B15550001&" in request.query
        assert "custom_headers=%5B%7B%22name%22%3A%22X-RTC-CALLID%22" in request.query
        assert "telnyx-signature-ed25519" in request.headers

    play(scene, bot=bot)


def test_who_is_told_of_nothing_costs_nothing() -> None:
    """A leg without an owner, or with one that has no URL, queues nothing, starts no task and is not logged."""

    async def scene(webhooks: Webhooks) -> None:
        tasks = asyncio.all_tasks()
        for leg in (Told(connection_id=""), Told(connection_id="unknown"), Told()):
            dial(webhooks, "1", leg)
        assert asyncio.all_tasks() == tasks
        assert not len(webhooks.deliveries)

    play(scene, App(None))


# --- conferences --------------------------------------------------------------------------------------


def test_events_of_a_room() -> None:
    """They go to the owner of the conference, in order; a member's own URL does not matter."""
    bot, other = Receiver(0.5), Receiver()

    async def scene(webhooks: Webhooks) -> None:
        room, member = Room(), Told(control_id="v3:bob", overrides=Overrides(url="http://other/"))
        webhooks.tell_conference(room, "conference.created", {})
        webhooks.tell_conference(room, "conference.participant.joined", {}, member)
        webhooks.tell_conference(room, "conference.floor.changed", {}, member=member)
        webhooks.tell_conference(room, "conference.ended", {"reason": "all_left"})
        await webhooks.settled()
        assert bot.types == ["conference.created", "conference.participant.joined", "conference.ended"]
        assert not other.seen

    play(scene, bot=bot, other=other)


def test_floor_by_request() -> None:
    """Who has the floor is told only to those who want it, since the SDK cannot read it."""
    bot = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        webhooks.tell_conference(Room(), "conference.floor.changed", {}, member=Told())
        await webhooks.settled()
        assert bot.types == ["conference.floor.changed"]

    play(scene, options={"floor_changed": True}, bot=bot)


# --- limits -------------------------------------------------------------------------------------------


def test_dead_receiver_and_one_leg() -> None:
    """A leg may have 200 events waiting; what comes then is dropped, and the log says why."""

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "1" * 250)
        assert webhooks.waiting == 200
        dropped = [delivery for delivery in webhooks.deliveries if delivery.note]
        assert len(dropped) == 50
        assert {delivery.note for delivery in dropped} == {"too many events wait"}

    play(scene)


def test_dead_receiver_and_many_legs() -> None:
    """5000 events may wait in all: memory stays flat, whatever the calls do."""

    async def scene(webhooks: Webhooks) -> None:
        for number in range(6000):
            dial(webhooks, "1", Told(control_id=f"v3:{number}"))
        assert webhooks.waiting == 5000
        await asyncio.sleep(10)
        assert webhooks.waiting == 0
        assert events() - before <= 1000, "no more than the log remembers"

    def events() -> int:
        gc.collect()
        return sum(isinstance(thing, Event) for thing in gc.get_objects())

    before = events()

    play(scene)


def test_nothing_stays_of_a_leg() -> None:
    """When its events are out, no task and no queue of a leg is left; later ones are sent as ever."""
    bot = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        tasks = asyncio.all_tasks()
        dial(webhooks, "1")
        await webhooks.settled()
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() == tasks
        dial(webhooks, "2")
        await webhooks.settled()
        assert digits(bot) == "12"

    play(scene, bot=bot)


def test_who_wants_to_know_of_losses() -> None:
    """What no receiver took is told with its leg, once; what one of several took is not."""
    bot = Receiver()
    lost: list[tuple[str, str]] = []

    async def scene(webhooks: Webhooks) -> None:
        urls = {"webhook_urls": {"call.bridged": ["http://bot/", "http://dead/"], "call.hangup": ["http://dead/"]}}
        leg = Told(overrides=Overrides().updated(urls))
        for event_type in ("call.answered", "call.bridged", "call.hangup"):
            webhooks.tell(leg, event_type, {})
        await webhooks.settled()
        await asyncio.sleep(0)
        assert lost == [(leg.control_id, "call.hangup")]

    def note(key: str, event: Event) -> None:
        lost.append((key, event.event_type))

    play(scene, options={"lost": note}, bot=bot)


# --- closing ------------------------------------------------------------------------------------------


def test_closing_lets_the_last_words_out() -> None:
    """Events under way, and those behind them, have a short grace."""
    bot = Receiver(0.3, 0.3)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "12")
        await webhooks.close()
        assert digits(bot) == "12"
        assert outcomes(webhooks) == ["delivered", "delivered"]

    play(scene, bot=bot)


def test_closing_does_not_wait_for_the_dead() -> None:
    """After the grace what waits is dropped and logged; telling afterwards does nothing but log."""
    lost: list[str] = []
    bot = Receiver(*[1.9] * 9)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "123")
        await webhooks.close(grace=0.5)
        assert asyncio.get_running_loop().time() == pytest.approx(0.5, abs=0.01)
        assert outcomes(webhooks) == ["failed"] * 3
        dial(webhooks, "4")
        assert [delivery.note for delivery in webhooks.deliveries][:1] == ["the exchange is closing"]
        assert (webhooks.waiting, digits(bot), lost) == (0, "1", [])
        await webhooks.close()

    play(scene, options={"lost": lambda key, _event: lost.append(key)}, bot=bot)


def test_closing_under_cancellation() -> None:
    """Whoever is cancelled while closing still leaves nothing behind."""
    bot = Receiver(1.9, 1.9)

    async def scene(webhooks: Webhooks) -> None:
        dial(webhooks, "12")
        closing = asyncio.ensure_future(webhooks.close())
        await asyncio.sleep(0.1)
        closing.cancel()
        await asyncio.wait((closing,))
        assert closing.cancelled()
        assert webhooks.waiting == 0
        assert outcomes(webhooks) == ["failed", "failed"]

    play(scene, bot=bot)


def test_illegal_event() -> None:
    """An event that is not legal is the loop's business as a bug, not the call's; the next one goes out."""
    bot = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        troubles: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()
        loop.set_exception_handler(lambda _loop, context: troubles.append(context))
        webhooks.tell(Told(), "call.speak.ended", {"status": "cancelled"})
        loop.set_exception_handler(before)
        dial(webhooks, "1")
        await webhooks.settled()
        assert ["status cannot be 'cancelled'" in each["message"] for each in troubles] == [True]
        assert bot.types == ["call.dtmf.received"]

    play(scene, bot=bot)


# --- chaos --------------------------------------------------------------------------------------------


def test_chaos_doubles() -> None:
    """Each event comes twice, with the same id."""
    bot = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        webhooks.chaos = Chaos(duplicate=1.0)
        dial(webhooks, "12")
        await webhooks.settled()
        assert digits(bot) == "1122"
        ids = [request.event["data"]["id"] for request in bot.seen]
        assert (ids[0], ids[2]) == (ids[1], ids[3])
        assert webhooks.waiting == 0

    play(scene, bot=bot)


def test_chaos_delays() -> None:
    """Each event comes late by so much."""
    bot = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        webhooks.chaos = Chaos(delay=1.0, delay_by=3.0)
        dial(webhooks, "12")
        await webhooks.settled()
        assert bot.times == about([3.0, 6.0])

    play(scene, bot=bot)


def test_chaos_swaps() -> None:
    """An event comes after its successor, which it waits for a while; the last one has none."""
    bot = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        webhooks.chaos = Chaos(swap=1.0, swap_within=2.0)
        dial(webhooks, "12")
        await asyncio.sleep(1.0)
        dial(webhooks, "3")
        await asyncio.sleep(1.5)
        dial(webhooks, "4")
        await webhooks.settled()
        assert digits(bot) == "2143"
        dial(webhooks, "5")
        await webhooks.settled()
        assert digits(bot) == "21435"
        assert bot.times[-1] - bot.times[-2] == pytest.approx(2.0, abs=0.01)

    play(scene, bot=bot)


def test_chaos_is_drawn_from_its_seed() -> None:
    """The same seed gives the same disorder, another one another."""

    def heard(seed: int) -> str:
        bot = Receiver()

        async def scene(webhooks: Webhooks) -> None:
            webhooks.chaos = Chaos(duplicate=0.3, swap=0.3, seed=seed)
            dial(webhooks, "0123456789" * 3)
            await webhooks.settled()

        play(scene, bot=bot)
        return digits(bot)

    assert heard(1) == heard(1) != heard(2)


def test_order_returns_after_chaos() -> None:
    """Without chaos all is well again."""
    bot = Receiver()

    async def scene(webhooks: Webhooks) -> None:
        webhooks.chaos = Chaos(duplicate=1.0)
        dial(webhooks, "1")
        await webhooks.settled()
        webhooks.chaos = None
        dial(webhooks, "23")
        await webhooks.settled()
        assert digits(bot) == "1123"

    play(scene, bot=bot)
