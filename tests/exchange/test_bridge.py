"""Two legs joined: payloads as they came, silence on hold, digits carried over."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from botkit.exchange.bridge import DIGITS_PER_INFO, DIGITS_WAITING
from botkit.media.codec import codec_by_name
from botkit.media.pcm import Pcm, level
from botkit.media.source import ToneSource
from botkit.media.tone import tone
from botkit.media.wav import read_wav, write_wav
from botkit.settings import HOLD_MUSIC
from tests.exchange.kit import Office, Phone, play, soon

SILENCE = bytes([0xFF]) * 160


def noise(count: int, seed: int = 1) -> list[bytes]:
    """Payloads that nobody else sends."""
    rng = random.Random(seed)
    return [rng.randbytes(160) for _ in range(count)]


def contains(heard: list[bytes], wanted: list[bytes]) -> bool:
    """The payloads are among what was heard, in one piece."""
    return any(heard[at : at + len(wanted)] == wanted for at in range(len(heard) - len(wanted) + 1))


async def hold(phone: Phone, action: str) -> str:
    """Modify the call; gives the hold state of the reply."""
    reply = await phone.ask("telnyx_rtc.modify", **phone.about(action=action))
    assert reply["result"]["action"] == action
    assert reply["result"]["callID"] == phone.call_id
    return str(reply["result"]["holdState"])


def test_payloads_pass_untouched() -> None:
    """What one leg sends the other receives byte by byte, in order, both ways at once."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        one, other = noise(50, 1), noise(50, 2)
        alice.speak(one)
        bob.speak(other)
        await asyncio.sleep(1.5)
        assert contains(bob.heard, one)
        assert contains(alice.heard, other)

    play(scene)


def test_payloads_pass_untouched_over_the_network() -> None:
    """Over real sockets the bytes that arrive are bytes that were sent, in order."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        said = noise(40)
        alice.speak(said)
        await soon(lambda: said[-1] in bob.heard)
        arrived = [payload for payload in bob.heard if payload in said]
        assert len(arrived) > 20
        assert arrived == [payload for payload in said if payload in arrived]

    play(scene, over_network=True)


def test_nothing_is_sent_twice() -> None:
    """A bridged leg sends what it is fed, and no silence of its own between."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        alice.speak(noise(100))
        await asyncio.sleep(0.5)
        bob.heard.clear()
        await asyncio.sleep(1)
        assert SILENCE not in bob.heard
        assert len(bob.heard) == pytest.approx(50, abs=2)

    play(scene)


# --- hold --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("holder", ["caller", "callee"])
def test_hold_parts_them(holder: str) -> None:
    """5.1: while one side holds, nothing passes and the streams go on; afterwards they hear each other."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        one, other = (alice, bob) if holder == "caller" else (bob, alice)
        assert await hold(one, "hold") == "held"
        await asyncio.sleep(0.1)
        one.heard.clear()
        other.heard.clear()
        one.speak(noise(50, 1))
        other.speak(noise(50, 2))
        await asyncio.sleep(1.2)
        assert set(one.heard) == {SILENCE}
        assert not set(other.heard) & set(noise(50, 1))
        assert len(alice.heard) == len(bob.heard) == pytest.approx(60, abs=3)
        assert await hold(one, "unhold") == "active"
        alice.speak(noise(10, 3))
        bob.speak(noise(10, 4))
        await asyncio.sleep(0.5)
        assert contains(bob.heard, noise(10, 3))
        assert contains(alice.heard, noise(10, 4))

    play(scene)


def test_held_by_both() -> None:
    """A call that both hold is silent, and is heard again only when both have taken it up."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await hold(alice, "hold")
        await asyncio.sleep(0.5)
        await hold(bob, "hold")
        await asyncio.sleep(0.1)
        alice.heard.clear()
        bob.heard.clear()
        await asyncio.sleep(0.5)
        assert set(alice.heard) == set(bob.heard) == {SILENCE}
        await hold(alice, "unhold")
        alice.speak(noise(10))
        await asyncio.sleep(0.5)
        assert set(bob.heard) == {SILENCE}
        await asyncio.sleep(1.5)
        assert likeness(alice, MUSIC) > 0.99
        await hold(bob, "unhold")
        alice.speak(noise(10))
        await asyncio.sleep(0.5)
        assert contains(bob.heard, noise(10))

    play(scene)


