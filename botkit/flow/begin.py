"""What is settled before a call is made: the values of variables, and a flow's head with them filled in."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botkit.errors import ConfigError
from botkit.flow.chance import Chance
from botkit.flow.document import Flow
from botkit.flow.expression import suggest
from botkit.flow.kinds_many import ValueKind
from botkit.flow.operators import Environment
from botkit.flow.schema import resolve, resolve_value
from botkit.flow.scope import Inputs


def begin(flow: Flow, inputs: Inputs) -> tuple[Flow, Inputs]:
    """The flow with its variables and its head (`dial`, `headers`, `time_limit` …) filled in, once per call.

    A variable may use those that stand before it. Values in `inputs.vars` win; one that the flow does
    not declare is a `ConfigError`. Doing it a second time changes nothing. Raises `ExpressionFault`.
    """
    unknown = sorted(set(inputs.vars) - set(flow.vars))
    if unknown:
        hint = suggest(unknown[0], flow.vars) or f"declare it under `vars` in {flow.file}"
        raise ConfigError(f"the flow {flow.name} has no variable {', '.join(unknown)}", hint=hint)
    # A stream of its own: what is drawn here is drawn before the call, whatever the call draws.
    rng = random.Random(f"{inputs.seed}:begin")
    values: dict[str, Any] = {}
    names: dict[str, Any] = {
        "env": Environment(inputs.env),
        "bot": dict(inputs.bot),
        "matrix": dict(inputs.matrix),
        "random": Chance(rng),
    }
    for name, value in flow.vars.items():
        if name in inputs.vars:
            values[name] = inputs.vars[name]
        else:
            values[name] = resolve_value(ValueKind(), value, {**values, **names}, rng, f"vars.{name}")
    settled = resolve(flow.model_copy(update={"vars": values}), {**values, **names, "vars": values}, rng)
    return settled, replace(inputs, vars=values)


def secrets_of(flow: Flow, values: Mapping[str, Any]) -> list[Any]:
    """The values that the flow keeps secret."""
    return [values[name] for name in flow.secrets if name in values]
