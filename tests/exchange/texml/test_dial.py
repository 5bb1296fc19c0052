"""Dial to parties: who answers, who is told, and how it ends."""

from __future__ import annotations

import pytest

from botkit.exchange.texml.fetch import Source
from tests.exchange.texml.fake_leg import FakeTexmlLeg
from tests.exchange.texml.kit import HOST, Stage, play

DESK = "sip:desk@sip.telnyx.com"
ONE = f"<Dial action='/after' answerOnBridge='true'><Sip>{DESK}</Sip></Dial><Say>never</Say>"


async def joined(stage: Stage, program: str = ONE) -> tuple[FakeTexmlLeg, FakeTexmlLeg]:
    """A caller and a callee who hear each other."""
    stage.page("/voice", program)
    stage.page("/after", "<Hangup/>")
    caller, _ = stage.call()
    callee = await stage.world.rung(DESK)
    await stage.sleep(2)
    callee.pick_up()
    await stage.until(lambda: f"bridge {callee.facts.sid}" in stage.told(caller))
    return caller, callee


def test_joined_on_answer() -> None:
    """With answerOnBridge the caller hears a ringing tone unanswered, and is answered when the callee is."""

    async def scene(stage: Stage) -> None:
        caller, callee = await joined(stage)
        await stage.sleep(10)
        callee.leaves()
        await stage.until(lambda: caller.over.done())
        assert stage.told(caller) == [
            f"dial {DESK}",
            "ring_back us",
            "cut: ring_back us",
            "answer",
            f"bridge {callee.facts.sid}",
            f"parted {callee.facts.sid}",
            "hang_up",
            "over: NORMAL_CLEARING",
        ]
        (fields,) = stage.web.got("/after")
        assert (fields["DialCallStatus"], fields["DialCallSid"]) == ("completed", callee.facts.sid)
        assert (fields["DialCallDuration"], fields["CallStatus"]) == ("10", "in-progress")
        assert stage.web.requests[0].fields["CallStatus"] == "ringing"

    play(scene)


def test_answered_before() -> None:
    """Without answerOnBridge the caller is answered first."""

    async def scene(stage: Stage) -> None:
        caller, _ = await joined(stage, f"<Dial audioUrl='/tune.wav'><Sip>{DESK}</Sip></Dial>")
        assert stage.told(caller)[:2] == ["answer", f"dial {DESK}"]
        assert "ring_back /tune.wav" in stage.told(caller)

    play(scene)


def test_what_is_dialled() -> None:
    """The order carries who calls, how long it may ring, and a party's own credentials."""

    async def scene(stage: Stage) -> None:
        await joined(
            stage,
            f"<Dial callerId='+13120000001' fromDisplayName='Desk' timeout='20'>"
            f"<Sip username='u' password='p'>{DESK}</Sip></Dial>",
        )
        order = stage.world.legs["v3:leg2"].order
        assert order is not None
        assert (order.caller_id, order.display_name, order.timeout) == ("+13120000001", "Desk", 20.0)
        assert (order.username, order.password) == ("u", "p")

    play(scene)


