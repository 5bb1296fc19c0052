"""Which of the frames that voice detection takes for speech are a steady tone instead.

webrtcvad takes every tone for a voice. Theory of operation: a tone's level hardly moves from frame to frame, so
as long as the level does, nothing needs to be looked at. Frames in a row of one level are a *run*. While it is
not known whether a voice is there, a run is judged by its spectrum (`is_tone`) after `SHORT` frames; where a voice
was heard already, only after `LONG`, since voices hold a note, too, and it costs nothing to be late there.
What is in doubt is kept and told with its own time once it is known, so that no onset moves.

A short run is a tone for sure only when it has ended, or has become a long one: the frames wait so long. The frame
or two that rise before a tone, and those that fall after it, are its edges. Lost frames break a run, not a tone.

A tone whose pitch glides or whose loudness swings (Japan's ring) passes for a voice.
"""

from __future__ import annotations

import numpy as np

from botkit.media.pcm import FRAME_SECONDS
from botkit.media.spectrum import is_tone

STEP = 2.5
"""dB: more than a tone's level moves between two frames. 440 and 480 Hz beat by 2."""

SHORT, MIDDLE, LONG = 3, 6, 11
"""Frames after which a run is judged: 60, 120, 220 ms, the first of which may hold the tone's begin."""

EDGES = 2
"""Frames that may rise before a tone."""

Verdicts = list[tuple[float, bool]]
"""For frames in order: when each began, and whether it is a voice."""

NONE: Verdicts = []


