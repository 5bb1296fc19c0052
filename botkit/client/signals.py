"""What a call needs of its client: a way to send orders, its state, and a home for its tasks."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from botkit.signalling.orders import Order
from botkit.states import CallState


class CallSignals(Protocol):
    """The client, as its calls see it."""

    def order(self, order: Order) -> None:
        """Have it sent. Raises `LocalProtocolError` where the state does not allow it."""
        ...

    def state(self, call_id: str) -> CallState:
        """The call's state by the protocol's table."""
        ...

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run `work` in a task that the client owns."""
        ...
