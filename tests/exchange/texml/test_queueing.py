"""Enqueue, Leave, and Dial to a queue."""

from __future__ import annotations

import pytest

from botkit.exchange.texml.calls import Drive
from botkit.exchange.texml.fetch import Source
from botkit.exchange.texml.program import Settings
from tests.exchange.texml.fake_leg import FakeTexmlLeg
from tests.exchange.texml.kit import HOST, Stage, play

ENQUEUE = "<Enqueue waitUrl='/wait' action='/left'>support</Enqueue>"


async def waiting(
    stage: Stage, *wait: str, program: str = ENQUEUE, left: str = "<Say>bye</Say>"
) -> tuple[FakeTexmlLeg, Drive]:
    """A caller in the queue, who hears these documents."""
    stage.page("/voice", program)
    if wait:
        stage.page("/wait", *wait)
    stage.page("/left", left)
    caller, drive = stage.call()
    await stage.until(lambda: "enqueue support" in stage.told(caller))
    return caller, drive


def desk(stage: Stage, program: str) -> tuple[FakeTexmlLeg, Drive]:
    """An operator who has been called and has picked up."""
    stage.page("/desk", program)
    leg = stage.world.leg("outbound", called="sip:desk@x")
    drive = stage.calls.drive(leg, Source(f"{HOST}/desk", "POST"), Settings())
    leg.pick_up()
    return leg, drive


def test_the_wait() -> None:
    """The document of waitUrl runs again and again, and is told how the call stands."""

    async def scene(stage: Stage) -> None:
        caller, _ = await waiting(stage, "<Say>please wait</Say><Play>/tune.wav</Play>")
        await stage.sleep(12)
        assert stage.told(caller)[2:6] == ["say please wait", f"play {HOST}/tune.wav"] * 2
        first, second, third = stage.web.got("/wait")
        assert (first["QueuePosition"], first["CurrentQueueSize"], first["QueueTime"]) == ("1", "1", "0")
        assert (second["QueueTime"], third["QueueTime"]) == ("5", "10")
        assert first["QueueSid"] == "queue-1"
        assert "AvgQueueTime" in first

    play(scene)


@pytest.mark.parametrize("wait", ["", "<Leave", "<Dial>1</Dial>"])
def test_a_wait_without_sound(wait: str) -> None:
    """A wait document that is empty or bad leaves the caller waiting in silence, and is not asked for without end."""

    async def scene(stage: Stage) -> None:
        caller, _ = await waiting(stage, wait)
        await stage.sleep(10)
        assert len(stage.world.queues["support"]) == 1
        assert len(stage.web.got("/wait")) == (11 if wait == "" else 1)
        assert not caller.over.done()
        stage.page("/wait", "<Say>sorry for that</Say>")
        await stage.until(lambda: "say sorry for that" in stage.told(caller))

    play(scene)


def test_leave() -> None:
    """Leave in the wait takes the call out, and the action is asked for at once."""

    async def scene(stage: Stage) -> None:
        caller, drive = await waiting(stage, "<Say>please wait</Say><Leave/><Say>never</Say>")
        await drive.task
        (fields,) = stage.web.got("/left")
        assert (fields["QueueResult"], fields["QueueTime"]) == ("leave", "2")
        assert "QueuePosition" not in fields
        assert stage.told(caller)[-4:] == ["out of support: leave", "say bye", "hang_up", "over: NORMAL_CLEARING"]

    play(scene)


def test_leave_without_action() -> None:
    """Without an action the verb after Enqueue follows."""

    async def scene(stage: Stage) -> None:
        program = "<Enqueue waitUrl='/wait'>support</Enqueue><Say>next</Say>"
        caller, drive = await waiting(stage, "<Leave/>", program=program)
        await drive.task
        assert "say next" in stage.told(caller)

    play(scene)


def test_hang_up_in_the_wait() -> None:
    """Hangup in the wait ends the call; the action is told."""

    async def scene(stage: Stage) -> None:
        caller, drive = await waiting(stage, "<Say>closed</Say><Hangup/>")
        await drive.task
        await stage.calls.idle()
        assert [fields["QueueResult"] for fields in stage.web.got("/left")] == ["hangup"]
        assert "say bye" not in stage.told(caller)

    play(scene)


