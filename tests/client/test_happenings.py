"""The events of one call: who is told, and what is found later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from botkit import clock, events
from botkit.client.happenings import KEPT, CallEvents
from botkit.client.listening import Listening
from botkit.clock import VirtualLoop
from botkit.errors import ExpectationFailed, UsageError
from botkit.events import Answered, CallEvent, DigitReceived, Ended, Held, Ringing, SpeechStarted
from botkit.media.ear import Ear


class Stage:
    """A call's events. Times count from the mark that the stage begins with."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        assert isinstance(self.loop, VirtualLoop)
        self.clock = self.loop.clock
        self.over: str | None = None
        self.ear = Ear()
        self.listening = Listening(self.ear, self.clock, lambda: self.over, lambda at: at)
        self.tasks: list[asyncio.Task[Any]] = []
        self.events = CallEvents(self.clock, lambda: self.over, lambda at: self.clock.now(), self._start)

    def _start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        self.tasks.append(self.loop.create_task(work, name=name))

    def emit(self, event: CallEvent) -> None:
        self.events.emit(event, self.clock.now())
        self.ear.changed()

    def later(self, seconds: float, event: CallEvent) -> None:
        self.loop.call_later(seconds, self.emit, event)

    async def wait(
        self, name: str, matches: Callable[[Any], bool] = lambda event: True, within: float = 5.0
    ) -> CallEvent:
        return await self.events.wait(name, matches, within, self.listening)


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await scene(Stage())

    clock.run(main(), virtual=True)


def digit(key: str) -> DigitReceived:
    return DigitReceived("c", key, "rtp", 0.0)


# --- who is told ------------------------------------------------------------------------------------------


def test_listeners_hear_everything() -> None:
    """A listener hears each event at once, in order, until it unsubscribes; doing so twice is no error."""

    async def scene(stage: Stage) -> None:
        heard: list[CallEvent] = []
        stop = stage.events.listen(heard.append)
        stage.emit(Ringing("c"))
        stage.emit(digit("1"))
        stop()
        stop()
        stage.emit(digit("2"))
        assert heard == [Ringing("c"), digit("1")]

    play(scene)


def test_a_coroutine_function_may_be_a_handler() -> None:
    """What it awaits goes on in a task of the client's."""

    async def scene(stage: Stage) -> None:
        heard: list[CallEvent] = []

        async def slowly(event: CallEvent) -> None:
            await stage.clock.sleep(1.0)
            heard.append(event)

        stage.events.on("dtmf", slowly)
        stage.emit(digit("1"))
        assert not heard
        await asyncio.wait(stage.tasks)
        assert heard == [digit("1")]

    play(scene)


def test_handlers_by_name() -> None:
    """A handler hears the events of its name; `off` takes it away, and what is not there is no error."""

    async def scene(stage: Stage) -> None:
        heard: list[CallEvent] = []
        stage.events.on("dtmf", heard.append)
        stage.emit(Ringing("c"))
        stage.emit(digit("1"))
        stage.events.off("dtmf", heard.append)
        stage.events.off("dtmf", heard.append)
        stage.events.off("held", heard.append)
        stage.emit(digit("2"))
        assert heard == [digit("1")]

    play(scene)


def test_name_that_there_is_not() -> None:
    """A handler for an event that calls do not have is an error of usage that names those they have."""

    async def scene(stage: Stage) -> None:
        with pytest.raises(UsageError, match="'anwsered'") as error:
            stage.events.on("anwsered", print)
        assert "answered" in (error.value.hint or "")

    play(scene)


def test_handlers_may_come_and_go_meanwhile() -> None:
    """A handler that takes itself away, or adds another, disturbs nobody."""

    async def scene(stage: Stage) -> None:
        heard: list[str] = []

        def once(event: CallEvent) -> None:
            heard.append("once")
            stage.events.off("dtmf", once)
            stage.events.on("dtmf", lambda event: heard.append("new"))

        stage.events.on("dtmf", once)
        stage.events.on("dtmf", lambda event: heard.append("other"))
        stage.emit(digit("1"))
        stage.emit(digit("2"))
        assert heard == ["once", "other", "other", "new"]

    play(scene)


