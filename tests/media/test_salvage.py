"""Damaged spools: what is well in them is found, whatever lies between."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.errors import ConfigError
from botkit.media.salvage import SalvagedSpool, find_chunks
from botkit.media.spool import CHUNK, MAGIC, Spool, index_path
from tests.media.test_spool import fill, numbers_of, record

PACKET = 18 + 160


def spool_of(path: Path, chunks: int = 4) -> tuple[bytes, list[int]]:
    """A spool with one call of ten packets a chunk: its bytes, and where its chunks begin (the note's first)."""
    spool = Spool(path)
    call = spool.new_call("a")
    spool.flush()
    places = [len(MAGIC)]
    for start in range(0, 10 * chunks, 10):
        places.append(path.stat().st_size)
        fill(spool, call, range(start, start + 10))
        spool.flush()
    spool.close()
    return path.read_bytes(), places


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.botkit"


def salvaged(path: Path) -> tuple[list[int], int, int]:
    """The packets of call 1, the bytes skipped and those torn."""
    with SalvagedSpool(path) as reader:
        return [one.seq for one in reader.records(1)], reader.skipped, reader.torn


def test_what_is_well_is_read_as_ever(path: Path) -> None:
    """A spool without damage gives all, and nothing is skipped or torn."""
    spool_of(path)
    assert salvaged(path) == (list(range(40)), 0, 0)


@pytest.mark.parametrize("at", [0, 8, 12, CHUNK.size + 100], ids=["kind", "length", "checksum", "body"])
def test_damage_in_the_middle(path: Path, at: int) -> None:
    """Wherever a chunk is damaged, those after it are found again, and its own bytes are counted."""
    data, places = spool_of(path)
    damaged = bytearray(data)
    damaged[places[2] + at] ^= 0x7F
    path.write_bytes(damaged)
    assert salvaged(path) == ([*range(10), *range(20, 40)], places[3] - places[2], 0)


def test_bytes_that_are_missing_or_too_many(path: Path) -> None:
    """What was cut out of the middle, or written into it, costs one chunk or none."""
    data, places = spool_of(path)
    path.write_bytes(data[: places[2] + 30] + data[places[2] + 90 :])
    assert salvaged(path) == ([*range(10), *range(20, 40)], places[3] - places[2] - 60, 0)
    path.write_bytes(data[: places[2]] + b"CALL" * 99 + data[places[2] :])
    assert salvaged(path) == (list(range(40)), 396, 0)


def test_any_torn_end(path: Path) -> None:
    """Cut off anywhere, every whole packet before the cut is read, and the rest is counted."""
    data, places = spool_of(path)
    for end in range(places[1], len(data), 37):
        path.write_bytes(data[:end])
        last = max(place for place in places if place <= end)
        whole = 10 * (places.index(last) - 1) + max(0, end - last - CHUNK.size) // PACKET
        torn = 0 if end in places else end - last
        assert salvaged(path) == (list(range(whole)), 0, torn), end


def test_a_tail_of_noughts(path: Path) -> None:
    """What a file system leaves of blocks that were never written is no sound, in no chunk and within one."""
    data, places = spool_of(path)
    path.write_bytes(data[: places[4]] + bytes(5000))
    assert salvaged(path) == (list(range(30)), 0, 5000)
    path.write_bytes(data[: places[4] + CHUNK.size] + bytes(500))
    assert salvaged(path) == (list(range(30)), 0, CHUNK.size + 500)


def test_a_beginning_that_is_damaged(path: Path) -> None:
    """Chunks are found without the file's first words; a file that has none of all that is no spool."""
    data, _ = spool_of(path)
    path.write_bytes(b"X" + data[1:])
    assert salvaged(path) == (list(range(40)), len(MAGIC), 0)
    path.write_bytes(b"a letter to somebody")
    with pytest.raises(ConfigError, match="no recording spool"):
        SalvagedSpool(path)


@pytest.mark.parametrize("size", [0, 5, len(MAGIC)])
def test_a_process_that_ended_within_its_first_write(path: Path, size: int) -> None:
    """An empty file, or half a first word, is a spool without calls."""
    path.write_bytes(MAGIC[:size])
    with SalvagedSpool(path) as reader:
        assert reader.calls == []
        assert reader.skipped == 0


def test_an_index_is_not_asked(path: Path) -> None:
    """An index of nonsense leads nobody astray."""
    spool_of(path)
    index_path(path).write_bytes(random.Random(1).randbytes(17 * 5))
    assert salvaged(path) == (list(range(40)), 0, 0)


def test_a_spool_that_is_being_written(path: Path) -> None:
    """It is refused, naming who writes; and no other may write it while it is read."""
    spool = Spool(path)
    with pytest.raises(ConfigError, match=r"is being written by (process \d+|another process)"):
        SalvagedSpool(path)
    spool.close()
    with SalvagedSpool(path), pytest.raises(ConfigError, match="is being written"):
        Spool(path)
    Spool(path).close()


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[str, float, int]]:
    """What happens to a file: bits that flip, parts that go, noise that comes, an end that is torn off."""
    kinds = st.sampled_from(["flip", "cut", "noise", "noughts", "end", "again"])
    return draw(st.lists(st.tuples(kinds, st.floats(0, 1), st.integers(1, 3000)), min_size=1, max_size=5))


def damage(data: bytes, how: list[tuple[str, float, int]]) -> bytes:
    for kind, where, size in how:
        at = int(where * len(data))
        match kind:
            case "flip":
                data = data[:at] + bytes(b ^ (1 << size % 8) for b in data[at : at + 1]) + data[at + 1 :]
            case "cut":
                data = data[:at] + data[at + size :]
            case "noise":
                data = data[:at] + random.Random(size).randbytes(size) + data[at:]
            case "noughts":
                data = data[:at] + bytes(min(size, len(data) - at)) + data[at + size :]
            case "end":
                data = data[:at]
            case "again":
                data = data[:at] + data[at : at + size] + data[at:]
    return data


@settings(max_examples=300, deadline=None)
@given(how=damages())
def test_any_damage(tmp_path_factory: pytest.TempPathFactory, how: list[tuple[str, float, int]]) -> None:
    """Nothing is raised but that it is no spool; every chunk that is still whole is read, and nothing is made up."""
    path = tmp_path_factory.mktemp("fuzz") / "spool.botkit"
    data, places = spool_of(path)
    damaged = damage(data, how)
    path.write_bytes(damaged)
    ends = [*places[1:], len(data)]
    whole = [n for n, (a, b) in enumerate(zip(places, ends, strict=True)) if n and data[a:b] in damaged]
    try:
        with SalvagedSpool(path) as reader:
            got = reader.records(1)
            accounted = reader.skipped + reader.torn
    except ConfigError:
        assert not whole
        return
    numbers = {one.seq for one in got if one == record(one.seq)}
    assert numbers >= {10 * (n - 1) + k for n in whole for k in range(10)}
    assert accounted <= len(damaged)
    # what has a checksum is as it was kept; only the torn end can hold what a flipped bit changed
    checked = sum(length // PACKET for kind, _, _, length in find_chunks(damaged).entries if kind == b"C")
    assert all(one == record(one.seq) for one in got[:checked])


def test_numbers_of_a_plain_reader_agree(path: Path) -> None:
    """Where nothing is damaged both readers say the same."""
    spool_of(path)
    assert numbers_of(path, 1) == salvaged(path)[0]