def test_redirect_in_the_wait() -> None:
    """A redirect in the wait goes on elsewhere, still in the queue; then the wait starts again."""

    async def scene(stage: Stage) -> None:
        stage.page("/more", "<Say>more</Say>")
        caller, _ = await waiting(stage, "<Say>first</Say><Redirect>/more</Redirect>")
        await stage.sleep(3.5)
        assert stage.told(caller)[2:6] == ["say first", "say more", "say first", "say more"]
        assert stage.web.got("/more")[0]["QueuePosition"] == "1"

    play(scene)


def test_a_gather_in_the_wait() -> None:
    """Digits in the wait reach their action, which may take the call out of the queue."""

    async def scene(stage: Stage) -> None:
        stage.page("/key", "<Leave/>")
        caller, drive = await waiting(stage, "<Gather action='/key' numDigits='1'><Say>press 1 to leave</Say></Gather>")
        await stage.sleep(1)
        caller.press("1")
        await drive.task
        assert stage.web.got("/key")[0]["Digits"] == "1"
        assert stage.web.got("/left")[0]["QueueResult"] == "leave"

    play(scene)


def test_the_longest_wait() -> None:
    """After the longest wait the call leaves, and its action is asked for."""

    async def scene(stage: Stage) -> None:
        program = "<Enqueue action='/left' maxWaitTimeSecs='30'>support</Enqueue>"
        _, drive = await waiting(stage, program=program)
        await drive.task
        (fields,) = stage.web.got("/left")
        assert (fields["QueueResult"], fields["QueueTime"]) == ("timeout", "30")

    play(scene)


def test_a_caller_gives_up() -> None:
    """A caller who hangs up is out of the queue; the action is told."""

    async def scene(stage: Stage) -> None:
        caller, drive = await waiting(stage, "<Say>please wait</Say>")
        await stage.sleep(3)
        caller.leaves()
        await drive.task
        await stage.calls.idle()
        (fields,) = stage.web.got("/left")
        assert (fields["QueueResult"], fields["CallStatus"]) == ("hangup", "completed")
        assert not stage.world.queues["support"]

    play(scene)


def test_a_full_queue() -> None:
    """A full queue is told to the action at once."""

    async def scene(stage: Stage) -> None:
        stage.world.queue_limit = 0
        stage.page("/left", "<Say>full</Say>")
        caller = await stage.run(ENQUEUE)
        assert stage.web.got("/left")[0]["QueueResult"] == "queue-full"
        assert "say full" in stage.told(caller)

    play(scene)


def test_taken_by_a_dial() -> None:
    """Dial to the queue joins its head; the wait stops, and both documents go on when the bridge ends."""

    async def scene(stage: Stage) -> None:
        caller, drive = await waiting(stage, "<Play loop='0'>/tune.wav</Play>")
        await stage.sleep(4)
        operator, desk_drive = desk(stage, "<Dial action='/done'><Queue>support</Queue></Dial>")
        stage.page("/done", "<Say>next one</Say>")
        await stage.until(lambda: f"bridge {caller.facts.sid}" in stage.told(operator))
        assert f"cut: play {HOST}/tune.wav" in stage.told(caller)
        await stage.sleep(10)
        assert not stage.web.got("/left")
        operator.press("1")
        caller_before = len(stage.told(caller))
        operator.leaves()
        await desk_drive.task
        await drive.task
        assert stage.told(caller)[caller_before:] == ["say bye", "hang_up", "over: NORMAL_CLEARING"]
        (fields,) = stage.web.got("/left")
        assert (fields["QueueResult"], fields["QueueTime"]) == ("bridged", "4")
        assert "say next one" not in stage.told(operator)
        assert stage.web.got("/done")[0]["DialCallStatus"] == "completed"

    play(scene)


