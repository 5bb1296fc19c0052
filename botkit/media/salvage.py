"""A spool that is damaged: by a crash of the machine, a bad disk, a copy that was cut short.

Every whole chunk has a checksum, so the ones that are well can be told from anything else, wherever
they are. Where one is not well, the next is looked for by its first word; what lies between is
skipped and counted. The index is not asked: it may be damaged, too.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import zlib
from dataclasses import dataclass

import numpy as np

from botkit.media.spool import CHUNK, ENTRY, KINDS, MAGIC, Entries, Record, SpoolReader, claim, no_spool, unpack

_FIRST_WORD = re.compile(b"|".join(KINDS))

NEAR = 30.0
"""Seconds that a packet without a checksum may be after the last one with: noise is mostly further off."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is well in a damaged spool. `skipped` and `torn` count bytes: between whole chunks, and after the last.

    `end` is where the last whole chunk ends.
    """

    entries: Entries
    skipped: int
    torn: int
    end: int


def find_chunks(data: bytes | mmap.mmap, begin: int = 0) -> Found:
    """All whole chunks from `begin` on, whatever lies between them."""
    entries: Entries = []
    skipped = 0
    place = begin
    while (chunk := _next_chunk(data, place)) is not None:
        skipped += chunk[2] - place
        entries.append(chunk)
        place = chunk[2] + CHUNK.size + chunk[3]
    return Found(entries, skipped, len(data) - place, place)


def _next_chunk(data: bytes | mmap.mmap, begin: int) -> tuple[bytes, int, int, int] | None:
    """The first whole chunk at `begin` or after it, as an entry: kind, call, place, length."""
    for word in _FIRST_WORD.finditer(data, begin):
        place = word.start()
        body = place + CHUNK.size
        if body > len(data):
            break
        kind, call, length, checksum = CHUNK.unpack_from(data, place)
        if body + length <= len(data) and zlib.crc32(data[body : body + length]) == checksum:
            return kind[:1], call, place, length
    return None


def _torn_chunk(tail: bytes) -> int:
    """Where in what follows the last whole chunk a chunk begins that the file's end cuts short; else its length.

    Noughts at a file's end are blocks that were never written: they are torn, not damaged.
    """
    for word in _FIRST_WORD.finditer(tail):
        place = word.start()
        if place + CHUNK.size > len(tail) or place + CHUNK.size + CHUNK.unpack_from(tail, place)[2] > len(tail):
            return place
    return 0 if len(tail) < CHUNK.size or not any(tail) else len(tail)


class SalvagedSpool(SpoolReader):
    """Reads what a damaged spool still has, and keeps other processes from writing it until it is closed.

    Raises ConfigError where it is no spool, not even the beginning of one, and where a process writes it now.
    """

    skipped: int
    """Bytes between whole chunks that belong to none."""
    torn: int
    """Bytes after the last whole chunk. Packets that are whole in them are read."""

    def __enter__(self) -> SalvagedSpool:
        return self

    def _survey(self) -> None:
        claim(self._file, self.path)
        self._size = os.fstat(self._file.fileno()).st_size  # its writer may have gone just now
        begins = self._file.read(len(MAGIC))
        whole = begins == MAGIC
        begin = len(MAGIC) if whole else 0
        with self._mapped() as data:
            found = find_chunks(data, begin)
            if not whole and not found.entries and not MAGIC.startswith(begins):
                raise no_spool(self.path)
            if not found.entries and not whole:  # the process ended within its first write
                found = Found([], 0, len(begins), 0)
                data = begins
            tail = data[found.end :]
        self._entries = np.array(found.entries, ENTRY)
        self.end = found.end
        begin = _torn_chunk(tail)
        self.skipped, self.torn = found.skipped + begin, len(tail) - begin
        self._tail = self._packets(tail[begin:])

    def _mapped(self) -> contextlib.AbstractContextManager[bytes | mmap.mmap]:
        if not self._size:  # an empty file cannot be mapped
            return contextlib.nullcontext(b"")
        return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    @staticmethod
    def _packets(torn: bytes) -> tuple[int, list[Record]]:
        """The call and the packets of a chunk that the file's end cuts short."""
        if len(torn) < CHUNK.size:
            return 0, []
        kind, call, _, _ = CHUNK.unpack_from(torn)
        return (call, unpack(torn[CHUNK.size :])) if kind == b"CALL" else (0, [])

    def records(self, call: int) -> list[Record]:
        """All packets of a call, in the order in which they were kept.

        Those of a torn end have no checksum: they count as far as they go on from what is known to be well.
        """
        records = super().records(call)
        torn_call, torn = self._tail
        if torn_call == call and torn:
            last = records[-1].at if records else torn[0].at
            for record in torn:
                if not record.payload or not last - 1.0 <= record.at <= last + NEAR:
                    break
                records.append(record)
        return records
