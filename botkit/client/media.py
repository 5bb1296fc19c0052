"""The media of one call: endpoint, hearing, voice and devices, opened once both descriptions are known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from botkit.client.devices import Devices
from botkit.errors import Fault
from botkit.media.call_hearing import CallHearing
from botkit.media.ear import Ear
from botkit.media.endpoint import Endpoint
from botkit.media.plane import MediaPlane
from botkit.media.reference import Reference
from botkit.media.transport import Transport
from botkit.media.voice import Voice
from botkit.unforeseen import fault_of


class CallMedia:
    """`voice` and `hearing` are None until `open`; `spool_call` is the recording's number, None without one.

    `on_fault` is told when a device cannot be used, and of a mistake of ours on the beat of this call.
    """

    def __init__(
        self,
        plane: MediaPlane,
        endpoint: Endpoint,
        ear: Ear,
        start: Callable[[Coroutine[Any, Any, Any], str], None],
        said: Callable[[float, float], None],
        on_fault: Callable[[Fault], None],
    ) -> None:
        self.endpoint = endpoint
        self.devices = Devices(ear, start, on_fault)
        self.hearing: CallHearing | None = None
        self.voice: Voice | None = None
        self.spool_call: int | None = None
        self._plane = plane
        self._ear = ear
        self._said = said
        self._on_fault = on_fault
        self._muted = False
        self._prompts: tuple[Reference, ...] = ()
        self._on_lost: Callable[[str], None] | None = None
        self._connecting: asyncio.Task[None] | None = None

    def open(self, label: str, *, dialled: bool, on_lost: Callable[[str], None]) -> None:
        """Both descriptions are known: open the ear and the mouth. Once open it does nothing."""
        if self.hearing is not None:
            return
        session = self.endpoint.session
        self.hearing = CallHearing(self._plane.hearing, self._ear, session.codec)
        self.endpoint.on_failed = self.hearing.on_failed = self._failed
        if self._prompts:
            self.hearing.prompts(self._prompts)
        session.on_payload = self.hearing.payload
        session.on_digit = self.hearing.digit_event
        session.muted = self._muted
        self.devices.attach(session)
        self.voice = Voice(session, self._plane.clock, self._said)
        if self._plane.spool is not None:
            self.spool_call = self._plane.spool.new_call(label, caller_is_us=dialled, formats=session.formats)
            session.record_to(self._plane.spool, self.spool_call)
        self._on_lost = on_lost
        self.watch()

    def _failed(self, error: BaseException) -> bool:
        self._on_fault(fault_of(error))
        return True

    def watch(self, watched: bool = True) -> None:
        """Tell when the media path is lost, or do so no more."""
        self.endpoint.transport.on_lost = self._on_lost if watched else None

    def is_lost(self, transport: Transport) -> bool:
        """Whether a path that was lost still counts: it has not been followed by another one, and is watched."""
        return self.endpoint.transport is transport and transport.on_lost is not None

    def connect(self) -> asyncio.Task[None]:
        """Start joining the media path, once. Awaiting the task raises `TimeoutFault` or `NetworkFault`."""
        if self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self.endpoint.connect(), name="media path")
        return self._connecting

    def mute(self, muted: bool) -> None:
        """Send silence instead of what is being said, or stop doing so."""
        self._muted = muted
        if self.endpoint.described:
            self.endpoint.session.muted = muted

    def listen_for(self, prompts: Iterable[Reference]) -> None:
        """Listen for these prompts from now on, or from the first packet on."""
        self._prompts = (*self._prompts, *prompts)
        if self.hearing is not None:
            self.hearing.prompts(self._prompts)

    def call_is_over(self) -> Fault | None:
        """Nothing more will be said, or heard. Gives what went wrong with that: the call is over all the same."""
        try:
            if self.voice is not None:
                self.voice.call_is_over()
            if self.hearing is not None:
                self.hearing.finish()
        except Exception as error:
            return fault_of(error)
        return None

    def heard(self, what: str) -> None:
        """`dtmf` or `speech` was heard: stop the plays that wait for it."""
        if self.voice is not None:
            self.voice.heard(what)

    async def close(self) -> None:
        """Give everything back. May be called more than once."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait((self._connecting,))
            if not self._connecting.cancelled():
                self._connecting.exception()  # whoever awaited it has been told
        await self.endpoint.close()
        if self.hearing is not None:
            self.hearing.close()
        await self.devices.close()
