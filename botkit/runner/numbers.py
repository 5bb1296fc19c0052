"""The numbers that a flow names, held against `allow` before any call is placed."""

from __future__ import annotations

from botkit.errors import ConfigError
from botkit.flow.document import Flow
from botkit.flow.explain import FlowErrors, at_place
from botkit.settings import Account, Settings


def check_numbers(flow: Flow, account: Account, settings: Settings) -> None:
    """Check whom the flow dials, and whom it transfers to as far as that stands in it; the rest is checked in the call.

    Raises `ConfigError` for the number that it dials, `FlowErrors` with every transfer that is not allowed.
    """
    if flow.dial is not None:
        settings.check_number(flow.dial, account)
    issues = []
    for spec in flow.every_step():
        to = getattr(spec.step, "to", None) if spec.step.name == "transfer" else None
        if isinstance(to, str):
            try:
                settings.check_number(to, account)
            except ConfigError as error:
                issues.append(at_place(spec.place, str(error.args[0]), error.hint))
    if issues:
        raise FlowErrors(issues)