def test_the_callers_own_number() -> None:
    """Without callerId the callee sees who called."""

    async def scene(stage: Stage) -> None:
        _, callee = await joined(stage)
        assert callee.facts.calling == "+15550009"

    play(scene)


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        ("USER_BUSY", "busy"),
        ("CALL_REJECTED", "busy"),
        ("NO_ANSWER", "no-answer"),
        ("UNALLOCATED_NUMBER", "failed"),
        ("NETWORK_OUT_OF_ORDER", "failed"),
    ],
)
def test_not_answered(cause: str, status: str) -> None:
    """A callee that does not answer is told to the action; the document goes on from there."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", ONE)
        stage.page("/after", "<Say>sorry</Say>")
        caller, drive = stage.call()
        callee = await stage.world.rung(DESK)
        await stage.sleep(1)
        callee.leaves(cause)
        await drive.task
        (fields,) = stage.web.got("/after")
        assert (fields["DialCallStatus"], fields["DialCallDuration"]) == (status, "0")
        assert "say sorry" in stage.told(caller)
        assert "say never" not in stage.told(caller)

    play(scene)


def test_time_out_without_action() -> None:
    """Without an action the next verb follows when nobody has answered in time."""

    async def scene(stage: Stage) -> None:
        leg = await stage.run("<Dial timeout='20'>+13120000001</Dial><Say>sorry</Say>")
        dialled, sorry = stage.world.at(leg, "dial +13120000001"), stage.world.at(leg, "say sorry")
        assert sorry - dialled == pytest.approx(20.0)

    play(scene)


def test_an_address_that_leads_nowhere() -> None:
    """An address that leads nowhere is a failed Dial, not the end of the call."""

    async def scene(stage: Stage) -> None:
        stage.world.unreachable.add("+1900")
        stage.page("/after", "")
        await stage.run("<Dial action='/after'>+1900</Dial>")
        (fields,) = stage.web.got("/after")
        assert fields["DialCallStatus"] == "failed"
        assert "DialCallSid" not in fields

    play(scene)


def test_the_first_answer_wins() -> None:
    """Parties ring together; the first answer ends the ringing of the others."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", f"<Dial><Number>+1301</Number><Sip>{DESK}</Sip><Number>+1302</Number></Dial>")
        caller, _ = stage.call()
        one, desk, two = [await stage.world.rung(to) for to in ("+1301", DESK, "+1302")]
        await stage.sleep(1)
        one.leaves("USER_BUSY")
        await stage.sleep(1)
        desk.pick_up()
        await stage.until(lambda: f"bridge {desk.facts.sid}" in stage.told(caller))
        assert stage.told(two) == ["hang_up", "over: ORIGINATOR_CANCEL"]
        assert not desk.over.done()

    play(scene)


def test_of_several_refusals_one_is_told() -> None:
    """Of several parties that do not answer, the busy one is told."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", f"<Dial action='/after'><Number>+1301</Number><Sip>{DESK}</Sip></Dial>")
        stage.page("/after", "")
        _, drive = stage.call()
        one, desk = [await stage.world.rung(to) for to in ("+1301", DESK)]
        one.leaves("USER_BUSY")
        desk.leaves("UNALLOCATED_NUMBER")
        await drive.task
        (fields,) = stage.web.got("/after")
        assert (fields["DialCallStatus"], fields["DialCallSid"]) == ("busy", one.facts.sid)

    play(scene)


def test_the_caller_gives_up() -> None:
    """A caller who hangs up while it rings ends the ringing; the action is told, its reply not run."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", ONE)
        stage.page("/after", "<Say>never</Say>")
        caller, drive = stage.call()
        callee = await stage.world.rung(DESK)
        await stage.sleep(1)
        caller.leaves("ORIGINATOR_CANCEL")
        await drive.task
        await stage.calls.idle()
        assert stage.told(callee) == ["hang_up", "over: ORIGINATOR_CANCEL"]
        (fields,) = stage.web.got("/after")
        assert (fields["DialCallStatus"], fields["CallStatus"]) == ("canceled", "canceled")
        assert "say never" not in stage.told(caller)

    play(scene)


def test_the_caller_hangs_up_first() -> None:
    """The end of the caller is the end of the callee, and of a completed Dial; it is told once."""

    async def scene(stage: Stage) -> None:
        caller, callee = await joined(stage)
        await stage.sleep(5)
        caller.leaves()
        await stage.until(lambda: callee.over.done())
        await stage.calls.idle()
        (fields,) = stage.web.got("/after")
        assert (fields["DialCallStatus"], fields["DialCallDuration"]) == ("completed", "5")
        assert fields["CallStatus"] == "completed"

    play(scene)


