"""The audio files that flows name, found in the checked document: no media is needed to list them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from botkit.flow.document import Flow, Library, StepSpec


@dataclass(frozen=True, slots=True)
class NamedAudio:
    """A file that a step names as it stands, to be played `gain` dB louder, or to be heard."""

    spec: StepSpec
    file: Path
    gain: float = 0.0
    heard: bool = False


def named_audio(document: Flow | Library) -> Iterator[NamedAudio]:
    """Each file that a step names; those in expressions are not known yet."""
    for spec in document.every_step():
        for holder in (spec.step, getattr(spec.step, "play", None)):
            gain, files = getattr(holder, "gain", 0.0), getattr(holder, "audio", None)
            for file in files if isinstance(files, tuple) else ():
                if isinstance(file, Path):
                    loud = gain if isinstance(gain, int | float) else 0.0
                    yield NamedAudio(spec, file, loud, spec.step.is_expectation)