MUSIC, _ = read_wav(HOLD_MUSIC)
MIXED = [("PCMU", "opus"), ("opus", "PCMA"), ("G722", "PCMU"), ("PCMA", "G722"), ("opus", "opus")]


def likeness(phone: Phone, wanted: Pcm) -> float:
    """How much of the last second that was heard is `wanted` (8 kHz), wherever in it: 1.0 is all."""
    heard = phone.sound()[-8000:].astype(float)
    sound = np.concatenate((wanted, wanted[:8000])).astype(float)  # it may have gone round
    size = sound.size + heard.size
    products = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(heard, size)), size)[: sound.size - 8000]
    energy = np.convolve(sound**2, np.ones(8000))[7999 : 7999 + products.size]
    return float((products / np.sqrt(np.maximum(energy, 1.0) * max(float((heard**2).sum()), 1.0))).max())


def ever_heard(phone: Phone, wanted: Pcm) -> float:
    """How much of the first second of `wanted` (8 kHz) was heard in one piece, whenever that was: 1.0 is all."""
    heard, piece = phone.sound().astype(float), wanted[:8000].astype(float)
    if heard.size < piece.size:
        return 0.0
    size = heard.size + piece.size
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece, size)), size)
    energy = np.convolve(heard**2, np.ones(piece.size), "valid")
    return float((products[: energy.size] / np.sqrt(np.maximum(energy, 1.0) * float((piece**2).sum()))).max())


@pytest.mark.parametrize("holder", ["caller", "callee"])
@pytest.mark.parametrize("codecs", [("PCMU", "PCMU"), *MIXED], ids="-".join)
def test_music_on_hold(codecs: tuple[str, str], holder: str) -> None:
    """The held party hears the music of the package from its beginning, in its own codec; then the other one again."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined(codecs=codecs)
        one, other = (alice, bob) if holder == "caller" else (bob, alice)
        for _ in range(2):
            await hold(one, "hold")
            other.heard.clear()
            one.heard.clear()
            await asyncio.sleep(1.5)
            one.utter(ToneSource((1000.0,), 0.5))
            await asyncio.sleep(0.5)
            assert likeness(other, MUSIC[:17_000]) > 0.95
            assert level(one.sound()) < -60  # A-law has no zero
            await hold(one, "unhold")
            one.utter(ToneSource((1000.0,), 1.2))
            await asyncio.sleep(1.2)
            assert likeness(other, tone(1000, 2.0)) > 0.95

    play(scene)


def test_the_music_goes_round() -> None:
    """After its end the music begins again."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await hold(alice, "hold")
        await asyncio.sleep(MUSIC.size / 8000 + 1.5)
        assert likeness(bob, MUSIC[:17_000]) > 0.99

    play(scene)


def test_holding_twice() -> None:
    """To hold what is held does not begin the music again."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await hold(alice, "hold")
        await asyncio.sleep(3)
        await hold(alice, "hold")
        await asyncio.sleep(1.5)
        assert likeness(bob, MUSIC[24_000:40_000]) > 0.99
        assert likeness(bob, MUSIC[:17_000]) < 0.9

    play(scene)


def test_music_is_encoded_once() -> None:
    """All legs with a codec are sent the same payloads."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined(codecs=("opus", "opus"))
        played = []
        for holder in (alice, bob):
            await hold(holder, "hold")
            await asyncio.sleep(1)
            played += [leg.endpoint.session.sender.playing for leg in office.exchange.switch.bridges]
            await hold(holder, "unhold")
        first, second = [playback.payloads for playback in played if playback is not None]
        assert first is second
        assert len(first) == MUSIC.size // 160

    play(scene)


def test_another_file(tmp_path: Path) -> None:
    """`hold_audio` is what a held party hears."""
    path = write_wav(tmp_path / "beeps.wav", tone(600, 1.0))

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await hold(alice, "hold")
        await asyncio.sleep(1.5)
        assert likeness(bob, tone(600, 3.0)) > 0.99

    play(scene, hold_audio=path)


