"""What a call says: plays one after the other, and digits three ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botkit import clock
from botkit.errors import ConfigError, UsageError
from botkit.media.codec import PCMU, codec_by_name
from botkit.media.ear import Ear
from botkit.media.hearing import CallHearing
from botkit.media.pcm import level
from botkit.media.plane import media_plane
from botkit.media.source import ToneSource
from botkit.media.spectrum import tones_in
from botkit.media.tone import tone
from botkit.media.voice import PAUSE_LENGTH, Voice, loaded, source_of
from botkit.media.wav import write_wav
from botkit.vocabulary import Audio, Played, Silence, Tone

BEAT = 0.02


class Stage:
    """A voice, and the ear at the far end."""

    async def begin(self, plane: Any, codec: str) -> None:
        self.clock = plane.clock
        self.near, self.far = (plane.endpoint(codecs=(codec,)) for _ in range(2))
        self.near.accept(await self.far.answer(await self.near.offer()))
        await asyncio.gather(self.near.connect(), self.far.connect())
        self.ear = Ear()
        self.hearing = CallHearing(plane.hearing, self.ear, codec_by_name(codec))
        self.far.session.on_payload = self.hearing.payload
        self.far.session.on_digit = self.hearing.digit_event
        self.marks: list[float] = []
        self.info: list[tuple[str, float]] = []
        self.voice = Voice(self.near.session, self.clock, lambda at, lasted: self.marks.append(at))

    async def end(self) -> None:
        self.hearing.close()
        await self.near.close()
        await self.far.close()

    async def by_info(self, digit: str) -> None:
        self.info.append((digit, self.time))

    async def send(self, digits: str, via: str, *, length: float = 0.1, gap: float = 0.1) -> None:
        await self.voice.send_digits(digits, via=via, length=length, gap=gap, by_info=self.by_info)

    async def settle(self) -> None:
        """Let what is under way arrive and be analysed."""
        await self.clock.sleep(1.0)

    @property
    def time(self) -> float:
        return self.clock.now()

    @property
    def sounds(self) -> list[tuple[float, float | None]]:
        return [(segment.start, segment.end) for segment in self.ear.sounds]

    @property
    def digits(self) -> str:
        return "".join(heard.digit for heard in self.ear.digits)


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]], codec: str = "PCMU") -> None:
    async def main() -> None:
        async with media_plane() as plane:
            stage = Stage()
            await stage.begin(plane, codec)
            try:
                await scene(stage)
            finally:
                await stage.end()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), virtual=True)


def about(seconds: float, by: float = 1.5 * BEAT) -> Any:
    return pytest.approx(seconds, abs=by)


# --- plays ------------------------------------------------------------------------------------------------


def test_a_play_to_its_end() -> None:
    """It returns when the last frame has left, says how long it was, and leaves the mark there."""

    async def scene(stage: Stage) -> None:
        begin = stage.time
        assert await stage.voice.play(Tone((440.0,), 1.0)) == Played(pytest.approx(1.0))
        assert stage.time == about(begin + 1.0)
        assert stage.marks == [stage.time]
        await stage.settle()
        assert stage.sounds == [(about(begin), about(begin + 1.0))]

    play(scene)


def test_plays_queue() -> None:
    """Plays go one after the other without a gap, in the order in which they were asked for."""

    async def scene(stage: Stage) -> None:
        begin = stage.time
        first = asyncio.ensure_future(stage.voice.play(Tone((440.0,), 0.5)))
        second = asyncio.ensure_future(stage.voice.play(Tone((600.0,), 0.5)))
        await first
        assert stage.time == about(begin + 0.5)
        await second
        assert stage.time == about(begin + 1.0)
        await stage.settle()
        assert len(stage.sounds) == 1

    play(scene)


def test_plays_keep_their_order_while_files_load(tmp_path: Path) -> None:
    """A file that takes a while to be read is not overtaken by a tone that was asked for after it, or put over it."""

    async def scene(stage: Stage) -> None:
        for number, over in enumerate(("queue", "replace")):
            file = tmp_path / f"{number}.wav"
            write_wav(file, tone(440, 0.5, level=-20))
            ended: list[str] = []
            begin = stage.time
            first = asyncio.ensure_future(stage.voice.play(Audio((file,))))
            first.add_done_callback(lambda _, ended=ended: ended.append("file"))  # type: ignore[misc]
            second = asyncio.ensure_future(stage.voice.play(Tone((600.0,), 0.5), over=over))
            second.add_done_callback(lambda _, ended=ended: ended.append("tone"))  # type: ignore[misc]
            await asyncio.wait((first, second))
            assert ended == ["file", "tone"]
            assert first.result().stopped_by == (None if over == "queue" else "replaced")
            assert stage.time == about(begin + (1.0 if over == "queue" else 0.5))

    play(scene)


def test_a_cancelled_play_lets_nobody_overtake(tmp_path: Path) -> None:
    """Of three plays the middle one is cancelled while the first loads: the third still comes after the first."""

    async def scene(stage: Stage) -> None:
        write_wav(tmp_path / "a.wav", tone(440, 0.5, level=-20))
        begin = stage.time
        plays = [
            asyncio.ensure_future(stage.voice.play(what))
            for what in (Audio((tmp_path / "a.wav",)), Tone((500.0,), 0.5), Tone((600.0,), 0.5))
        ]
        await asyncio.sleep(0)
        plays[1].cancel()
        await plays[0]
        assert stage.time == about(begin + 0.5)
        await plays[2]
        assert stage.time == about(begin + 1.0)

    play(scene)


def test_a_play_in_turns() -> None:
    """A play of several turns is said so often, without a gap; a source is played as it is."""

    async def scene(stage: Stage) -> None:
        assert await stage.voice.play(ToneSource((440.0,), 0.5), turns=3) == Played(pytest.approx(1.5))
        await stage.settle()
        assert len(stage.sounds) == 1

    play(scene)


def test_what_is_said_for_ever_ends() -> None:
    """A play after loops stops those, waits for all else, and is heard."""

    async def scene(stage: Stage) -> None:
        music = asyncio.ensure_future(stage.voice.play(Tone((440.0,), 0.5), loop=True))
        await stage.clock.sleep(1.2)
        begin = stage.time
        first = asyncio.ensure_future(stage.voice.play(Tone((600.0,), 0.5), over="after_loops"))
        await asyncio.sleep(0)
        second = await stage.voice.play(Tone((600.0,), 0.5), over="after_loops")
        assert (await music).stopped_by == "replaced"
        assert (await first) == second == Played(pytest.approx(0.5))
        assert stage.time == about(begin + 1.0)

    play(scene)


def test_replace() -> None:
    """A play that replaces is heard at once; those that it replaced say so, and how much of them was heard."""

    async def scene(stage: Stage) -> None:
        plays = [asyncio.ensure_future(stage.voice.play(Tone((440.0,), 5.0))) for _ in range(2)]
        await stage.clock.sleep(0.5)
        begin = stage.time
        assert await stage.voice.play(Tone((600.0,), 0.2), over="replace") == Played(pytest.approx(0.2))
        assert stage.time == about(begin + 0.2)
        assert plays[0].result() == Played(about(0.5), "replaced")
        assert plays[1].result() == Played(0.0, "replaced")

    play(scene)


@pytest.mark.parametrize("loop", [False, True])
def test_stopped_by_what_is_heard(loop: bool) -> None:
    """A digit or speech stops the plays that listen for it, and no others; it says what and how much was heard."""

    async def scene(stage: Stage) -> None:
        begin = stage.time
        deaf = asyncio.ensure_future(stage.voice.play(Tone((440.0,), 0.5), stop_on=frozenset({"speech"})))
        task = asyncio.ensure_future(
            stage.voice.play(Tone((440.0,), 0.2 if loop else 5.0), stop_on=frozenset({"dtmf"}), loop=loop)
        )
        await stage.clock.sleep(1.5)
        stage.voice.heard("speech")
        await stage.clock.sleep(0.01)
        assert not task.done()
        stage.voice.heard("dtmf")
        assert await task == Played(about(1.0), "dtmf")
        assert deaf.result() == Played(pytest.approx(0.5))
        assert stage.marks[-1] == about(begin + 1.5)
        stage.voice.heard("dtmf")
        await stage.settle()
        assert stage.sounds[-1][1] == about(begin + 1.5)

    play(scene)


@pytest.mark.parametrize("delay", [0.0, 0.5], ids=["waiting", "under way"])
def test_cancelled_play_is_silent_within_a_beat(delay: float) -> None:
    """A cancelled play stops within a beat; one that had not begun leaves the mark where it was."""

    async def scene(stage: Stage) -> None:
        first = asyncio.ensure_future(stage.voice.play(Silence(0.2))) if not delay else None
        task = asyncio.ensure_future(stage.voice.play(Tone((440.0,), 5.0)))
        await stage.clock.sleep(delay or 0.1)
        task.cancel()
        await asyncio.wait((task,))
        now = stage.time
        assert task.cancelled()
        assert stage.marks == ([now] if delay else [])
        await stage.settle()
        assert [end for _, end in stage.sounds] == ([about(now)] if delay else [])
        if first is not None:
            assert await first == Played(pytest.approx(0.2))

    play(scene)


def test_end_of_the_call() -> None:
    """The end cuts short what is said and what waits; afterwards nothing is said, at once."""

    async def scene(stage: Stage) -> None:
        plays = [asyncio.ensure_future(stage.voice.play(Silence(5.0))) for _ in range(2)]
        await stage.clock.sleep(1.0)
        now = stage.time
        stage.voice.call_is_over()
        assert await plays[0] == Played(about(1.0), "ended")
        assert await plays[1] == Played(0.0, "ended")
        assert await stage.voice.play(Silence(5.0)) == Played(0.0, "ended")
        for via in ("info", "rtp", "tone"):
            await stage.send("123", via)
        assert stage.time == now
        assert stage.info == []

    play(scene)


def test_play_that_ended_just_before_the_call() -> None:
    """A play that was over when the call ended was played to its end."""

    async def scene(stage: Stage) -> None:
        task = asyncio.ensure_future(stage.voice.play(Silence(0.2)))
        while not stage.near.session.sender._playing and not task.done():
            await stage.clock.sleep(0.001)
        while stage.near.session.sender._playing:
            await stage.clock.sleep(0.0005)
        stage.voice.call_is_over()
        assert await task == Played(pytest.approx(0.2))

    play(scene)


# --- mixing ---------------------------------------------------------------------------------------------------


def heard_between(stage: Stage, begin: float, end: float) -> tuple[float, ...]:
    """The frequencies in what the far end heard in that time."""
    return tones_in(stage.ear.history.between(begin, end)[1].ravel())


def test_mixed_plays_are_heard_together() -> None:
    """A play over `mix` is heard with what is being said already, and so is what is said after it began."""

    async def scene(stage: Stage) -> None:
        begin = stage.time
        first = asyncio.ensure_future(stage.voice.play(Tone((440.0,), 1.0)))
        second = asyncio.ensure_future(stage.voice.play(Tone((600.0,), 1.0)))
        await stage.clock.sleep(0.5)
        mixed = asyncio.ensure_future(stage.voice.play(Tone((1000.0,), 2.0), over="mix"))
        await stage.clock.sleep(1.0)
        third = await stage.voice.play(Tone((800.0,), 1.0))
        assert third == await first == await second == Played(pytest.approx(1.0))
        assert await mixed == Played(pytest.approx(2.0))
        assert stage.time == about(begin + 3.0)
        await stage.settle()
        times = ((0.1, 0.4), (0.6, 0.9), (1.1, 1.9), (2.1, 2.4), (2.6, 2.9))
        assert [heard_between(stage, begin + since, begin + to) for since, to in times] == [
            about_hz(440), about_hz(440, 1000), about_hz(600, 1000), about_hz(800, 1000), about_hz(800),
        ]  # fmt: skip

    play(scene)


def about_hz(*hz: float) -> Any:
    return pytest.approx(hz, abs=3)


@pytest.mark.parametrize("codec", ["PCMA", "G722", "opus"])
def test_mixing_on_every_codec(codec: str) -> None:
    """What is mixed is heard on every codec, and none has a hole where the mixing begins or ends."""

    async def scene(stage: Stage) -> None:
        begin = stage.time
        first = asyncio.ensure_future(stage.voice.play(Tone((440.0,), 2.0)))
        await stage.clock.sleep(0.5)
        await stage.voice.play(Tone((1000.0,), 1.0), over="mix")
        await first
        await stage.settle()
        times = ((0.2, 0.5), (0.7, 1.3), (1.6, 1.9))
        assert [heard_between(stage, begin + since, begin + to) for since, to in times] == [
            about_hz(440), about_hz(440, 1000), about_hz(440),
        ]  # fmt: skip
        assert len(stage.sounds) == 1

    play(scene, codec)


def test_files_are_mixed(tmp_path: Path) -> None:
    """Files of odd lengths, one after the other, are mixed frame by frame as they would be said alone."""

    async def scene(stage: Stage) -> None:
        for name, hz in (("a", 440), ("b", 600)):
            write_wav(tmp_path / f"{name}.wav", tone(hz, 0.507, level=-20))
        begin = stage.time
        files = Audio((tmp_path / "a.wav", tmp_path / "b.wav"))
        first = asyncio.ensure_future(stage.voice.play(files, loop=True))
        await stage.clock.sleep(0.1)
        mixed = await stage.voice.play(Audio((tmp_path / "b.wav",)), over="mix")
        assert mixed == Played(pytest.approx(0.52))
        first.cancel()
        await asyncio.wait((first,))
        await stage.settle()
        assert heard_between(stage, begin + 0.2, begin + 0.5) == about_hz(440, 600)

    play(scene)


def test_digits_as_tones_are_mixed() -> None:
    """A digit sent as a tone goes out with what is mixed, not swallowed by it."""

    async def scene(stage: Stage) -> None:
        music = asyncio.ensure_future(stage.voice.play(Tone((300.0,), 5.0, gain=-20), over="mix"))
        await stage.clock.sleep(0.5)
        await stage.send("5", "tone", length=0.2)
        music.cancel()
        await asyncio.wait((music,))
        await stage.settle()
        assert stage.digits == "5"

    play(scene)


# --- what may be played ---------------------------------------------------------------------------------------


def payloads(what: Any) -> Any:
    async def main() -> Any:
        source = source_of(what)
        return await loaded(source, source.payloads, PCMU)

    return clock.run(main(), virtual=True)


def test_files_one_after_the_other(tmp_path: Path) -> None:
    """Several files are one play, in order; each is encoded once and shared; gain makes them louder."""
    for name, hz in (("a", 440), ("b", 600)):
        write_wav(tmp_path / f"{name}.wav", tone(hz, 0.1, level=-20))
    files = tmp_path / "a.wav", tmp_path / "b.wav"
    alone = [payloads(Audio((file,))) for file in files]
    assert payloads(Audio(files)) == (*alone[0], *alone[1])
    assert payloads(Audio(files[:1])) is alone[0]
    louder = np.concatenate([PCMU.decode(one) for one in payloads(Audio(files[:1], gain=6.0))])
    assert level(louder) == pytest.approx(level(np.concatenate([PCMU.decode(one) for one in alone[0]])) + 6, abs=0.3)


def test_tones_and_silence() -> None:
    """Tones have the length and the level that they should have; silence is shared payloads, one at least."""
    pcm = np.concatenate([PCMU.decode(one) for one in payloads(Tone((440.0,), 0.5, gain=-6.0))])
    assert pcm.size == 4000
    assert level(pcm) == pytest.approx(-19.0, abs=0.3)
    assert payloads(Silence(0.1)) == (PCMU.silence,) * 5
    assert payloads(Silence(0.0)) == (PCMU.silence,)


def test_file_that_is_missing(tmp_path: Path) -> None:
    """A file that is missing is the operator's error, and the voice is free again."""

    async def scene(stage: Stage) -> None:
        with pytest.raises(ConfigError, match=r"nothing\.wav"):
            await stage.voice.play(Audio((tmp_path / "nothing.wav",)))
        assert (await stage.voice.play(Silence(0.1))).stopped_by is None

    play(scene)


