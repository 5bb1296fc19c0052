"""`expect_dtmf`: the other side must enter digits."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from botkit.flow.expectation import Expectation, result_of
from botkit.flow.kinds import FieldError
from botkit.flow.port import CallPort, Entry
from botkit.flow.registry import step
from botkit.flow.schema import Choice, Flag, Keys, Pattern
from botkit.flow.scope import Scope


@step("expect_dtmf", short="digits")
class ExpectDtmf(Expectation):
    """The other side must enter these digits.

    `digits` and `pattern` are the whole entry: with `12` expected, `13` fails as soon as the 3 comes.
    `contains` looks for digits anywhere in it. `via` says how they must come. Digits entered before
    count (type-ahead), unless `flush` throws them away. They are consumed.

    Example:
        - expect_dtmf: 1234#
        - expect_dtmf: {pattern: '[0-9]{4}#', within: 8s, via: rtp}
    """

    result: ClassVar[dict[str, str]] = {"digits": "what was entered", "via": "info, rtp or tone"}

    digits: Keys | None = None
    """The whole entry."""
    pattern: Pattern | None = None
    """Matches the whole entry, as far as it has come."""
    contains: Keys | None = None
    """Digits somewhere in the entry."""
    via: Choice[Literal["info", "rtp", "tone"]] | None = None
    """The way that they must come; any without it."""
    flush: Flag = False
    """Throw away what was entered before."""

    @model_validator(mode="after")
    def _one_entry(self) -> Self:
        if sum(each is not None for each in (self.digits, self.pattern, self.contains)) != 1:
            raise FieldError("give one of `digits`, `pattern` and `contains`")
        return self

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        entry = Entry(self.digits, self.pattern, self.contains, self.via)
        return result_of(await call.expect_dtmf(entry, self.window(scope), flush=self.flush))
