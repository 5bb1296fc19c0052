"""Text to speech without a network: a small voice of this machine, or tones where it has none.

`espeak-ng` is used where it is installed, else `flite`, else a stand-in: bursts of a buzz, one for each
syllable, so that what is said lasts about as long as a person would take. All three say the same text alike
each time. Each text is made once and kept, as long as there is room.
"""

from __future__ import annotations

import asyncio
import functools
import html
import logging
import re
import shutil
import subprocess
import tempfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

from botkit.errors import ConfigError
from botkit.media import prompt
from botkit.media.pcm import Pcm, db_to_ratio, to_int16
from botkit.media.prompt import Prompt

log = logging.getLogger("botkit.exchange")

LONGEST = 1200.0
"""Seconds that one speech may last; 3000 characters take some 200."""

PATIENCE = 30.0
"""Seconds that the program which speaks may take."""

AT_ONCE = 2
"""Programs that run at the same time: more would take the processor from the beat."""

KEPT = 64
"""Speeches that are kept."""

ENGINES = ("espeak-ng", "flite")
STAND_IN = "stand-in"

FEMALE = frozenset({"female", "woman", "alice"})
"""Voices of the platform's own that are a woman's; the others sound like a man."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_TAG = re.compile(r"<[^<>]*>")
_SYLLABLE = re.compile(r"[aeiouyäöüáéíóúàèìòù]+|\d", re.IGNORECASE)


def available() -> str:
    """The first engine that this machine has."""
    return next((name for name in ENGINES if shutil.which(name)), STAND_IN)


def plain_text(text: str, *, ssml: bool) -> str:
    """What is to be said: of SSML the text between the tags."""
    if ssml:
        text = html.unescape(_TAG.sub(" ", text))
    return " ".join(text.split())


class Speech:
    """Speaks for all legs of an exchange. `engine`: one of `ENGINES` or `STAND_IN`; None: what there is."""

    def __init__(self, engine: str | None = None) -> None:
        self.engine = engine or available()
        self._known: OrderedDict[tuple[str, str, bool], Prompt] = OrderedDict()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._told = False

    async def say(self, text: str, *, ssml: bool = False, language: str = "en-US", voice: str = "") -> Prompt:
        """`text` as sound, made off the loop. What the program cannot say, the stand-in does.

        A cancelled caller loses what was made; the program ends by itself.
        """
        if not self._told:
            self._told = True
            log.info("speech.engine %s", self.engine)
        words = plain_text(text, ssml=ssml)
        spoken = language if _LANGUAGE.fullmatch(language) else "en"
        key = (words, spoken.lower(), voice.lower() in FEMALE)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        async with self._room:
            made = await asyncio.get_running_loop().run_in_executor(None, functools.partial(_made, self.engine, *key))
        self._known[key] = made
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return made


def _made(engine: str, words: str, language: str, female: bool) -> Prompt:
    """The speech. Programs fail at texts of letters that they do not know."""
    try:
        return _MAKERS[engine](words, language, female)
    except ConfigError as error:
        log.warning("speech.failed engine=%s %s", engine, error)
        return _stand_in(words, language, female)


def _espeak(words: str, language: str, female: bool) -> Prompt:
    """A language that it does not know is said with its English voice."""
    data = b""
    for name in (language, language.split("-")[0], "en"):
        command = ("espeak-ng", "-b", "1", "-v", name + ("+f3" if female else ""), "--stdin", "--stdout")
        if data := _output(command, words):
            break
    return _decoded(data)


def _flite(words: str, _language: str, female: bool) -> Prompt:
    with tempfile.TemporaryDirectory(prefix="botkit-speech-") as folder:
        text, wav = Path(folder, "text"), Path(folder, "speech.wav")
        text.write_text(words, encoding="utf-8")
        _output(("flite", "-voice", "slt" if female else "kal", "-f", str(text), "-o", str(wav)), "")
        return _decoded(wav.read_bytes() if wav.exists() else b"")


def _output(command: tuple[str, ...], words: str) -> bytes:
    """What the program says to its standard output; nothing where it fails."""
    try:
        done = subprocess.run(command, input=words.encode(), capture_output=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"{command[0]} did not speak: {error}") from error
    return done.stdout if done.returncode == 0 else b""


def _decoded(data: bytes) -> Prompt:
    return prompt.decode_bytes(data, "speech", longest=LONGEST)


# --- the stand-in ------------------------------------------------------------------------------------

RATE = 8000
SYLLABLE = 0.16
WORD_GAP = 0.08
SENTENCE_GAP = 0.3


def _stand_in(words: str, _language: str, female: bool) -> Prompt:
    """A buzz for each syllable, whose pitch falls through a sentence; pauses where people make them."""
    parts: list[Pcm] = []
    pitch = base = 210.0 if female else 120.0
    for word in words.split():
        for _ in range(max(1, len(_SYLLABLE.findall(word)))):
            parts.append(_buzz(pitch))
            pitch = max(0.8 * base, pitch - 3.0)
        ends = word[-1] in ".,;:!?"
        if ends:
            pitch = base
        parts.append(np.zeros(round(RATE * (SENTENCE_GAP if ends else WORD_GAP)), np.int16))
    return _prompt(np.concatenate([np.zeros(0, np.int16), *parts]) if parts else np.zeros(1600, np.int16))


def _buzz(pitch: float) -> Pcm:
    """One syllable: harmonics of `pitch`, strongest about 500 Hz as an open vowel's are, swelling and fading."""
    time = np.arange(round(RATE * SYLLABLE)) / RATE
    harmonics = np.arange(1, int(3400 / pitch))
    weights = 1 / (1 + ((harmonics * pitch - 500) / 400) ** 2)
    wave = (weights[:, None] * np.sin(2 * np.pi * pitch * harmonics[:, None] * time)).sum(axis=0)
    wave *= np.sin(np.pi * time / SYLLABLE) ** 0.5
    return to_int16(wave / np.abs(wave).max() * 32767 * db_to_ratio(-12))


def _prompt(pcm: Pcm) -> Prompt:
    pcm.flags.writeable = False
    return Prompt(Path("speech"), pcm, RATE)


_MAKERS = {"espeak-ng": _espeak, "flite": _flite, STAND_IN: _stand_in}
