"""Everything that arrived and was sent, kept as it was: one append-only file per process.

The beat only appends to a list; once a second somebody calls `flush` from a thread, which packs what
gathered and writes it, call by call, so that each write is one call's second and the beat gets its
turn between them. WAVs are cut from it after the call (`recorder.py`); after a crash the file still
has all but the last second.

    file    "botkit spool 1\\n", then chunks
    chunk   kind ("CALL" or "NOTE"), call number, length, CRC-32 of the body; the body
    CALL    records: direction, payload type, sequence number, RTP timestamp, time, length; the payload
    NOTE    what is known of the call, as JSON: its label, its formats, who dialled

Beside it `<name>.index` lists call, place and length of every chunk, so that one call is read without
reading all. It may lack the end, be missing, or be of another file: then the chunks' headers are walked.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import struct
import threading
import zlib
from collections import defaultdict
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from botkit.errors import ConfigError
from botkit.media.lock import holder, in_words, lock

RECEIVED, SENT = 0, 1
MAGIC = b"botkit spool 1\n"

CHUNK = struct.Struct("!4sIII")
_RECORD = struct.Struct("!BBHIdH")
ENTRY = np.dtype([("kind", "S1"), ("call", ">u4"), ("place", ">u8"), ("length", ">u4")])
KINDS = (b"CALL", b"NOTE")


Packets = list[tuple[int, int, int, int, float, bytes]]
Entries = list[tuple[bytes, int, int, int]]


class Record(NamedTuple):
    """One packet. `at` is its arrival or sending, monotonic seconds; `direction` RECEIVED or SENT."""

    direction: int
    payload_type: int
    seq: int
    timestamp: int
    at: float
    payload: bytes


def index_path(path: Path) -> Path:
    """Where a spool's index is."""
    return path.with_name(path.name + ".index")


def claim(file: IO[bytes], path: Path) -> None:
    """Make an open spool this process's alone until it is closed. Raises ConfigError where it is another's."""
    if not lock(file):
        who = in_words(holder(file))
        raise ConfigError(
            f"{path} is being written by {who}",
            hint="wait for the end of that run, or stop it with Ctrl-C or kill -INT",
        )


