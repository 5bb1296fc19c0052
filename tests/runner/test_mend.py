"""Events that a crash cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.runner.mend import Mended, first_line, mend

LINES = [b'{"t": 0.1, "type": "call", "call": "a"}\n', '{"t": 0.2, "text": "grün"}\n'.encode(), b'{"t": 0.3}\n']


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_whole_files_stay(path: Path) -> None:
    """A file whose lines are all whole is not touched, nor is an empty one."""
    for data in (b"".join(LINES), b""):
        path.write_bytes(data)
        before = path.stat()
        assert mend(path) is None
        assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_torn_anywhere(path: Path) -> None:
    """Cut off anywhere, the file ends with its last whole line; doing it twice changes nothing."""
    whole = b"".join(LINES)
    ends = [0, *(len(b"".join(LINES[: n + 1])) for n in range(3))]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        mended = mend(path)
        left = path.read_bytes()
        if cut + 1 in ends:  # all but the end of line
            assert (left, mended) == (whole[: cut + 1], Mended(path, 0, 0))
        else:
            last = max(end for end in ends if end <= cut)
            assert left == whole[:last]
            assert mended == (Mended(path, cut - last) if cut > last else None)
        assert mend(path) is None
    assert [one.name for one in path.parent.iterdir()] == ["events.jsonl"]


def test_damaged_in_the_middle(path: Path) -> None:
    """A line that is none is left out, the others stay, and the file as it was is kept beside."""
    data = LINES[0] + b"\0\0\0\n" + b"[1]\n" + LINES[2] + b'{"t'
    path.write_bytes(data)
    assert mend(path) == Mended(path, 3, 2)
    assert path.read_bytes() == LINES[0] + LINES[2]
    assert path.with_name("events.jsonl.damaged").read_bytes() == data


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300) | st.text(alphabet='{}[]":1\n', max_size=60).map(str.encode))
def test_anything(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever a file holds, afterwards each of its lines is a JSON object."""
    path = tmp_path_factory.mktemp("mend") / "events.jsonl"
    path.write_bytes(data)
    mend(path)
    for line in path.read_bytes().splitlines():
        assert isinstance(json.loads(line), dict)
    assert mend(path) is None


def test_first_line(path: Path) -> None:
    """It names the call; a file without one names none."""
    path.write_bytes(b"".join(LINES))
    assert first_line(path)["call"] == "a"
    for data in (b"", b"\xff\n", b"[]\n"):
        path.write_bytes(data)
        assert first_line(path) == {}
    path.unlink()
    assert first_line(path) == {}
