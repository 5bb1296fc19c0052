"""Dial to a conference: the wait before its start, the callbacks, and who ends it."""

from __future__ import annotations

from botkit.exchange.texml.fetch import Source
from tests.exchange.texml.fake_leg import FakeTexmlLeg
from tests.exchange.texml.kit import HOST, Stage, play


def room(attributes: str = "", dial: str = "", name: str = "room7") -> str:
    return f"<Dial {dial}><Conference {attributes}>{name}</Conference></Dial>"


async def member(stage: Stage, path: str, program: str) -> FakeTexmlLeg:
    """A call with this program, which has entered the room."""
    stage.page(path, program)
    leg, _ = stage.call(voice_url=f"{HOST}{path}")
    await stage.until(lambda: "join room7" in stage.told(leg))
    return leg


def test_the_wait_for_the_start() -> None:
    """Who may not start the conference hears the document of waitUrl until another member starts it."""

    async def scene(stage: Stage) -> None:
        stage.page("/music", "<Play>/tune.wav</Play>")
        customer = await member(stage, "/one", room("startConferenceOnEnter='false' waitUrl='/music'"))
        await stage.sleep(7)
        assert stage.told(customer)[2:] == [f"play {HOST}/tune.wav"] * 3
        assert stage.web.got("/music")[0]["ConferenceSid"] == "conf-1"
        await member(stage, "/two", room())
        assert stage.told(customer)[-1] == f"cut: play {HOST}/tune.wav"
        await stage.sleep(10)
        assert len(stage.web.got("/music")) == 3

    play(scene)


def test_a_seat() -> None:
    """The attributes of the noun are those of the seat."""

    async def scene(stage: Stage) -> None:
        leg = await member(stage, "/one", room("muted='true' maxParticipants='5' beep='onExit' participantLabel='a'"))
        assert leg.seat is not None
        order = leg.seat.order
        assert (order.muted, order.max_participants, order.beep, order.label) == (True, 5, "onExit", "a")
        assert (order.start_on_enter, order.end_on_exit) == (True, False)

    play(scene)


def test_the_end_of_the_conference() -> None:
    """Who ends the conference by leaving sends the others on with their documents."""

    async def scene(stage: Stage) -> None:
        stage.page("/after", "<Say>that was it</Say>")
        customer = await member(stage, "/one", room(dial="action='/after'"))
        operator = await member(stage, "/two", room("endConferenceOnExit='true'"))
        await stage.sleep(30)
        operator.leaves()
        await stage.until(lambda: customer.over.done())
        assert stage.told(customer)[-4:] == [
            "out of room7: ended",
            "say that was it",
            "hang_up",
            "over: NORMAL_CLEARING",
        ]
        (fields,) = stage.web.got("/after")
        assert (fields["DialCallStatus"], fields["DialCallDuration"]) == ("completed", "30")
        assert (fields["ConferenceSid"], fields["FriendlyName"]) == ("conf-1", "room7")

    play(scene)


def test_callbacks_of_the_conference() -> None:
    """The first statusCallback given to a conference is told what happens in it, by all members, in order."""

    async def scene(stage: Stage) -> None:
        stage.web.sinks |= {"/c", "/other"}
        one = await member(stage, "/one", room("statusCallback='/c' statusCallbackEvent='start join leave end'"))
        two = await member(stage, "/two", room("statusCallback='/other' statusCallbackEvent='start join leave end'"))
        one.leaves()
        two.leaves()
        await stage.sleep(1)
        told = stage.web.got("/c")
        assert [(fields["StatusCallbackEvent"], fields.get("CallSid")) for fields in told] == [
            ("participant-join", one.facts.sid),
            ("conference-start", None),
            ("participant-join", two.facts.sid),
            ("participant-leave", one.facts.sid),
            ("participant-leave", two.facts.sid),
            ("conference-end", None),
        ]
        assert [fields["SequenceNumber"] for fields in told] == list("012345")
        assert {(fields["ConferenceSid"], fields["FriendlyName"]) for fields in told} == {("conf-1", "room7")}
        assert not stage.web.got("/other")

    play(scene)


def test_only_events_that_were_asked_for() -> None:
    """Events that statusCallbackEvent does not name are not told."""

    async def scene(stage: Stage) -> None:
        stage.web.sinks.add("/c")
        one = await member(stage, "/one", room("statusCallback='/c' statusCallbackEvent='end'"))
        one.leaves()
        await stage.sleep(1)
        assert [fields["StatusCallbackEvent"] for fields in stage.web.got("/c")] == ["conference-end"]

    play(scene)


def test_the_star_key_leaves() -> None:
    """With hangupOnStar the star key leaves the conference, and the document goes on."""

    async def scene(stage: Stage) -> None:
        leg = await member(stage, "/one", room(dial="hangupOnStar='true'") + "<Say>out</Say>")
        leg.press("*")
        await stage.until(lambda: leg.over.done())
        assert "say out" in stage.told(leg)
        assert "out of room7: left" in stage.told(leg)

    play(scene)


def test_a_wait_that_hangs_up() -> None:
    """Hangup in the document of waitUrl ends the call."""

    async def scene(stage: Stage) -> None:
        stage.page("/music", "<Say>closed</Say><Hangup/>")
        leg = await member(stage, "/one", room("startConferenceOnEnter='false' waitUrl='/music'") + "<Say>never</Say>")
        await stage.until(lambda: leg.over.done())
        assert "say never" not in stage.told(leg)
        assert not stage.world.rooms

    play(scene)


def test_a_full_conference() -> None:
    """A conference that is full is one verb less."""

    async def scene(stage: Stage) -> None:
        for path in ("/one", "/two"):
            await member(stage, path, room("maxParticipants='2'"))
        stage.page("/three", room("maxParticipants='2'") + "<Say>full</Say>")
        leg, drive = stage.call(voice_url=f"{HOST}/three")
        await drive.task
        assert "say full" in stage.told(leg)

    play(scene)


def test_another_document_in_a_conference() -> None:
    """A member that is given another document leaves the conference for it."""

    async def scene(stage: Stage) -> None:
        stage.page("/new", "<Say>changed</Say>")
        leg = await member(stage, "/one", room())
        stage.calls.redirect(leg.facts.sid, Source(f"{HOST}/new"))
        await stage.until(lambda: leg.over.done())
        assert stage.told(leg)[-4:-2] == ["out of room7: left", "say changed"]

    play(scene)
