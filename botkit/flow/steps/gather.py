"""`gather`: collect digits, whatever they are."""

from __future__ import annotations

import random
from collections.abc import Mapping as MappingABC
from typing import Annotated, Any, ClassVar, Self

from pydantic import ValidationError, model_validator

from botkit.flow.expression import Expression, Template
from botkit.flow.kinds import FieldError, Kind
from botkit.flow.port import CallPort
from botkit.flow.registry import Step, step
from botkit.flow.schema import Count, Duration, Flag, Key, kinds_of, resolve
from botkit.flow.scope import Scope
from botkit.flow.source import Mapping
from botkit.flow.steps.play import Play


class PlayKind(Kind):
    """All that `play` takes, in its short form or as fields."""

    wants = "what `play` takes"

    def read(self, node: Any) -> Any:
        if isinstance(node, Play):
            return node
        if isinstance(node, Mapping):
            fields = {key.text: value for key, value in node.pairs}
        else:
            fields = dict(node) if isinstance(node, dict) else {"audio": node}
        try:
            return Play.model_validate(fields)
        except ValidationError as error:
            raise self._first(error, node) from None

    def _first(self, error: ValidationError, node: Any) -> FieldError:
        """The first thing that is wrong, in the words of the field."""
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        mark = getattr(node, "mark", None)
        if isinstance(cause, FieldError):
            return FieldError(str(cause), mark=cause.mark or mark, hint=cause.hint)
        where = ".".join(str(part) for part in first["loc"])
        return FieldError(f"`play` has no field `{where}`", mark=mark)

    def is_open(self, value: Any) -> bool:
        return isinstance(value, Play) and bool(self.templates(value))

    def settle(self, value: Any, names: MappingABC[str, Any], rng: random.Random) -> Any:
        return resolve(value, names, rng) if isinstance(value, Play) else value

    def templates(self, value: Any) -> list[Template | Expression]:
        if not isinstance(value, Play):
            return []
        return [each for name, kind in kinds_of(Play).items() for each in kind.templates(getattr(value, name))]

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["string", "array", "object"]}


@step("gather", short="digits")
class Gather(Step):
    """Collect digits that the other side enters, and go on whatever came.

    It is done after so many `digits` (`reason: complete`), at the `end` key, which is left out of the
    digits (`end`), when no digit comes for `first` seconds or no further one for `between`
    (`timeout`), or with the call (`ended`). What it plays meanwhile stops at the first digit, and at
    speech with `stop_on: speech`; `first` counts from its end. Digits entered before count, unless
    `flush` throws them away.

    Example:
        - gather: {digits: 4, end: '#', play: ../audio/enter_pin.wav}
          save_as: entry
        - log: "${entry.digits} (${entry.reason})"
    """

    waits: ClassVar[bool] = True
    obeys_within: ClassVar[bool] = True
    result: ClassVar[dict[str, str]] = {
        "digits": "what was entered, without the end key",
        "reason": "complete, end, timeout or ended",
    }

    digits: Count | None = None
    """How many; without it, as many as come before `end` or a time-out."""
    end: Key | None = None
    """The key that ends the entry."""
    first: Duration = 5.0
    """How long to wait for the first digit."""
    between: Duration = 2.0
    """How long to wait for each further one."""
    play: Annotated[Play | None, PlayKind()] = None
    """What is played until the first digit comes."""
    flush: Flag = False
    """Throw away what was entered before."""

    @model_validator(mode="after")
    def _play_is_its_own(self) -> Self:
        if self.play is not None and self.play.background:
            raise FieldError("what `gather` plays ends with the first digit, so it takes no `background`")
        return self

    async def run(self, call: CallPort, scope: Scope) -> dict[str, Any]:
        gathered = await call.gather(
            count=self.digits,
            end=self.end,
            first=self.first,
            between=self.between,
            play=self.play.what() if self.play else None,
            stop_on=self.play.stop_on if self.play else frozenset(),
            loop=self.play.loop if self.play else False,
            over=self.play.over if self.play else "queue",
            flush=self.flush,
            within=scope.within,
        )
        return {"digits": gathered.digits, "reason": gathered.reason}
