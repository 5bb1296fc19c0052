"""The call patterns as whole stories: a customer reaches an operator directly, through a queue, in a conference.

What is compared is what the bot's web server sees, in order, and who hears whom.
"""

from __future__ import annotations

from botkit.exchange.texml.fetch import Source
from botkit.exchange.texml.program import Settings
from tests.exchange.texml.fake_leg import FakeTexmlLeg
from tests.exchange.texml.kit import HOST, Stage, play

DESK = "sip:gencredDESK@sip.telnyx.com"


def second_leg(stage: Stage, path: str) -> FakeTexmlLeg:
    """The operator's leg, as TeXML REST places it: the document at `path` is asked for on answer."""
    leg = stage.world.leg("outbound", called=DESK, calling="+13120000001")
    leg.ringing.set_result(None)
    stage.calls.drive(leg, Source(f"{HOST}{path}"), Settings())
    return leg


def seen(stage: Stage, *names: str) -> list[str]:
    """The requests of the web server, each with these of its fields."""
    return [
        " ".join([request.path, *(request.fields[name] for name in names if name in request.fields)])
        for request in stage.web.requests
    ]


def test_direct() -> None:
    """Direct: the document dials the operator; the two are joined on answer; the action is told of the end."""

    async def scene(stage: Stage) -> None:
        stage.web.sinks.add("/leg")
        stage.page(
            "/voice",
            f"""<Dial answerOnBridge="true" timeout="30" action="/after" callerId="+13120000001">
                  <Sip statusCallback="/leg" statusCallbackEvent="answered completed">{DESK}</Sip>
                </Dial>""",
        )
        stage.page("/after", "<Hangup/>")
        customer, drive = stage.call()
        operator = await stage.world.rung(DESK)
        assert not customer.answered.done()
        await stage.sleep(4)
        operator.pick_up()
        await stage.sleep(1)
        assert customer.parted is operator.parted is not None
        await stage.sleep(20)
        operator.leaves()
        await drive.task
        await stage.calls.idle()
        assert sorted(seen(stage, "CallStatus", "DialCallStatus")) == [
            "/after in-progress completed",
            "/leg completed",
            "/leg in-progress",
            "/voice ringing",
        ]
        assert stage.web.got("/after")[0]["DialCallDuration"] in ("20", "21")

    play(scene)


def test_queue() -> None:
    """Queue: the customer waits with music; a second leg's document takes the head; both go on afterwards."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", '<Enqueue waitUrl="/wait" action="/left">support</Enqueue>')
        stage.page("/wait", "<Say>please hold</Say><Play>/music.wav</Play>")
        stage.page("/left", "<Say>good bye</Say>")
        stage.page("/desk", "<Dial><Queue>support</Queue></Dial>")
        customer, drive = stage.call()
        await stage.sleep(6)
        operator = second_leg(stage, "/desk")
        await stage.sleep(1)
        operator.pick_up()
        await stage.sleep(1)
        assert customer.parted is operator.parted is not None
        await stage.sleep(20)
        operator.leaves()
        await drive.task
        assert seen(stage, "QueuePosition", "QueueResult") == ["/voice", "/wait 1", "/wait 1", "/desk", "/left bridged"]
        assert "say good bye" in stage.told(customer)

    play(scene)


def test_conference() -> None:
    """Conference: the customer waits with music for the operator, whose leaving ends the conference."""

    async def scene(stage: Stage) -> None:
        stage.web.sinks.add("/c")
        events = 'statusCallback="/c" statusCallbackEvent="start join leave end"'
        stage.page(
            "/voice",
            f'<Dial><Conference startConferenceOnEnter="false" waitUrl="/music" {events}>room7</Conference></Dial>',
        )
        stage.page("/music", "<Play>/music.wav</Play>")
        stage.page("/desk", f'<Dial><Conference endConferenceOnExit="true" {events}>room7</Conference></Dial>')
        customer, drive = stage.call()
        await stage.sleep(4)
        operator = second_leg(stage, "/desk")
        operator.pick_up()
        await stage.sleep(10)
        assert {seat.leg for seat in stage.world.rooms["room7"].seats} == {customer, operator}
        operator.leaves()
        await drive.task
        await stage.calls.idle()
        assert [fields["StatusCallbackEvent"] for fields in stage.web.got("/c")] == [
            "participant-join",
            "participant-join",
            "conference-start",
            "participant-leave",
            "participant-leave",
            "conference-end",
        ]
        assert stage.told(customer)[-1] == "over: NORMAL_CLEARING"

    play(scene)


def test_a_call_to_a_number() -> None:
    """A number's document greets and asks for a digit, whose reply dials the operator: no REST at all."""

    async def scene(stage: Stage) -> None:
        stage.page(
            "/voice",
            """<Say>welcome</Say><Gather action="/menu" numDigits="1"><Say>press one</Say></Gather>
               <Redirect>/voice</Redirect>""",
        )
        stage.page("/menu", f'<Dial action="/left"><Sip>{DESK}</Sip></Dial>')
        stage.page("/left", "<Say>good bye</Say>")
        customer, drive = stage.call()
        await stage.sleep(12)  # the first time round nobody presses anything
        customer.press("1")
        operator = await stage.world.rung(DESK)
        operator.pick_up()
        await stage.sleep(5)
        assert customer.parted is operator.parted is not None
        operator.leaves()
        await drive.task
        assert seen(stage, "Digits", "DialCallStatus") == ["/voice", "/voice", "/menu 1", "/left completed"]
        assert stage.told(customer)[-3:] == ["say good bye", "hang_up", "over: NORMAL_CLEARING"]

    play(scene)


def test_a_queued_call_is_given_a_document() -> None:
    """A queued customer is taken out by REST: the new document runs at once."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", '<Enqueue waitUrl="/wait">support</Enqueue>')
        stage.page("/wait", "<Play>/music.wav</Play>")
        stage.page("/vip", f"<Dial><Sip>{DESK}</Sip></Dial>")
        customer, _ = stage.call()
        await stage.sleep(5)
        stage.calls.redirect(customer.facts.sid, Source(f"{HOST}/vip"))
        operator = await stage.world.rung(DESK)
        operator.pick_up()
        await stage.sleep(1)
        assert customer.parted is operator.parted is not None
        assert not stage.world.queues["support"]

    play(scene)
