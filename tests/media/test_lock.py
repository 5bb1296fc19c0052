"""Who has a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from botkit.media.lock import holder, in_words, lock


def test_a_file_is_one_openings_at_a_time(tmp_path: Path) -> None:
    """What is locked by one opening is refused to another until it is closed."""
    path = tmp_path / "file"
    with path.open("ab") as second:
        with path.open("ab") as first:
            assert lock(first)
            assert not lock(second)
        assert lock(second)


def test_a_process_that_was_killed_has_nothing(tmp_path: Path) -> None:
    """The lock names its process, and goes with it however it ends."""
    path = tmp_path / "file"
    path.touch()
    program = """
import sys
from botkit.media.lock import lock
with open(sys.argv[1], "ab") as file:
    print(lock(file), flush=True)
    input()
"""
    with (
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
        path.open("ab") as file,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert not lock(file)
        assert holder(file) in (process.pid, None)  # None where the system does not tell
        process.kill()
        process.wait()
        assert lock(file)


def test_words() -> None:
    """A holder that is not known is somebody all the same."""
    assert (in_words(17), in_words(None)) == ("process 17", "another process")
