"""How long to wait between attempts to connect again.

The numbers are the JS SDK's: 1 s·2^(n-1), at most 30 s, a quarter more or less, ten tries
([JS] `maxReconnectAttempts`). Taking calls up again is the protocol's part (`AttachOffered`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count

FIRST = 1.0
LONGEST = 30.0
SPREAD = 0.25
TRIES = 10


def delays(rng: random.Random, *, tries: int = TRIES) -> Iterator[float]:
    """Seconds to wait before each attempt; ends after `tries` of them (0: never). Start anew after a success.

    The spread keeps hundreds of clients that lost the same server from coming back in one moment; a
    seeded `rng` makes it repeatable.
    """
    for n in range(tries) if tries else count():
        delay = min(FIRST * 2 ** min(n, 30), LONGEST)
        yield delay * rng.uniform(1 - SPREAD, 1 + SPREAD)