def test_the_time_limit() -> None:
    """The longest talk ends with the callee hung up; the caller's document goes on."""

    async def scene(stage: Stage) -> None:
        program = f"<Dial timeLimit='60'><Sip>{DESK}</Sip></Dial><Say>time is up</Say>"
        caller, callee = await joined(stage, program)
        await stage.until(lambda: "say time is up" in stage.told(caller))
        talk = stage.world.at(caller, "say time is up") - stage.world.at(caller, f"bridge {callee.facts.sid}")
        assert talk == pytest.approx(60.0)
        assert stage.told(callee)[-1] == "over: NORMAL_CLEARING"

    play(scene)


@pytest.mark.parametrize(("on_star", "ends"), [("true", True), ("false", False)])
def test_the_star_key(on_star: str, ends: bool) -> None:
    """With hangupOnStar the caller's star key ends the callee's leg, and other keys do not."""

    async def scene(stage: Stage) -> None:
        program = f"<Dial hangupOnStar='{on_star}'><Sip>{DESK}</Sip></Dial><Say>next</Say>"
        caller, callee = await joined(stage, program)
        caller.press("12#")
        await stage.sleep(1)
        assert not callee.over.done()
        caller.press("*")
        await stage.sleep(1)
        assert callee.over.done() is ends
        assert ("say next" in stage.told(caller)) is ends

    play(scene)


def test_what_the_callee_hears_first() -> None:
    """The document of a party's url runs on the callee before the two are joined."""

    async def scene(stage: Stage) -> None:
        stage.page("/whisper", "<Say>a call for you</Say>")
        program = f"<Dial><Sip url='/whisper' sendDigits='w1'>{DESK}</Sip></Dial>"
        caller, callee = await joined(stage, program)
        assert stage.told(callee) == ["picked up", "send w1", "say a call for you"]
        (fields,) = stage.web.got("/whisper")
        assert (fields["CallSid"], fields["ParentCallSid"]) == (callee.facts.sid, caller.facts.sid)
        joined_at = stage.world.at(caller, f"bridge {callee.facts.sid}")
        assert joined_at - stage.world.at(callee, "say a call for you") == pytest.approx(4.0)
        assert stage.told(caller).count("ring_back us") == 2

    play(scene)


@pytest.mark.parametrize("whisper", ["<Hangup/>", "<Say", "<Dial>1</Dial>"])
def test_a_callee_that_is_not_let_through(whisper: str) -> None:
    """A callee whose document hangs up, or is none, is not joined."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", f"<Dial action='/after'><Sip url='/whisper'>{DESK}</Sip></Dial>")
        stage.page("/whisper", whisper)
        stage.page("/after", "")
        _, drive = stage.call()
        callee = await stage.world.rung(DESK)
        callee.pick_up()
        await drive.task
        (fields,) = stage.web.got("/after")
        assert fields["DialCallStatus"] == "no-answer"
        assert callee.over.done()

    play(scene)


def test_status_callbacks() -> None:
    """A party's progress is told, event by event, in order."""

    async def scene(stage: Stage) -> None:
        stage.web.sinks.add("/leg")
        events = "initiated ringing answered completed"
        caller, callee = await joined(
            stage,
            f"<Dial><Sip statusCallback='/leg' statusCallbackEvent='{events}'>{DESK}</Sip></Dial>",
        )
        await stage.sleep(8)
        callee.leaves()
        await stage.until(lambda: len(stage.web.got("/leg")) == 4)
        told = stage.web.got("/leg")
        assert [fields["CallStatus"] for fields in told] == ["initiated", "ringing", "in-progress", "completed"]
        assert [fields["SequenceNumber"] for fields in told] == ["0", "1", "2", "3"]
        assert {fields["ParentCallSid"] for fields in told} == {caller.facts.sid}
        assert {fields["CallbackSource"] for fields in told} == {"call-progress-events"}
        assert {fields["CallSid"] for fields in told} == {callee.facts.sid}
        assert all(fields["Timestamp"].endswith("Z") and fields["CallInitiatedAt"] for fields in told)
        last = told[-1]
        assert (last["CallDuration"], last["HangupCause"], last["HangupSource"]) == ("8", "normal_clearing", "callee")
        assert (last["CallControlId"], last["CallLegId"]) == (callee.facts.sid, callee.facts.leg_id)

    play(scene)


