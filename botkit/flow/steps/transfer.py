"""`transfer`: hand the other party to somebody else."""

from __future__ import annotations

from typing import ClassVar

from botkit.flow.kinds_call import Address
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Duration
from botkit.flow.scope import Scope


@step("transfer", short="to")
class Transfer(Step):
    """Hand the other party to another number or user, and go on when that one has answered or will not.

    The other party hears it ring meanwhile. `outcome` is `answered`: those two speak now, and this
    call is over. Else it is `busy`, `no_answer` (also after `ring_timeout`) or `failed` (nobody has the
    number, say), which fails nothing: the call goes on, and the flow may try somebody else. When the
    call ends meanwhile the step ends with it, as `failed`. It is a fault before the answer. `allow` in
    botkit.yaml holds here as it does for `dial`.

    Example:
        - transfer: {to: "+18005550112", ring_timeout: 20s}
          save_as: handed
        - if: handed.outcome != "answered"
          play: ../audio/goodbye.wav
    """

    waits: ClassVar[bool] = True
    result: ClassVar[dict[str, str]] = {"outcome": "answered, busy, no_answer or failed"}

    to: Address
    """Whom the other party gets: a number, a user's name or a SIP address. `allow` holds for it."""
    ring_timeout: Duration | None = None
    """How long it may ring; without it, as long as the server lets it."""

    async def run(self, call: CallPort, scope: Scope) -> dict[str, str]:
        return {"outcome": await call.transfer(self.to, ring_timeout=self.ring_timeout)}
