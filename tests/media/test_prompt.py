import os
import shlex
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from botkit.errors import ConfigError
from botkit.media import pcm, prompt
from botkit.media.codec import PCMA, PCMU
from botkit.media.pcm import Pcm
from botkit.media.tone import tone
from botkit.media.wav import write_wav


@pytest.fixture(autouse=True)
def _nothing_loaded() -> None:
    prompt.forget_all()


def write(path: Path, codec: str, sound: Pcm, rate: int, layout: str = "mono") -> Path:
    """`sound`, shape (samples,), through one of FFmpeg's encoders."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        channels = len(stream.codec_context.layout.channels)
        packed = np.repeat(sound, channels).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout=layout, rate=rate, frame_size=stream.codec_context.frame_size
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            for packet in stream.encode(piece):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.wav", "pcm_s16le", 8000, "mono"),
        ("a.wav", "pcm_s16le", 44100, "stereo"),
        ("a.wav", "pcm_mulaw", 8000, "mono"),
        ("a.flac", "flac", 48000, "stereo"),
        ("a.ogg", "libopus", 48000, "mono"),
        ("a.mp3", "libmp3lame", 22050, "mono"),
        ("a.m4a", "aac", 44100, "mono"),
        ("a.aac", "aac", 44100, "mono"),
        ("a.aiff", "pcm_s16be", 44100, "mono"),
        ("a.au", "pcm_s16be", 44100, "mono"),
        ("a.mka", "pcm_s16le", 16000, "mono"),
        ("a.webm", "libopus", 48000, "mono"),
        ("a.caf", "pcm_s16be", 16000, "mono"),
        ("a.w64", "pcm_s16le", 16000, "mono"),
        ("no-ending", "", 16000, "mono"),
    ],
)
def test_any_format(tmp_path: Path, name: str, codec: str, rate: int, layout: str) -> None:
    """Whatever FFmpeg reads becomes the same second of tone at 8 kHz."""
    sound = tone(1000, 1, level=-20, rate=rate)
    path = write(tmp_path / name, codec, sound, rate, layout) if codec else write_wav(tmp_path / name, sound, rate)
    got, got_rate = prompt.decode_file(path, 8000)
    assert got_rate == 8000
    assert got.dtype == np.int16
    assert got.size == pytest.approx(8000, abs=600)  # MP3 and Opus keep some of their padding
    middle = got[2000:6000]
    assert pcm.level(middle) == pytest.approx(-20, abs=1)
    spectrum = np.abs(np.fft.rfft(middle))
    assert spectrum.argmax() == 500


def test_own_rate(tmp_path: Path) -> None:
    """Without a rate the file's own is kept, sample by sample."""
    sound = tone(500, 0.3, rate=16000)
    got, rate = prompt.decode_file(write_wav(tmp_path / "a.wav", sound, 16000))
    assert rate == 16000
    assert np.array_equal(got, sound)


def test_encoded_once_and_shared(tmp_path: Path) -> None:
    """Whoever asks again gets the very same payloads."""
    path = write_wav(tmp_path / "a.wav", tone(500, 0.5))
    first = prompt.load_payloads(path, PCMU)
    assert prompt.load_payloads(str(path), PCMU) is first
    assert prompt.load(path) is prompt.load(path)
    assert len(first) == 25
    assert first == PCMU.encode_all(tone(500, 0.5))
    assert prompt.load_payloads(path, PCMA) != first
    assert prompt.load(path).duration == 0.5


def test_many_threads_load_once(tmp_path: Path) -> None:
    """Calls that begin together share one prompt."""
    path = write_wav(tmp_path / "a.wav", tone(500, 0.5))
    got: list[tuple[bytes, ...]] = []
    threads = [threading.Thread(target=lambda: got.append(prompt.load_payloads(path, PCMU))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(payloads) for payloads in got}) == 1


def test_an_edited_file_is_read_anew(tmp_path: Path) -> None:
    """Another time of change, or another size, is another prompt."""
    path = write_wav(tmp_path / "a.wav", tone(500, 0.5))
    first = prompt.load_payloads(path, PCMU)
    write_wav(path, tone(600, 0.5))
    os.utime(path, ns=(1, 1))
    second = prompt.load_payloads(path, PCMU)
    assert second != first
    assert prompt.load_payloads(path, PCMU) is second


def test_gain(tmp_path: Path) -> None:
    """Each gain is a prompt of its own."""
    path = write_wav(tmp_path / "a.wav", tone(500, 0.5, level=-20))
    assert pcm.level(prompt.load(path, 6).pcm(8000)) == pytest.approx(-14, abs=0.2)
    assert pcm.level(prompt.load(path).pcm(8000)) == pytest.approx(-20, abs=0.2)


def test_samples_are_shared_and_safe(tmp_path: Path) -> None:
    """Samples at a rate are made once, and nobody can write to them."""
    one = prompt.load(write_wav(tmp_path / "a.wav", tone(500, 0.5, rate=16000), 16000))
    assert one.pcm(8000) is one.pcm(8000)
    assert one.pcm(8000).size == 4000
    for rate in (8000, 16000):
        with pytest.raises(ValueError, match="read-only"):
            one.pcm(rate)[0] = 1


def test_a_missing_file(tmp_path: Path) -> None:
    """The error says where, and what is there instead."""
    write_wav(tmp_path / "Welcome.wav", tone(500, 0.1))
    with pytest.raises(ConfigError, match=r"(?s)no audio file .*welcome\.mp3.*holds Welcome\.wav"):
        prompt.load(tmp_path / "welcome.mp3")
    with pytest.raises(ConfigError, match="no folder"):
        prompt.load(tmp_path / "nowhere" / "a.wav")