def test_only_the_end_is_told_unasked() -> None:
    """Without statusCallbackEvent only the end is told, with its status word."""

    async def scene(stage: Stage) -> None:
        stage.web.sinks.add("/leg")
        stage.page("/voice", f"<Dial><Sip statusCallback='/leg' statusCallbackMethod='GET'>{DESK}</Sip></Dial>")
        _, drive = stage.call()
        callee = await stage.world.rung(DESK)
        callee.leaves("USER_BUSY")
        await drive.task
        await stage.calls.idle()
        (request,) = [request for request in stage.web.requests if request.path == "/leg"]
        assert (request.method, request.fields["CallStatus"], request.fields["SequenceNumber"]) == ("GET", "busy", "0")

    play(scene)


def test_recorded() -> None:
    """A Dial that records tells of the recording, apart and to its action."""

    async def scene(stage: Stage) -> None:
        stage.web.sinks.add("/recorded")
        program = (
            "<Dial action='/after' record='record-from-answer-dual' recordingStatusCallback='/recorded'>"
            f"<Sip>{DESK}</Sip></Dial>"
        )
        caller, callee = await joined(stage, program)
        await stage.sleep(10)
        callee.leaves()
        await stage.until(lambda: caller.over.done())
        await stage.calls.idle()
        for path in ("/recorded", "/after"):
            (fields,) = stage.web.got(path)
            assert (fields["RecordingDuration"], fields["RecordingSid"]) == ("10", "rec-1")
        assert caller.recording_order is not None
        assert caller.recording_order.dual

    play(scene)


def test_the_callee_is_given_a_document() -> None:
    """A callee that is given a document of its own leaves its dialler, whose document goes on."""

    async def scene(stage: Stage) -> None:
        stage.page("/own", "<Say>a long speech is this</Say>")
        caller, callee = await joined(stage)
        stage.calls.redirect(callee.facts.sid, Source(f"{HOST}/own"))
        await stage.until(lambda: caller.over.done())
        assert not callee.over.done()
        await stage.until(lambda: callee.over.done())
        assert stage.told(callee)[1:] == ["say a long speech is this", "hang_up", "over: NORMAL_CLEARING"]
        assert stage.web.got("/after")[0]["DialCallStatus"] == "completed"

    play(scene)


def test_a_callee_that_rings_is_given_a_document() -> None:
    """A callee that is given a document while it rings is its dialler's no more; nobody else answers, so none did."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", ONE)
        stage.page("/after", "<Hangup/>")
        stage.page("/own", "<Say>a long speech is this</Say>")
        caller, drive = stage.call()
        callee = await stage.world.rung(DESK)
        stage.calls.redirect(callee.facts.sid, Source(f"{HOST}/own"))
        await stage.sleep(1)
        callee.pick_up()
        await drive.task
        await stage.until(lambda: callee.over.done())
        assert "say a long speech is this" in stage.told(callee)
        assert f"bridge {callee.facts.sid}" not in stage.told(caller)
        assert stage.web.got("/after")[0]["DialCallStatus"] == "failed"

    play(scene)


def test_the_caller_is_given_a_document() -> None:
    """A caller whose program is replaced leaves its callee, who is hung up."""

    async def scene(stage: Stage) -> None:
        stage.page("/own", "<Say>a long speech is this</Say>")
        caller, callee = await joined(stage)
        stage.calls.redirect(caller.facts.sid, Source(f"{HOST}/own"))
        await stage.until(lambda: caller.over.done())
        assert "say a long speech is this" in stage.told(caller)
        assert callee.over.done()
        assert not stage.web.got("/after")

    play(scene)
