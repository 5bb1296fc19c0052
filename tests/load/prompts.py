"""How well prompts are recognised: `python -m tests.load.prompts` writes `docs/prompts.md`.

Every prompt of `audio/` is played to ears that listen for all of them at once: on each codec, softer and
louder, with packets lost, its beginning cut off, and out of step with the frames. Then what is none of them:
sentences of the same voice (many share their first second with a prompt, some more), a dozen other voices,
music and noise. Needs flite and espeak-ng for the voices.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from botkit.media.codec import Codec, codec_by_name, codec_names
from botkit.media.ear import Ear
from botkit.media.hearing import CallHearing, Hearing
from botkit.media.match import PromptEar, PromptHeard, choose
from botkit.media.pcm import HEARING_RATE, Pcm, gain, resample, to_int16
from botkit.media.prompt import decode_file, load
from botkit.media.reference import Reference, reference_of
from tests.load import speech

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs" / "prompts.md"
FRAME = 0.02
SCORE = 0.7
"""What `expect_prompt` asks for when a flow says nothing."""

LEVELS = (-12.0, 0.0, 12.0)
LOSSES = (0.0, 0.03)
CUTS = (0.0, 0.25, 0.5, 0.75, 1.0)
LEAST_LEFT = 0.7
"""Seconds of a prompt that are left, at least: nobody knows "hello" by its last sound."""

CLOSE = 0.040
"""Seconds by which an onset may be off."""


# --- playing to ears ------------------------------------------------------------------------------


@dataclass
class Played:
    """One sound, and what an ear made of it. Times count from the sound's first sample."""

    sound: Pcm
    codec: Codec
    loss: float = 0.0
    seed: int = 0
    heard: Sequence[PromptHeard] = ()
    ear: PromptEar | None = None


def play_all(sounds: Iterable[Played], references: Sequence[Reference], at_once: int = 96) -> None:
    """Let each sound be heard by an ear that listens for all `references`; the sounds are at 16 kHz."""
    waiting = iter(sounds)
    while batch := list(itertools.islice(waiting, at_once)):
        hearing = Hearing()
        calls = [CallHearing(hearing, Ear(), one.codec) for one in batch]
        ears = [call.prompts(references) for call in calls]
        lines = [list(_line(one)) for one in batch]
        for number in range(max(map(len, lines))):
            for call, line in zip(calls, lines, strict=True):
                if number < len(line):
                    call.payload(line[number], number * FRAME)
            hearing.analyse(number * FRAME)
        for one, ear, call in zip(batch, ears, calls, strict=True):
            one.heard, one.ear = list(ear.found), ear
            call.close()


def _line(one: Played) -> Iterator[bytes | None]:
    payloads = one.codec.encode_all(resample(one.sound, 16000, one.codec.rate))
    lost = np.random.default_rng(one.seed).random(len(payloads)) < one.loss
    return (None if gone else payload for payload, gone in zip(payloads, lost, strict=True))


def best(heard: Sequence[PromptHeard]) -> PromptHeard | None:
    """What a step that lists all prompts would be told."""
    chosen = choose(one for one in heard if one.end is not None and one.score >= SCORE)
    return None if chosen is None else chosen.heard


# --- what must be found ---------------------------------------------------------------------------


@dataclass
class Trial:
    """One prompt played one way."""

    reference: Reference
    level: float
    cut: float
    earliest: float
    latest: float
    played: Played

    @property
    def named(self) -> bool:
        found = best(self.played.heard)
        return found is not None and found.reference is self.reference

    @property
    def placed(self) -> bool:
        found = best(self.played.heard)
        return found is not None and self.earliest - CLOSE <= found.onset <= self.latest + CLOSE


def trials(references: Sequence[Reference], seed: int = 0) -> list[Trial]:
    """All prompts, codecs, levels, losses and cuts."""
    rng = np.random.default_rng(seed)
    made = []
    for reference in references:
        pcm = load(reference.path).pcm(16000)
        for name, level, loss, cut in itertools.product(codec_names(), LEVELS, LOSSES, CUTS):
            if cut and reference.duration - cut < LEAST_LEFT:
                continue
            made.append(_trial(reference, pcm, codec_by_name(name), level, loss, cut, rng))
    return made


