"""What goes on beside the handlers of one call: plays and recordings with `background: true`.

They belong to the call's group of handlers, not to the handler that began them: they end by themselves, by
`stop_play`, or with the call. They are no handler's work, so they keep no call alive: when the `answered`
handler is done and no other runs, the bot hangs up, whatever still plays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botkit.errors import Fault
from botkit.flow.values import saved

if TYPE_CHECKING:
    from botkit.flow.scope import Scope

MOST = 100
"""Plays and recordings in the background of one call: more come from a loop that has lost its brake."""

Work = Callable[[asyncio.Event], Coroutine[Any, Any, Mapping[str, Any]]]
"""Does it until the event is set, and gives the result fields of its step."""

Spawn = Callable[[Coroutine[Any, Any, None], "Scope"], "asyncio.Task[None] | None"]
"""Makes a task in the call's group, or None when the group takes no more. What it raises faults the scope's step."""


@dataclass(frozen=True, slots=True)
class _Going:
    """One of them; `name` is the `save_as` of its step."""

    step: str
    name: str | None
    until: asyncio.Event
    begun: asyncio.Event


class Background:
    """The background of one call."""

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._going: dict[asyncio.Task[None], _Going] = {}

    async def start(self, scope: Scope, work: Work) -> None:
        """Begin `work` for the step that `scope` is at; returns when it has come to its first wait.

        So a play has taken its place among the plays of the call, and whatever the next step plays comes after it.
        For a cancelled caller it goes on. Raises `Fault` when too much goes on already.
        """
        if len(self._going) >= MOST:
            raise Fault(
                f"more than {MOST} plays and recordings go on in the background",
                hint="stop them with `stop_play`, or begin fewer",
            )
        spec = scope.spec
        going = _Going(spec.name if spec else "", spec.save_as if spec else None, asyncio.Event(), asyncio.Event())
        task = self._spawn(self._run(scope, going, work), scope)
        if task is not None:
            self._going[task] = going
            task.add_done_callback(lambda done: self._going.pop(done, None))
            task.add_done_callback(lambda done: going.begun.set())  # it may be cut off before it begins
            await going.begun.wait()

    async def _run(self, scope: Scope, going: _Going, work: Work) -> None:
        """Do it to its end; then the variable that was saved when it began is told how it came out.

        When it is cut off with the handlers it ends as it would with the call, and that is told, too, for `ended`.
        """
        begun = None
        doing = asyncio.ensure_future(_begin(work, going))
        try:
            await going.begun.wait()
            # The step waited before we did: it has been woken before us, and has saved its result.
            begun = scope.names.get(going.name) if going.name else None
            await asyncio.shield(doing)
        except asyncio.CancelledError:
            going.until.set()
            self._tell(scope, going, begun, await doing)  # cancelled once more it is cut off, and tells nothing
            raise
        self._tell(scope, going, begun, doing.result())

    def _tell(self, scope: Scope, going: _Going, begun: Any, fields: Mapping[str, Any]) -> None:
        name = going.name
        was_set_anew = name is None or scope.names.get(name) is not begun
        if name and isinstance(begun, dict) and not was_set_anew:
            ended = round(scope.shared.call.since_answered(), 6)
            scope.set(name, saved({**begun, **fields}, {"ended": ended}))

    async def stop_plays(self, name: str | None) -> None:
        """Stop the plays of that name, or all; returns when they are silent. For a cancelled caller they stop, too."""
        plays = {
            task: going
            for task, going in self._going.items()
            if going.step == "play" and (name is None or going.name == name)
        }
        for going in plays.values():
            going.until.set()
        if plays:
            await asyncio.wait(plays)

    async def finish(self) -> None:
        """The call is over, or nobody confirms that it is: return when nothing goes on any more."""
        tasks = list(self._going)
        for task in tasks:
            # On a call that is over they end at once by themselves, and what they recorded is told.
            self._going[task].until.set()
        if tasks:
            await asyncio.wait(tasks)


async def _begin(work: Work, going: _Going) -> Mapping[str, Any]:
    """Do the work, and say that it has begun: who waits for that goes on at the first wait of the work."""
    going.begun.set()
    return await work(going.until)
