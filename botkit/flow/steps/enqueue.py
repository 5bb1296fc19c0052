"""`enqueue`: put the other party into a queue."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from botkit.flow.lending import RESULT, while_lent
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Steps, Text
from botkit.flow.scope import Scope


@step("enqueue", short="name")
class Enqueue(Step):
    """Put the other party into a queue of the exchange, at its end, and go on when it is out again.

    The queue makes no sound: the other party hears what is played to it, so `do` may play something
    in a loop. Without `do` the step lasts until somebody takes the party out; with `do` it also ends
    with these steps, and takes the party out itself. When the party is taken first, they are cut short.
    `reason` is `bridged` (somebody took it, and speaks with it; this call is over), `hangup`, `timeout`
    (it waited as long as it was allowed to), or `leave` (it was taken out: by these steps, or by
    command), after which the call goes on. None of them fails the flow. A queue is made by the first
    who enters it. Only botkit's exchange knows this step; another server makes it a fault.

    Example:
        - enqueue:
            name: support
            do:
              - play: {audio: ../audio/hold.wav, loop: true}
          save_as: queued
        - check: queued.reason == "bridged" and queued.waited < 60
    """

    waits: ClassVar[bool] = True
    result: ClassVar[dict[str, str]] = RESULT

    queue: Text = Field(alias="name")
    """Its name: one of 1 to 255 characters."""
    do: Steps = ()
    """What this side does meanwhile."""

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        return await while_lent(scope, self.do, lambda until: call.enqueue(self.queue, until=until))
