"""`botkit devices`, and the options that take what it lists."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from botkit.cli.devices import listed, shown
from botkit.cli.run import _of_bot
from botkit.media.card import Card
from botkit.media.device import KINDS, SinkName, sink_named, source_named
from botkit.runner.options import RunOptions

Botkit = Callable[..., Result]

CARDS = [
    Card("HDA Intel: ALC257 (hw:0,0)", "ALSA", 2, 2, 44100, True, True),
    Card("Lab: microphone", "ALSA", 1, 0, 48000, False, False),
]


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `sound` is not installed: importing it fails."""
    monkeypatch.setitem(sys.modules, "sounddevice", None)


@pytest.mark.usefixtures("without_extra")
def test_without_the_extra(botkit: Botkit) -> None:
    """Everything else is listed, and the last lines say what is missing and what installs it; status 0."""
    result = botkit("devices")
    assert result.exit_code == 0
    for kind in KINDS:
        assert f"  {kind.name}" in result.stdout
    assert "the extra `sound`, which is not installed" in result.stdout
    assert "install it: pip install 'botkit[sound]' (and on Debian or Ubuntu: apt-get install libportaudio2)" in (
        result.stdout
    )


@pytest.mark.usefixtures("without_extra")
def test_json_without_the_extra(botkit: Botkit) -> None:
    """The same as JSON, and nothing else."""
    told = json.loads(botkit("devices", "--json").stdout)
    assert {entry["name"] for entry in told["sources"]} == {kind.name for kind in KINDS if kind.said}
    assert {entry["name"] for entry in told["sinks"]} == {kind.name for kind in KINDS if kind.heard}
    assert told["pcm"] == {"format": "s16le", "channels": 1, "rate": 8000, "rates": [8000, 16000, 24000, 48000]}
    assert not told["sound"]["available"]
    assert "libportaudio2" in told["sound"]["install"]


def test_without_portaudio(botkit: Botkit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The extra without the library below it: the package is named."""
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    said = botkit("devices").stdout
    assert "the library PortAudio, which is not installed" in said
    assert "apt-get install libportaudio2" in said


def test_cards_are_listed_by_the_names_that_choose_them() -> None:
    """Each card stands where it can be used, and says how it is named."""
    lines = list(shown(CARDS))
    assert (
        "  card:HDA Intel: ALC257 (hw:0,0)  (ALSA, 2 in, 2 out, the usual microphone, the usual loudspeaker)" in lines
    )
    assert lines[-1] == "  card:Lab: microphone  (ALSA, 1 in)"
    told = listed(CARDS)
    assert "card:Lab: microphone" in {entry["name"] for entry in told["sources"]}
    assert "card:Lab: microphone" not in {entry["name"] for entry in told["sinks"]}
    assert told["sound"] == {"available": True, "cards": 2, "why": None, "install": None}


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("silence", ("", "silence")),
        ("line=silence", ("line", "silence")),
        ("exec:agent --x=1", ("", "exec:agent --x=1")),
        ("line=exec:agent --x=1", ("line", "exec:agent --x=1")),
        ("card?rate=8000", ("", "card?rate=8000")),
        ("line=card?rate=8000", ("line", "card?rate=8000")),
        ("pipe:-?rate=8000", ("", "pipe:-?rate=8000")),
    ],
)
def test_a_bot_and_a_name(given: str, parts: tuple[str, str]) -> None:
    """`BOT=` is told from an `=` inside the name."""
    assert _of_bot(given) == parts


def test_options_arrive(botkit: Botkit, passing: list[RunOptions], flow: Path) -> None:
    """What is typed arrives at the runner, by bot."""
    typed = ["--audio-in", "tone:440", "--audio-in", "line=exec:cat", "--audio-out", "line=discard"]
    assert botkit("run", flow, "--out", "o", *typed).exit_code == 0
    (options,) = passing
    assert options.audio_in == {"": source_named("tone:440"), "line": source_named("exec:cat")}
    assert options.audio_out == {"line": sink_named("discard")}
    assert isinstance(options.audio_out["line"], SinkName)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("--audio-in", "pip:-"), "names no source"),
        (("--audio-out", "line=tone:440"), "is a source, not a sink"),
        (("--audio-out", "pipe:-", "--json"), "both want standard output"),
    ],
)
def test_bad_options(botkit: Botkit, passing: list[RunOptions], flow: Path, typed: tuple[str, ...], words: str) -> None:
    """A name that names nothing is a fault, with a hint, before anything starts."""
    result = botkit("run", flow, "--out", "o", *typed)
    assert result.exit_code == 2
    assert words in result.output
    assert "hint:" in result.output
    assert not passing


def test_standard_output_is_left_to_the_pcm(botkit: Botkit, passing: list[RunOptions], flow: Path) -> None:
    """With `pipe:-` as a sink what the run tells goes to standard error."""
    result = botkit("run", flow, "--out", "o", "--audio-out", "line=pipe:-?rate=16000")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "passed: 2 calls" in result.stderr


def test_nothing_of_sound_is_imported_early() -> None:
    """The module of cards comes without PortAudio: it is imported when a card is asked for."""
    import subprocess

    code = "import botkit.media.device, sys; assert 'sounddevice' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