def _trial(
    reference: Reference, pcm: Pcm, codec: Codec, level: float, loss: float, cut: float, rng: np.random.Generator
) -> Trial:
    before, seed = int(rng.uniform(0.3, 1.0) * 16000), int(rng.integers(1 << 30))
    begin = int((reference.first * FRAME + cut) * 16000) if cut else 0
    rest = gain(pcm[begin:], level)
    quiet = np.zeros(8000, np.int16)
    sound = np.concatenate((np.zeros(before, np.int16), rest, quiet, quiet))
    # Where the cut falls into a soft sound, its beginning is anything from the cut to the first loud one.
    loud = _first_sound(rest)
    earliest = before / 16000 + (0.0 if cut else min(reference.first * FRAME, loud))
    return Trial(reference, level, cut, earliest, before / 16000 + loud, Played(sound, codec, loss, seed))


def _first_sound(pcm: Pcm) -> float:
    """Seconds until sound that lasts 60 ms, above -40 dBFS or 25 dB below the loudest, as a telephone has it."""
    pcm = resample(pcm, 16000, HEARING_RATE)
    framed = pcm[: pcm.size // 80 * 80].reshape(-1, 80).astype(np.float64)
    power = 10 * np.log10((framed**2).mean(axis=1) / 32767**2 * 2 + 1e-10)
    loud = power > max(-40.0, float(power.max()) - 25)
    for index in np.flatnonzero(loud):
        if loud[index : index + 6].all():
            return float(index) * 0.01
    return 0.0


# --- what must not be found -----------------------------------------------------------------------

SENTENCES = (
    ("Welcome to the Oak Street", ("library.", "fire station.", "garage. We are closed.", "museum and car park.")),
    ("Welcome to the", ("Elm Street clinic.", "bank.", "Oak Hill dental practice.", "main office of the city.")),
    ("For appointments, press", ("7.", "star.", "the pound key, or stay on the line.", "9. For a doctor, press 8.")),
    ("For opening hours, press", ("4. For billing, press 5.", "9.", "0 at any time.")),
    ("Please enter your", ("date of birth.", "five digit account number.", "four digit zip code.", "phone number.")),
    ("That pin is", ("correct.", "not known here. Goodbye for now.", "too short. Please call again.", "right.")),
    ("Thank you.", ("Your call is important to us.", "Your payment is complete.", "Your table is booked for two.",
                    "Your message was deleted.", "A doctor will call you back.")),
    ("Sorry, that", ("was not a number.", "is not a good time.", "was the wrong door.", "office is closed today.")),
    ("We are open from", ("eight to four, Tuesday to Sunday.", "nine to nine, Monday to Saturday.", "ten to noon.",
                          "nine in the morning, every day but Monday.")),
    ("Please leave", ("the building now.", "your name and number.", "a message with the clerk.", "your coat here.")),
    ("Please hold", ("the line.", "while we connect you.", "your breath.", "on to your ticket.")),
    ("Good", ("morning.", "evening, and thank you for calling.", "night.", "luck with your appointment.")),
    ("", ("All our agents are busy.", "Your call may be recorded.", "You are number three in the queue.",
          "The number that you have dialled is not in service.", "To repeat this, press the star key.",
          "Our office is closed.", "Your balance is forty two dollars and ten cents.", "One moment.")),
)  # fmt: skip
STRETCHES = (0.92, 0.96, 1.0, 0.88, 0.84, 1.1, 0.94, 0.9, 1.05)


def sentences(voice: str = "slt") -> list[tuple[str, Pcm]]:
    """Other words of the prompts' voice, at several paces, 16 kHz."""
    wanted = [
        (stretch, f"{first} {rest}".strip()) for stretch in STRETCHES for first, ends in SENTENCES for rest in ends
    ]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:

        def say(number: int) -> tuple[str, Pcm]:
            stretch, text = wanted[number]
            path = Path(folder) / f"{number}.wav"
            command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}", "-t", text, str(path)]
            subprocess.run(command, check=True, capture_output=True)
            pcm = decode_file(path, 16000)[0].astype(np.float64)
            loud = np.abs(pcm) > 300
            return f"{text} ({stretch})", to_int16(pcm * 3277 / (np.sqrt((pcm[loud] ** 2).mean()) / np.sqrt(1)))

        return list(pool.map(say, range(len(wanted))))


