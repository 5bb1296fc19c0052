"""Documents in the queues and conferences of a real exchange."""

from __future__ import annotations

import numpy as np

from botkit.exchange.queue import QueuePlan
from botkit.exchange.texml.fetch import Source
from botkit.exchange.texml.house import CallOrder
from tests.exchange.kit import Phone
from tests.exchange.texml.kit import HOST
from tests.exchange.texml.real import Stage, play

DESK = "sip:desk@sip.telnyx.com"
LOUD = b"\x11" * 160


def second_leg(stage: Stage, app_id: str, path: str = "/desk") -> None:
    """Call the operator, whose document is at `path`."""
    stage.house.place(CallOrder(DESK, "+13120000001", app_id, Source(f"{HOST}{path}")))


async def says(stage: Stage, speaker: Phone) -> None:
    """Half a second of a sound."""
    speaker.speak([LOUD] * 25)
    await stage.clock.sleep(1)


def hears(listener: Phone) -> bool:
    """Whether there was anything but silence, since the last look."""
    loud = len(listener.heard) > 0 and int(np.abs(listener.sound()).max()) > 500
    listener.heard.clear()
    return loud


def test_the_queue_pattern() -> None:
    """The customer waits with a voice, the operator's document takes the head, both go on when the bridge ends."""

    async def scene(stage: Stage) -> None:
        app = stage.number()
        stage.page("/voice", '<Enqueue waitUrl="/wait" action="/left">support</Enqueue>')
        stage.page("/wait", "<Say>please hold the line</Say>")
        stage.page("/left", "<Say>good bye</Say>")
        stage.page("/desk", '<Dial action="/done"><Queue>support</Queue></Dial>')
        stage.page("/done", "<Hangup/>")
        alice, desk = await stage.phone("alice"), await stage.phone("desk")
        await stage.calls_in(alice)
        await stage.until(lambda: len(stage.web.got("/wait")) >= 2)
        assert hears(alice)
        first = stage.web.got("/wait")[0]
        assert (first["QueuePosition"], first["CurrentQueueSize"]) == ("1", "1")
        assert first["QueueSid"] == stage.exchange.platform.queues.get("support").id
        second_leg(stage, app.id)
        await stage.picks_up(desk)
        await stage.clock.sleep(1)
        desk.heard.clear()
        await says(stage, alice)
        assert hears(desk)
        await desk.hang_up()
        await alice.hears("bye")
        await stage.house.calls.idle()
        (left,) = stage.web.got("/left")
        assert left["QueueResult"] == "bridged"
        assert stage.web.got("/done")[0]["DialCallStatus"] == "completed"

    play(scene)


def test_leave_and_time_out() -> None:
    """Leave in the wait, and the longest wait, take the call out; the queue is empty afterwards."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page(
            "/voice",
            '<Enqueue waitUrl="/wait" action="/left">support</Enqueue>',
        )
        stage.page("/wait", "<Leave/>")
        stage.page("/left", '<Enqueue action="/again" maxWaitTimeSecs="5">support</Enqueue>')
        stage.page("/again", "<Hangup/>")
        alice = await stage.phone("alice")
        await stage.calls_in(alice)
        await alice.hears("bye")
        assert stage.web.got("/left")[0]["QueueResult"] == "leave"
        again = stage.web.got("/again")[0]
        assert (again["QueueResult"], again["QueueTime"]) == ("timeout", "5")
        assert len(stage.exchange.platform.queues.get("support")) == 0

    play(scene)


def test_hang_up_while_waiting() -> None:
    """A caller who hangs up is out of the queue."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", '<Enqueue action="/left">support</Enqueue>')
        stage.page("/left", "")
        alice = await stage.phone("alice")
        await stage.calls_in(alice)
        await stage.clock.sleep(3)
        await alice.hang_up()
        await stage.until(lambda: stage.web.got("/left"))
        assert stage.web.got("/left")[0]["QueueResult"] == "hangup"
        assert len(stage.exchange.platform.queues.get("support")) == 0

    play(scene)