def test_silence_on_hold() -> None:
    """Without hold audio a held party hears silence."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await hold(alice, "hold")
        await asyncio.sleep(0.1)
        bob.heard.clear()
        await asyncio.sleep(1)
        assert set(bob.heard) == {SILENCE}

    play(scene, hold_audio=None)


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    """Hold audio that was deleted meanwhile is silence, and no call is hurt."""
    path = write_wav(tmp_path / "beeps.wav", tone(600, 1.0))

    async def scene(office: Office) -> None:
        path.unlink()
        alice, bob = await office.joined()
        await hold(alice, "hold")
        await asyncio.sleep(1)
        bob.heard.clear()
        await asyncio.sleep(0.5)
        assert set(bob.heard) == {SILENCE}
        await hold(alice, "unhold")
        alice.speak(noise(10))
        await asyncio.sleep(0.5)
        assert contains(bob.heard, noise(10))

    play(scene, hold_audio=path)


@pytest.mark.parametrize("way", ["info", "media"])
@pytest.mark.parametrize("sender", ["holder", "held"])
def test_digits_on_hold(sender: str, way: str) -> None:
    """Digits go nowhere while the call is on hold; the music goes on, and later digits arrive."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await hold(alice, "hold")
        one, other = (alice, bob) if sender == "holder" else (bob, alice)
        for _ in range(2):
            if way == "info":
                await send_digits(one, "5")
            else:
                assert one.media is not None
                one.media.session.send_event("5", 0.1)
            await asyncio.sleep(2)
            if alice.digits or bob.digits:
                break
            assert likeness(bob, MUSIC) > 0.99
            await hold(alice, "unhold")
        assert (one.digits, other.digits) == ([], ["5"])

    play(scene)


def test_music_over_the_network() -> None:
    """Over real sockets, too, a held party hears the music."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await hold(alice, "hold")
        await soon(lambda: likeness(bob, MUSIC) > 0.5)

    play(scene, over_network=True)


def test_toggle() -> None:
    """toggleHold holds and takes up by turns; a hold that holds already stays held."""

    async def scene(office: Office) -> None:
        alice, _ = await office.joined()
        states = [await hold(alice, action) for action in ("toggleHold", "toggleHold", "hold", "hold", "toggleHold")]
        assert states == ["held", "active", "held", "held", "active"]

    play(scene)


@pytest.mark.parametrize("action", ["transfer", "updateMedia", "replace", "dance"])
def test_what_we_cannot_do(action: str) -> None:
    """An action that is not ours to do is refused, and the call goes on as it was."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        more = {"destination": "200", "sdp": "v=0", "replaceCallID": "k"}
        reply = await alice.ask("telnyx_rtc.modify", **alice.about(action=action, **more))
        assert reply["error"]["code"] == -32002
        alice.speak(noise(10))
        await asyncio.sleep(0.5)
        assert contains(bob.heard, noise(10))

    play(scene)


def test_hold_before_the_answer() -> None:
    """A call that is not up cannot be held."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        await bob.rings()
        assert "error" in await alice.ask("telnyx_rtc.modify", **alice.about(action="hold"))

    play(scene)


def test_hang_up_on_hold() -> None:
    """A held call ends like any other."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await hold(bob, "hold")
        await alice.hang_up()
        assert (await bob.hears("bye"))["cause"] == "NORMAL_CLEARING"
        await office.idle()

    play(scene)


# --- digits -------------------------------------------------------------------------------------------


async def send_digits(phone: Phone, digits: str) -> None:
    assert (await phone.ask("telnyx_rtc.info", **phone.about(dtmf=digits)))["result"]["message"] == "SENT"


@pytest.mark.parametrize("direction", ["to the callee", "to the caller"])
def test_digits_arrive_as_telephone_events(direction: str) -> None:
    """5.3: digits by info, several in one too, arrive in order and once each as telephone-events."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        sender, hearer = (alice, bob) if direction == "to the callee" else (bob, alice)
        await send_digits(sender, "12")
        await send_digits(sender, "3")
        await send_digits(sender, "*#AD")
        await asyncio.sleep(3)
        assert "".join(hearer.digits) == "123*#AD"
        assert not sender.digits

    play(scene)


def test_digits_of_the_media_pass() -> None:
    """Telephone-events that a client sends itself pass the bridge."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        assert alice.media is not None
        for digit in "19#":
            alice.media.session.send_event(digit, 0.1)
        await asyncio.sleep(2)
        assert "".join(bob.digits) == "19#"

    play(scene)