def test_a_mistyped_file(tmp_path: Path) -> None:
    """The hint names the files that are nearly called so; failing that, those that look like audio, before others."""
    for name in ("a.yaml", "b.yaml", "hours.wav", "menu.wav"):
        (tmp_path / name).touch()
    for typed, told in (("meun.wav", "menu.wav"), ("zzz.wav", "hours.wav, menu.wav")):
        with pytest.raises(ConfigError) as caught:
            prompt.load(tmp_path / typed)
        assert caught.value.hint == f"{tmp_path} holds {told}"


def test_what_is_no_audio(tmp_path: Path) -> None:
    """Text, nothing, a folder and a picture are no audio; the error names the file."""
    (tmp_path / "text.wav").write_text("hello " * 100)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "folder.wav").mkdir()
    write_wav(tmp_path / "silent.wav", np.zeros(0, np.int16))
    for name in ("text", "empty", "folder", "silent"):
        with pytest.raises(ConfigError, match=name):
            prompt.load(tmp_path / f"{name}.wav")


def test_a_file_without_sound(tmp_path: Path) -> None:
    """A video without an audio stream is told as such."""
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for packet in stream.encode(av.VideoFrame(64, 64, "yuv420p")):
            container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    with pytest.raises(ConfigError, match="no audio stream"):
        prompt.load(path)


def test_a_file_that_names_others(tmp_path: Path) -> None:
    """Playlists and scripts are refused under any name: a prompt is what its own file holds, and no other."""
    write(tmp_path / "secret.ts", "mp2", tone(440, 1, rate=16000), 16000)
    write_wav(tmp_path / "secret.wav", tone(440, 1), 8000)
    (tmp_path / "in").mkdir()
    for target in ("secret.ts", "secret.wav"):
        hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{tmp_path}/{target}\n#EXT-X-ENDLIST\n"
        for text in (hls, f"ffconcat version 1.0\nfile ../{target}\n", f"file ../{target}\n"):
            for name in ("p.m3u8", "p.wav", "p.ffconcat", "p.concat", "p.mp3", "p"):
                (tmp_path / "in" / name).write_text(text)
                with pytest.raises(ConfigError, match="cannot be read as audio") as caught:
                    prompt.decode_file(tmp_path / "in" / name)
                assert "playlists are not" in (caught.value.hint or "")


def test_an_empty_file(tmp_path: Path) -> None:
    """A file without a byte is called empty: there is nothing to convert."""
    (tmp_path / "a.wav").touch()
    with pytest.raises(ConfigError) as caught:
        prompt.decode_file(tmp_path / "a.wav")
    assert (str(caught.value), caught.value.hint) == (f"{tmp_path}/a.wav is empty: it holds no sound", None)


def test_words_for_what_is_no_audio(tmp_path: Path) -> None:
    """What is no audio is told in words, without a number of FFmpeg's and its name once."""
    (tmp_path / "a.wav").write_text("hello")
    with pytest.raises(ConfigError) as caught:
        prompt.decode_file(tmp_path / "a.wav")
    said = str(caught.value).splitlines()[0]
    assert said == f"{tmp_path}/a.wav cannot be read as audio: its format is unknown, or it is damaged"


def test_what_is_no_plain_file(tmp_path: Path) -> None:
    """A pipe, which might never end, is refused at once."""
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(ConfigError, match="not a plain file"):
        prompt.decode_file(tmp_path / "pipe.wav")


@pytest.mark.parametrize("name", ["a.wav", "A.WAV", "a b.wav", "a.mp3"])
def test_the_conversion_writes_another_file(tmp_path: Path, name: str) -> None:
    """The command in the hint does not write onto what it reads."""
    (tmp_path / name).write_bytes(b"no sound at all")
    with pytest.raises(ConfigError) as caught:
        prompt.decode_file(tmp_path / name)
    words = shlex.split((caught.value.hint or "").partition("example: ")[2])
    assert words[2] == name
    assert words[-1].lower() != name.lower()
    assert words[-1].endswith(".wav")


def test_a_file_in_memory(tmp_path: Path) -> None:
    """Bytes of an audio file are a prompt like any other, and what is none is named in the error."""
    data = write(tmp_path / "a.mp3", "libmp3lame", tone([440.0], 1.0), 8000).read_bytes()
    made = prompt.decode_bytes(data, "http://host/a.mp3", longest=10.0)
    assert made.duration == pytest.approx(1.0, abs=0.2)
    assert len(made.payloads(PCMU)) == len(made.frames(PCMU)) == pytest.approx(50, abs=10)
    for wrong, words in ((b"", "is empty"), (b"no sound", "cannot be read"), (data[:100], "cannot be read|no sound")):
        with pytest.raises(ConfigError, match=f"a.mp3.*({words})"):
            prompt.decode_bytes(wrong, "http://host/a.mp3", longest=10.0)


def test_a_file_in_memory_that_lasts_too_long(tmp_path: Path) -> None:
    """No more than the longest that is wanted is decoded."""
    data = write_wav(tmp_path / "a.wav", tone([440.0], 2.0)).read_bytes()
    assert prompt.decode_bytes(data, "a", longest=2.0).duration == 2.0
    with pytest.raises(ConfigError, match="longer than 1 s"):
        prompt.decode_bytes(data, "a", longest=1.0)