def test_taken_by_a_command() -> None:
    """A queued call that a Voice API command bridges goes on with its document when that bridge ends."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", '<Enqueue action="/left">support</Enqueue>')
        stage.page("/left", "<Say>good bye</Say>")
        alice, desk = await stage.phone("alice"), await stage.phone("desk")
        await stage.calls_in(alice)
        await stage.clock.sleep(1)
        exchange = stage.exchange
        second_leg(stage, "", "/park")
        stage.page("/park", "<Pause length='60'/>")
        await stage.picks_up(desk)
        await stage.clock.sleep(1)
        operator = next(leg for leg in exchange.switch.legs if leg.called == DESK)
        head = exchange.platform.queues.take_head("support")
        exchange.switch.bridge(operator, head)
        await stage.clock.sleep(5)
        await desk.hang_up()
        await alice.hears("bye")
        assert stage.web.got("/left")[0]["QueueResult"] == "bridged"
        assert alice.media is not None

    play(scene)


def test_a_queue_is_one_with_the_voice_apis() -> None:
    """A call that a command has put into a queue can be dialled by a document."""

    async def scene(stage: Stage) -> None:
        app = stage.number()
        stage.page("/voice", "<Pause length='100'/>")
        stage.page("/desk", "<Dial><Queue>support</Queue></Dial>")
        alice, desk = await stage.phone("alice"), await stage.phone("desk")
        await stage.calls_in(alice)
        exchange = stage.exchange
        waiting = next(leg for leg in exchange.switch.legs if leg.inbound)
        exchange.platform.queues.enqueue(waiting, "support", QueuePlan())
        second_leg(stage, app.id)
        await stage.picks_up(desk)
        await stage.clock.sleep(1)
        desk.heard.clear()
        await says(stage, alice)
        assert hears(desk)

    play(scene)


def test_the_conference_pattern() -> None:
    """The customer waits with a voice for the operator, who ends the conference; all of it is told, in order."""

    async def scene(stage: Stage) -> None:
        app = stage.number()
        stage.web.sinks.add("/c")
        told = 'statusCallback="/c" statusCallbackEvent="start join leave end"'
        stage.page(
            "/voice",
            f"""<Dial action="/after">
                 <Conference startConferenceOnEnter="false" beep="false" waitUrl="/music" {told}>room7</Conference>
               </Dial>""",
        )
        stage.page("/music", "<Say>please hold the line</Say>")
        stage.page(
            "/desk", f'<Dial><Conference endConferenceOnExit="true" beep="false" {told}>room7</Conference></Dial>'
        )
        stage.page("/after", "<Say>that was it</Say>")
        alice, desk = await stage.phone("alice"), await stage.phone("desk")
        await stage.calls_in(alice)
        await stage.until(lambda: len(stage.web.got("/music")) >= 2)
        assert hears(alice)
        second_leg(stage, app.id)
        await stage.picks_up(desk)
        await stage.clock.sleep(2)
        waits = len(stage.web.got("/music"))
        alice.heard.clear()
        desk.heard.clear()
        assert not hears(alice)
        alice.speak([LOUD] * 25)
        await stage.clock.sleep(1)
        assert hears(desk)
        await desk.hang_up()
        await alice.hears("bye")
        await stage.house.calls.idle()
        assert len(stage.web.got("/music")) == waits
        events = stage.web.got("/c")
        assert [fields["StatusCallbackEvent"] for fields in events] == [
            "participant-join",
            "participant-join",
            "conference-start",
            "participant-leave",
            "participant-leave",
            "conference-end",
        ]
        sids = [fields.get("CallSid") for fields in events]
        assert sids[0] == sids[4] != sids[1] == sids[3]
        assert stage.web.got("/after")[0]["DialCallStatus"] == "completed"
        assert hears(alice)

    play(scene)


def test_a_conference_that_starts_at_once() -> None:
    """The first member of a conference that it may start is told as joined, then the start."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.web.sinks.add("/c")
        told = 'statusCallback="/c" statusCallbackEvent="start join leave end"'
        stage.page(
            "/voice",
            f'<Dial hangupOnStar="true"><Conference participantLabel="a" muted="true" {told}>r</Conference></Dial>',
        )
        alice = await stage.phone("alice")
        await stage.calls_in(alice)
        await stage.clock.sleep(2)
        assert alice.media is not None
        alice.media.say_digit("*", 0.1)
        await alice.hears("bye")
        await stage.house.calls.idle()
        events = stage.web.got("/c")
        assert [fields["StatusCallbackEvent"] for fields in events] == [
            "participant-join",
            "conference-start",
            "participant-leave",
            "conference-end",
        ]
        assert (events[0]["ParticipantLabel"], events[0]["Muted"]) == ("a", "true")

    play(scene)


def test_another_document_in_a_conference() -> None:
    """A member that is given another document leaves the conference, which ends with its last member."""

    async def scene(stage: Stage) -> None:
        stage.number()
        stage.page("/voice", "<Dial><Conference>r</Conference></Dial>")
        stage.page("/new", "<Say>changed</Say>")
        alice = await stage.phone("alice")
        await stage.calls_in(alice)
        await stage.clock.sleep(2)
        assert stage.exchange.platform.conferences.active("r") is not None
        stage.house.calls.redirect(stage.web.got("/voice")[0]["CallSid"], Source(f"{HOST}/new"))
        await alice.hears("bye")
        assert stage.exchange.platform.conferences.active("r") is None
        assert "/new" in stage.web.paths()

    play(scene)