# --- digits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("via", ["rtp", "tone"])
def test_digits_are_heard(via: str) -> None:
    """Digits arrive the way they were sent, each once, with their length and gap, also the same one twice."""

    async def scene(stage: Stage) -> None:
        begin = stage.time
        await stage.send("155#d", via, length=0.12, gap=0.08)
        assert stage.time == about(begin + 5 * 0.12 + 4 * 0.08, 0.3)
        assert stage.marks[-1] == about(stage.time)
        await stage.settle()
        assert stage.digits == "155#D"
        assert {heard.via for heard in stage.ear.digits} == {via}
        assert [heard.duration for heard in stage.ear.digits] == [about(0.12)] * 5
        begun = [heard.at for heard in stage.ear.digits]
        assert all(later - earlier > 0.15 for earlier, later in zip(begun, begun[1:], strict=False))  # noqa: RUF007

    play(scene)


def test_digits_by_info() -> None:
    """By `info` each digit is a message; the next one comes after its length and the gap."""

    async def scene(stage: Stage) -> None:
        begin = stage.time
        await stage.send("12", "info")
        assert [digit for digit, _ in stage.info] == ["1", "2"]
        assert [at - begin for _, at in stage.info] == [about(0.0), about(0.2)]
        assert stage.marks[-1] == about(begin + 0.2, 0.11)

    play(scene)


