"""The compiled twin of what hearing costs most, where it could be built.

Hundreds of calls that each listen spend most of their time in arithmetic on a few numbers at a time, where calling
numpy costs more than the arithmetic. `botkit/media/native/` has it in C, built by pip where there is a compiler. The
Python beside it does the same, is what the C is tested against, and is used where nothing could be built, or where
`BOTKIT_NATIVE=off` (or `0`, `no`, `false`) says so: everything works then, at a higher price.
"""

from __future__ import annotations

import os
import sys
from typing import Final

__all__ = ["AVAILABLE", "BUILT", "WANTED", "module"]

REVISION = 1
"""Of the interface between the two: one that was built from other sources is no twin (`native/module.c`)."""

try:
    from botkit.media import _native as module
except ImportError:
    BUILT = False
else:
    BUILT = getattr(module, "REVISION", 0) == REVISION

WANTED: Final[bool] = os.environ.get("BOTKIT_NATIVE", "").strip().lower() not in ("off", "0", "no", "false")
"""Nobody has switched the compiled twin off."""

AVAILABLE: Final[bool] = BUILT and WANTED and sys.maxsize > 1 << 32  # slots have 64 bits there
"""The compiled twin is there, and wanted."""
