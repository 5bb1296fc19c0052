"""`botkit recover DIR`: what a run that was killed had kept of its calls, made into what it would have left.

The sound is in the spool, but for the last second; the events are in their files, line by line. A spool
goes only when all of its calls are on the disk as WAVs; one that is damaged stays under another name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from botkit.errors import ConfigError
from botkit.media.codec import codec_by_name, codec_names
from botkit.media.recorder import timelines, write_sides
from botkit.media.salvage import SalvagedSpool
from botkit.media.spool import index_path
from botkit.media.wav import wav_seconds
from botkit.runner.mend import DAMAGED, Mended, first_line, mend
from botkit.runner.recordings import SPOOL, discard

SIDES = ("rx.wav", "tx.wav", "both.wav")
FRAME = 0.02


@dataclass(frozen=True, slots=True)
class RecoveredCall:
    """One call of a spool. `written` is False where its WAVs were there already, or could not be written (`fault`)."""

    name: str
    folder: Path
    seconds: float
    written: bool = True
    fault: ConfigError | None = None


@dataclass(slots=True)
class RecoveredSpool:
    """One spool. `skipped` and `torn`: bytes that are lost in its middle and at its end.

    `kept`: where it is now; None where it has been removed.
    """

    path: Path
    skipped: int
    torn: int
    calls: list[RecoveredCall] = field(default_factory=list)
    kept: Path | None = None

    @property
    def faults(self) -> list[ConfigError]:
        return [call.fault for call in self.calls if call.fault is not None]


@dataclass(slots=True)
class Recovery:
    """All that was done in a folder. `silent` names the calls of which only events were kept."""

    folder: Path
    spools: list[RecoveredSpool] = field(default_factory=list)
    mended: list[Mended] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """There was nothing to do."""
        return not self.spools and not self.mended


def recover(folder: Path, *, keep: bool = False, told: Callable[[RecoveredCall], None] = lambda call: None) -> Recovery:
    """Make WAVs of every call in the spools of `folder`, and mend its events. `told` hears of each call.

    Doing it twice, or again after it was interrupted, comes to the same. A WAV that is there and not shorter
    stays as it is. Raises `ConfigError` where there is no such folder, where a process still writes to it, and
    where a spool is none; a WAV that cannot be written is a fault of its call, and the spool stays.
    """
    if not folder.is_dir():
        if folder.exists():
            raise ConfigError(
                f"{folder} is no folder", hint="name the output folder (--out) of the run that was cut off"
            )
        raise ConfigError(f"there is no folder {folder}", hint="name the --out DIR of the run; without it, out/<time>")
    recovery = Recovery(folder)
    try:
        for path in spools_in(folder):
            recovery.spools.append(_spool(path, folder, keep, told))
        for path in sorted((folder / "calls").glob("*/events.jsonl")):
            if (mended := mend(path)) is not None:
                recovery.mended.append(mended)
            if recovery.spools and not (path.parent / SIDES[0]).exists():
                recovery.silent.append(path.parent.name)
    except OSError as error:
        raise ConfigError(
            f"{error.filename or folder} cannot be recovered: {error.strerror or error}",
            hint="is there space on the disk, and may botkit read and write there?",
        ) from error
    return recovery


def spools_in(folder: Path) -> list[Path]:
    """The spool of the last run in this folder, then those that were set aside before."""
    aside = [path for path in folder.glob(f"{SPOOL}.*") if re.fullmatch(r"\d+", path.name[len(SPOOL) + 1 :])]
    latest = [path for path in (folder / SPOOL,) if path.is_file()]
    return latest + sorted(aside, key=lambda path: int(path.name[len(SPOOL) + 1 :]))


def folders_below(folder: Path) -> list[Path]:
    """Output folders below `folder` that have something to recover: for whoever named the one above."""
    return [path.parent for depth in ("*", "*/*") for path in sorted(folder.glob(f"{depth}/{SPOOL}"))]


def _spool(path: Path, folder: Path, keep: bool, told: Callable[[RecoveredCall], None]) -> RecoveredSpool:
    with SalvagedSpool(path) as reader:
        done = RecoveredSpool(path, reader.skipped, reader.torn, kept=path)
        names = _Names(folder, path)
        for number in reader.calls:
            call = _call(reader, number, names)
            if call is not None:
                done.calls.append(call)
                told(call)
        if keep or done.faults:
            return done
        # still ours: nobody begins to write it between the last WAV and its end
        if reader.skipped:
            done.kept = path.rename(_free(path.with_name(path.name + DAMAGED)))
            index_path(path).unlink(missing_ok=True)
        else:
            discard(path)
            done.kept = None
    return done


def _call(reader: SalvagedSpool, number: int, names: _Names) -> RecoveredCall | None:
    records = reader.records(number)
    if not records:
        return None
    known = reader.known(number)
    name = names.of(str(known.get("label") or ""), number)
    where = names.calls / name
    # Without the note, which is in the call's first second, our own numbers are the best guess.
    received, sent, rate, _ = timelines(records, known.get("formats", _our_formats()))
    seconds = received.size / rate
    there = [wav_seconds(where / side) for side in SIDES]
    if all(length is not None and length > seconds - FRAME for length in there):
        return RecoveredCall(name, where, seconds, written=False)
    try:
        write_sides(where, received, sent, rate, caller_is_us=bool(known.get("caller_is_us", True)), durable=True)
    except ConfigError as fault:
        return RecoveredCall(name, where, seconds, written=False, fault=fault)
    for side in SIDES:  # what the process was writing when it ended
        for half in where.glob(f".{side}.*"):
            half.unlink(missing_ok=True)
    return RecoveredCall(name, where, seconds)


def _our_formats() -> dict[str, str]:
    return {str(codec_by_name(name).payload_type): name for name in codec_names()}


def _free(path: Path) -> Path:
    """`path`, numbered where something is called so."""
    names: Iterator[Path] = (path if n == 1 else path.with_name(f"{path.name}-{n}") for n in range(1, 10_000))
    return next(name for name in names if not name.exists())


class _Names:
    """The folder of each call, which its events name beside its id: the spool knows the id alone."""

    def __init__(self, folder: Path, spool: Path) -> None:
        self.calls = folder / "calls"
        self._of: dict[str, str] = {}
        for path in sorted(self.calls.glob("*/events.jsonl")):
            self._of.setdefault(str(first_line(path).get("call", "")), path.parent.name)
        self._suffix = spool.name[len(SPOOL) :].replace(".", "-")  # spools set aside count their calls anew

    def of(self, label: str, number: int) -> str:
        """Of a call whose events are gone its id, of one whose note is gone its number."""
        if label in self._of:
            return self._of[label]
        plain = re.sub(r"[^\w.-]", "_", label).lstrip(".")[:100]
        return plain or f"call-{number}{self._suffix}"
