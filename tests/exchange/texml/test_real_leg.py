"""Documents on the legs of a real exchange."""

from __future__ import annotations

import numpy as np

from botkit.exchange.texml.fetch import Source
from botkit.media.source import ToneSource
from tests.exchange.texml.kit import HOST
from tests.exchange.texml.real import NUMBER, Stage, play


def test_a_number_speaks() -> None:
    """A call to a number is answered, hears the document, and is hung up at its end."""

    async def scene(stage: Stage) -> None:
        stage.number(voice_method="get")
        stage.page("/voice", "<Say>good morning to you</Say><Pause length='2'/>")
        alice = await stage.phone("alice")
        await stage.calls_in(alice)
        bye = await alice.hears("bye")
        assert bye["cause"] == "NORMAL_CLEARING"
        assert np.abs(alice.sound()).max() > 1000
        (request,) = stage.web.requests
        assert (request.method, request.fields["From"], request.fields["To"]) == ("GET", "alice", NUMBER)
        assert request.fields["CallStatus"] == "ringing"
        assert request.fields["SipHeader_X-RTC-CALLID"] == alice.call_id

    play(scene)


def test_a_direct_call() -> None:
    """The direct pattern: joined on the operator's answer, both told; the caller's document goes on afterwards."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.web.sinks.add("/leg")
        events = "initiated ringing answered completed"
        stage.page(
            "/voice",
            f"""<Dial answerOnBridge="true" action="/after" callerId="+13120000001">
                 <Sip statusCallback="/leg" statusCallbackEvent="{events}">sip:desk@sip.telnyx.com</Sip></Dial>""",
        )
        stage.page("/after", "<Say>bye</Say>")
        alice, desk = await stage.phone("alice"), await stage.phone("desk")
        await alice.reply_to(await alice.dial(NUMBER))
        await alice.hears("ringing")
        early = await alice.hears("media")
        await alice.connect(early["sdp"])
        invite = await desk.rings()
        assert invite["caller_id_number"] == "+13120000001"
        await stage.clock.sleep(2)
        assert alice.heard, "no ringing tone"
        await desk.take(invite["sdp"])
        await alice.hears("answer")
        await stage.clock.sleep(1)
        desk.heard.clear()
        alice.heard.clear()
        alice.speak([b"\x11" * 160] * 10)
        await stage.clock.sleep(0.5)
        assert b"\x11" * 160 in desk.heard
        await stage.clock.sleep(10)
        await desk.hang_up()
        assert (await alice.hears("bye"))["cause"] == "NORMAL_CLEARING"
        await stage.house.calls.idle()
        (after,) = stage.web.got("/after")
        assert after["DialCallStatus"] == "completed"
        assert after["DialCallDuration"] in ("11", "12")
        told = stage.web.got("/leg")
        assert [fields["CallStatus"] for fields in told] == ["initiated", "ringing", "in-progress", "completed"]
        assert (told[-1]["HangupCause"], told[-1]["HangupSource"]) == ("normal_clearing", "callee")
        assert told[-1]["ParentCallSid"] == after["CallSid"]

    play(scene)


def test_an_operator_who_declines() -> None:
    """A callee that declines is busy; the document says so to the caller."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", '<Dial action="/after"><Sip>sip:desk@sip.telnyx.com</Sip></Dial>')
        stage.page("/after", "<Hangup/>")
        alice, desk = await stage.phone("alice"), await stage.phone("desk")
        await stage.calls_in(alice)
        await desk.rings()
        await desk.hang_up("USER_BUSY", 17)
        await alice.hears("bye")
        (after,) = stage.web.got("/after")
        assert after["DialCallStatus"] == "busy"

    play(scene)