def music(seconds: float, seed: int) -> Pcm:
    """Chords and a tune over them, 16 kHz: harmonics that decay, a new chord every half second or so."""
    rng = np.random.default_rng(seed)
    out = np.zeros(int(seconds * 16000))
    at = 0
    root = 110 * 2 ** (rng.integers(0, 12) / 12)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    while at < out.size:
        size = int(rng.choice([0.25, 0.5, 0.5, 1.0]) * 16000)
        moments = np.arange(size) / 16000
        for _ in range(int(rng.integers(2, 5))):
            hz = root * 2 ** ((rng.choice(scale) + 12 * rng.integers(0, 2)) / 12)
            for harmonic in range(1, 6):
                out[at : at + size] += (
                    np.sin(2 * np.pi * hz * harmonic * moments)[: out.size - at]
                    / harmonic
                    * np.exp(-moments * rng.uniform(1, 4))[: out.size - at]
                )
        at += size
    return to_int16(out / np.sqrt((out**2).mean()) * 2500)


def noise(seconds: float, kind: str, seed: int) -> Pcm:
    """Noise at -22 dBFS, 16 kHz: white, pink, hum, or bursts of any of them."""
    rng = np.random.default_rng(seed)
    size = int(seconds * 16000)
    spectrum = np.fft.rfft(rng.normal(0, 1, size))
    hz = np.fft.rfftfreq(size, 1 / 16000)
    if kind == "pink":
        spectrum /= np.sqrt(np.maximum(hz, 20))
    elif kind == "hum":
        spectrum = spectrum * 0.02 + size * np.isin(np.round(hz, 3), [50, 100, 150, 250, 350]) / 2
    out = np.fft.irfft(spectrum, size)
    if kind == "bursts":
        gates = np.repeat(rng.uniform(0, 1, size // 1600 + 1) > 0.5, 1600)[:size]
        out = out * gates
    return to_int16(out / np.sqrt((out**2).mean()) * 2500)


def others(minutes_of_music: float = 8, minutes_of_noise: float = 4) -> dict[str, list[tuple[str, Pcm]]]:
    """What is no prompt, by kind: named sounds at 16 kHz."""
    kinds = ("white", "pink", "hum", "bursts")
    return {
        "the same voice, other words": sentences(),
        "a dozen voices": [(name, resample(pcm, speech.RATE, 16000)) for name, pcm in speech.voices()],
        "music": [(f"tune {seed}", music(30, seed)) for seed in range(int(minutes_of_music * 2))],
        "noise": [(f"{kind} {seed}", noise(15, kind, seed)) for kind in kinds for seed in range(int(minutes_of_noise))],
    }


def play_others(
    sounds: Sequence[tuple[str, Pcm]], references: Sequence[Reference], seed: int = 0
) -> list[tuple[str, Played]]:
    """Each sound on one of the codecs in turn, every other one with loss."""
    rng = np.random.default_rng(seed)
    names = codec_names()
    played = []
    for number, (name, pcm) in enumerate(sounds):
        before = np.zeros(int(rng.uniform(0.3, 0.8) * 16000), np.int16)
        sound = np.concatenate((before, gain(pcm, float(rng.choice(LEVELS))), np.zeros(16000, np.int16)))
        codec, loss = codec_by_name(names[number % len(names)]), LOSSES[number // len(names) % 2]
        played.append((name, Played(sound, codec, loss, number)))
    play_all([one for _, one in played], references)
    return played


# --- the table ------------------------------------------------------------------------------------


def prompts() -> list[Reference]:
    """All prompts in `audio/`."""
    return [reference_of(load(path)) for path in sorted((ROOT / "audio").glob("*.wav"))]


@dataclass
class Found:
    """What came of all trials."""

    trials: list[Trial]

    @property
    def named(self) -> float:
        """Share of the right names."""
        return sum(one.named for one in self.trials) / len(self.trials)

    @property
    def placed(self) -> float:
        """Share of the onsets that are right within `CLOSE`."""
        return sum(one.placed for one in self.trials) / len(self.trials)

    def table(self) -> str:
        """As Markdown."""
        kinds: tuple[Callable[[Trial], str], ...] = (
            lambda one: one.played.codec.name,
            lambda one: f"{one.level:+g} dB",
            lambda one: f"{one.played.loss:.0%} lost",
            lambda one: f"{one.cut:g} s cut off",
            lambda one: f"`{one.reference.path.name}`, {one.reference.duration:.1f} s",
            lambda one: "**all**",
        )
        lines = ["| | played | right name | onset within 40 ms |", "|---|---|---|---|"]
        for kind in kinds:
            rows: dict[str, list[Trial]] = {}
            for one in self.trials:
                rows.setdefault(kind(one), []).append(one)
            for name, there in rows.items():
                part = Found(there)
                lines.append(f"| {name} | {len(there)} | {part.named:.2%} | {part.placed:.2%} |")
        return "\n".join(lines)

    def failures(self) -> Iterator[str]:
        """Each that was not recognised, in words."""
        for one in self.trials:
            if not (one.named and one.placed):
                heard = best(one.played.heard)
                said = "nothing"
                if heard is not None:
                    said = f"{heard.reference.path.name} at {heard.onset:.3f} s, score {heard.score:.2f}"
                yield (
                    f"{one.reference.path.name} {one.played.codec.name} {one.level:+g} dB {one.played.loss:.0%} lost, "
                    f"{one.cut:g} s cut off, from {one.earliest:.3f} s on: {said}"
                )


def find_all(references: Sequence[Reference], seeds: int = 1) -> Found:
    """Play all prompts in all ways, `seeds` times, each time out of step in another way."""
    made = [one for seed in range(seeds) for one in trials(references, seed)]
    play_all([one.played for one in made], references)
    return Found(made)


@dataclass
class Mistaken:
    """What was taken for a prompt, of one kind of sounds."""

    kind: str
    minutes: float
    false: list[str]
    best: float


def mistake_all(references: Sequence[Reference]) -> list[Mistaken]:
    """Play what is no prompt."""
    results = []
    for kind, sounds in others().items():
        played = play_others(sounds, references)
        scores = [(name, heard) for name, one in played for heard in one.heard if heard.end is not None]
        false = [
            f"{name}: {heard.reference.path.name}, {heard.score:.2f}" for name, heard in scores if heard.score >= SCORE
        ]
        minutes = sum(one.sound.size for _, one in played) / 16000 / 60
        results.append(Mistaken(kind, minutes, false, max((heard.score for _, heard in scores), default=0.0)))
    return results


def table_of(mistaken: Sequence[Mistaken]) -> str:
    """As Markdown."""
    lines = ["| | minutes | taken for a prompt | best score |", "|---|---|---|---|"]
    lines += [f"| {one.kind} | {one.minutes:.1f} | {len(one.false)} | {one.best:.2f} |" for one in mistaken]
    return "\n".join(lines)


HEAD = f"""# Prompts: what was played, what was recognised

Made by `python -m tests.load.prompts` (some two minutes; `make accept` makes it again and fails below 99 %, and where
anything else is taken for a prompt). Each prompt of `audio/` is played to an ear that listens for all of them at once,
once for each combination of codec, level (12 dB softer, as it is, 12 dB louder and so clipped), loss (packets drawn at
random), and what is cut off its beginning; where it lies between the frames is drawn at random. Nothing is cut off a
prompt of which less than {LEAST_LEFT:g} s would be left. A name is right when `expect_prompt` with the list of all
prompts would give it; an onset, when it is no more than 40 ms off.

"""

OTHERS_HEAD = """

## What is no prompt

The same ear hears what is none of its prompts, on all codecs in turn, every other time with loss. Most sentences of the
same voice begin as a prompt does and go on otherwise, after a word, a second, or with the last word; the dozen voices
read texts. A sound counts that scores 0.7 or more, which is what `expect_prompt` asks for.

"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DOCS, help="where the tables go (default: docs/prompts.md)")
    parser.add_argument("--seeds", type=int, default=1, help="how often everything is played, each time out of step")
    options = parser.parse_args()
    references = prompts()
    print("playing all prompts …", file=sys.stderr)
    found = find_all(references, options.seeds)
    print("\n".join(found.failures()), file=sys.stderr)
    print("playing what is no prompt …", file=sys.stderr)
    mistaken = mistake_all(references)
    print("\n".join(false for one in mistaken for false in one.false), file=sys.stderr)
    options.out.write_text(HEAD + found.table() + OTHERS_HEAD + table_of(mistaken) + "\n", encoding="utf-8")
    print(f"{options.out}: {found.named:.2%} named, {found.placed:.2%} placed")
    return 0 if min(found.named, found.placed) >= 0.99 and not any(one.false for one in mistaken) else 1


if __name__ == "__main__":
    raise SystemExit(main())
