import math
import random
import struct
import threading
from pathlib import Path

import pytest

from botkit.errors import ConfigError
from botkit.media.spool import RECEIVED, SENT, Record, Spool, SpoolReader, index_path


def record(number: int, direction: int = RECEIVED) -> Record:
    return Record(direction, 0, number & 0xFFFF, 160 * number & 0xFFFFFFFF, 0.02 * number, bytes([number & 0xFF]) * 160)


def fill(spool: Spool, call: int, numbers: range) -> None:
    for number in numbers:
        spool.append(call, *record(number))


def numbers_of(path: Path, call: int) -> list[int]:
    with SpoolReader(path) as reader:
        return [one.seq for one in reader.records(call)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "spool.botkit"


def test_what_was_kept_is_read(path: Path) -> None:
    """Each call's packets come back as they were, in order, over several flushes."""
    spool = Spool(path)
    one, two = spool.new_call("one"), spool.new_call("two")
    fill(spool, one, range(50))
    fill(spool, two, range(100, 120))
    spool.flush()
    fill(spool, one, range(50, 80))
    spool.append(two, *record(7, SENT))
    spool.close()
    with SpoolReader(path) as reader:
        assert reader.calls == [one, two]
        assert reader.records(one) == [record(number) for number in range(80)]
        assert reader.records(two) == [*(record(number) for number in range(100, 120)), record(7, SENT)]
        assert reader.records(99) == []


def test_notes(path: Path) -> None:
    """Notes of a call add up, and another call's stay apart."""
    spool = Spool(path)
    call = spool.new_call("a-7f", caller_is_us=True)
    other = spool.new_call("b")
    spool.note(call, formats={"111": "opus"})
    spool.close()
    with SpoolReader(path) as reader:
        assert reader.known(call) == {"label": "a-7f", "caller_is_us": True, "formats": {"111": "opus"}}
        assert reader.known(other) == {"label": "b"}
        assert reader.known(99) == {}


def test_read_while_it_is_written(path: Path) -> None:
    """What was flushed can be read before the spool is closed."""
    spool = Spool(path)
    call = spool.new_call("a")
    fill(spool, call, range(5))
    assert numbers_of(path, call) == []
    spool.flush()
    assert numbers_of(path, call) == list(range(5))
    spool.close()


def test_a_call_that_pauses(path: Path) -> None:
    """A call without packets for some seconds goes on where it was."""
    spool = Spool(path)
    call = spool.new_call("a")
    fill(spool, call, range(5))
    for _ in range(4):
        spool.flush()
    fill(spool, call, range(5, 9))
    spool.close()
    assert numbers_of(path, call) == list(range(9))


@pytest.mark.parametrize("index", [True, False])
def test_any_torn_end(path: Path, index: bool) -> None:
    """Cut off anywhere, the file gives all whole packets before the cut."""
    spool = Spool(path)
    call = spool.new_call("a")
    for start in range(0, 30, 10):
        fill(spool, call, range(start, start + 10))
        spool.flush()
    spool.close()
    data = path.read_bytes()
    if not index:
        index_path(path).unlink()
    before = -1
    for end in range(20, len(data), 41):
        path.write_bytes(data[:end])
        got = numbers_of(path, call)
        assert got == list(range(len(got)))
        assert len(got) >= before
        before = len(got)
        assert len(got) >= (end - 15 - 3 * 16 - 200) // 178
    path.write_bytes(data)
    assert numbers_of(path, call) == list(range(30))


def test_damage_in_the_middle(path: Path) -> None:
    """A damaged chunk is left out; those after it are read."""
    spool = Spool(path)
    call = spool.new_call("a")
    for start in range(0, 30, 10):
        fill(spool, call, range(start, start + 10))
        spool.flush()
    spool.close()
    data = bytearray(path.read_bytes())
    data[data.index(bytes([15]) * 160)] ^= 0xFF
    path.write_bytes(data)
    assert numbers_of(path, call) == [*range(10), *range(20, 30)]


def test_a_damaged_index_does_not_matter(path: Path) -> None:
    """An index that lacks its end, or is of another file, is found out."""
    spool = Spool(path)
    call = spool.new_call("a")
    for start in range(0, 30, 10):
        fill(spool, call, range(start, start + 10))
        spool.flush()
    spool.close()
    index = index_path(path).read_bytes()
    for broken in (b"", index[:-5], index[:20], index[17:], b"\xff" * 51, index + index):
        index_path(path).write_bytes(broken)
        assert numbers_of(path, call) == list(range(30))


@pytest.mark.parametrize("seed", range(10))
def test_the_index_of_another_spool(path: Path, seed: int) -> None:
    """An index whose spool is gone goes with the next one; left beside another by hand, it is found out."""
    draw = random.Random(seed)
    old = Spool(path)
    call = old.new_call("a")
    for _ in range(5):
        fill(old, call, range(draw.randrange(20, 60)))
        old.flush()
    old.close()
    path.unlink()
    stale = index_path(path).read_bytes()
    new = Spool(path)
    assert index_path(path).read_bytes() == b""
    new.new_call("a")
    sizes = [draw.randrange(20, 60) for _ in range(20)]
    for size in sizes:
        fill(new, call, range(size))
        new.flush()
    new.close()
    expected = [number for size in sizes for number in range(size)]
    for index in (stale, stale + index_path(path).read_bytes()):
        index_path(path).write_bytes(index)
        assert numbers_of(path, call) == expected
    whole = path.read_bytes()
    Spool(path).close()
    assert path.read_bytes() == whole


def test_an_index_that_is_wrong_in_the_middle(path: Path) -> None:
    """Entries that add up, and yet are not those of the chunks there, are not believed."""
    spool = Spool(path)
    call = spool.new_call("a")
    for size in (10, 11, 12):
        fill(spool, call, range(size))
        spool.flush()
    spool.close()
    index = index_path(path).read_bytes()
    entries = [index[start : start + 17] for start in range(0, len(index), 17)]
    second = struct.unpack("!cIQI", entries[1])
    third = struct.unpack("!cIQI", entries[2])
    entries[1] = struct.pack("!cIQI", *second[:3], third[3])
    entries[2] = struct.pack("!cIQI", *third[:2], third[2] + third[3] - second[3], second[3])
    index_path(path).write_bytes(b"".join(entries))
    assert numbers_of(path, call) == [*range(10), *range(11), *range(12)]


def test_a_length_that_is_damaged(path: Path) -> None:
    """A chunk that claims more than the file holds gives its own records, and none made of what follows."""
    spool = Spool(path)
    call = spool.new_call("a")
    spool.flush()
    place = path.stat().st_size
    for start in (0, 10):
        fill(spool, call, range(start, start + 10))
        spool.flush()
    spool.close()
    data = bytearray(path.read_bytes())
    data[place + 8] = 0x7F
    path.write_bytes(data)
    assert numbers_of(path, call) == list(range(10))


def test_times_that_are_no_numbers(path: Path) -> None:
    """A record without a time has no place."""
    spool = Spool(path)
    call = spool.new_call("a")
    for at in (math.nan, 1.0, math.inf, -math.inf):
        spool.append(call, RECEIVED, 0, 1, 160, at, b"x")
    spool.close()
    with SpoolReader(path) as reader:
        assert [one.at for one in reader.records(call)] == [1.0]


def test_a_spool_is_gone_on_with(path: Path) -> None:
    """After a crash the file is continued behind its last whole chunk, with new numbers."""
    spool = Spool(path)
    first = spool.new_call("a")
    fill(spool, first, range(10))
    spool.flush()
    fill(spool, first, range(10, 20))
    spool.close()
    path.write_bytes(path.read_bytes()[:-100])
    again = Spool(path)
    second = again.new_call("b")
    fill(again, second, range(3))
    again.close()
    assert second == first + 1
    assert numbers_of(path, first) == list(range(10))
    assert numbers_of(path, second) == list(range(3))
    with SpoolReader(path) as reader:
        assert reader.index() == index_path(path).read_bytes()


def test_a_flusher_beside_the_beat(path: Path) -> None:
    """Packets appended while another thread flushes are all there, once, in order."""
    spool = Spool(path)
    calls = [spool.new_call(str(number)) for number in range(4)]
    over = threading.Event()

    def flusher() -> None:
        while not over.is_set():
            spool.flush()

    thread = threading.Thread(target=flusher)
    thread.start()
    try:
        for number in range(2000):
            for call in calls:
                spool.append(call, *record(number))
    finally:
        over.set()
        thread.join()
    spool.close()
    for call in calls:
        assert numbers_of(path, call) == list(range(2000))


def test_random_payloads(path: Path) -> None:
    """Payloads of any length, none included."""
    draw = random.Random(5)
    spool = Spool(path)
    call = spool.new_call("a")
    kept = [
        Record(draw.randrange(2), draw.randrange(128), draw.getrandbits(16), draw.getrandbits(32), draw.random(), data)
        for data in (draw.randbytes(draw.choice([0, 1, 160, 1400])) for _ in range(200))
    ]
    for one in kept:
        spool.append(call, *one)
    spool.close()
    with SpoolReader(path) as reader:
        assert reader.records(call) == kept


def test_closed_and_removed(path: Path) -> None:
    """Flushing a closed spool does nothing; removing leaves no file."""
    spool = Spool(path)
    spool.close()
    spool.flush()
    spool.remove()
    assert list(path.parent.iterdir()) == []


def test_what_is_no_spool(tmp_path: Path) -> None:
    """A missing file, another file and a folder are told apart from spools."""
    (tmp_path / "other").write_bytes(b"something else, long enough")
    for name in ("missing", "other"):
        with pytest.raises(ConfigError, match=name):
            SpoolReader(tmp_path / name)
    with pytest.raises(ConfigError, match="no recording spool"):
        Spool(tmp_path / "other")
    with pytest.raises(ConfigError, match="cannot write"):
        Spool(tmp_path / "other" / "spool.botkit")


def test_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is dropped, counted and told; later packets are written again."""
    spool = Spool(path)
    call = spool.new_call("a")
    spool.flush()
    fill(spool, call, range(5))

    class Full:
        def __init__(self, file: object) -> None:
            self.file = file

        def write(self, data: bytes) -> int:
            return self.file.write(data[:50])  # type: ignore[attr-defined, no-any-return]

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

    with monkeypatch.context() as patch:
        patch.setattr(spool, "_file", Full(spool._file))
        with pytest.raises(ConfigError, match="No space left"):
            spool.flush()
    assert spool.dropped == 5
    fill(spool, call, range(5, 8))
    spool.close()
    assert numbers_of(path, call) == [5, 6, 7]
