"""The questions for known prompts, and for a file heard anywhere in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from botkit.client.listening import SETTLE, Found
from botkit.media.call_hearing import CallHearing
from botkit.media.ear import Ear
from botkit.media.match import PromptHeard, choose
from botkit.media.reference import Reference, reference_of_file
from botkit.vocabulary import prompt_words

FOLLOWED_AFTER = 1.0
"""Seconds after its onset until a prompt is followed, and a file heard anywhere is told."""

JUDGED_AFTER = 0.3
"""Seconds after its last sound until a prompt has been judged, also where many are due in the same moment."""

RIVALS_AFTER = 0.7
"""The same where several are listened for: another one may go on."""

PAUSE = 2.0
"""Seconds of silence at the end of a prompt of more than a minute after which it was cut short."""

OVERLAP = 0.1
"""Seconds before the mark from which an onset counts: the end of one prompt is told by the frame, as the beginning
of the next one is, and nobody leaves a gap between them."""


async def references_of(files: Iterable[Path]) -> tuple[Reference, ...]:
    """The prompts of files, read in a thread where that was not done before.

    Raises `ConfigError` for one that is missing, no audio, or too short to be told from others.
    """
    loop = asyncio.get_running_loop()
    return tuple([await loop.run_in_executor(None, reference_of_file, file) for file in files])


def names_of(references: Sequence[Reference]) -> list[str]:
    """The names of their files, with the folder's where two have the same."""
    names = [reference.path.name for reference in references]
    return [
        name if names.count(name) == 1 else f"{reference.path.parent.name}/{name}"
        for reference, name in zip(references, names, strict=True)
    ]


def name_of(reference: Reference, references: Sequence[Reference]) -> str:
    """Its name among these."""
    return names_of(references)[references.index(reference)]


@dataclass(frozen=True, slots=True)
class PromptQuestion:
    """One of some prompts, with at least `score`; until="start" is met once it is sure, "end" at its end.

    `hearing` gives the detectors of the call, None before there is media.
    """

    hearing: Callable[[], CallHearing | None]
    references: tuple[Reference, ...]
    score: float
    until: str
    now: bool = False
    sure_after: float = FOLLOWED_AFTER

    @property
    def announced(self) -> bool:
        return not any(reference.beyond for reference in self.references)

    @property
    def settle(self) -> float:
        return SETTLE + (RIVALS_AFTER if len(self.references) > 1 else JUDGED_AFTER)

    @property
    def expected(self) -> str:
        return prompt_words(names_of(self.references), None)

    def find(self, ear: Ear, after: float, now: float) -> Found | None:
        hearing = self.hearing()
        if hearing is None:
            return None
        found = hearing.prompts(self.references).found
        choice = choose(one for one in found if self._counts(one, after))
        if choice is None:
            return None
        one = choice.heard if not choice.heard.goes_on else _to_its_end(choice.heard, ear)
        if one.end is not None and one.score < self.score:
            return None
        met = None if not choice.known else one.sure_at if self.until == "start" else one.end
        fields = (
            ("prompt", name_of(one.reference, self.references)),
            ("score", round(one.score, 2)),
            ("whole", None if one.end is None else one.whole),  # nobody knows before its end
            ("missing", round(one.missing, 2)),
        )
        return Found(one.onset, met, one.end, fields, one.end if self.until == "end" else None)

    def _counts(self, one: PromptHeard, after: float) -> bool:
        """It is one of ours, came after the mark and is not what the mark was set by, and is not known to be poor."""
        fits = one.sure_at is None or one.score >= self.score
        return fits and one.reference in self.references and one.onset > after - OVERLAP and one.onset != after


def _to_its_end(one: PromptHeard, ear: Ear) -> PromptHeard:
    """A prompt that is longer than what is looked at: it has ended when its time is over, or was cut short where sound
    ended before. What sound it was is not looked at any more."""
    assert one.end is not None
    full = one.end + one.goes_on
    if ear.heard_until < full:
        return replace(one, end=None)
    sounds = [sound for sound in ear.sounds if sound.start < full]
    last = full if not sounds or sounds[-1].end is None else min(sounds[-1].end, full)
    if last > full - PAUSE:
        return replace(one, end=full)
    share = (last - one.onset) / (full - one.onset)
    return replace(one, end=last, score=one.score * share, whole=False)


@dataclass(frozen=True, slots=True)
class PassageQuestion:
    """`length` seconds of one of some files, from any place in it on. What reigns at the mark counts from it on."""

    hearing: Callable[[], CallHearing | None]
    references: tuple[Reference, ...]
    score: float
    length: float
    until: str
    now: bool = False
    announced: bool = True
    sure_after: float = FOLLOWED_AFTER
    settle: float = SETTLE + JUDGED_AFTER

    @property
    def expected(self) -> str:
        return prompt_words(names_of(self.references), self.length)

    def find(self, ear: Ear, after: float, now: float) -> Found | None:
        hearing = self.hearing()
        if hearing is None:
            return None
        there = [found for reference in self.references if (found := self._of(hearing, reference, after)) is not None]
        return min(there, key=lambda found: (found.met is None, found.onset), default=None)

    def _of(self, hearing: CallHearing, reference: Reference, after: float) -> Found | None:
        for passage in hearing.anywhere(reference).found:
            if passage.score < self.score:
                continue
            start = max(passage.start, after)
            full = start + self.length
            until = passage.sure_until if passage.end is None else passage.end
            if passage.end is not None and until < full:
                continue
            met: float | None = full if until >= full else None
            if self.until == "end":
                met = passage.end
            fields = (("prompt", name_of(reference, self.references)), ("score", round(passage.score, 2)))
            return Found(start, met, passage.end, fields, met)
        return None
