"""Who controls an inbound leg: by its connection, or by what it dialled."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.exchange.applications import TexmlApplication, VoiceApplication
from botkit.exchange.leg import Leg
from botkit.exchange.outgoing import DialPlan
from tests.exchange.kit import Office, play
from tests.exchange.test_transfer import take

Told = list[tuple[str, str, str, Any, str]]


def listening(office: Office) -> Told:
    """What is told of legs from now on: owner, event, direction, state, party."""
    told: Told = []

    def report(leg: Leg, event: str, fields: Any) -> None:
        told.append((leg.connection_id, event, leg.direction, fields.get("state"), leg.party_type))

    office.exchange.switch.report = report
    return told


def test_a_connection_that_parks() -> None:
    """Whatever its clients dial is held, and told of as an outgoing parked leg of the connection."""

    async def scene(office: Office) -> None:
        told = listening(office)
        bob = await office.phone("bob", "100")
        alice = await office.phone("alice")
        connection = office.exchange.directory.add_user("alice")
        connection.outbound.call_parking_enabled = True
        await alice.reply_to(await alice.dial("100"))
        ringing = await alice.hears("ringing")
        assert ringing["telnyx_call_control_id"].startswith("v3:")
        await bob.hears_nothing(1.0)
        assert told == [(connection.id, "call.initiated", "outgoing", "parked", "sip")]
        await alice.hang_up()
        await office.idle()

    play(scene)


def test_a_number_of_an_application() -> None:
    """The leg is an incoming parked one of the application."""

    async def scene(office: Office) -> None:
        directory = office.exchange.directory
        application = directory.add_voice_application(
            VoiceApplication(application_name="ivr", webhook_event_url="http://127.0.0.1:1/")
        )
        directory.add_number("+13125550100", application)
        told = listening(office)
        alice = await office.phone("alice")
        await alice.reply_to(await alice.dial("+13125550100"))
        await alice.hears("ringing")
        assert told == [(application.id, "call.initiated", "incoming", "parked", "sip")]
        await alice.hang_up()
        await office.idle()

    play(scene)


def test_from_outside_the_network() -> None:
    """Who is logged in as a trunk calls from outside: its party is a telephone, and no SIP name answers it."""

    async def scene(office: Office) -> None:
        directory = office.exchange.directory
        application = directory.add_voice_application(
            VoiceApplication(application_name="ivr", webhook_event_url="http://127.0.0.1:1/")
        )
        directory.add_number("+13125550100", application)
        told = listening(office)
        await office.phone("bob")
        account = office.exchange.trunk_account("pstn")
        outside = await office.line()
        await outside.ready("pstn", account.password or "")
        await outside.reply_to(await outside.dial("+13125550100"))
        await outside.hears("ringing")
        assert told == [(application.id, "call.initiated", "incoming", "parked", "pstn")]
        await outside.hang_up()
        await outside.reply_to(await outside.dial("sip:bob@sip.telnyx.com"))
        assert (await outside.hears("bye"))["cause"] == "CALL_REJECTED"
        await office.idle()

    play(scene)


def test_texml_without_a_program() -> None:
    """Where nothing runs documents, a number of a TeXML application reaches nothing."""

    async def scene(office: Office) -> None:
        directory = office.exchange.directory
        office.exchange.controls.program = None
        application = directory.add_texml_application(
            TexmlApplication(friendly_name="menu", voice_url="http://127.0.0.1:1/")
        )
        directory.add_number("+13125550100", application)
        alice = await office.phone("alice")
        await alice.reply_to(await alice.dial("+13125550100"))
        assert (await alice.hears("bye"))["cause"] == "NO_ROUTE_DESTINATION"
        await office.idle()

    play(scene)


@pytest.mark.parametrize(("kind", "shown"), [("always", "+15550007777"), ("normal", "+15551112222")])
def test_the_number_that_is_shown(kind: Any, shown: str) -> None:
    """A connection may override the number that its clients show, always or not."""

    async def scene(office: Office) -> None:
        bob = await office.phone("bob", "100")
        alice = await office.phone("alice")
        outbound = office.exchange.directory.add_user("alice").outbound
        outbound.ani_override, outbound.ani_override_type = "+15550007777", kind
        await alice.reply_to(await alice.dial("100", dialog={"caller_id_number": "+15551112222"}))
        invite = await bob.rings()
        assert invite["caller_id_number"] == shown
        await bob.hang_up("USER_BUSY", 17)
        await alice.hears("bye")
        await office.idle()

    play(scene)


def test_several_phones_ring() -> None:
    """Simultaneous ringing: all logins of a name ring, and the first to answer has the call."""

    async def scene(office: Office) -> None:
        one = await office.phone("bob", "100")
        two = await office.line()
        connection = office.exchange.directory.add_user("bob")
        await two.ready("bob", connection.password)
        alice = await office.phone("alice")
        connection.inbound.simultaneous_ringing = "enabled"
        await alice.reply_to(await alice.dial("100"))
        await two.rings()
        invite = await one.rings()
        await alice.hears("ringing")
        await alice.connect((await alice.hears("media"))["sdp"])
        await one.take(invite["sdp"])
        assert (await two.hears("bye"))["cause"] == "LOSE_RACE"
        await alice.hears("answer")
        await alice.hang_up()
        await one.hears("bye")
        await office.idle()

    play(scene)


def test_a_phone_of_several_that_answers_and_hangs_up_at_once() -> None:
    """The first to answer has the call, and ends it when it hangs up in the same breath; the others stop ringing."""

    async def scene(office: Office) -> None:
        one = await office.phone("bob", "100")
        two = await office.line()
        connection = office.exchange.directory.add_user("bob")
        await two.ready("bob", connection.password)
        alice = await office.phone("alice")
        connection.inbound.simultaneous_ringing = "enabled"
        await alice.reply_to(await alice.dial("100"))
        await two.rings()
        invite = await one.rings()
        await alice.hears("ringing")
        one.media = one.plane.endpoint(codecs=("PCMU",))
        await one.say("telnyx_rtc.answer", sdp=await one.media.answer(invite["sdp"]), **one.about())
        await one.say("telnyx_rtc.bye", cause="USER_BUSY", causeCode=17, **one.about())
        await two.hears("bye")
        await alice.hears("answer")
        assert (await alice.hears("bye"))["cause"] == "USER_BUSY"
        await office.idle()

    play(scene)


def test_several_phones_of_a_dialled_leg() -> None:
    """Dialled by the platform they are one leg with one id, whichever of them answers."""

    async def scene(office: Office) -> None:
        told = listening(office)
        old = await office.phone("bob", "100")
        new = await office.line()
        connection = office.exchange.directory.add_user("bob")
        await new.ready("bob", connection.password)
        connection.inbound.simultaneous_ringing = "enabled"
        (leg,) = office.exchange.switch.dial(DialPlan(("100",), "+1", connection_id="7"))
        assert (await new.rings())["telnyx_call_control_id"] == leg.control_id
        await take(old)
        await new.hears("bye")
        answered = office.exchange.switch.legs.live(leg.control_id)
        await answered.settled()
        assert answered.is_answered
        await old.hang_up()
        await office.idle()
        assert [event for _, event, *_ in told] == ["call.initiated", "call.answered", "call.hangup"]

    play(scene)
