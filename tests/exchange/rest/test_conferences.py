"""Conferences by REST, asked by the official SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telnyx import APIStatusError, NotFoundError, UnprocessableEntityError

from botkit.exchange.outgoing import DialPlan
from botkit.media.source import ToneSource
from botkit.media.wav import write_wav
from tests.exchange.kit import soon
from tests.exchange.meeting import Guest, Meeting
from tests.exchange.rest.kit import Desk, ask


def code_of(error: APIStatusError) -> str:
    body: Any = error.body
    return str(body["errors"][0]["code"])


async def refused(code: str, asked: Any) -> dict[str, Any]:
    """What was asked is answered by an error of this code; gives the error object."""
    with pytest.raises(APIStatusError) as error:
        await asked
    assert code_of(error.value) == code
    assert isinstance(error.value, NotFoundError if code == "10005" else UnprocessableEntityError)
    body: Any = error.value.body
    return dict(body["errors"][0])


async def room(desk: Desk, *names: str, **more: Any) -> tuple[Any, list[Guest], Meeting]:
    meeting = Meeting(desk)
    guests = await meeting.guests(*names)
    made = await desk.sdk.conferences.create(call_control_id=guests[0].id, name="room7", **more)
    for guest in guests[1:]:
        await desk.sdk.conferences.actions.join(made.data.id, call_control_id=guest.id)
    return made.data, guests, meeting


def test_from_create_to_end() -> None:
    """Created from a leg, joined, listed, ended; in each state REST tells of it."""

    async def scene(desk: Desk) -> None:
        made, (ann, bob), meeting = await room(desk, "ann", "bob", client_state="c3RhdGU=", duration_minutes=30)
        assert made.record_type == "conference"
        assert (made.name, made.status, made.connection_id, made.region) == ("room7", "in_progress", "4711", "US")
        assert made.end_reason is None
        assert ann.leg.client_state == "c3RhdGU="
        assert meeting.events == ["created", "participant.joined ann", "participant.joined bob"]
        people = (await desk.sdk.conferences.list_participants(made.id)).data
        assert people is not None
        assert [(one.call_control_id, one.status, one.conference.name) for one in people] == [
            (ann.id, "joined", "room7"),
            (bob.id, "joined", "room7"),
        ]
        reply = await desk.sdk.conferences.actions.end_conference(made.id)
        assert reply.data.result == "ok"
        await ann.phone.hears("bye")
        await bob.phone.hears("bye")
        over = (await desk.sdk.conferences.retrieve(made.id)).data
        assert (over.status, over.end_reason) == ("completed", "ended_via_api")
        assert over.ended_by.call_control_id is None
        await refused("90019", desk.sdk.conferences.actions.end_conference(made.id))
        await refused("90019", desk.sdk.conferences.actions.mute(made.id))

    ask(scene)


def test_lists_are_filtered_and_in_order() -> None:
    """By name and status; the one that expires last comes first."""

    async def scene(desk: Desk) -> None:
        meeting = Meeting(desk)
        ann, bob = await meeting.guests("ann", "bob")
        short = await desk.sdk.conferences.create(call_control_id=ann.id, name="short", duration_minutes=1)
        long = await desk.sdk.conferences.create(call_control_id=bob.id, name="long")
        listed = [one.id async for one in desk.sdk.conferences.list()]
        assert listed == [long.data.id, short.data.id]
        assert [one.name async for one in desk.sdk.conferences.list(filter={"name": "short"})] == ["short"]
        assert [one.name async for one in desk.sdk.conferences.list(filter={"status": "completed"})] == []
        assert [one.id async for one in desk.sdk.conferences.list(page_size=1)] == listed

    ask(scene)


def test_commands_to_some_and_all() -> None:
    """Mute, hold, unhold, unmute, a new role: participants show it, and filters find it."""

    async def scene(desk: Desk) -> None:
        made, (ann, bob), _ = await room(desk, "ann", "bob")
        actions, people = desk.sdk.conferences.actions, desk.sdk.conferences.list_participants

        async def those(**wanted: bool) -> list[str]:
            return [one.call_control_id async for one in people(made.id, filter=wanted)]

        await actions.mute(made.id, call_control_ids=[ann.id])
        assert await those(muted=True) == [ann.id]
        await actions.mute(made.id)
        assert await those(muted=True) == [ann.id, bob.id]
        await actions.unmute(made.id, call_control_ids=[ann.id])
        assert await those(muted=False) == [ann.id]
        await actions.hold(made.id, call_control_ids=[bob.id])
        assert await those(on_hold=True) == [bob.id]
        await actions.unhold(made.id, call_control_ids=[bob.id])
        assert await those(on_hold=True) == []
        await actions.update(
            made.id, call_control_id=bob.id, supervisor_role="whisper", whisper_call_control_ids=[ann.id]
        )
        (whisperer,) = [one async for one in people(made.id, filter={"whispering": True})]
        assert (whisperer.call_control_id, whisperer.whisper_call_control_ids) == (bob.id, [ann.id])

    ask(scene)


def test_one_participant() -> None:
    """By its id: told, changed, and with its flag its exit ends the conference."""

    async def scene(desk: Desk) -> None:
        made, (ann, bob), _ = await room(desk, "ann", "bob")
        people = (await desk.sdk.conferences.list_participants(made.id)).data
        assert people is not None
        one = (await desk.sdk.conferences.retrieve_participant(people[1].id, id=made.id)).data
        assert (one.call_control_id, one.conference_id, one.end_conference_on_exit) == (bob.id, made.id, False)
        changed = await desk.sdk.conferences.update_participant(people[1].id, id=made.id, end_conference_on_exit=True)
        assert changed.data.end_conference_on_exit
        await refused("10005", desk.sdk.conferences.retrieve_participant("nobody", id=made.id))
        await desk.sdk.conferences.actions.leave(made.id, call_control_id=bob.id)
        await ann.phone.hears("bye")
        over = (await desk.sdk.conferences.retrieve(made.id)).data
        assert (over.end_reason, over.ended_by.call_control_id) == ("host_left", bob.id)

    ask(scene)


def test_what_is_refused() -> None:
    """Names in use, doubles, strangers, unknown rooms and legs, values out of range: each by its code."""

    async def scene(desk: Desk) -> None:
        made, (ann, bob), meeting = await room(desk, "ann", "bob", max_participants=2)
        conferences, actions = desk.sdk.conferences, desk.sdk.conferences.actions
        error = await refused("90033", conferences.create(call_control_id=bob.id, name="room7"))
        assert error["detail"] == "Conference with given name already exists and it's active."
        await refused("90044", actions.join(made.id, call_control_id=ann.id))
        carl = await meeting.guest("carl")
        await refused("90032", actions.join(made.id, call_control_id=carl.id))
        await refused("90015", actions.leave(made.id, call_control_id=carl.id))
        await refused("90015", actions.mute(made.id, call_control_ids=[carl.id]))
        await refused("90015", actions.join(made.id, call_control_id="v3:nonsense"))
        await refused("10005", actions.join("nonsense", call_control_id=carl.id))
        await refused("10005", conferences.retrieve("nonsense"))
        await refused("10033", conferences.create(call_control_id=carl.id, name="big", max_participants=801))
        reply = await desk.http.post(f"/conferences/{made.id}/actions/unhold", json={})
        assert (reply.status_code, reply.json()["errors"][0]["code"]) == (422, "10004")
        await carl.phone.hang_up()
        await soon(lambda: not carl.leg.is_answered)
        await refused("90018", conferences.create(call_control_id=carl.id, name="late"))

    ask(scene)


def test_a_leg_that_nobody_has_answered() -> None:
    """90034 for one that rings; one that an `answer` is under way for joins when it is up."""

    async def scene(desk: Desk) -> None:
        ann, bob = await desk.phone("ann"), await desk.phone("bob", "100")
        (ringing,) = desk.exchange.switch.dial(DialPlan(("100",), "+1555"))
        await bob.rings()
        await refused("90034", desk.sdk.conferences.create(call_control_id=ringing.control_id, name="room"))
        desk.exchange.switch.control = lambda leg, invite: desk.exchange.switch.park
        await ann.reply_to(await ann.dial("anything"))
        await ann.hears("ringing")
        parked = next(leg for leg in desk.exchange.switch.legs if leg.id == ann.call_id)
        await refused("90034", desk.sdk.conferences.create(call_control_id=parked.control_id, name="room"))
        desk.exchange.platform.commands.answer(parked)
        creating = asyncio.ensure_future(desk.sdk.conferences.create(call_control_id=parked.control_id, name="room"))
        await ann.connect((await ann.hears("answer"))["sdp"])
        made = await creating
        assert made.data.status == "in_progress"
        assert [seat.leg for seat in desk.exchange.platform.conferences.get(made.data.id).seats] == [parked]

    ask(scene)


def test_a_command_id_counts_once() -> None:
    """The same create gives the same conference; the same leave is no error the second time."""

    async def scene(desk: Desk) -> None:
        made, (_, bob), _ = await room(desk, "ann", "bob", command_id="c1")
        again = await desk.sdk.conferences.create(
            call_control_id=desk.exchange.platform.conferences.get(made.id).creator.control_id,
            name="room7",
            command_id="c1",
        )
        assert again.data.id == made.id
        for _ in range(2):
            await desk.sdk.conferences.actions.leave(made.id, call_control_id=bob.id, command_id="c2")

    ask(scene)


def test_play_and_speak(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file and a text, to all or some; told, and stopped."""

    async def scene(desk: Desk) -> None:
        made, (ann, _), meeting = await room(desk, "ann", "bob")
        actions = desk.sdk.conferences.actions
        meeting.told.clear()
        await actions.play(made.id, media_name="tone", loop="infinity")
        await soon(lambda: ann.hears(1300))
        await actions.stop(made.id)
        await soon(lambda: len(meeting.told) == 2)
        fields = {"media_url": None, "media_name": "tone"}
        assert meeting.told == [
            ("conference.playback.started", "", fields),
            ("conference.playback.ended", "", fields),
        ]
        meeting.told.clear()
        await actions.speak(made.id, payload="Hi", voice="female", call_control_ids=[ann.id])
        await soon(lambda: len(meeting.told) >= 2)
        assert meeting.events == ["participant.speak.started ann", "participant.speak.ended ann"]
        await refused("10004", actions.play(made.id))
        await refused("10033", actions.play(made.id, media_name="tone", loop=101))

    tone = tmp_path_factory.mktemp("media") / "tone.wav"
    write_wav(tone, ToneSource((1300.0,), 1.0, level=-15.0).pcm(8000), 8000)
    ask(scene, media={"tone": tone})