def test_nobody_answers() -> None:
    """A callee that lets it ring is no answer after the time-out, and nobody's phone rings on."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.web.sinks.add("/leg")
        stage.page(
            "/voice",
            """<Dial action="/after" timeout="10"><Sip statusCallback="/leg">sip:desk@sip.telnyx.com</Sip></Dial>""",
        )
        stage.page("/after", "<Hangup/>")
        alice, desk = await stage.phone("alice"), await stage.phone("desk")
        await stage.calls_in(alice)
        await desk.rings()
        assert (await desk.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"
        await alice.hears("bye")
        await stage.house.calls.idle()
        assert stage.web.got("/after")[0]["DialCallStatus"] == "no-answer"
        assert stage.web.got("/leg")[0]["CallStatus"] == "no-answer"

    play(scene)


def test_an_address_that_leads_nowhere() -> None:
    """An address that nobody has fails."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", '<Dial action="/after">+4930000000</Dial>')
        stage.page("/after", "<Hangup/>")
        alice = await stage.phone("alice")
        await stage.calls_in(alice)
        await alice.hears("bye")
        assert stage.web.got("/after")[0]["DialCallStatus"] == "failed"

    play(scene)


def test_digits() -> None:
    """Digits as telephone-events reach a Gather and stop its prompt."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page(
            "/voice", '<Gather action="/menu" numDigits="2"><Say>please enter your number right now</Say></Gather>'
        )
        stage.page("/menu", "<Hangup/>")
        alice = await stage.phone("alice")
        await stage.calls_in(alice)
        await stage.clock.sleep(0.5)
        assert alice.media is not None
        for digit in "42":
            alice.media.say_digit(digit, 0.1)
            await stage.clock.sleep(0.3)
        await alice.hears("bye")
        assert stage.web.got("/menu")[0]["Digits"] == "42"

    play(scene)


def test_rejected() -> None:
    """A document that rejects leaves the call unanswered, with the cause that it names."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", "<Reject reason='busy'/>")
        alice = await stage.phone("alice")
        await alice.reply_to(await alice.dial(NUMBER))
        bye = await alice.hears("bye")
        assert (bye["cause"], bye["causeCode"]) == ("USER_BUSY", 17)
        assert "answer" not in alice.order

    play(scene)


def test_no_document() -> None:
    """A call whose document cannot be had is refused."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.web.pages["/voice"] = 500
        alice = await stage.phone("alice")
        await alice.reply_to(await alice.dial(NUMBER))
        assert (await alice.hears("bye"))["cause"] == "NORMAL_TEMPORARY_FAILURE"

    play(scene)


def test_the_caller_cancels() -> None:
    """A caller who gives up while it rings ends the ringing."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", '<Dial answerOnBridge="true"><Sip>sip:desk@sip.telnyx.com</Sip></Dial>')
        alice, desk = await stage.phone("alice"), await stage.phone("desk")
        await alice.reply_to(await alice.dial(NUMBER))
        await desk.rings()
        await alice.hang_up("ORIGINATOR_CANCEL", 487)
        assert (await desk.hears("bye"))["cause"] == "ORIGINATOR_CANCEL"

    play(scene)


def test_a_recording() -> None:
    """Record keeps what the party says, and tells where it is."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", '<Record action="/done" finishOnKey="#" format="wav" channels="single"/>')
        stage.page("/done", "<Hangup/>")
        alice = await stage.phone("alice")
        await stage.calls_in(alice)
        await stage.clock.sleep(3)
        assert alice.media is not None
        alice.media.say_digit("#", 0.1)
        await alice.hears("bye")
        (done,) = stage.web.got("/done")
        assert (done["RecordingDuration"], done["Digits"]) in (("2", "#"), ("3", "#"))
        assert done["RecordingUrl"].endswith(".wav")

    play(scene)


def test_another_document() -> None:
    """A call in a bridge that is given another document leaves it, and its peer is hung up."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", "<Dial><Sip>sip:desk@sip.telnyx.com</Sip></Dial>")
        stage.page("/new", "<Say>changed</Say>")
        alice, desk = await stage.phone("alice"), await stage.phone("desk")
        await stage.calls_in(alice)
        await stage.picks_up(desk)
        await stage.clock.sleep(2)
        sid = stage.web.got("/voice")[0]["CallSid"]
        stage.house.calls.redirect(sid, Source(f"{HOST}/new"))
        await desk.hears("bye")
        await alice.hears("bye")
        assert stage.web.paths() == ["/voice", "/new"]

    play(scene)


