"""One end of a call's audio: descriptions in and out, the path beneath, RTP on the beat.

    caller: offer() → text, accept(text), connect()
    callee: answer(text) → text, connect()

Signalling sees it as text; the calls and legs above see a `session` that plays and hears.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from botkit.clock import Clock, to_the_end
from botkit.errors import UsageError
from botkit.media import negotiation, sdp
from botkit.media.codec import Codec, codec_by_name, codec_names
from botkit.media.pacer import Pacer
from botkit.media.playback import Playback
from botkit.media.session import RtpSession
from botkit.media.source import DigitSource, ProgressSource
from botkit.media.transport import Transport, TransportParameters


class Endpoint:
    """One end. `codecs` are those it may use, in order of preference."""

    def __init__(
        self,
        clock: Clock,
        pacer: Pacer,
        transport: Transport,
        *,
        codecs: Sequence[str] = codec_names(),
        cname: str = "botkit",
        host: str = "127.0.0.1",
    ) -> None:
        self.transport = transport
        self.up = False
        """Media flows: ICE and DTLS are done and the session is on the beat."""
        self.on_failed: Callable[[BaseException], bool] | None = None
        """Told what was raised on the beat of this end: its owner is to end it. It answers whether the report of its
        call will tell it; see `Pacer.on_error`."""
        self._clock = clock
        self._pacer = pacer
        self._codecs = tuple(codecs)
        self._cname = cname
        self._ssrc = random.getrandbits(32)
        self._local: sdp.Description | None = None
        self._remote: sdp.Description | None = None
        self._we_answer = False
        self._trickle = False
        self._formats: tuple[sdp.Format, ...] = ()  # of a stream that goes on, as they were agreed
        self._version = 1
        self._session: RtpSession | None = None
        self._closed = False
        self._broken = False
        self._joining = asyncio.Lock()

    @property
    def session(self) -> RtpSession:
        """The RTP session. Raises `UsageError` before both descriptions are known."""
        if self._session is None:
            raise UsageError("there is no media yet: the other end's description has not come")
        return self._session

    @property
    def described(self) -> bool:
        """Both descriptions are known."""
        return self._session is not None

    @property
    def codec_names(self) -> tuple[str, ...]:
        """The codec agreed on first, then the others that we know: for the offer to a second leg."""
        agreed = self.session.codec.name
        return (agreed, *(name for name in self._codecs if name.lower() != agreed.lower()))

    async def offer(self, codecs: Sequence[str] | None = None) -> str:
        """Gather, and describe ourselves with every candidate in it. Raises `NetworkFault`."""
        if codecs is not None:
            self._codecs = tuple(codecs)
        await self.transport.gather(offerer=True)
        self._local = negotiation.offer(self._ours(), self._codecs, version=self._version, formats=self._formats)
        return str(self._local)

    def accept(self, answer: str, *, trickle: bool = False) -> None:
        """Take the answer to our offer. Raises `SdpError`."""
        assert self._local is not None, "offer() comes first"
        self._remote = negotiation.complete(self._local, sdp.parse(answer))
        self._trickle = trickle
        self._agree()

    async def answer(self, offer: str, *, trickle: bool = False) -> str:
        """Gather, and answer an offer with the first of its codecs that we may use (RFC 3264 6.1).

        Raises `SdpError` or `NetworkFault`.
        """
        self._remote = sdp.parse(offer)
        self._we_answer = True
        self._trickle = trickle
        await self.transport.gather(offerer=False)
        self._local = negotiation.answer(self._remote, self._ours(), self._codecs, version=self._version)
        self._agree()
        return str(self._local)

    def _ours(self) -> negotiation.Transport:
        local = self.transport.local
        return negotiation.Transport(
            ufrag=local.ufrag,
            password=local.password,
            fingerprint=local.fingerprints[0][1],
            candidates=local.candidates,
            ssrc=self._ssrc,
            cname=self._cname,
        )

    def _agree(self) -> None:
        assert self._local is not None
        assert self._remote is not None
        self._agreement = agreed = negotiation.agree(self._local, self._remote, we_answered=self._we_answer)
        codec: Codec = codec_by_name(agreed.send.name)
        receives = next((one for one in agreed.receive if one.same_as(agreed.send)), agreed.send)
        events = agreed.events
        our_events = next((one for one in agreed.receive if events is not None and one.same_as(events)), events)
        self._session = RtpSession(
            self.transport,
            codec,
            self._clock,
            ssrc=self._ssrc,
            payload_type=agreed.send.payload_type,
            receive_type=receives.payload_type,
            event_type=events.payload_type if events is not None else None,
            receive_event_type=our_events.payload_type if our_events is not None else None,
            event_clock=events.clock_rate if events is not None else None,
            cname=self._cname,
        )
        self._session.on_failed = self._failed

    def _failed(self, error: BaseException) -> bool:
        self._broken = True
        return self.on_failed is not None and self.on_failed(error)

    async def connect(self, timeout: float = 10.0) -> None:
        """Join the path and go on the beat. Once up it does nothing.

        Raises `TimeoutFault` (phase media) or `NetworkFault`; a cancelled caller must `close`.
        """
        async with self._joining:  # two may want it at the same time
            if self.up:
                return
            await self._join(timeout)
            if not self._closed:
                self.up = True
                self._pacer.add(self.session)

    async def _join(self, timeout: float) -> None:
        assert self._remote is not None
        theirs = self._remote.audio
        await self.transport.connect(
            TransportParameters(
                ufrag=theirs.ice_ufrag,
                password=theirs.ice_pwd,
                candidates=theirs.udp_candidates,
                fingerprints=theirs.fingerprints,
                dtls_client=not self._agreement.dtls_client,
                ice_lite=self._remote.ice_lite,
                trickle=self._trickle and not theirs.end_of_candidates,
            ),
            timeout=timeout,
        )

    # --- the same stream over a new path ---------------------------------------------------------

    def continues(self, old: Endpoint) -> None:
        """Describe the stream of `old`, in its codec and under its numbers; `old.move_to` this when both are known.

        So a call is taken up again whose path is lost, or is about to be.
        """
        self._ssrc, self._cname, self._version = old._ssrc, old._cname, old._version + 1
        self._codecs = (old.session.codec.name,)
        agreed = old._agreement
        self._formats = tuple(one for one in agreed.receive if one.same_as(agreed.send) or not one.is_voice)

    async def move_to(self, fresh: Endpoint, timeout: float = 10.0) -> None:
        """Join the path of `fresh` and go on over it; the one before is given back. The session stays itself.

        Raises `TimeoutFault` (phase media) or `NetworkFault`: then, and when cancelled, all is as it was, and
        `fresh` is still to be closed. An endpoint that was closed meanwhile closes the new path, too.
        """
        await fresh._join(timeout)
        if self._closed:
            await fresh.close()
            return
        old, self.transport = self.transport, fresh.transport
        fresh._closed = True  # its path is ours from here on
        self._local, self._remote, self._agreement = fresh._local, fresh._remote, fresh._agreement
        self._we_answer, self._trickle, self._version = fresh._we_answer, fresh._trickle, fresh._version
        old.on_lost = None
        self.session.go_on(fresh.session)
        if not self.up:
            self.up = True
            self._pacer.add(self.session)
        await to_the_end(old.close())

    # --- during the call ---------------------------------------------------------------------------

    def add_candidate(self, candidate: str | None) -> None:
        """A trickled remote candidate; None ends the list."""
        self.transport.add_candidate(candidate.removeprefix("candidate:") if candidate else None)

    def play_ringback(self) -> Playback:
        """Say the ringback tone until what is given back is stopped or the leg is bridged."""
        session = self.session
        payloads = ProgressSource("ringback", level=-20.0).payloads(session.codec)
        ringback = Playback(payloads, lambda at: None, loop=True)
        session.play(ringback)
        return ringback

    def say_digit(self, digit: str, length: float) -> None:
        """Send one digit as telephone-event, or as tone to an end that knows none.

        60 ms of silence lie between two tones: Q.24's receivers need 40 to tell two presses of a key apart.
        """
        session = self.session
        if session.event_type is not None:
            session.send_event(digit, length)
        else:
            payloads = (
                *DigitSource(digit, length).payloads(session.codec, session.sender.lately),
                session.codec.silence,
            )
            session.interrupt(Playback(payloads, lambda at: None))

    async def close(self) -> None:
        """Leave the beat, say goodbye, give the path back. May be called at any time, more than once."""
        if self._closed:
            return
        self._closed = True
        if self._session is not None:
            self._pacer.remove(self._session)
            if self.up and not self._broken:  # what has failed might do so again
                self._session.say_goodbye()
            self._session.forward_to = None
            self._session.stop_playing()
        self.up = False
        await self.transport.close()
