"""Sound cards, by PortAudio (the extra `sound`): the microphone and the loudspeaker of this machine.

PortAudio calls back in a thread of its own, every 20 ms; a ring of a few frames lies between it and the
beat. The two clocks drift apart, so the ring runs full or dry now and then: a frame is dropped or a
beat is silent, which is counted. Delay: that of the card, and at most `RING` frames each way.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botkit.errors import ConfigError
from botkit.media.live import SAMPLE_BYTES, LiveFigures, PcmReader, PcmWriter
from botkit.media.pcm import samples_per_frame

RING = 5
"""Frames between the card and the beat: 0.1 s."""

RATE = 48000
"""What every card can do; telephony's 8000 many cannot."""

INSTALL = "pip install 'botkit[sound]'"
INSTALL_LIBRARY = "apt-get install libportaudio2"


class NoSound(ConfigError):
    """There is no sound card to be had. `install`: the command that would help, None where none does."""

    def __init__(self, message: str, install: str | None) -> None:
        super().__init__(message, hint=None if install is None else f"install it: {install}")
        self.install = install


@dataclass(frozen=True, slots=True)
class Card:
    """A sound card as PortAudio tells of it: how many channels each way, and the rate that it likes best."""

    name: str
    system: str  # ALSA, Core Audio …
    inputs: int
    outputs: int
    rate: int
    is_default_input: bool
    is_default_output: bool


def _portaudio() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise NoSound(
            "sound cards need the extra `sound`, which is not installed",
            f"{INSTALL} (and on Debian or Ubuntu: {INSTALL_LIBRARY})",
        ) from None
    except OSError:  # it is there, and the library below it is not
        raise NoSound(
            "sound cards need the library PortAudio, which is not installed",
            f"{INSTALL_LIBRARY} (Debian, Ubuntu; elsewhere the package is called portaudio)",
        ) from None
    return sounddevice


def cards() -> list[Card]:
    """Every sound card of this machine; none where there is none. Raises `NoSound` without the extra or PortAudio."""
    portaudio = _portaudio()
    systems = portaudio.query_hostapis()
    default_in, default_out = portaudio.default.device
    return [
        Card(
            device["name"],
            systems[device["hostapi"]]["name"],
            device["max_input_channels"],
            device["max_output_channels"],
            round(device["default_samplerate"]),
            index == _index(portaudio, default_in, "input"),
            index == _index(portaudio, default_out, "output"),
        )
        for index, device in enumerate(portaudio.query_devices())
    ]


def _index(portaudio: Any, chosen: Any, kind: str) -> int:
    with contextlib.suppress(ValueError, portaudio.PortAudioError):
        if chosen not in (None, -1):
            return int(portaudio.query_devices(chosen, kind)["index"])
        return int(portaudio.query_devices(kind=kind)["index"])
    return -1


@dataclass(frozen=True, slots=True)
class CardDevice:
    """A sound card by its name or a part of it; "" is the one that the system uses by itself."""

    card: str
    rate: int = RATE

    def __str__(self) -> str:
        return f"card:{self.card}" if self.card else "card"

    @property
    def both(self) -> bool:
        return False

    @property
    def catches_up(self) -> bool:
        return False

    def check(self, *, says: bool) -> None:
        """Raises `ConfigError`: `NoSound`, or for a name that fits no card or several."""
        self._chosen(says)

    def _chosen(self, says: bool) -> Card:
        able = [card for card in cards() if (card.inputs if says else card.outputs)]
        way = "microphone" if says else "loudspeaker"
        if not able:
            raise NoSound(f"this machine has no sound card with a {way}", None)
        if not self.card:
            default = [card for card in able if (card.is_default_input if says else card.is_default_output)]
            return (default or able)[0]
        exact = [card for card in able if card.name == self.card]
        found = exact or [card for card in able if self.card.lower() in card.name.lower()]
        if len(found) != 1:
            raise ConfigError(
                f"{self}: {'several cards have' if found else 'no card has'} such a name and a {way}",
                hint="there are " + ", ".join(f"card:{card.name}" for card in found or able),
            )
        return found[0]

    def open(self, *, says: bool, hears: bool, environment: Mapping[str, str]) -> OpenCard:
        """Raises `ConfigError` where the card is not there, or will not do it (in use, another rate)."""
        portaudio = _portaudio()
        card = self._chosen(says)
        try:
            return OpenCard(self, portaudio, card, says)
        except portaudio.PortAudioError as error:
            raise ConfigError(
                f"{self} cannot be opened: {error}",
                hint=f"does another program use it? It likes {card.rate} Hz best: card:{card.name}?rate=…",
            ) from None


class OpenCard:
    """One way of a sound card, in use by one call."""

    def __init__(self, device: CardDevice, portaudio: Any, card: Card, says: bool) -> None:
        self.figures = LiveFigures(str(device))
        self._rate = device.rate
        self._ring: deque[bytes] = deque(maxlen=RING)  # append and popleft of a deque are atomic
        self._asked = False  # the call has begun to take it
        self._silence = bytes(samples_per_frame(device.rate) * SAMPLE_BYTES)
        kind = portaudio.RawInputStream if says else portaudio.RawOutputStream
        index = next(index for index, one in enumerate(portaudio.query_devices()) if one["name"] == card.name)
        self._stream = kind(
            samplerate=device.rate,
            blocksize=samples_per_frame(device.rate),
            device=index,
            channels=1,
            dtype="int16",
            callback=self._heard_by_card if says else self._said_by_card,
        )
        try:
            self._stream.start()
        except BaseException:
            self._stream.close()
            raise

    def _heard_by_card(self, samples: Any, count: int, at: Any, status: Any) -> None:
        """The microphone's next 20 ms, in PortAudio's thread; the oldest makes room."""
        if self._asked and len(self._ring) == RING:
            self.figures.dropped += 1
        self._ring.append(bytes(samples))

    def _said_by_card(self, samples: Any, count: int, at: Any, status: Any) -> None:
        """The loudspeaker wants its next 20 ms, in PortAudio's thread."""
        try:
            samples[:] = self._ring.popleft()
        except IndexError:
            samples[:] = self._silence

    def reader(self, rate: int) -> PcmReader:
        return PcmReader(self._rate, rate, self.figures, self._read)

    def _read(self, count: int) -> bytes:
        if not self._asked:
            self._asked = True
            while len(self._ring) > 1:  # from before the call could say anything
                self._ring.popleft()
        frames = []
        while self._ring and count >= len(self._silence):
            frames.append(self._ring.popleft())
            count -= len(self._silence)
        return b"".join(frames)

    def writer(self) -> PcmWriter:
        return PcmWriter(self._rate, self.figures, self._write)

    def _write(self, frame: bytes) -> bool:
        if len(self._ring) >= RING:
            return False
        self._ring.append(frame)
        return True

    def close(self) -> None:
        """Stop the card; what is in the ring is not played."""
        self._stream.close(ignore_errors=True)
