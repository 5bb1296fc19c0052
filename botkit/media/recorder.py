"""WAVs of a call, cut from the spool: what was received, what was sent, and both.

Both sides lie on one timeline. A packet's place is its RTP time, anchored to the clock by when its
stream's packets arrived (or were sent): the quickest of the next second draw the line, so that
jitter neither stretches nor squeezes what was heard. The anchor moves where a stream falls behind
for good, as after a stall, and where it starts anew under other timestamps. What was lost, and what
nobody sent, is silence; so are telephone-events, since recorded digits may be secrets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from botkit.errors import ConfigError
from botkit.media.codec import Codec, codec_by_name
from botkit.media.pcm import Pcm, resample
from botkit.media.spool import RECEIVED, SENT, Record, SpoolReader
from botkit.media.wav import write_wav

STATIC_FORMATS = {0: "PCMU", 8: "PCMA", 9: "G722"}
"""Payload types that mean the same everywhere (RFC 3551 table 4); the spool's notes name the others."""

RESTART = 2.0
"""Seconds by which timestamps and clock must disagree from one packet to the next for a new timeline."""

DRIFT = 0.06
"""Seconds that a stream may be behind its anchor for a whole second before the anchor moves."""

WINDOW = 50
"""Packets among which the quickest is looked for: a second."""

LONGEST = 4 * 3600.0
"""Seconds that one recording may span; a clock that jumps shall not ask for all memory."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The files of one call. `began` is the monotonic time of their first sample."""

    rx: Path
    tx: Path
    both: Path
    began: float
    duration: float


def cut_call(
    spool: Path | str | SpoolReader, call: int, folder: Path | str, *, caller_is_us: bool | None = None
) -> Cut | None:
    """Write rx.wav, tx.wav and both.wav of a call into `folder`; None where there is nothing of it.

    In both.wav the dialling party is left, the answering one right. `caller_is_us` says whether we
    dialled; None takes it from the spool's notes. Raises ConfigError for files that cannot be read
    or written. Takes a while: call it from a thread.
    """
    if not isinstance(spool, SpoolReader):
        with SpoolReader(spool) as reader:
            return cut_call(reader, call, folder, caller_is_us=caller_is_us)
    records = spool.records(call)
    if not records:
        return None
    known = spool.known(call)
    if caller_is_us is None:
        caller_is_us = bool(known.get("caller_is_us", True))
    received, sent, rate, began = timelines(records, known.get("formats"))
    rx, tx, both = write_sides(Path(folder), received, sent, rate, caller_is_us=caller_is_us)
    return Cut(rx=rx, tx=tx, both=both, began=began, duration=received.size / rate)


def write_sides(
    folder: Path, received: Pcm, sent: Pcm, rate: int, *, caller_is_us: bool, durable: bool = False
) -> tuple[Path, Path, Path]:
    """rx.wav, tx.wav and both.wav from the two sides of a call. `durable`: see `write_wav`."""
    ours, theirs = (sent, received) if caller_is_us else (received, sent)
    both = np.stack((ours, theirs), axis=1)
    return (
        write_wav(folder / "rx.wav", received, rate, durable=durable),
        write_wav(folder / "tx.wav", sent, rate, durable=durable),
        write_wav(folder / "both.wav", both, rate, durable=durable),
    )


def timelines(records: Sequence[Record], formats: dict[str, str] | None = None) -> tuple[Pcm, Pcm, int, float]:
    """What was received and what was sent, shape (samples,) each and equally long; their rate; their begin.

    `formats` names the codec of each dynamic payload type. The rate is the highest of the codecs.
    """
    codecs = _codecs(formats)
    sides = [_placed([one for one in records if one.direction == side], codecs) for side in (RECEIVED, SENT)]
    voices = [one for side in sides for one in side]
    rate = max((one.codec.rate for one in voices), default=8000)
    began = min((one.starts[0] for one in voices if one.starts.size), default=records[0].at)
    ended = max((float(one.starts[-1]) + 0.02 for one in voices if one.starts.size), default=began)
    length = min(ended - began, LONGEST)
    received, sent = (_render(side, began, length, rate) for side in sides)
    return received, sent, rate, float(began)


