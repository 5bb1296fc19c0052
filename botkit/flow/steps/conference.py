"""`conference`: put the other party into a conference."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from botkit.flow.lending import RESULT, while_lent
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Steps, Text
from botkit.flow.scope import Scope


@step("conference", short="name")
class Conference(Step):
    """Put the other party into a conference of the exchange, and go on when it is out again.

    The first who enters makes it. All in it hear each other; this side hears nothing of it meanwhile.
    Without `do` the step lasts until the party leaves or the conference ends; with `do` it also ends
    with these steps, and takes the party out itself. `reason` is `hangup` or `moved` (it was put
    elsewhere), and the call is over; or `leave` (it was taken out: by these steps, or by command),
    `host_left`, `ended_via_api` or `time_exceeded` (the conference ended), after which the call goes
    on. None of them fails the flow. Only botkit's exchange knows this step; another server makes it a
    fault.

    Example:
        - conference: {name: room7, do: [{wait: 30s}]}
          save_as: met
        - log: "back after ${met.waited} s: ${met.reason}"
    """

    waits: ClassVar[bool] = True
    result: ClassVar[dict[str, str]] = RESULT

    room: Text = Field(alias="name")
    """Its name: one of 1 to 255 characters."""
    do: Steps = ()
    """What this side does meanwhile."""

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        return await while_lent(scope, self.do, lambda until: call.join_conference(self.room, until=until))
