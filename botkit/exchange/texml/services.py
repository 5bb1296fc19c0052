"""What all programs of an exchange share: its web clerk, its clock, and who else is driven by a document."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from botkit.clock import Clock
from botkit.exchange.texml.callbacks import Callbacks
from botkit.exchange.texml.fetch import Fetcher
from botkit.exchange.texml.records import Records
from botkit.owned import OwnedTasks


@dataclass(slots=True)
class Services:
    """`driven` are the sids of legs with a program of their own, which no other program hangs up."""

    clock: Clock
    fetcher: Fetcher
    callbacks: Callbacks
    account_sid: str
    owned: OwnedTasks = field(default_factory=lambda: OwnedTasks("TeXML"))
    records: Records = field(init=False)
    driven: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.records = Records(self.clock)

    def now_text(self) -> str:
        """Now, as callbacks have it: `2024-01-15T10:30:26.028Z`."""
        return time_text(self.clock.wall())


def time_text(wall: float) -> str:
    """Seconds since 1970 as an ISO time with milliseconds."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
