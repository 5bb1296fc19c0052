"""Numbers that may not be dialled: the same refusal at every door of the exchange."""

from __future__ import annotations

import pytest

from botkit.settings import Settings
from tests.exchange.kit import Office, play
from tests.exchange.rest.bot import Bot, control, refused
from tests.exchange.rest.kit import Desk, ask
from tests.exchange.rest.test_texml import account, application
from tests.exchange.test_transfer import asked
from tests.exchange.test_transfer import refused as transfer_refused
from tests.exchange.texml.real import Stage
from tests.exchange.texml.real import play as play_document

ALLOWED = Settings(allow=("+1555*", "100"))


@pytest.mark.parametrize("to", ["911", "+911", "sip:911@sip.telnyx.com", "9-1-1", "+15550100,,911", "+19005550100"])
def test_rest_dial_and_transfer(to: str) -> None:
    """A number that `allow` does not cover, an emergency number above all, is 403, 10010; nobody rings, no call is
    changed. Digits behind a number are no number."""

    async def scene(bot: Bot) -> None:
        bot.exchange.switch.forbidden = ALLOWED.why_not
        _, leg = await bot.up()
        if "," in to:
            await bot.dial(to)
            return
        number = to if to[0] in "+s" else f"+{to}"
        await refused("10010", bot.dial(number), status=403, pointer="/to")
        await refused("10010", bot.dial(["+15550100", number]), status=403)  # type: ignore[arg-type]
        await refused("10010", bot.actions.transfer(leg, to=number), status=403, pointer="/to")
        assert [one.control_id for one in bot.exchange.switch.legs] == [leg]
        await bot.hears_nothing(leg)

    control(scene)


def test_names_of_clients() -> None:
    """A client of the exchange is called by its name, whatever numbers are allowed; another host's name is not."""

    async def scene(bot: Bot) -> None:
        bot.exchange.switch.forbidden = ALLOWED.why_not
        bot.exchange.account("gencreddesk")
        await bot.dial("sip:gencreddesk@sip.telnyx.com")
        await refused("10010", bot.dial("sip:gencreddesk@example.com"), status=403, pointer="/to")

    control(scene)


def test_clients() -> None:
    """What a client dials or transfers to is held against it, too."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        office.exchange.switch.forbidden = ALLOWED.why_not
        assert await transfer_refused(bob, await asked(bob, "911")) == "CALL_REJECTED"
        carol = await office.phone("carol")
        await carol.reply_to(await carol.dial("911"))
        assert (await carol.hears("bye"))["cause"] == "CALL_REJECTED"
        await alice.hang_up()

    play(scene)


def test_texml_rest() -> None:
    """A call that TeXML REST is to place is 403, 10010."""

    async def scene(desk: Desk) -> None:
        desk.exchange.switch.forbidden = ALLOWED.why_not
        body = {"ApplicationSid": application(desk).id, "To": "+911", "From": "+15550001", "Texml": "<Response/>"}
        reply = await desk.http.post(f"texml/Accounts/{account(desk)}/Calls", json=body)
        assert (reply.status_code, reply.json()["errors"][0]["code"]) == (403, "10010")
        assert not len(desk.exchange.switch.legs)

    ask(scene)


def test_texml_dial() -> None:
    """A document that dials such a number rings nobody, and its action is told that it failed."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.exchange.switch.forbidden = ALLOWED.why_not
        stage.page("/voice", "<Dial action='/after'><Number>911</Number></Dial>")
        stage.page("/after", "<Say>No</Say><Hangup/>")
        caller = await stage.phone("caller")
        await stage.calls_in(caller)
        await caller.hears("bye")
        told = next(one for one in stage.web.requests if one.path == "/after").fields
        assert told["DialCallStatus"] == "failed"

    play_document(scene)
