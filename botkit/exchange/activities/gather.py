"""A gather on a leg: the rules with a clock, digits, and prompts (see `gathering.py` for the rules)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from botkit.clock import Clock
from botkit.exchange.activities.gathering import Again, Ended, Gathering, Rules, Verdict
from botkit.exchange.activities.player import SoundQueue, Start
from botkit.exchange.activities.sounds import Sounds
from botkit.exchange.activities.told import Tell
from botkit.exchange.activities.utterance import CALL_HANGUP, CANCELLED, Turn, Utterance

MakePrompt = Callable[[bool], Utterance]
"""The prompt to be said next; whether it follows an invalid entry."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was entered, and `status` as `call.gather.ended` has it."""

    digits: str
    status: str


class Gather:
    """One gather, from its command to its end. `end` tells at once; `on_end` follows."""

    def __init__(
        self,
        rules: Rules,
        tell: Tell,
        clock: Clock,
        *,
        gather_id: str | None = None,
        prompt: MakePrompt | None = None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.outcome: asyncio.Future[Gathered] = asyncio.get_running_loop().create_future()
        """Set once, when it has ended."""
        self._machine = Gathering(rules)
        self._tell = tell
        self._clock = clock
        self._gather_id = gather_id
        self._make_prompt = prompt
        self._on_end = on_end
        self._prompt: Utterance | None = None
        self._again: Again | None = None
        self._changed = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self.outcome.done()

    def begin(self, queue: SoundQueue, sounds: Sounds, start: Start) -> None:
        """Begin to count; one with a prompt takes its place in the queue first."""
        if self._make_prompt is None:
            self._machine.listen(self._clock.now())
            start(self._entered(), "gather")
        else:
            turn = Turn(self._hush, self.end)
            queue.add(turn)
            start(self._prompted(self._make_prompt, turn, sounds), "gather with prompt")

    # --- digits ----------------------------------------------------------------------------------

    def hush(self) -> None:
        """A digit is here: the prompt stops, and is told so before the digit is."""
        self._hush(CANCELLED)

    def _hush(self, status: str) -> None:
        if self._prompt is not None:
            self._prompt.end(status)

    def hear(self, digit: str) -> None:
        """Take a digit in."""
        if not self.is_over:
            self._judged(self._machine.digit(digit, self._clock.now()))
            self._changed.set()  # its times have moved

    def end(self, status: str, digits: str | None = None) -> None:
        """End it, and tell. What has ended stays as it is."""
        if self.is_over:
            return
        self._hush(CALL_HANGUP if status == CALL_HANGUP else CANCELLED)
        gathered = Gathered(self._machine.digits if digits is None else digits, status)
        self.outcome.set_result(gathered)
        self._changed.set()
        self._tell("call.gather.ended", digits=gathered.digits, gather_id=self._gather_id, status=status)
        self._on_end()

    # --- the passing of time ---------------------------------------------------------------------

    async def _prompted(self, make_prompt: MakePrompt, turn: Turn, sounds: Sounds) -> None:
        try:
            await _first(self.outcome, turn.come.wait())
            invalid = False
            while not self.is_over:
                self._machine.begin_prompt()
                self._again = None
                self._prompt = make_prompt(invalid)
                await self._prompt.say(sounds)
                if self.is_over:
                    break
                if self._again is None:
                    self._machine.listen(self._clock.now())
                invalid = await self._entered()
        finally:
            turn.give_back()

    async def _entered(self) -> bool:
        """Wait until the entry is judged; whether it was invalid."""
        while not self.is_over and self._again is None:
            self._changed.clear()
            due = self._machine.due
            try:
                async with self._clock.timeout(None if due is None else max(0.0, due - self._clock.now())):
                    await self._changed.wait()
            except TimeoutError:
                self._judged(self._machine.expire(self._clock.now()))
        return self._again is not None and self._again.invalid

    def _judged(self, verdict: Verdict | None) -> None:
        match verdict:
            case Ended(digits, status):
                self.end(status, digits)
            case Again():
                self._again = verdict


async def _first(one: asyncio.Future[Gathered], other: object) -> None:
    """Wait for one of two."""
    waiting = asyncio.ensure_future(other)  # type: ignore[call-overload]
    try:
        await asyncio.wait((one, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
