"""Playing and speaking into a conference."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from botkit.errors import ConfigError
from botkit.exchange.conference import Conference
from botkit.exchange.conference_sound import ConferenceSound, RoomOrder
from botkit.exchange.seat import SeatPlan
from botkit.media.source import Source, ToneSource
from tests.exchange.meeting import Guest, Meeting, meet
from tests.exchange.test_conference import refused, room


def sound(meeting: Meeting, conference: Conference) -> ConferenceSound:
    return ConferenceSound(conference, meeting.exchange.switch.start, (ConfigError,))


def tone_of(hz: float, seconds: float = 0.5) -> Callable[[], Awaitable[Source]]:
    async def find() -> Source:
        return ToneSource((hz,), seconds, level=-18.0)

    return find


def hearing(hz: float, *guests: Guest) -> list[bool]:
    return [guest.hears(hz) for guest in guests]


def test_to_the_whole_room() -> None:
    """All hear it, also on other codecs, and it is told with its own fields."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob) = await room(meeting, "ann", "bob")
        wide = await meeting.guest("wide", codec="opus")
        conference.join(wide.leg, SeatPlan())
        meeting.told.clear()
        fields = {"media_url": "http://127.0.0.1/x.wav", "media_name": None}
        sound(meeting, conference).play(RoomOrder("playback", tone_of(1300), fields=fields))
        await asyncio.sleep(0.45)
        assert hearing(1300, ann, bob, wide) == [True] * 3
        await asyncio.sleep(0.6)
        assert hearing(1300, ann, bob, wide) == [False] * 3
        assert meeting.told == [
            ("conference.playback.started", "", fields),
            ("conference.playback.ended", "", fields),
        ]

    meet(scene)


def test_to_some_members() -> None:
    """Only they hear it, and it is told once for each of them."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob, carl) = await room(meeting, "ann", "bob", "carl")
        sound(meeting, conference).play(RoomOrder("speak", tone_of(1300), to=(ann.id, carl.id)))
        await asyncio.sleep(0.45)
        assert hearing(1300, ann, bob, carl) == [True, False, True]
        await asyncio.sleep(0.6)
        assert meeting.events == [
            "participant.speak.started ann",
            "participant.speak.started carl",
            "participant.speak.ended ann",
            "participant.speak.ended carl",
        ]

    meet(scene)


def test_one_after_the_other() -> None:
    """What is ordered for the room while something is played waits for its end."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann,) = await room(meeting, "ann")
        player = sound(meeting, conference)
        player.play(RoomOrder("playback", tone_of(1300)))
        player.play(RoomOrder("speak", tone_of(1900)))
        await asyncio.sleep(0.45)
        assert (hearing(1300, ann), hearing(1900, ann)) == ([True], [False])
        await asyncio.sleep(0.5)
        assert (hearing(1300, ann), hearing(1900, ann)) == ([False], [True])
        await asyncio.sleep(0.5)
        assert meeting.events == ["playback.started", "playback.ended", "speak.started", "speak.ended"]

    meet(scene)


def test_without_end_until_it_is_stopped() -> None:
    """Stop ends what is played and what waits; what waited was never begun."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann,) = await room(meeting, "ann")
        player = sound(meeting, conference)
        player.play(RoomOrder("playback", tone_of(1300, 0.2), turns=None))
        player.play(RoomOrder("playback", tone_of(1900)))
        await asyncio.sleep(2.0)
        assert ann.hears(1300)
        player.stop()
        await asyncio.sleep(0.5)
        assert not ann.hears(1300)
        assert not ann.hears(1900)
        assert meeting.events == ["playback.started", "playback.ended"]

    meet(scene)


def test_stopped_for_one_of_two() -> None:
    """The other one hears on."""

    async def scene(meeting: Meeting) -> None:
        conference, (ann, bob) = await room(meeting, "ann", "bob")
        player = sound(meeting, conference)
        player.play(RoomOrder("playback", tone_of(1300, 0.2), to=(ann.id, bob.id), turns=None))
        await asyncio.sleep(0.5)
        player.stop([ann.id])
        await asyncio.sleep(0.5)
        assert hearing(1300, ann, bob) == [False, True]
        player.stop([bob.id])
        await asyncio.sleep(0.1)
        assert [event.split()[-1] for event in meeting.events] == ["ann", "bob", "ann", "bob"]

    meet(scene)


def test_a_sound_that_cannot_be_had() -> None:
    """Nothing is told, and the next one is played."""

    async def scene(meeting: Meeting) -> None:
        async def missing() -> Source:
            raise ConfigError("no such file")

        conference, (ann,) = await room(meeting, "ann")
        player = sound(meeting, conference)
        player.play(RoomOrder("playback", missing))
        player.play(RoomOrder("playback", tone_of(1300)))
        await asyncio.sleep(0.45)
        assert ann.hears(1300)
        assert meeting.events == ["playback.started"]

    meet(scene)


def test_the_end_of_the_conference_ends_its_sounds() -> None:
    """And no task of theirs stays (the kit looks); a conference that is over plays nothing."""

    async def scene(meeting: Meeting) -> None:
        conference, _ = await room(meeting, "ann")
        player = sound(meeting, conference)
        player.play(RoomOrder("playback", tone_of(1300), turns=None))
        player.play(RoomOrder("playback", tone_of(1300), turns=None))
        await asyncio.sleep(0.5)
        conference.end()
        await asyncio.sleep(0.5)
        told = meeting.events
        assert told[:2] == ["playback.started", "playback.ended"]
        assert told.count("playback.started") == 1
        with refused("90019"):
            player.play(RoomOrder("playback", tone_of(1300)))

    meet(scene)
