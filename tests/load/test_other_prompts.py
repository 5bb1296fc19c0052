"""Prompts that nothing was tuned to: other voices, lengths and lines, pairs that differ in a word: `make accept`."""

from __future__ import annotations

import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from botkit.media.codec import codec_by_name, codec_names
from botkit.media.pcm import Pcm, resample, to_int16
from botkit.media.prompt import decode_file, load
from botkit.media.reference import Reference, reference_of
from tests.load.prompts import CLOSE, SCORE, Played, best, noise, play_all

pytestmark = [pytest.mark.slow, pytest.mark.needs("voices")]

RATE = 16000
SAID = {
    "hours": ["flite", "-voice", "kal", "-t", "Our branch opens at half past eight and closes at six."],
    "sales": ["flite", "-voice", "awb", "-t", "I am putting you through to the sales team now."],
    "account": ["flite", "-voice", "rms", "-t", "Please say or key your account number, then press hash."],
    "hash": ["flite", "-voice", "rms", "--setf", "duration_stretch=1.4", "-t", "To change your booking, press five."],
    "full": ["espeak-ng", "-v", "en-us", "-p", "70", "-s", "260", "Mailbox full. Please try again some other day."],
    "greeting": ["espeak-ng", "-v", "en-029+f2", "-p", "90", "You may now record your greeting after the tone."],
    "warten": ["espeak-ng", "-v", "de", "Bitte warten Sie. Sie werden gleich verbunden."],
    "agente": ["espeak-ng", "-v", "es", "-p", "20", "-s", "160", "Para hablar con un agente, marque dos."],
    "yes": ["flite", "-voice", "slt", "-t", "Yes please."],
    "connecting": ["flite", "-voice", "rms", "-t", "Connecting."],
    "again": ["espeak-ng", "-v", "en-us+m5", "-s", "190", "Try again."],
}
"""Who says what; the last three take 0.6 s."""

PAIRS = {
    "rms": ("You are number {} in the queue.", "one two three four five nine eleven twelve twenty"),
    "awb": ("Your appointment is on {} at noon.", "Monday Tuesday Friday Saturday Thursday"),
}


def say(command: list[str], path: Path) -> Pcm:
    """What a voice says, at 16 kHz and -20 dBFS, without the silence around it."""
    out = "-w" if command[0] == "espeak-ng" else "-o"
    subprocess.run([command[0], out, str(path), *command[1:]], check=True, capture_output=True, timeout=60)
    pcm = decode_file(path, RATE)[0].astype(np.float64)
    loud = np.flatnonzero(np.abs(pcm) > 0.02 * np.abs(pcm).max())
    pcm = pcm[loud[0] : loud[-1]]
    return to_int16(pcm / np.sqrt((pcm[np.abs(pcm) > 300] ** 2).mean()) * 2317)


def prompt(pcm: Pcm, path: Path) -> Reference:
    """It as a file to listen for."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.tobytes())
    return reference_of(load(path))


def quiet(seconds: float) -> Pcm:
    return np.zeros(round(seconds * RATE), np.int16)


# --- lines ----------------------------------------------------------------------------------------


def skewed(pcm: Pcm) -> Pcm:
    """Two clocks that differ by 100 ppm."""
    return to_int16(np.interp(np.arange(pcm.size) * (1 + 1e-4), np.arange(pcm.size), pcm.astype(np.float64)))


def transcoded(pcm: Pcm) -> Pcm:
    """Opus, then PCMU, then G.722."""
    for name in ("opus", "PCMU", "G722"):
        codec = codec_by_name(name)
        decoder = codec.decoder()
        payloads = codec.encode_all(resample(pcm, RATE, codec.rate))
        pcm = resample(np.concatenate([decoder.decode(payload) for payload in payloads]), codec.rate, RATE)
    return pcm


def in_a_room(pcm: Pcm) -> Pcm:
    """Its echo, 12 dB softer, dies away in 0.3 s."""
    size = round(0.3 * RATE)
    echo = np.random.default_rng(1).normal(0, 1, size) * 10 ** (-3 * np.arange(size) / size)
    wet = np.convolve(pcm.astype(np.float64), echo / np.sqrt((echo**2).sum()))[: pcm.size]
    return to_int16(pcm + 0.25 * wet)


def narrow(pcm: Pcm) -> Pcm:
    """A telephone's band: it falls by 12 dB an octave below 300 Hz and above 3400."""
    hz = np.maximum(np.fft.rfftfreq(pcm.size, 1 / RATE), 1.0)
    band = 1 / np.sqrt((1 + (300 / hz) ** 4) * (1 + (hz / 3400) ** 4))
    return to_int16(np.fft.irfft(np.fft.rfft(pcm) * band, pcm.size))


def noisy(pcm: Pcm) -> Pcm:
    """Noise 25 dB below it."""
    return to_int16(pcm + noise(pcm.size / RATE + 1, "white", 3)[: pcm.size] * (2317 / 2500 * 10 ** (-25 / 20)))


LINES: tuple[Callable[[Pcm], Pcm], ...] = (skewed, transcoded, in_a_room, narrow, noisy)


def test_other_voices_over_other_lines(tmp_path: Path) -> None:
    """Each by its name and in its place, on every codec at 3 % loss; so are ones with long pauses, and one of 20 s."""
    sounds = {name: say(command, tmp_path / "said.wav") for name, command in SAID.items()}
    sounds["pause"] = np.concatenate((sounds["sales"], quiet(4), sounds["hours"]))
    sounds["long"] = np.concatenate([part for name in list(SAID)[:8] for part in (sounds[name][::-1], quiet(0.3))])
    known = {name: prompt(pcm, tmp_path / f"{name}.wav") for name, pcm in sounds.items()}
    played = []
    for number, (name, line, codec) in enumerate(
        (name, line, codec) for name in sounds for line in LINES for codec in codec_names()
    ):
        sound = line(np.concatenate((quiet(0.41 + 0.007 * (number % 11)), sounds[name], quiet(1))))
        played.append((name, line.__name__, number, Played(sound, codec_by_name(codec), 0.03, number)))
    play_all([one for *_, one in played], list(known.values()))
    wrong = []
    for name, line, number, one in played:
        heard, onset = best(one.heard), 0.41 + 0.007 * (number % 11) + known[name].first * 0.02
        if heard is None or heard.reference is not known[name] or abs(heard.onset - onset) > 0.02 + CLOSE:
            wrong.append(f"{name} {line} {one.codec.name}: {heard}")
    assert len(wrong) <= 0.01 * len(played), "\n".join(wrong)


@pytest.mark.parametrize("voice", PAIRS)
def test_one_word_differs(tmp_path: Path, voice: str) -> None:
    """Who waits for one of them hears it in none of the others, though they begin alike and end alike."""
    sentence, words = PAIRS[voice]
    sounds, known = {}, {}
    for word in words.split():
        sounds[word] = say(["flite", "-voice", voice, "-t", sentence.format(word)], tmp_path / "said.wav")
        known[word] = prompt(sounds[word], tmp_path / f"{word}.wav")
    for word, reference in known.items():
        played = [
            (other, Played(np.concatenate((quiet(0.5), pcm, quiet(1))), codec_by_name(codec), loss, 7))
            for other, pcm in sounds.items()
            for codec in codec_names()
            for loss in (0.0, 0.03)
        ]
        play_all([one for _, one in played], [reference])
        for other, one in played:
            found = [heard for heard in one.heard if heard.end is not None and heard.score >= SCORE]
            assert bool(found) == (other == word), f"{word} in {other}, {one.codec.name}, {one.loss:.0%}"