def test_a_parking_connection() -> None:
    """A call of a connection that parks with TeXML runs the document at the connection's URL."""

    async def scene(stage: Stage) -> None:
        alice = await stage.phone("alice")
        connection = stage.exchange.directory.reach("alice")
        assert connection is not None
        connection.outbound.call_parking_enabled = True
        connection.webhook_api_version = "texml"
        connection.webhook_event_url = f"{HOST}/parked"
        stage.page("/parked", "<Say>hello</Say>")
        await stage.calls_in(alice, "+15550001")
        await alice.hears("bye")
        (request,) = stage.web.requests
        assert (request.method, request.fields["To"]) == ("POST", "+15550001")
        assert request.fields["ConnectionId"] == connection.id

    play(scene)


def test_several_phones_of_one_name() -> None:
    """Where an address rings several phones, one that declines leaves the others ringing, and who answers is joined."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.web.sinks.add("/leg")
        stage.page("/after", "")
        stage.page(
            "/voice",
            '<Dial action="/after"><Sip statusCallback="/leg">sip:desk@sip.telnyx.com</Sip></Dial>',
        )
        alice = await stage.phone("alice")
        one, two = await stage.phone("desk"), await stage.phone("desk")
        connection = stage.exchange.directory.reach("desk")
        assert connection is not None
        connection.inbound.simultaneous_ringing = "enabled"
        await stage.calls_in(alice)
        invites = {phone: await phone.rings() for phone in (one, two)}
        await two.hang_up("USER_BUSY", 17)
        await stage.clock.sleep(2)
        await one.take(invites[one]["sdp"])
        await stage.clock.sleep(2)
        alice.heard.clear()
        one.speak([b"\x11" * 160] * 10)
        await stage.clock.sleep(0.5)
        assert b"\x11" * 160 in alice.heard
        await one.hang_up()
        await alice.hears("bye")
        await stage.house.calls.idle()
        assert stage.web.got("/after")[0]["DialCallStatus"] == "completed"
        assert [fields["CallStatus"] for fields in stage.web.got("/leg")] == ["completed"]

    play(scene)


def test_the_star_key_in_a_bridge() -> None:
    """The star key as a telephone-event ends the callee's leg, and the document goes on."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", '<Dial hangupOnStar="true"><Sip>sip:desk@sip.telnyx.com</Sip></Dial><Say>next</Say>')
        alice, desk = await stage.phone("alice"), await stage.phone("desk")
        await stage.calls_in(alice)
        await stage.picks_up(desk)
        await stage.clock.sleep(1)
        assert alice.media is not None
        alice.media.say_digit("*", 0.1)
        await desk.hears("bye")
        await alice.hears("bye")

    play(scene)


def test_digits_by_info() -> None:
    """So do digits that a client sends as messages, the JS SDK's way."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", '<Gather action="/menu" finishOnKey="#"/>')
        stage.page("/menu", "<Hangup/>")
        alice = await stage.phone("alice")
        await stage.calls_in(alice)
        await stage.clock.sleep(0.5)
        await alice.ask("telnyx_rtc.info", **alice.about(dtmf="42#"))
        await alice.hears("bye")
        assert stage.web.got("/menu")[0]["Digits"] == "42"

    play(scene)


def test_digits_as_tones() -> None:
    """And digits as tones in the sound, for whom nothing else is agreed."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", '<Gather action="/menu" numDigits="2"/>')
        stage.page("/menu", "<Hangup/>")
        alice = await stage.phone("alice")
        await stage.calls_in(alice)
        await stage.clock.sleep(0.5)
        for low, high in ((770.0, 1209.0), (697.0, 1336.0)):  # 4 and 2
            alice.utter(ToneSource((low, high), 0.1))
            await stage.clock.sleep(0.5)
        await alice.hears("bye")
        assert stage.web.got("/menu")[0]["Digits"] == "42"

    play(scene)