@pytest.mark.parametrize("pause", ["w", "W"])
def test_pauses(pause: str) -> None:
    """A `w` waits half a second, and is no digit."""

    async def scene(stage: Stage) -> None:
        await stage.send(f"1{pause}{pause}2", "info")
        (_, first), (_, second) = stage.info
        assert second - first == about(0.1 + 2 * PAUSE_LENGTH, 0.11)

    play(scene)


@pytest.mark.parametrize("via", ["info", "rtp", "tone"])
def test_what_is_no_digit(via: str) -> None:
    """What is no digit is an error of usage, and nothing of the whole entry is sent."""

    async def scene(stage: Stage) -> None:
        with pytest.raises(UsageError, match="'x' is no DTMF digit"):
            await stage.send("12x", via)
        await stage.settle()
        assert stage.digits == ""
        assert stage.info == []

    play(scene)


def test_far_end_without_events() -> None:
    """Events to a far end that takes none are an error of usage, with the ways that are left."""

    async def scene(stage: Stage) -> None:
        stage.near.session.sender.event_type = None
        with pytest.raises(UsageError, match="telephone-events") as error:
            await stage.send("1", "rtp")
        assert "tone" in (error.value.hint or "")

    play(scene)


@pytest.mark.parametrize("via", ["info", "rtp", "tone"])
def test_cancelled_digits(via: str) -> None:
    """When it is cancelled the digits not yet begun are not sent."""

    async def scene(stage: Stage) -> None:
        task = asyncio.ensure_future(stage.send("123456", via))
        await stage.clock.sleep(0.25)
        task.cancel()
        await asyncio.wait((task,))
        await stage.settle()
        assert "12".startswith("".join(digit for digit, _ in stage.info) or stage.digits)
        assert await stage.voice.play(Silence(0.1)) == Played(pytest.approx(0.1))

    play(scene)


@pytest.mark.parametrize("via", ["info", "rtp", "tone"])
def test_call_that_ends_under_digits(via: str) -> None:
    """The end of the call cuts digits short, at once."""

    async def scene(stage: Stage) -> None:
        task = asyncio.ensure_future(stage.send("1w23456", via))
        await stage.clock.sleep(0.35)
        now = stage.time
        stage.voice.call_is_over()
        await task
        assert stage.time == now

    play(scene)
