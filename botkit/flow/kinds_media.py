"""Kinds of values that name sounds and files: audio files, output paths, frequencies."""

from __future__ import annotations

import random
from collections.abc import Iterable
from collections.abc import Mapping as MappingABC
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from botkit.flow.expression import Expression, Template, suggest
from botkit.flow.kinds import FieldError, Kind, as_template, marked
from botkit.flow.sandbox import Trouble, number, shown, written
from botkit.flow.source import Mark, Scalar, Sequence

TONES = ("dial", "busy", "ringback", "sit", "beep")


class AudioKind(Kind):
    wants = "the path of an audio file"

    def __init__(self, many: bool = False) -> None:
        self.many = many

    def of_value(self, value: Any, mark: Mark | None) -> Any:
        if isinstance(value, list | tuple) and self.many:
            if not value:
                raise FieldError("the list of audio files is empty")
            return tuple(self._path(item, mark) for item in value)
        path = self._path(value, mark)
        return (path,) if self.many else path

    def _path(self, value: Any, mark: Mark | None) -> Path:
        if isinstance(value, Path):
            return value
        if not isinstance(value, str) or not value:
            raise self.refused(value)
        return (Path(mark.file).parent if mark else Path()) / value

    def read(self, node: Any) -> Any:
        if isinstance(node, Sequence) and self.many:
            if not node.items:
                raise FieldError("the list of audio files is empty", mark=node.mark)
            items = [super(AudioKind, self).read(item) for item in node.items]
            return tuple(item if isinstance(item, Template) else item[0] for item in items)
        return super().read(node)

    def is_open(self, value: Any) -> bool:
        return isinstance(value, Template) or (isinstance(value, tuple) and any(map(self.is_open, value)))

    def settle(self, value: Any, names: MappingABC[str, Any], rng: random.Random) -> Any:
        if isinstance(value, tuple):
            settled = [super(AudioKind, self).settle(item, names, rng) for item in value]
            return tuple(path for item in settled for path in (item if isinstance(item, tuple) else (item,)))
        return super().settle(value, names, rng)

    def templates(self, value: Any) -> list[Template | Expression]:
        return [item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, Template)]


OWN_FILES = ("events.jsonl", "rx.wav", "tx.wav", "both.wav")
"""What botkit itself writes into the folder of every call."""

ANOTHER_NAME = "give the recording another name, such as message.wav"


def is_own_file(parts: Iterable[str]) -> bool:
    """Whether a relative path, in its parts, is one of `OWN_FILES` or would lie in it; some disks know no case."""
    return next(iter(parts), "").casefold().rstrip(". ") in OWN_FILES


class OutputKind(Kind):
    wants = "a relative path"

    def of_value(self, value: Any, mark: Mark | None) -> Path:
        text = written(value)
        posix, windows = PurePosixPath(text), PureWindowsPath(text)
        if not text or posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts or "\0" in text:
            raise FieldError(f"{shown(text)} must stay below the call's output folder", hint="write a relative path")
        if is_own_file(windows.parts):
            raise FieldError(f"{shown(text)} is a file that botkit itself writes for every call", hint=ANOTHER_NAME)
        return Path(text)


class HzKind(Kind):
    def __init__(self, named: bool = True) -> None:
        self.named = named
        words = ("one frequency in Hz", "two in a list", *([f"one of {', '.join(TONES)}"] if named else ()))
        self.words = f"{', '.join(words[:-1])} or {words[-1]}"

    def of_value(self, value: Any, mark: Mark | None) -> Any:
        if self.named and value in TONES:
            return value
        items = value if isinstance(value, list | tuple) else [value]
        try:
            hz = tuple(float(number(item)) for item in items)
        except Trouble:
            hint = suggest(value, TONES) if self.named and isinstance(value, str) else None
            raise FieldError(f"{shown(value)} is not {self.words}", hint=hint) from None
        # telephone speech ends below 4 kHz: what is heard is sampled 8000 times a second
        if len(hz) not in (1, 2) or not all(20 <= one < 4000 for one in hz):
            raise FieldError(f"{shown(value)} is not {self.words}", hint="frequencies from 20 to below 4000 Hz")
        return hz

    def read(self, node: Any) -> Any:
        if isinstance(node, Sequence) and all(isinstance(item, Scalar) for item in node.items):
            items = [as_template(item) for item in node.items if isinstance(item, Scalar)]
            if any(isinstance(item, Template) for item in items):
                return tuple(items)
            return self._marked_value(items, node.mark)
        return super().read(node)

    def _marked_value(self, items: list[Any], mark: Mark) -> Any:
        try:
            return self.of_value(items, mark)
        except FieldError as error:
            raise marked(error, mark) from None

    def is_open(self, value: Any) -> bool:
        return isinstance(value, Template) or (isinstance(value, tuple) and bool(self.templates(value)))

    def settle(self, value: Any, names: MappingABC[str, Any], rng: random.Random) -> Any:
        if isinstance(value, tuple):
            mark = self.templates(value)[0].mark
            items = [item.evaluate(names) if isinstance(item, Template) else item for item in value]
            return self._marked_value(items, mark)
        return super().settle(value, names, rng)

    def templates(self, value: Any) -> list[Template | Expression]:
        return [item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, Template)]