class SteadyTones:
    """One call's. `spoilt` frames after a lost one do not sound as they should (a decoder's memory)."""

    __slots__ = ("_edge", "_level", "_next", "_pending", "_run", "_suspect", "_tone", "_torn", "spoilt")

    def __init__(self, spoilt: int = 0) -> None:
        self.spoilt = spoilt
        self._pending: list[tuple[float, bytes, bool]] = []  # frames of which nothing has been told; voiced?
        self._run = 0  # how many of the last ones are steady; below 1: so many are spoilt
        self._level = 0.0  # of the frame before
        self._next = 0.0  # a frame that begins later has lost ones before it
        self._suspect = False  # the run was judged to be a tone, and is short
        self._torn = False  # of what is in doubt something was lost
        self._tone = False  # a tone sounds
        self._edge = False  # and is falling

    @property
    def idle(self) -> bool:
        """Nothing is in doubt, and no tone sounds."""
        return not self._pending and not self._tone

    def stop(self, heard: bool) -> Verdicts:
        """No voice and no tone any more: what was in doubt. `heard`: a voice was heard already, see `push`."""
        verdicts = self._ended(heard, self._run >= 2)
        self._tone = self._edge = False
        return verdicts

    def go_on(self, octets: bytes, at: float, level: float) -> float | None:
        """`push`, of a voiced frame while a voice is heard, where there is little to it, as nearly always.

        When the last frame began of which it is known now that it is the voice's, 0 for none; None where there is
        more to it, and `push` must tell.
        """
        pending = self._pending
        if self._tone or not pending:
            return None
        if -STEP <= level - self._level <= STEP:
            if self._suspect or self._run < 1 or self._run == LONG - 1:
                return None
            self._run += 1
            pending.append((at, octets, True))
            known = 0.0
        else:
            known = pending[-1][0]
            self._pending = [(at, octets, True)]
            self._run = 1
        self._level = level
        self._next = at + 1.5 * FRAME_SECONDS
        return known

    def push(self, octets: bytes, at: float, level: float, voiced: bool, heard: bool) -> Verdicts:
        """Judge the 20 ms that began at `at`, 320 bytes, of `level` dBFS; `voiced`: they are a voice or a tone.

        `heard`: a voice is sounding, so that it is a tone's coming that would surprise.
        """
        step, self._level = level - self._level, level
        lost = at > self._next
        self._next = at + 1.5 * FRAME_SECONDS
        if self._tone:
            return self._in_tone(octets, at, step, lost, voiced, heard)
        pending = self._pending
        if heard and not -STEP <= step <= STEP:  # as most frames of a voice: only how long it lasts is news
            verdicts = [(pending[-1][0], True)] if pending else NONE
            pending[:] = [(at, octets, voiced)]
            self._run = 1
            return verdicts
        if lost and self._suspect:
            self._tone = True
            verdicts = [*self._all(False), (at, False)]
            self._run = 1 - self.spoilt
            return verdicts
        if lost and pending and not heard:
            verdicts, self._run = NONE, 1 - self.spoilt
            self._torn = -STEP <= step <= STEP
            pending.append((at, octets, voiced))
        elif pending and (-STEP <= step <= STEP or self._run < 1):
            verdicts = NONE
            self._run += 1
            pending.append((at, octets, voiced))
        else:
            verdicts = self._broken(octets, at, step, voiced)
        if self._run == LONG or (not heard and self._run in (SHORT, MIDDLE)):
            return verdicts + self._judge(heard)
        if len(self._pending) >= LONG + EDGES and not heard and not self._suspect:
            return verdicts + self._all(True)
        return verdicts

    def _broken(self, octets: bytes, at: float, step: float, voiced: bool) -> Verdicts:
        """The level changed, and no voice has been heard: a run is over, or it is the first frame of all."""
        falls = step < -STEP
        if not falls and not self._suspect and len(self._pending) <= EDGES:
            verdicts = NONE if len(self._pending) < EDGES else [self._pending.pop(0)[::2]]
        else:
            suspect = self._suspect
            verdicts = self._ended(False, falls and self._run >= 2)
            if falls and (suspect or (verdicts and not verdicts[-1][1])):
                self._tone = self._edge = True
                return [*verdicts, (at, False)]
        self._pending.append((at, octets, voiced))
        self._run = 1
        return verdicts

    def _in_tone(self, octets: bytes, at: float, step: float, lost: bool, voiced: bool, heard: bool) -> Verdicts:
        if lost:
            verdicts = self._all(False)
            self._run = 1 - self.spoilt
            return [*verdicts, (at, False)]
        if self._run < 1:
            self._run += 1
            return [(at, False)]
        if step < -STEP:
            self._edge = True
            return [*self._ended(heard, self._run >= SHORT, unsure=False), (at, False)]
        if step > STEP or self._edge:
            verdicts = self._ended(heard, self._run >= SHORT, unsure=False)
            self._tone = self._edge = False
            self._pending.append((at, octets, voiced))
            self._run = 1
            return verdicts
        self._pending.append((at, octets, voiced))
        self._run += 1
        return self._judge(heard) if len(self._pending) >= LONG else NONE

    def _judge(self, heard: bool) -> Verdicts:
        """Look at the run."""
        pending = self._pending
        run = min(self._run, len(pending))
        self._suspect = self._is_tonal(run)
        if not self._suspect:
            self._tone = False
            return self._all(True)
        if self._run < LONG and not self._tone:
            return NONE
        self._tone = True
        before = [(at, voiced) for at, _, voiced in pending[:-run]] if heard else []
        del pending[: len(before)]
        return before + self._all(False)

    def _ended(self, heard: bool, judged: bool, *, unsure: bool = True) -> Verdicts:
        """What is in doubt, now that its run is over; `judged` by its spectrum, else it is a voice if `unsure`."""
        if self._torn and self._run < SHORT:
            unsure = False  # of one level before and after the loss, over soon, and never to be known
        elif judged and not heard and self._pending:
            unsure = not self._is_tonal(min(self._run, len(self._pending)))
        return self._all(unsure and not (self._suspect and not judged))

    def _is_tonal(self, run: int) -> bool:
        """Whether the last `run` frames are a tone, but for the first, in which it may have begun.

        Where they were one before, half of them is enough: its pitch may step.
        """
        if self._is_tone(1 - run if run >= SHORT else -run):
            return True
        return (self._tone or self._suspect) and (self._is_tone(-run // 2) or self._is_tone(-run, -run // 2))

    def _is_tone(self, begin: int, end: int | None = None) -> bool:
        octets = b"".join(octets for _, octets, _ in self._pending[begin:end])
        return is_tone(np.frombuffer(octets, np.int16))

    def _all(self, voice: bool) -> Verdicts:
        """All that is in doubt is a voice, or none."""
        verdicts = [(at, voice and voiced) for at, _, voiced in self._pending]
        self._pending.clear()
        self._run, self._suspect, self._torn = 0, False, False
        return verdicts