def test_hold_audio_by_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A conference that has not started plays its own hold audio; who is held by command, the command's."""

    async def scene(desk: Desk) -> None:
        meeting = Meeting(desk)
        (ann,) = await meeting.guests("ann")
        made = await desk.sdk.conferences.create(
            call_control_id=ann.id, name="later", start_conference_on_create=False, hold_media_name="low"
        )
        assert made.data.status == "init"
        await soon(lambda: (ann.hears(900), ann.hears(1300)) == (True, False))
        await desk.sdk.conferences.actions.hold(made.data.id, call_control_ids=[ann.id], media_name="high")
        await soon(lambda: (ann.hears(900), ann.hears(1300)) == (False, True))

    folder = tmp_path_factory.mktemp("media")
    media = {"low": folder / "low.wav", "high": folder / "high.wav"}
    for name, hz in (("low", 900.0), ("high", 1300.0)):
        write_wav(media[name], ToneSource((hz,), 1.0, level=-15.0).pcm(8000), 8000)
    ask(scene, media=media)


def test_digits_for_members() -> None:
    """Each hears them as its client takes them."""

    async def scene(desk: Desk) -> None:
        made, (ann, bob), _ = await room(desk, "ann", "bob")
        await desk.sdk.conferences.actions.send_dtmf(made.id, digits="42", call_control_ids=[bob.id])
        await soon(lambda: bob.phone.digits == ["4", "2"])
        assert ann.phone.digits == []

    ask(scene)


def test_a_recording() -> None:
    """Started, paused, resumed, stopped; what is told of can be fetched."""

    async def scene(desk: Desk) -> None:
        made, (ann, _), meeting = await room(desk, "ann", "bob")
        actions = desk.sdk.conferences.actions
        await refused("90033", actions.record_stop(made.id))
        await actions.record_start(made.id, format="wav", channels="dual")
        await refused("90033", actions.record_start(made.id, format="wav"))
        ann.says(0.5)
        await asyncio.sleep(0.5)
        await actions.record_pause(made.id)
        await actions.record_resume(made.id)
        await actions.record_stop(made.id)
        await soon(lambda: meeting.told[-1][0] == "conference.recording.saved")
        fields = meeting.told[-1][2]
        assert desk.exchange.platform.recordings.find(fields["recording_id"]).channels == "dual"

    ask(scene)
