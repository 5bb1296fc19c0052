"""The names of devices, the same on the command line (`--audio-in`, `--audio-out`) and in Python
(`client.audio_in`, `call.audio_out`): KIND[:ARGUMENT][?rate=HZ].

`KINDS` is the list, which `botkit devices` prints. A name is read into a value: a `Source`, which is
said over and over; a `LiveDevice`, which is opened for each call (`live.py` says what raw PCM is and
how it keeps time); a `SinkName`, which makes a new sink for each call.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from botkit.errors import ConfigError
from botkit.media.card import RATE as CARD_RATE
from botkit.media.card import CardDevice
from botkit.media.live import RATES, LiveDevice
from botkit.media.pcm import HEARING_RATE
from botkit.media.pipe import PipeDevice
from botkit.media.program import ProgramDevice
from botkit.media.sink import DiscardSink, Sink, WavSink
from botkit.media.source import FileSource, SilenceSource, Source, ToneSource

PCM = (
    f"signed 16-bit little-endian samples, mono, no header; {HEARING_RATE} a second (20 ms are 320 bytes), "
    f"or ?rate= one of {', '.join(map(str, RATES))} behind the name"
)
"""Raw PCM in one sentence."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of device: how it is named, and what it is as a source and as a sink; "" where it is none."""

    name: str
    said: str = ""
    heard: str = ""


KINDS = (
    Kind("file:PATH", "an audio file, over and over", "a WAV file, written when the call is over"),
    Kind("tone:HZ[,HZ]", "a tone, or two at once: tone:440"),
    Kind("silence", "nothing, as without --audio-in"),
    Kind("discard", "", "nothing, as without --audio-out"),
    Kind("pipe:PATH", "raw PCM from a named pipe (mkfifo PATH)", "raw PCM to a named pipe (mkfifo PATH)"),
    Kind(
        "pipe:-", "raw PCM from standard input", "raw PCM to standard output; botkit's own words go to standard error"
    ),
    Kind(
        "exec:COMMAND",
        "raw PCM from a program, started for each call; it hears the call, too, unless --audio-out names another",
        "raw PCM to a program, started for each call; it speaks, too, unless --audio-in names another",
    ),
    Kind("card", "the microphone of this machine", "its loudspeaker"),
    Kind("card:NAME", "a sound card by its name, or a part of it", "the same"),
)

_RATE = re.compile(r"(.*)\?rate=([^?]*)", re.S)
_BARE = ("silence", "discard", "card")


@dataclass(frozen=True, slots=True)
class SinkName:
    """`file:` and `discard`: `make` gives the sink of the `number`th call, counted from 1."""

    path: Path | None

    def make(self, number: int = 1) -> Sink:
        """heard.wav, heard-2.wav … so that no call overwrites another's."""
        if self.path is None:
            return DiscardSink()
        return WavSink(self.path if number == 1 else self.path.with_stem(f"{self.path.stem}-{number}"))


def source_named(name: str) -> Source | LiveDevice:
    """What a call says. Raises `ConfigError` for what names no source."""
    kind, argument, rate = _split(name, "source")
    match kind:
        case "file":
            return FileSource((Path(argument),))
        case "tone":
            return _tone(name, argument)
        case "silence":
            return SilenceSource(1.0)
        case "discard":
            raise ConfigError(f"{name} is a sink, not a source", hint="silence is the source that says nothing")
    return _live(kind, argument, rate)


def sink_named(name: str) -> SinkName | LiveDevice:
    """What a call is heard by. Raises `ConfigError` for what names no sink."""
    kind, argument, rate = _split(name, "sink")
    match kind:
        case "file":
            path = Path(argument)
            if path.is_dir() or not path.parent.is_dir():
                raise ConfigError(f"{name}: a WAV file in a folder that exists is expected")
            return SinkName(path)
        case "discard":
            return SinkName(None)
        case "tone" | "silence":
            raise ConfigError(f"{name} is a source, not a sink", hint="discard is the sink that keeps nothing")
    return _live(kind, argument, rate)


def check(device: Source | SinkName | LiveDevice, *, says: bool) -> None:
    """Whether it can be used, told before any call. Reads files: call it from a thread. Raises `ConfigError`."""
    if isinstance(device, FileSource):
        device.pcm(HEARING_RATE)
    elif isinstance(device, (PipeDevice, ProgramDevice, CardDevice)):
        device.check(says=says)


def _split(name: str, role: str) -> tuple[str, str, int | None]:
    """The kind, its argument and its rate."""
    kind, colon, argument = name.partition(":")
    rate: int | None = None
    live = kind.partition("?")[0] in ("pipe", "exec", "card")
    if live and (match := _RATE.fullmatch(name)) is not None:
        kind, colon, argument = match[1].partition(":")
        rate = _rate(name, match[2])
    kinds = [one for one in KINDS if (one.said if role == "source" else one.heard)]
    known = dict.fromkeys(re.split("[:]", one.name)[0] for one in KINDS)
    if kind not in known:
        from botkit.settings import did_you_mean

        raise ConfigError(
            f"{name!r} names no {role}",
            hint=did_you_mean(kind, known) or f"there are {', '.join(one.name for one in kinds)}: see botkit devices",
        )
    if kind in ("silence", "discard") and colon:
        raise ConfigError(f"{name}: {kind} takes no argument")
    if kind not in _BARE and not argument:
        (usage, *_) = [one.name for one in KINDS if one.name.startswith(kind)]
        raise ConfigError(f"{name}: {usage} is expected")
    return kind, argument, rate


def _rate(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) not in RATES:
        raise ConfigError(f"{name}: no such rate", hint=f"?rate= is one of {', '.join(map(str, RATES))}")
    return int(text)


def _live(kind: str, argument: str, rate: int | None) -> LiveDevice:
    makers: dict[str, Callable[[str, int], LiveDevice]] = {
        "pipe": PipeDevice,
        "exec": ProgramDevice,
        "card": CardDevice,
    }
    return makers[kind](argument, rate or (CARD_RATE if kind == "card" else HEARING_RATE))


def _tone(name: str, argument: str) -> ToneSource:
    try:
        hz = tuple(float(part) for part in argument.split(","))
    except ValueError:
        hz = ()
    if not 1 <= len(hz) <= 2 or not all(20 <= one < HEARING_RATE / 2 for one in hz):
        raise ConfigError(
            f"{name}: one or two frequencies from 20 Hz to below {HEARING_RATE // 2} Hz are expected",
            hint="for example tone:440 or tone:350,440",
        )
    whole = all(one.is_integer() for one in hz)  # then a second has whole periods, and its end meets its beginning
    return ToneSource(hz, 1.0 if whole else 10.0)
