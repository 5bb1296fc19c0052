"""The microphone and the loudspeaker of a call: what it says when nothing is played, and who listens along.

`audio_in` is a source (file, tone, silence …) that goes out over and over between plays, or something
live (a pipe, a program, a sound card); `audio_out` a sink that gets every frame heard, or something
live. Both may be chosen for a client or a call, by name (`botkit.media.device`) or as objects, and
changed meanwhile. A program serves for both unless something else is chosen for the other way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeGuard

from botkit.client.happenings import tell
from botkit.clock import to_the_end
from botkit.errors import Fault
from botkit.media.device import SinkName, sink_named, source_named
from botkit.media.ear import Ear, HeardFrame
from botkit.media.live import LiveDevice, LiveFigures, OpenDevice, PcmWriter
from botkit.media.session import RtpSession
from botkit.media.sink import Sink
from botkit.media.source import Source

AudioIn = Source | LiveDevice
"""What a call says between plays."""

AudioOut = Sink | LiveDevice
"""Who hears a call."""

EARLY = 50
"""Frames of what is heard while a device is being opened that wait for it: a second, for which a pipe has room."""

Role = tuple[LiveDevice, bool, bool]
"""A live device, whether it says, and whether it hears."""


def source_of(chosen: AudioIn | str | None) -> AudioIn | None:
    """A name as what it names. Raises `ConfigError`."""
    return source_named(chosen) if isinstance(chosen, str) else chosen


def sink_of(chosen: AudioOut | SinkName | str | None, number: int = 1) -> AudioOut | None:
    """A name as what it names, for the `number`th call. Raises `ConfigError`."""
    named = sink_named(chosen) if isinstance(chosen, str) else chosen
    return named.make(number) if isinstance(named, SinkName) else named


def _is_sink(chosen: AudioOut | None) -> TypeGuard[Sink]:
    return chosen is not None and not isinstance(chosen, LiveDevice)


class Devices:
    """The devices of one call. `start` runs a coroutine in a task of the call's client; `on_fault` is told
    when something live cannot be opened: a call whose other end is a program has no purpose without it."""

    def __init__(
        self,
        ear: Ear,
        start: Callable[[Coroutine[Any, Any, Any], str], None],
        on_fault: Callable[[Fault], None],
    ) -> None:
        self.environment: dict[str, str] = {}
        """What programs are told."""
        self.figures: list[LiveFigures] = []
        """Of every live device that this call has used."""
        self._ear = ear
        self._start = start
        self._on_fault = on_fault
        self._session: RtpSession | None = None
        self._source: AudioIn | None = None
        self._sink: AudioOut | None = None
        self._open: dict[Role, OpenDevice] = {}
        self._writers: dict[Role, PcmWriter] = {}
        self._said: object = None  # the source, or the open device, that the session was given last
        self._settling = asyncio.Lock()
        self._closed = False

    @property
    def audio_in(self) -> AudioIn | None:
        return self._source

    @audio_in.setter
    def audio_in(self, source: AudioIn | str | None) -> None:
        self._source = source_of(source)
        self._change()

    @property
    def audio_out(self) -> AudioOut | None:
        return self._sink

    @audio_out.setter
    def audio_out(self, sink: AudioOut | SinkName | str | None) -> None:
        sink = sink_of(sink)
        before, self._sink = self._sink, sink
        if _is_sink(before):
            self._ear.taps.remove(self._hear)
            if self._session is not None:
                self._start(self._close_sink(before), "audio out")
        if _is_sink(sink):
            self._ear.taps.append(self._hear)
        self._change()

    def _hear(self, frame: HeardFrame) -> None:
        """Give it to the sink, which may be anybody's: what that raises ends no call, but the loop hears of it."""
        if _is_sink(self._sink):
            tell(self._sink.push, frame, self._start)

    def attach(self, session: RtpSession) -> None:
        """There is media now."""
        self._session = session
        self._change()

    # --- what was chosen comes true --------------------------------------------------------------------

    def _change(self) -> None:
        live = bool(self._roles() or self._open)
        if live or (self._session is not None and self._said is not self._source):
            self._start(self._settle(), "audio devices")

    def _roles(self) -> list[Role]:
        """The live devices that shall be open, and what for."""
        says = self._source if isinstance(self._source, LiveDevice) else None
        hears = self._sink if isinstance(self._sink, LiveDevice) else None
        if says is not None and says.both and (self._sink is None or hears == says):
            return [(says, True, True)]
        if hears is not None and hears.both and self._source is None:
            return [(hears, True, True)]
        roles = [] if says is None else [(says, True, False)]
        return roles if hears is None else [*roles, (hears, False, True)]

    async def _settle(self) -> None:
        """Open, close and connect until all is as was chosen last."""
        async with self._settling:
            if self._closed:
                return
            wanted = self._roles()
            for role in [role for role in self._open if role not in wanted]:
                await to_the_end(self._close_device(role))
            for role in [role for role in wanted if role not in self._open]:
                try:
                    await to_the_end(self._open_device(role))
                except Fault as fault:
                    self._on_fault(fault)
                    return
            await self._say()

    async def _open_device(self, role: Role) -> None:
        device, says, hears = role

        def take() -> OpenDevice:
            return device.open(says=says, hears=hears, environment=self.environment)

        # A program may take longer to start than the other party to say its first word.
        early: deque[HeardFrame] = deque(maxlen=EARLY)
        if hears:
            self._ear.taps.append(early.append)
        try:
            opened = self._open[role] = await asyncio.get_running_loop().run_in_executor(None, take)
        finally:
            if hears:
                self._ear.taps.remove(early.append)
        self.figures.append(opened.figures)
        if hears:
            writer = self._writers[role] = opened.writer()
            for frame in early if device.catches_up else ():
                writer.push(frame)
            self._ear.taps.append(writer.push)

    async def _close_device(self, role: Role) -> None:
        opened, writer = self._open.pop(role), self._writers.pop(role, None)
        if writer is not None:
            self._ear.taps.remove(writer.push)
            writer.close()
        if self._session is not None and self._said is opened:
            self._session.say_when_idle(())  # from now on the beat does not ask for it
            self._said = None
        await asyncio.get_running_loop().run_in_executor(None, opened.close)

    async def _say(self) -> None:
        """Give the session what it says between plays."""
        session = self._session
        if session is None:
            return
        speaking = next((opened for (_, says, _), opened in self._open.items() if says), None)
        if speaking is not None:
            if self._said is not speaking:
                session.say_live(speaking.reader(session.codec.rate))
                self._said = speaking
            return
        source = self._source
        if source is None or isinstance(source, LiveDevice):
            payloads: tuple[bytes, ...] = ()
        else:
            payloads = await asyncio.get_running_loop().run_in_executor(None, source.payloads, session.codec)
        if self._source is source:  # else it was changed again meanwhile
            session.say_when_idle(payloads)
            self._said = source

    # --- the end ---------------------------------------------------------------------------------------

    async def _close_sink(self, sink: Sink) -> None:
        await asyncio.get_running_loop().run_in_executor(None, sink.close)

    async def close(self) -> None:
        """The call is over: close the sink, give the devices back. Raises what the sink's `close` raises."""
        async with self._settling:
            self._closed = True
            sink, self._sink = self._sink, None
            try:
                await asyncio.gather(*(self._close_device(role) for role in list(self._open)))
            finally:
                if _is_sink(sink):
                    self._ear.taps.remove(self._hear)
                    await self._close_sink(sink)
