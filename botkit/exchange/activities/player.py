"""What one leg is told to say, one thing after the other.

Plays and speeches wait for each other in order of arrival, and a gather with its prompts takes one place among
them; overlays have a queue of their own, which is mixed with the first (the platform's playback commands).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from botkit.exchange.activities.sounds import Sounds
from botkit.exchange.activities.utterance import CANCELLED, Turn, Utterance

Item = Utterance | Turn
Start = Callable[[Coroutine[Any, Any, Any], str], object]
"""Runs work in a task that somebody owns."""


class SoundQueue:
    """First in, first out. The task that works through it lives while there is something in it."""

    def __init__(self, sounds: Sounds, start: Start, name: str) -> None:
        self._sounds = sounds
        self._start = start
        self._name = name
        self._waiting: deque[Item] = deque()
        self._current: Item | None = None
        self._at_work = False

    @property
    def is_heard(self) -> bool:
        """A play or speech of it is being said now."""
        return isinstance(self._current, Utterance) and self._current.is_heard

    def add(self, item: Item) -> None:
        """Say it after all that waits."""
        self._waiting.append(item)
        if not self._at_work:
            self._at_work = True
            self._start(self._work(), self._name)

    def stop_current(self, status: str = CANCELLED) -> None:
        """End what is being said; the next one follows. Without one, nothing is stopped."""
        if self._current is not None:
            self._current.end(status)

    def stop_all(self, status: str = CANCELLED) -> None:
        """End what is being said and all that waits, in order."""
        waiting, self._waiting = self._waiting, deque()
        self.stop_current(status)
        for item in waiting:
            item.end(status)

    async def _work(self) -> None:
        try:
            while self._waiting:
                self._current = item = self._waiting.popleft()
                if not item.is_over:
                    await item.say(self._sounds)
                self._current = None
        finally:
            self._current = None
            self._at_work = False
