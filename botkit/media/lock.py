"""A file that one process at a time may write: an advisory lock, which ends with the process however it ends.

So a spool or an output folder tells a run that is going on from one that was killed, with no guessing
from process ids that may be in use again.
"""

from __future__ import annotations

import os
from typing import IO

try:
    import fcntl
except ImportError:  # a platform without it does without the lock
    fcntl = None  # type: ignore[assignment]


def lock(file: IO[bytes]) -> bool:
    """Take `file` for as long as it is open; False where another process (or another opening) has it.

    Where the platform or the file system has no locks it is always ours.
    """
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def holder(file: IO[bytes]) -> int | None:
    """The id of the process that has `file` locked, where the system tells (Linux: proc(5), /proc/locks)."""
    try:
        inode = os.fstat(file.fileno()).st_ino
        with open("/proc/locks", encoding="ascii") as table:
            rows = [line.split() for line in table]
    except (OSError, ValueError):
        return None
    for row in rows:
        # 1: FLOCK  ADVISORY  WRITE 6925 fe:00:5343448 0 EOF; those that wait have an arrow after the number
        if len(row) >= 6 and row[1] == "FLOCK" and row[5].rpartition(":")[2] == str(inode) and int(row[4]) > 0:
            return int(row[4])
    return None


def in_words(pid: int | None) -> str:
    """Who has it, for messages."""
    return f"process {pid}" if pid is not None else "another process"