class Spool:
    """The spool of this process. A file that is there already is gone on with.

    `append`, `new_call` and `note` are the beat's thread's; `flush` may run in any other.
    """

    def __init__(self, path: Path | str) -> None:
        """Raises ConfigError where the file cannot be made, is no spool, or is another process's."""
        self.path = Path(path)
        self.dropped = 0
        """Packets that could not be written."""
        self._pending: defaultdict[int, Packets] = defaultdict(list)
        self._retired: list[tuple[int, Packets]] = []
        self._notes: list[tuple[int, dict[str, Any]]] = []
        self._writing = threading.Lock()
        self._closed = False
        self._calls = 0
        with contextlib.ExitStack() as undo:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = undo.enter_context(self.path.open("ab", buffering=0))
                claim(self._file, self.path)
                if self.path.stat().st_size:
                    with SpoolReader(self.path) as before:
                        self._calls = max(before.calls, default=0)
                        end, index = before.end, before.index()
                    os.truncate(self.path, end)  # a torn chunk would hide those after it
                    index_path(self.path).write_bytes(index)
                else:
                    index_path(self.path).unlink(missing_ok=True)  # it is of a spool that is gone
                    self._file.write(MAGIC)
                self._index = index_path(self.path).open("ab", buffering=0)
            except OSError as error:
                raise _cannot("write", self.path, error) from error
            undo.pop_all()

    def new_call(self, label: str, **known: Any) -> int:
        """A number for a call, its `label` kept with it. `known`: see `note`."""
        self._calls += 1
        self.note(self._calls, label=label, **known)
        return self._calls

    def note(self, call: int, **known: Any) -> None:
        """Keep what a reader must know of a call, as plain JSON data; later notes add to earlier ones.

        `formats` (payload type to codec name, without the static ones) and `caller_is_us` are what
        the recorder asks for.
        """
        self._notes.append((call, known))

    def append(
        self, call: int, direction: int, payload_type: int, seq: int, timestamp: int, at: float, payload: bytes
    ) -> None:
        """Keep one packet: a list append, no more."""
        self._pending[call].append((direction, payload_type, seq, timestamp, at, payload))

    def flush(self) -> None:
        """Write what gathered. Raises ConfigError where that fails; those packets are dropped and counted."""
        with self._writing:
            if self._closed:
                return
            notes = self._notes[:]
            del self._notes[: len(notes)]
            retired, self._retired = self._retired, []
            entries: Entries = []
            try:
                for call, known in notes:
                    self._write(b"NOTE", call, json.dumps(known).encode(), entries)
                for call, waiting in retired:
                    self._write_packets(call, waiting, entries)
                for call in list(self._pending):
                    if not self._write_packets(call, self._pending[call], entries):
                        # Nothing in a second: the call is over, or on hold. Its list goes, but is
                        # looked at once more, since the beat may just be appending to it.
                        self._retired.append((call, self._pending.pop(call)))
            except OSError as error:
                raise _cannot("write", self.path, error) from error
            finally:
                self._index.write(np.array(entries, ENTRY).tobytes())

    def _write_packets(self, call: int, waiting: Packets, entries: Entries) -> bool:
        count = len(waiting)  # the beat may append behind these meanwhile
        if not count:
            return False
        body = b"".join([_RECORD.pack(*one[:5], len(one[5])) + one[5] for one in waiting[:count]])
        del waiting[:count]
        try:
            self._write(b"CALL", call, body, entries)
        except OSError:
            self.dropped += count
            raise
        return True

    def close(self) -> None:
        """Flush and close. The file stays."""
        self.flush()
        with self._writing:
            self._closed = True
            self._file.close()
            self._index.close()

    def remove(self) -> None:
        """Delete the files, once every call has been cut."""
        self._closed = True
        self._file.close()
        self._index.close()
        index_path(self.path).unlink(missing_ok=True)  # first, so that none is ever left without its spool
        self.path.unlink(missing_ok=True)

    def _write(self, kind: bytes, call: int, body: bytes, entries: Entries) -> None:
        place = self._file.seek(0, os.SEEK_END)
        chunk = CHUNK.pack(kind, call, len(body), zlib.crc32(body)) + body
        written = self._file.write(chunk)
        if written != len(chunk):
            self._file.truncate(place)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        entries.append((kind[:1], call, place, len(body)))


