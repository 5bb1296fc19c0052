"""Webhooks as bots must be able to take them: doubled, late, out of order. The platform promises none of it away."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Chaos:
    """Shares from 0 to 1 of the events that are sent twice, `delay_by` seconds late, or after their successor.

    A swapped event waits at most `swap_within` seconds for its successor. Draws come from `seed`, in the order in
    which events are sent.
    """

    duplicate: float = 0.0
    delay: float = 0.0
    swap: float = 0.0
    delay_by: float = 1.0
    swap_within: float = 2.0
    seed: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def strikes(self, share: float) -> bool:
        """Whether it happens this time."""
        return share > 0 and self._random.random() < share