@dataclass(frozen=True, slots=True)
class _Voice:
    """The packets of one codec and direction, in order: when each one's first sample belongs."""

    codec: Codec
    starts: npt.NDArray[np.float64]
    payloads: list[bytes]


def _codecs(formats: dict[str, str] | None) -> dict[int, Codec]:
    codecs: dict[int, Codec] = {}
    named = [(int(key), name) for key, name in (formats or {}).items() if key.isdecimal()]
    for payload_type, name in [*STATIC_FORMATS.items(), *named]:
        try:
            codecs[payload_type] = codec_by_name(name)
        except ConfigError:
            codecs.pop(payload_type, None)  # telephone-event, comfort noise: silence
    return codecs


def _placed(records: list[Record], codecs: dict[int, Codec]) -> list[_Voice]:
    """The packets of one direction, per codec, in order of place."""
    voices: dict[int, list[Record]] = {}
    for record in records:
        if record.payload_type in codecs:
            voices.setdefault(record.payload_type, []).append(record)
    placed = []
    for payload_type, heard in voices.items():
        codec = codecs[payload_type]
        starts = _starts(heard, codec.clock_rate)
        order = np.argsort(starts, kind="stable")
        placed.append(_Voice(codec, starts[order], [heard[index].payload for index in order]))
    return placed


def _starts(records: list[Record], clock_rate: int) -> npt.NDArray[np.float64]:
    """When each packet's first sample belongs, in seconds of the clock of `at`."""
    at = np.array([record.at for record in records])
    stamps = np.array([record.timestamp for record in records], np.int64)
    steps = ((np.diff(stamps) + 0x80000000) & 0xFFFFFFFF) - 0x80000000
    restarts = np.flatnonzero(np.abs(steps / clock_rate - np.diff(at)) > RESTART) + 1
    starts = np.empty(at.size)
    for begin, end in zip([0, *restarts], [*restarts, at.size], strict=True):
        media = np.concatenate(([0.0], np.cumsum(steps[begin : end - 1]) / clock_rate))
        starts[begin:end] = media + _anchors(at[begin:end] - media)
    return starts


def _anchors(behind: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """For each packet the clock's time at media time 0, from what each one by itself says of it."""
    padded = np.concatenate((behind, np.full(WINDOW - 1, np.inf)))
    quickest = np.lib.stride_tricks.sliding_window_view(padded, WINDOW).min(axis=1)
    anchor = quickest[0]
    anchors = np.empty(behind.size)
    for index, (own, soon) in enumerate(zip(behind.tolist(), quickest.tolist(), strict=True)):
        if soon > anchor + DRIFT or own < anchor - DRIFT / 2:
            anchor = soon
        anchors[index] = anchor
    return anchors


def _render(voices: list[_Voice], began: float, length: float, rate: int) -> Pcm:
    """One side's samples, shape (samples,), at `rate`."""
    total = np.zeros(round(length * rate), np.int16)
    for voice in voices:
        own = np.zeros(round(length * voice.codec.rate), np.int16)
        # Clipped, since places of odd records may be more than an integer holds.
        places = np.clip(np.round((voice.starts - began) * voice.codec.rate), -1, own.size).astype(np.int64)
        decoder = voice.codec.decoder()
        last = -1
        for place, payload in zip(places.tolist(), voice.payloads, strict=True):
            if place in (last, -1, own.size):
                continue  # the same packet once more, or one from outside
            last = place
            samples = decoder.decode(payload)
            end = min(place + samples.size, own.size)
            own[place:end] = samples[: end - place]
        heard = resample(own, voice.codec.rate, rate)[: total.size]
        # codecs of one side take turns: where one is silent the other speaks
        total[: heard.size] = np.where(heard != 0, heard, total[: heard.size])
    return total
