"""An `events.jsonl` that a crash cut off: valid again, up to its last whole line."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

DAMAGED = ".damaged"
"""What the name of a file gets behind it when it is kept beside its mended self."""


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of one file. `torn`: bytes of its last line, cut off; `damaged`: lines before it, left out."""

    path: Path
    torn: int = 0
    damaged: int = 0


def mend(path: Path) -> Mended | None:
    """Leave the lines of `path` that are JSON objects; None where all of them are.

    Half a last line goes for good; where more is damaged, the file as it was is kept beside. Raises OSError.
    """
    data = path.read_bytes()
    *lines, last = data.split(b"\n")
    if last and _is_object(last):  # only its end of line is missing
        lines, last = [*lines, last], b""
    good = [line for line in lines if _is_object(line)]
    whole = b"".join(line + b"\n" for line in good)
    if whole == data:
        return None
    if len(good) < len(lines):
        path.rename(path.with_name(path.name + DAMAGED))
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(whole)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, 0o644)  # mkstemp's own mode keeps others out
    os.replace(name, path)
    return Mended(path, len(last), len(lines) - len(good))


def first_line(path: Path) -> dict[str, object]:
    """The line that says which call it is; empty where there is none."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.readline())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