class SpoolReader:
    """Reads a spool, also while it is being written, or after a crash.

    A torn last chunk gives the records that it has whole; a chunk whose checksum is wrong gives none.
    """

    def __init__(self, path: Path | str) -> None:
        """Raises ConfigError where the file is missing or no spool."""
        self.path = Path(path)
        try:
            self._file: BinaryIO = self.path.open("rb")
            self._size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise _cannot("read", self.path, error) from error
        self.end = len(MAGIC)
        """Where the last whole chunk ends."""
        self._entries = np.empty(0, ENTRY)
        try:
            self._survey()
        except BaseException:
            self._file.close()
            raise

    def _survey(self) -> None:
        """Find out what is where: the index as far as it goes, then from header to header."""
        if self._file.read(len(MAGIC)) != MAGIC:
            raise no_spool(self.path)
        self._entries = self._indexed()
        if self._entries.size:
            last = self._entries[-1]
            self.end = int(last["place"]) + CHUNK.size + int(last["length"])
        self._walk()

    def __enter__(self) -> SpoolReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @property
    def calls(self) -> list[int]:
        """The numbers of all calls, in order."""
        return [int(call) for call in np.unique(self._entries["call"])]

    def known(self, call: int) -> dict[str, Any]:
        """What was noted of a call."""
        known: dict[str, Any] = {}
        for body in self._bodies(call, b"N"):
            with contextlib.suppress(ValueError):
                noted = json.loads(body)
                known.update(noted if isinstance(noted, dict) else {})
        return known

    def records(self, call: int) -> list[Record]:
        """All packets of a call, in the order in which they were kept."""
        return [record for body in self._bodies(call, b"C") for record in unpack(body)]

    def index(self) -> bytes:
        """The index as it should be: all whole chunks."""
        ends = self._entries["place"].astype(np.int64) + CHUNK.size + self._entries["length"]
        whole: bytes = self._entries[ends <= self._size].tobytes()
        return whole

    def _indexed(self) -> npt.NDArray[np.void]:
        """The index, as far as it is true: chunks that follow each other within the file."""
        try:
            data = index_path(self.path).read_bytes()
        except OSError:
            data = b""
        entries = np.frombuffer(data, ENTRY, count=len(data) // ENTRY.itemsize)
        if not entries.size:
            return entries
        ends = entries["place"].astype(np.int64) + CHUNK.size + entries["length"]
        begins = np.concatenate(([len(MAGIC)], ends[:-1]))
        wrong = (entries["place"] != begins) | (ends > self._size)
        if wrong.any():
            entries = entries[: int(wrong.argmax())]
        # Lengths add up: where one is of another file, the last entry is beside its chunk.
        if entries.size and self._checksum(entries[-1]) is None:
            entries = entries[:0]
        return entries

    def _checksum(self, entry: np.void) -> int | None:
        """That of an entry's chunk, the file standing at its body; None where another chunk or none is there."""
        self._file.seek(int(entry["place"]))
        header = self._file.read(CHUNK.size)
        if len(header) < CHUNK.size:
            return None
        kind, call, length, checksum = CHUNK.unpack(header)
        same = kind in KINDS and (kind[:1], call, length) == (entry["kind"], entry["call"], entry["length"])
        return int(checksum) if same else None

    def _walk(self) -> None:
        """Go on from where the index ends, from header to header."""
        found = []
        place = self.end
        while place + CHUNK.size <= self._size:
            self._file.seek(place)
            kind, call, length, _ = CHUNK.unpack(self._file.read(CHUNK.size))
            if kind not in KINDS:
                break
            found.append((kind[:1], call, place, length))
            place += CHUNK.size + length
            if place > self._size:
                break  # torn: what is there of it can be read all the same
            self.end = place
        if found:
            self._entries = np.concatenate((self._entries, np.array(found, ENTRY)), dtype=ENTRY)

    def _bodies(self, call: int, kind: bytes) -> list[bytes]:
        found = self._read(call, kind)
        if found is None:  # the index was not of this file after all
            self._entries, self.end = self._entries[:0], len(MAGIC)
            self._walk()
            found = self._read(call, kind)
        return found or []

    def _read(self, call: int, kind: bytes) -> list[bytes] | None:
        """The bodies of a call; None where an entry's chunk is not there."""
        entries = self._entries
        bodies = []
        for entry in entries[(entries["call"] == call) & (entries["kind"] == kind)]:
            checksum = self._checksum(entry)
            if checksum is None:
                return None
            body = self._file.read(int(entry["length"]))
            # Only the file's end can cut one short: the last chunk, torn.
            if len(body) < entry["length"] or zlib.crc32(body) == checksum:
                bodies.append(body)
        return bodies


def unpack(body: bytes) -> list[Record]:
    """The records of a chunk, but for one cut short at its end, and for what no beat can have written."""
    records = []
    place, end = 0, len(body) - _RECORD.size
    while place <= end:
        direction, payload_type, seq, timestamp, at, length = _RECORD.unpack_from(body, place)
        place += _RECORD.size
        if direction > SENT or place + length > len(body):
            break
        if math.isfinite(at):
            records.append(Record(direction, payload_type, seq, timestamp, at, body[place : place + length]))
        place += length
    return records


def no_spool(path: Path) -> ConfigError:
    return ConfigError(f"{path} is no recording spool", hint="spools are called spool.botkit")


def _cannot(do: str, path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot {do} the recording spool {path}: {error.strerror or error}",
        hint="is there space on the disk, and may botkit write there?",
    )