def test_the_operator_stays() -> None:
    """An operator whose caller hangs up goes on with the action of the Dial."""

    async def scene(stage: Stage) -> None:
        caller, _ = await waiting(stage, "<Pause length='60'/>")
        operator, desk_drive = desk(stage, "<Dial action='/done'><Queue>support</Queue></Dial>")
        stage.page("/done", "<Say>next one</Say>")
        await stage.until(lambda: f"bridge {caller.facts.sid}" in stage.told(operator))
        await stage.sleep(10)
        caller.leaves()
        await desk_drive.task
        (fields,) = stage.web.got("/done")
        assert (fields["DialCallStatus"], fields["DialCallSid"]) == ("completed", caller.facts.sid)
        assert fields["DialCallDuration"] == "10"
        assert "say next one" in stage.told(operator)

    play(scene)


def test_an_empty_queue() -> None:
    """From an empty queue a Dial goes on at once."""

    async def scene(stage: Stage) -> None:
        operator, drive = desk(stage, "<Dial><Queue>support</Queue></Dial><Say>nobody</Say>")
        await drive.task
        assert stage.told(operator)[1] == "say nobody"

    play(scene)


def test_heads_are_taken_in_order() -> None:
    """The queue is first come, first served."""

    async def scene(stage: Stage) -> None:
        first, _ = await waiting(stage, "<Pause length='60'/>")
        second, _ = stage.call()
        await stage.until(lambda: len(stage.web.got("/wait")) == 2)
        assert stage.web.got("/wait")[-1]["QueuePosition"] == "2"
        operator, _ = desk(stage, "<Dial><Queue>support</Queue></Dial><Dial><Queue>support</Queue></Dial>")
        await stage.until(lambda: f"bridge {first.facts.sid}" in stage.told(operator))
        first.leaves()
        await stage.until(lambda: f"bridge {second.facts.sid}" in stage.told(operator))

    play(scene)


def test_what_the_queued_party_hears_first() -> None:
    """The document of Queue's url runs on the queued call before it is joined."""

    async def scene(stage: Stage) -> None:
        stage.page("/soon", "<Say>you are next</Say>")
        caller, _ = await waiting(stage, "<Pause length='60'/>")
        operator, _ = desk(stage, "<Dial><Queue url='/soon'>support</Queue></Dial>")
        await stage.until(lambda: f"bridge {caller.facts.sid}" in stage.told(operator))
        assert stage.told(caller)[-1] == "say you are next"
        assert stage.web.got("/soon")[0]["CallSid"] == caller.facts.sid
        assert not stage.web.got("/left")

    play(scene)


def test_another_document_while_served() -> None:
    """A queued call that an operator has taken, and that is given another document, leaves the operator."""

    async def scene(stage: Stage) -> None:
        stage.page("/new", "<Say>changed</Say>")
        stage.page("/done", "<Say>next one</Say>")
        caller, drive = await waiting(stage, "<Pause length='60'/>")
        operator, _ = desk(stage, "<Dial action='/done'><Queue>support</Queue></Dial>")
        await stage.until(lambda: f"bridge {caller.facts.sid}" in stage.told(operator))
        await stage.sleep(5)
        stage.calls.redirect(caller.facts.sid, Source(f"{HOST}/new"))
        await drive.task
        assert "say changed" in stage.told(caller)
        assert "say next one" in stage.told(operator)
        assert stage.world.at(operator, f"parted {caller.facts.sid}") <= stage.world.at(caller, "say changed")

    play(scene)


def test_another_document_while_queued() -> None:
    """A queued call that is given another document leaves the queue; its action is not asked for."""

    async def scene(stage: Stage) -> None:
        stage.page("/new", "<Say>changed</Say>")
        caller, drive = await waiting(stage, "<Play loop='0'>/tune.wav</Play>")
        await stage.sleep(4)
        stage.calls.redirect(caller.facts.sid, Source(f"{HOST}/new"))
        await drive.task
        assert "say changed" in stage.told(caller)
        assert not stage.world.queues["support"]
        assert not stage.web.got("/left")

    play(scene)
