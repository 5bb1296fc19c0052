"""Steps that run while the other party is in a queue or conference, and end with its stay, or end it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from botkit.flow.document import StepSpec
from botkit.flow.port import Stayed
from botkit.flow.scope import Scope

RESULT = {
    "reason": "why it is over: see above",
    "waited": "seconds that the other party was there",
}
"""What such a step gives."""


async def while_lent(
    scope: Scope, steps: Sequence[StepSpec], lend: Callable[[asyncio.Event | None], Awaitable[Stayed]]
) -> dict[str, Any]:
    """Lend the other party: as long as it lasts, or while `steps` run. A stay that is over cuts them short; a step
    that fails ends the stay, and fails the whole. A cancelled caller takes it back."""
    if not steps:
        stayed = await lend(None)
        return {"reason": stayed.reason, "waited": stayed.waited}
    enough = asyncio.Event()
    stay = asyncio.ensure_future(lend(enough))
    doing = asyncio.ensure_future(scope.run_steps(steps))
    try:
        await asyncio.wait((stay, doing), return_when=asyncio.FIRST_COMPLETED)
        enough.set()
        stayed = await stay
        if doing.done():
            doing.result()
    finally:
        for task in (doing, stay):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):  # what counts has been raised above
                await task
    return {"reason": stayed.reason, "waited": stayed.waited}
