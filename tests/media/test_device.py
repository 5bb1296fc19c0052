"""The names of devices."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from botkit.errors import ConfigError
from botkit.media.card import CardDevice
from botkit.media.device import KINDS, SinkName, check, sink_named, source_named
from botkit.media.live import LiveDevice
from botkit.media.pipe import PipeDevice
from botkit.media.program import ProgramDevice
from botkit.media.sink import DiscardSink, WavSink
from botkit.media.source import FileSource, SilenceSource, ToneSource

LIVE = {
    "pipe:/tmp/x": PipeDevice("/tmp/x", 8000),
    "pipe:-": PipeDevice("-", 8000),
    "pipe:-?rate=16000": PipeDevice("-", 16000),
    "exec:python agent.py --url=http://h/?a=b": ProgramDevice("python agent.py --url=http://h/?a=b", 8000),
    "exec:agent ?rate=24000": ProgramDevice("agent ", 24000),
    "card": CardDevice("", 48000),
    "card?rate=8000": CardDevice("", 8000),
    "card:HDA Intel: ALC257 (hw:0,0)": CardDevice("HDA Intel: ALC257 (hw:0,0)", 48000),
}


@pytest.mark.parametrize("name", LIVE)
def test_live_names(name: str) -> None:
    """A live device has one name as source and as sink; it is a value that workers may be sent."""
    device = source_named(name)
    assert device == sink_named(name) == LIVE[name]
    assert isinstance(device, LiveDevice)
    assert pickle.loads(pickle.dumps(device)) == device


def test_sources() -> None:
    """Files, tones and silence; a tone goes round without a seam."""
    assert source_named("file:a:b?rate=1.wav") == FileSource((Path("a:b?rate=1.wav"),))
    assert source_named("tone:440") == ToneSource((440.0,), 1.0)
    assert source_named("tone:350,440.5") == ToneSource((350.0, 440.5), 10.0)
    assert source_named("silence") == SilenceSource(1.0)


def test_sinks(tmp_path: Path) -> None:
    """A file for each call, so that none overwrites another's; discard keeps nothing."""
    name = sink_named(f"file:{tmp_path}/heard.wav")
    assert isinstance(name, SinkName)
    files = [name.make(number) for number in (1, 2, 3)]
    assert [sink.path.name for sink in files if isinstance(sink, WavSink)] == [
        "heard.wav",
        "heard-2.wav",
        "heard-3.wav",
    ]
    discard = sink_named("discard")
    assert isinstance(discard, SinkName)
    assert isinstance(discard.make(), DiscardSink)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pip:-", "did you mean"),
        ("microphone", "botkit devices"),
        ("", "botkit devices"),
        ("pipe", "pipe:PATH is expected"),
        ("exec:", "exec:COMMAND is expected"),
        ("tone:", "is expected"),
        ("tone:1,2,3", "one or two frequencies"),
        ("tone:4000", "below 4000 Hz"),
        ("tone:loud", "for example tone:440"),
        ("silence:2", "takes no argument"),
        ("pipe:-?rate=44100", "one of 8000, 16000, 24000, 48000"),
        ("card?rate=many", "one of 8000"),
        ("discard", "is a sink"),
    ],
)
def test_bad_source_names(name: str, words: str) -> None:
    """What names no source is told with what does."""
    with pytest.raises(ConfigError, match=words):
        source_named(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [("tone:440", "is a source"), ("silence", "is a source"), ("file:/no/such/folder/x.wav", "a folder that exists")],
)
def test_bad_sink_names(name: str, words: str) -> None:
    """What names no sink is told with what does."""
    with pytest.raises(ConfigError, match=words):
        sink_named(name)


def test_a_missing_file_is_told_before_any_call(tmp_path: Path) -> None:
    """`check` reads the file."""
    with pytest.raises(ConfigError, match="there is no audio file"):
        check(source_named(f"file:{tmp_path}/none.wav"), says=True)


def test_every_kind_that_is_listed_is_known(tmp_path: Path) -> None:
    """Each name in the list is read, as what the list says it is."""
    for kind in KINDS:
        name = kind.name.replace("PATH", f"{tmp_path}/x").replace("HZ[,HZ]", "440").replace("COMMAND", "cat")
        if kind.said:
            source_named(name)
        if kind.heard:
            sink_named(name)
