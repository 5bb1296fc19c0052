"""What the doctor notes about this machine: no step, since no account is better or worse for it."""

from __future__ import annotations

import os

from botkit.media import native
from botkit.runner.doctor.findings import Finding, State

PRICE = "all works, but listening costs half as much CPU again"
BUILD = (
    "on Debian and Ubuntu: sudo apt-get install gcc libc6-dev python3-dev; then make setup, or pip install -e . again"
)


def hearing() -> Finding:
    """Whether what hearing costs most is compiled. Where it is not, that is a warning and never a fault."""
    if native.AVAILABLE:
        return Finding("hearing", State.OK, "its compiled part is there", facts={"compiled": True})
    if native.BUILT:
        said = os.environ.get("BOTKIT_NATIVE", "off")
        text, hint = f"BOTKIT_NATIVE={said} leaves its compiled part out: {PRICE}", "unset BOTKIT_NATIVE"
    else:
        text, hint = f"its compiled part was not built, or from other sources: {PRICE}", BUILD
    return Finding("hearing", State.WARNING, text, hint, facts={"compiled": False})
