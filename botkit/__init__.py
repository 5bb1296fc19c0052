"""botkit: bots that place, answer, hear and judge real WebRTC calls, written in YAML or in Python.

The map: `flow` reads and runs the language; `client` places and takes calls; `signalling` and `media`
are what a call is made of; `exchange` is the small platform on loopback; `runner` runs flows together
and `reports` shows what came of it. Names from the lower layers may be imported from their modules;
these are the ones that most programs need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botkit.client.call import Call
    from botkit.client.client import Client
    from botkit.errors import BotkitError, CallEnded, ExpectationFailed, Fault
    from botkit.exchange.exchange import Exchange, run_exchange
    from botkit.runner.options import RunOptions
    from botkit.runner.run import run_flows
    from botkit.settings import Account
    from botkit.states import CallState
    from botkit.vocabulary import Audio, Silence, Tone, Window

__all__ = [
    "Account",
    "Audio",
    "BotkitError",
    "Call",
    "CallEnded",
    "CallState",
    "Client",
    "Exchange",
    "ExpectationFailed",
    "Fault",
    "RunOptions",
    "Silence",
    "Tone",
    "Window",
    "run_exchange",
    "run_flows",
]

_HOMES = {
    "Account": "settings",
    "Audio": "vocabulary",
    "BotkitError": "errors",
    "Call": "client.call",
    "CallEnded": "errors",
    "CallState": "states",
    "Client": "client.client",
    "Exchange": "exchange.exchange",
    "ExpectationFailed": "errors",
    "Fault": "errors",
    "RunOptions": "runner.options",
    "Silence": "vocabulary",
    "Tone": "vocabulary",
    "Window": "vocabulary",
    "run_exchange": "exchange.exchange",
    "run_flows": "runner.run",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: `botkit check` needs neither WebRTC nor a web server.
    if name in _HOMES:
        return getattr(import_module(f"botkit.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'botkit' has no attribute {name!r}")
