"""What webhooks read of a leg and of a conference."""

from __future__ import annotations

from typing import Protocol

from botkit.exchange.webhooks.targets import Overrides
from botkit.signalling.facts import InviteReceived


class ToldLeg(Protocol):
    """A leg. Times are wallclock seconds; 0 and None: not known, not yet."""

    id: str
    """The client's `callID`."""
    control_id: str
    leg_id: str
    session_id: str
    connection_id: str
    client_state: str | None
    calling: str
    called: str
    direction: str
    """`incoming` or `outgoing`."""
    party_type: str
    """`sip` or `pstn`."""
    name: str
    """Shown to the other party; empty: none."""
    headers: tuple[tuple[str, str], ...]
    inbound: bool
    """Its client placed it."""
    invite: InviteReceived | None
    """That of an inbound leg."""
    started: float
    ended_at: float | None
    overrides: Overrides
    """What commands said of its webhooks."""


class ToldConference(Protocol):
    """A conference. Its events go to the owner `connection_id`, and carry the state of the leg that created it."""

    id: str
    connection_id: str

    @property
    def creator(self) -> ToldLeg:
        """The leg that it was made from."""
        ...