def without_events(sdp: str) -> str:
    """An SDP with no telephone-event in it."""
    (kind,) = set(re.findall(r"a=rtpmap:(\d+) telephone-event/8000", sdp))
    sdp = re.sub(rf"(m=audio .*?) {kind}\b", r"\1", sdp)
    return "".join(line for line in sdp.splitlines(keepends=True) if not re.match(rf"a=(rtpmap|fmtp):{kind} ", line))


def loudest_tones(phone: Phone) -> list[int]:
    """The loudest frequency below 1000 Hz and above, in the first 60 ms that were no silence."""
    sounds = [payload for payload in phone.heard if payload != SILENCE]
    assert len(sounds) >= 3
    pcm = codec_by_name("PCMU").decoder().decode(b"".join(sounds[:3])).astype(float)
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(pcm.size), 8000))
    return [int(spectrum[:1000].argmax()), 1000 + int(spectrum[1000:].argmax())]


def test_digits_become_tones() -> None:
    """An end that knows no telephone-event gets a digit as its two frequencies, over what is being said."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined(change=without_events)
        await send_digits(alice, "1")
        await asyncio.sleep(1)
        assert not bob.digits
        assert loudest_tones(bob) == pytest.approx([697, 1209], abs=10)

    play(scene)


@pytest.mark.parametrize("change", [str, without_events], ids=["events", "tones"])
@pytest.mark.parametrize("digits", ["x", "w", "hello 5", "½", "５", "\ud800", ""])
def test_what_is_no_digit(digits: str, change: Callable[[str], str]) -> None:
    """5.3: no SDK checks the digits. What is none is left out, and neither call nor beat is hurt."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined(change=change)
        await send_digits(alice, digits)
        await send_digits(alice, "9")
        await asyncio.sleep(2)
        if change is str:
            assert "".join(bob.digits) == ("59" if "5" in digits else "9")
        alice.speak(noise(10))
        await asyncio.sleep(0.5)
        assert contains(bob.heard, noise(10))

    play(scene)


def test_digits_before_the_answer() -> None:
    """Digits into a call that is not up are answered and go nowhere."""

    async def scene(office: Office) -> None:
        alice, bob = await office.phone("alice"), await office.phone("bob", "100")
        await alice.dial("100")
        invite = await bob.rings()
        await send_digits(alice, "1")
        await alice.connect((await alice.hears("media"))["sdp"])
        await bob.take(invite["sdp"])
        await asyncio.sleep(1)
        assert not bob.digits

    play(scene)


def test_a_flood_of_digits_is_cut() -> None:
    """Of an `info` with very many digits the first 64 are carried, and of many such as many as may wait."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined()
        await alice.ask("telnyx_rtc.info", **alice.about(dtmf="1" * 1_000_000))
        await asyncio.sleep(10)
        assert bob.digits == ["1"] * DIGITS_PER_INFO
        for _ in range(5):
            await alice.ask("telnyx_rtc.info", **alice.about(dtmf="2" * 100))
        await asyncio.sleep(20)
        assert bob.digits.count("2") == DIGITS_WAITING
        await alice.ask("telnyx_rtc.info", **alice.about(dtmf="3"))
        await asyncio.sleep(1)
        assert bob.digits[-1] == "3"

    play(scene)


def test_events_to_an_end_that_knows_none_become_tones() -> None:
    """A telephone-event of one side, to another that has not agreed to any, is said as its two frequencies."""

    async def scene(office: Office) -> None:
        alice, bob = await office.joined(change=without_events)
        assert alice.media is not None
        alice.media.session.send_event("1", 0.1)
        await asyncio.sleep(1)
        assert not bob.digits
        assert loudest_tones(bob) == pytest.approx([697, 1209], abs=10)

    play(scene)