def test_handler_that_raises() -> None:
    """A handler that raises hurts neither the others nor the beat that told it; the loop hears of it."""

    async def scene(stage: Stage) -> None:
        heard: list[str] = []
        said: list[Any] = []
        stage.loop.set_exception_handler(lambda loop, context: said.append(context["exception"]))
        stop = stage.events.listen(lambda event: 1 / 0)  # type: ignore[arg-type, return-value]
        stage.events.on("dtmf", lambda event: {}["nothing"])
        stage.events.on("dtmf", lambda event: heard.append("other"))
        stage.emit(digit("1"))
        stop()
        assert heard == ["other"]
        assert [type(error) for error in said] == [ZeroDivisionError, KeyError]

    play(scene)


# --- what is found ------------------------------------------------------------------------------------------


def test_event_that_comes() -> None:
    """A wait returns when the event comes."""

    async def scene(stage: Stage) -> None:
        stage.later(2.0, Held("c"))
        assert await stage.wait("held") == Held("c")
        assert stage.clock.now() == pytest.approx(2.0)

    play(scene)


def test_event_since_the_mark() -> None:
    """An event since the mark is found, one from before it is not."""

    async def scene(stage: Stage) -> None:
        stage.emit(digit("1"))
        await stage.clock.sleep(1.0)
        stage.listening.set_mark(0.5)
        stage.emit(digit("2"))
        assert await stage.wait("dtmf") == digit("2")

    play(scene)


def test_event_is_taken_once() -> None:
    """What one wait took another does not find; equal events are events of their own."""

    async def scene(stage: Stage) -> None:
        stage.emit(digit("1"))
        stage.emit(digit("1"))
        await stage.wait("dtmf")
        await stage.wait("dtmf")
        with pytest.raises(ExpectationFailed, match="the event dtmf within 1 s"):
            await stage.wait("dtmf", within=1.0)

    play(scene)


def test_conditions() -> None:
    """An event that does not meet the condition is left for others."""

    async def scene(stage: Stage) -> None:
        for key in "123":
            stage.emit(digit(key))
        assert await stage.wait("dtmf", lambda event: event.digit == "2") == digit("2")
        assert await stage.wait("dtmf") == digit("1")
        assert await stage.wait("dtmf") == digit("3")

    play(scene)


@pytest.mark.parametrize("event", [Ringing("c"), Answered("c"), Ended("c", "USER_BUSY", 17)])
def test_latched_events(event: CallEvent) -> None:
    """Events that happen once are found however long ago, and however often."""

    async def scene(stage: Stage) -> None:
        stage.emit(event)
        await stage.clock.sleep(9.0)
        stage.listening.set_mark(5.0)
        assert event.name is not None
        for _ in range(2):
            assert await stage.wait(event.name) == event

    play(scene)


def test_call_that_ends_under_a_wait() -> None:
    """When the call ends the wait is not met, at once, and says how it ended; but for the end itself."""

    async def scene(stage: Stage) -> None:
        def end() -> None:
            stage.over = "the call ended: USER_BUSY (17)"
            stage.emit(Ended("c", "USER_BUSY", 17))

        stage.loop.call_later(1.0, end)
        waiting = asyncio.ensure_future(stage.wait("ended"))
        with pytest.raises(ExpectationFailed, match="USER_BUSY"):
            await stage.wait("held")
        assert stage.clock.now() == pytest.approx(1.0)
        assert (await waiting).name == "ended"

    play(scene)


def test_long_calls() -> None:
    """The log of a call that lasts for days has an end, and what was taken is not confused with what is new."""

    async def scene(stage: Stage) -> None:
        for _ in range(5):
            for _ in range(KEPT):
                stage.emit(SpeechStarted("c", 0.0))
                await stage.wait("speech_started")
        with pytest.raises(ExpectationFailed):
            await stage.wait("speech_started", within=0.1)

    play(scene)


def test_names_are_those_of_the_language() -> None:
    """Calls have the events of the flow language, and no others."""
    assert set(events.CALL_EVENTS) >= {"incoming", "ringing", "early_media", "answered", "dtmf", "held", "ended"}
