"""Who takes part in a room: members, sounds that are played into it, and those that only listen.

Each speaks at a rate of its own, and is brought to the rates of who listens. The room is `mixer.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import numpy.typing as npt

from botkit.media.codec import Encoder
from botkit.media.pcm import Pcm, Resampler
from botkit.media.playout import Playout
from botkit.media.session import RtpSession

Sum = npt.NDArray[np.int32]


class RoomVoice:
    """What says something of which its listeners' rates are others."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._resamplers: dict[int, Resampler] = {}

    def forget(self, rate: int) -> None:
        """Nobody listens at `rate` any more."""
        self._resamplers.pop(rate, None)

    def at(self, rate: int, frame: Pcm | Sum | None) -> Pcm | Sum | None:
        """`frame`, which comes each beat, at `rate`. One frame more comes out than went in: the filter's end."""
        if rate == self.rate:
            return frame
        resampler = self._resamplers.get(rate)
        if frame is None:
            if resampler is None:
                return None
            del self._resamplers[rate]
            return resampler.push(np.zeros(self.rate // 50, np.int16))
        if resampler is None:
            resampler = self._resamplers[rate] = Resampler(self.rate, rate)
        return resampler.push(clipped(frame))


class Member(RoomVoice):
    """One who is in the room. Made by `Mixer.add`."""

    def __init__(self, session: RtpSession) -> None:
        super().__init__(session.codec.rate)
        self.session = session
        self.codec = session.codec
        self.playout = Playout(session.codec)
        self.speaks = True
        """The others hear it. False: muted, on hold, one that only listens."""
        self.hears = True
        """It hears the others. False: silence, or what is played to it alone."""
        self.whispers_to: Collection[Member] | None = None
        """Who hears it, where not all do."""
        self.slot = [session.codec.silence]  # what its sender takes in this beat
        self.encoder: Encoder | None = None  # while it hears a sum of its own, with a codec that has a memory
        self.apart = 0  # beats for which it keeps that
        self.frame: Pcm | None = None  # what it says in this beat

    def frame_at(self, rate: int) -> Pcm | Sum | None:
        return self.at(rate, self.frame)

    def heard_by(self, member: Member) -> bool:
        return self.whispers_to is not None and member in self.whispers_to


class RoomSound(RoomVoice):
    """Something that is played into the room. Made by `Mixer.play`; `stop` it there."""

    def __init__(
        self,
        frames: Pcm,
        rate: int,
        to: Collection[Member] | None,
        turns: int | None,
        on_done: Callable[[float], None],
    ) -> None:
        super().__init__(rate)
        self.frames = frames
        self.to = to
        """Who hears it; None: everybody."""
        self.turns = turns
        """Turns that are left, this one included; None: without end."""
        self.index = 0
        self.stopped = False
        self.done = False
        self.frame: Pcm | None = None
        self._on_done = on_done

    def advance(self) -> bool:
        """Lay the frame of this beat ready; False where there is none any more."""
        if self.index >= len(self.frames):
            if self.turns is not None:
                self.turns -= 1
            if self.turns == 0 or not len(self.frames):
                self.frame = None
                return False
            self.index = 0
        self.frame = self.frames[self.index]
        self.index += 1
        return True

    def frame_at(self, rate: int) -> Pcm | Sum | None:
        return self.at(rate, self.frame)

    def heard_by(self, member: Member) -> bool:
        return self.to is not None and member in self.to

    def finish(self, at: float) -> None:
        if not self.done:
            self.done = True
            self._on_done(at)


class Tap(RoomVoice):
    """One who listens to the room and is none of its members: a recording. `close` it at the mixer, by `untap`.

    `heard` is given in each beat all that is said and played to all, and what `apart` has said of it (None: nothing
    in this beat), at `rate`. It runs on the beat: it must not wait.
    """

    def __init__(
        self, rate: int, heard: Callable[[Pcm | None, Pcm | None], None], apart: Callable[[], Member | None]
    ) -> None:
        super().__init__(rate)
        self.heard = heard
        self.apart = apart
        self._own: RoomVoice | None = None

    def hear(self, total: Sum | None) -> None:
        """One beat."""
        member = self.apart()
        own: Pcm | Sum | None = None
        if member is not None:
            if self._own is None or self._own.rate != member.rate:
                self._own = RoomVoice(member.rate)
            own = self._own.at(self.rate, None if member.whispers_to is not None else member.frame)
        self.heard(None if total is None else clipped(total), None if own is None else clipped(own))


def clipped(total: Pcm | Sum) -> Pcm:
    """A sum as samples: what is too loud is cut off."""
    if total.dtype == np.int16:
        return total  # type: ignore[return-value]
    return np.clip(total, -32768, 32767).astype(np.int16)
