"""A room on the beat: who hears what, to the sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from botkit.media.codec import PCMA, PCMU, Codec, codec_by_name
from botkit.media.mixer import Mixer
from botkit.media.pacer import Pacer
from botkit.media.participant import Member
from botkit.media.pcm import Pcm, level
from botkit.media.playback import Playback
from botkit.media.rtp import RtpPacket, pack
from botkit.media.session import RtpSession
from botkit.media.spectrum import tones_in
from botkit.media.tone import tone
from botkit.testing import ManualClock
from tests.media.test_session import BEAT, Desk

G722, OPUS = codec_by_name("G722"), codec_by_name("opus")


class Guest:
    """The far end of one member: what it says and what it hears, payload by payload."""

    def __init__(self, room: Room, codec: Codec = PCMU) -> None:
        self.room = room
        self.desk = Desk()
        self.session = RtpSession(self.desk, codec, room.clock)
        self.codec = codec
        self.member: Member | None = None
        self._seq = 0

    def enter(self) -> Guest:
        self.member = self.room.mixer.add(self.session)
        return self

    def leave(self) -> None:
        assert self.member is not None
        self.room.mixer.remove(self.member)

    def say(self, payload: bytes, *, lost: bool = False) -> None:
        """By the next beat this has arrived, or was lost on its way."""
        if not lost:
            packet = RtpPacket(self.codec.payload_type, self._seq, self._seq * self.codec.ticks, 7, payload)
            self.desk.inbox.append((pack(packet), self.room.clock.now()))
        self._seq += 1

    @property
    def heard(self) -> list[bytes]:
        return [packet.payload for packet in self.desk.packets]

    @property
    def pcm(self) -> Pcm:
        """All it heard, decoded."""
        decoder = self.codec.decoder()
        return np.concatenate([decoder.decode(payload) for payload in self.heard])


class Room:
    """A mixer and the beat."""

    def __init__(self) -> None:
        self.clock = ManualClock(start=100.0, wall=1_700_000_000.0)
        self.pacer = Pacer(self.clock)
        self.mixer = Mixer(self.pacer)

    def guests(self, *codecs: Codec) -> list[Guest]:
        return [Guest(self, codec).enter() for codec in codecs]

    def beat(self, *talks: tuple[Guest, bytes]) -> None:
        """One beat, by which each guest has said something."""
        for guest, payload in talks:
            guest.say(payload)
        self.clock._now += BEAT
        self.pacer.beat(self.clock.now())

    def talk(self, said: dict[Guest, Sequence[bytes]], beats: int | None = None) -> None:
        """Beats in which these say one payload each."""
        for number in range(beats if beats is not None else max(map(len, said.values()))):
            self.beat(*((guest, payloads[number]) for guest, payloads in said.items() if number < len(payloads)))


def frames(*values: int) -> list[bytes]:
    """PCMU payloads of one value each."""
    return [PCMU.encode(np.full(160, value, np.int16)) for value in values]


def values(payload: bytes, codec: Codec = PCMU) -> set[int]:
    """What is in it."""
    return {int(one) for one in codec.decoder().decode(payload)}


def nearest(value: int, codec: Codec = PCMU) -> int:
    """As the codec says it."""
    (said,) = values(codec.encoder().encode(np.full(160, value, np.int16)), codec)
    return said


LONG = frames(*[1000] * 10)


def test_each_hears_the_sum_of_the_others() -> None:
    """Of three who speak; their own voice is not in it."""
    room = Room()
    a, b, c = room.guests(PCMU, PCMU, PCMU)
    said = {guest: nearest(value) for guest, value in ((a, 1000), (b, 3000), (c, -500))}
    room.talk({guest: frames(*[value] * 5) for guest, value in said.items()})
    for guest in (a, b, c):
        others = sum(value for one, value in said.items() if one is not guest)
        assert values(guest.heard[-1]) == {nearest(others)}


def test_one_who_speaks_alone_hears_silence() -> None:
    """To the bit; and the others hear exactly what was said."""
    room = Room()
    a, b = room.guests(PCMU, PCMU)
    room.talk({a: LONG})
    assert set(a.heard) == {PCMU.silence}
    assert b.heard[-1] == LONG[0]


def test_loud_voices_are_clipped_not_wrapped() -> None:
    """Three at full scale are full scale."""
    room = Room()
    guests = room.guests(PCMU, PCMU, PCMU, PCMU)
    room.talk(dict.fromkeys(guests[:3], frames(*[32000] * 5)))
    assert values(guests[3].heard[-1]) == {nearest(32767)}


def test_those_who_say_nothing_share_one_payload() -> None:
    """It is made once for each codec."""
    room = Room()
    a, b, c, d, e = room.guests(PCMU, PCMU, PCMU, OPUS, OPUS)
    room.talk({a: LONG})
    assert b.member
    assert c.member
    assert d.member
    assert e.member
    assert b.member.slot[0] is c.member.slot[0]
    assert d.member.slot[0] is e.member.slot[0]
    assert d.member.encoder is None


def test_silence_is_the_codecs_own() -> None:
    """While nobody speaks nothing is encoded."""
    room = Room()
    guests = room.guests(PCMU, PCMA, G722, OPUS)
    room.talk({guest: [guest.codec.silence] * 20 for guest in guests})
    for guest in guests:
        assert set(guest.heard) == {guest.codec.silence}


def test_one_who_is_muted_is_not_heard() -> None:
    """And hears the others all the same; unmuted, it is heard again."""
    room = Room()
    a, b, c = room.guests(PCMU, PCMU, PCMU)
    assert a.member
    a.member.speaks = False
    room.talk({a: LONG, b: LONG})
    assert values(a.heard[-1]) == values(c.heard[-1]) == {nearest(1000)}
    assert values(b.heard[-1]) == {0}
    a.member.speaks = True
    room.talk({a: LONG[:5], b: LONG[:5]})
    assert values(c.heard[-1]) == {nearest(2 * nearest(1000))}


def test_what_was_said_while_muted_is_not_heard_later() -> None:
    """It passes, as time does."""
    room = Room()
    a, b = room.guests(PCMU, PCMU)
    assert a.member
    a.member.speaks = False
    room.talk({a: LONG})
    a.member.speaks = True
    room.talk({a: frames(*[-2000] * 5)})
    assert nearest(1000) not in {value for payload in b.heard[-4:] for value in values(payload)}


def test_one_who_is_on_hold_hears_silence() -> None:
    """Whatever the others say."""
    room = Room()
    a, b = room.guests(PCMU, PCMU)
    assert b.member
    b.member.speaks = b.member.hears = False
    room.talk({a: LONG, b: LONG})
    assert set(b.heard) == set(a.heard) == {PCMU.silence}


def test_a_whisper_is_heard_by_those_it_is_for() -> None:
    """The whisperer hears everybody; the others do not hear it."""
    room = Room()
    coach, agent, customer = room.guests(PCMU, PCMA, PCMU)
    assert coach.member
    assert agent.member
    coach.member.whispers_to = [agent.member]
    room.talk({coach: frames(*[4000] * 5), customer: frames(*[1000] * 5)})
    both = nearest(nearest(4000) + nearest(1000), PCMA)
    assert values(agent.heard[-1], PCMA) == {both}
    assert values(customer.heard[-1]) == {0}
    assert values(coach.heard[-1]) == {nearest(1000)}


def test_one_who_joins_late_hears_from_then_on() -> None:
    """What was said before is not said to it."""
    room = Room()
    a, b = room.guests(PCMU, PCMU)
    room.talk({a: LONG})
    late = Guest(room).enter()
    room.beat((a, LONG[0]))
    assert len(late.heard) == 1
    assert late.heard[0] == b.heard[-1] == LONG[0]


def test_one_who_leaves_is_not_heard_and_hears_silence() -> None:
    """From the next beat on."""
    room = Room()
    a, b = room.guests(PCMU, PCMU)
    room.talk({a: LONG, b: LONG})
    b.leave()
    b.leave()
    room.talk({a: LONG[:3], b: LONG[:3]})
    assert set(b.heard[-3:]) == set(a.heard[-3:]) == {PCMU.silence}
    assert b.session.on_payload is None


def test_an_empty_room_is_off_the_beat() -> None:
    """And on it again with the next who comes."""
    room = Room()
    (a,) = room.guests(PCMU)
    assert len(room.pacer) == 2
    a.leave()
    assert len(room.pacer) == 1
    a.enter()
    assert len(room.pacer) == 2


def test_a_room_that_breaks_ends_all_in_it() -> None:
    """A mistake of ours in the room is told to everybody there: without it they hear nobody. Others go on."""
    room = Room()
    a, b = room.guests(PCMU, PCMU)
    told: list[object] = []
    for guest in (a, b):
        guest.session.on_failed = lambda error: told.append(error) or True  # type: ignore[func-returns-value]
    mistake = ValueError("by mistake")

    def tap(total: Pcm | None, apart: Pcm | None) -> None:
        raise mistake

    room.mixer.tap(8000, tap)
    room.beat()
    room.beat()
    assert told == [mistake, mistake]
    assert room.pacer.errors == 1
    assert len(room.pacer) == 2


def test_a_lost_packet_is_a_hole_for_20_ms() -> None:
    """What comes after it is heard in full, and what comes soon after is as early as before."""
    room = Room()
    a, b = room.guests(PCMU, PCMU)
    said = [bytes([code]) * 160 for code in range(1, 61)]
    for number, payload in enumerate(said):
        a.say(payload, lost=number == 20)
        room.beat()
    room.beat()
    heard = b.heard
    order = [said.index(payload) for payload in heard if payload in said]
    assert sorted(set(order)) == order, "in order, none twice"
    assert order == [number for number in range(len(order) + 1) if number != 20]
    assert len(said) - 1 - order[-1] <= 2


def test_a_digit_of_ours_goes_before_the_mix() -> None:
    """What is played on one leg is heard there instead; then the room again."""
    room = Room()
    a, b = room.guests(PCMU, PCMU)
    room.talk({a: LONG})
    own = frames(7000)[0]
    b.session.play(Playback((own,) * 3, lambda at: None))
    room.talk({a: LONG[:5]})
    assert b.heard[-5:] == [own] * 3 + LONG[:2]


# --- codecs together ------------------------------------------------------------------------------------


@pytest.mark.parametrize("codecs", [(PCMU, PCMA), (PCMU, G722), (PCMA, OPUS), (G722, OPUS), (OPUS, OPUS), (G722, G722)])
def test_any_codec_hears_any_other(codecs: tuple[Codec, Codec]) -> None:
    """Each hears the other's tone, as loud as it was said, and nothing of its own."""
    room = Room()
    one, other = room.guests(*codecs)
    hz = {one: 500.0, other: 1300.0}
    room.talk(
        {
            guest: guest.codec.encode_all(tone((hz[guest],), 1.5, level=-15.0, rate=guest.codec.rate))
            for guest in (one, other)
        }
    )
    for guest, far in ((one, other), (other, one)):
        rate = guest.codec.rate
        steady = guest.pcm[rate // 2 : rate * 14 // 10].astype(float)
        time = np.arange(steady.size) / rate
        powers = {
            name: 2 * abs(np.mean(steady * np.exp(-2j * np.pi * hz[name] * time))) / (32767 * 10 ** (-15 / 20))
            for name in (guest, far)
        }
        assert powers[far] == pytest.approx(1.0, abs=0.1)
        assert powers[guest] < 0.01


def test_who_falls_silent_hears_on_without_a_click() -> None:
    """From an encoder of its own to the shared one: nothing but the tone is heard."""
    room = Room()
    for codec in (G722, OPUS):
        a, b, _ = room.guests(codec, codec, codec)
        sound = codec.encode_all(tone((440.0,), 3.0, level=-20.0, rate=codec.rate))
        talk = codec.encode_all(tone((700.0,), 0.4, level=-20.0, rate=codec.rate))
        room.talk({a: sound, b: [*[codec.silence] * 50, *talk, *[codec.silence] * 50]})
        heard = b.pcm[codec.rate // 2 : codec.rate * 28 // 10].astype(np.float32)
        blocks = heard[: heard.size // codec.samples * codec.samples].reshape(-1, codec.samples).astype(np.int16)
        levels = [level(block) for block in blocks]
        assert max(levels) < -19.0
        assert min(levels) > -21.5
        for guest in (a, b):
            guest.leave()


def test_g711_among_itself_is_exact_whoever_else_is_there() -> None:
    """A wideband member changes nothing of what the others say to each other."""
    room = Room()
    a, b, *_ = room.guests(PCMU, PCMU, OPUS, G722)
    room.talk({a: LONG})
    assert b.heard[-1] == LONG[0]


def test_when_the_last_one_of_a_rate_leaves_nothing_stays_of_it() -> None:
    """The next one of that rate does not hear the end of what was said before."""
    room = Room()
    a, b = room.guests(PCMU, OPUS)
    room.talk({a: LONG})
    b.leave()
    room.talk({a: [PCMU.silence] * 10})
    late = Guest(room, OPUS).enter()
    room.talk({a: [PCMU.silence] * 10})
    assert set(late.heard) == {OPUS.silence}


# --- what is played into the room ----------------------------------------------------------------------


def test_a_sound_for_all_is_mixed_with_what_is_said() -> None:
    """All hear it, at their rates; it is told when it is over."""
    room = Room()
    a, b, c = room.guests(PCMU, PCMU, OPUS)
    done: list[float] = []
    room.mixer.play(np.full((5, 160), 2000, np.int16), 8000, on_done=done.append)
    room.talk({a: LONG[:6]})
    assert values(a.heard[3]) == {nearest(2000)}
    assert values(b.heard[3]) == {nearest(nearest(1000) + 2000)}
    assert done == [room.clock.now()]
    assert values(b.heard[5]) == {nearest(1000)}
    assert level(c.pcm[: 960 * 5]) > -30


def test_a_sound_for_some_is_heard_by_them_alone() -> None:
    """In their own codecs."""
    room = Room()
    a, b, c = room.guests(PCMU, PCMU, G722)
    assert b.member
    assert c.member
    said = tone((600.0,), 1.0, level=-15.0, rate=8000).reshape(-1, 160)
    room.mixer.play(said, 8000, to=[b.member, c.member])
    room.talk({}, beats=50)
    assert set(a.heard) == {PCMU.silence}
    assert b.heard == PCMU.encode_batch(said)
    assert tones_in(c.pcm[8000:11200][::2].reshape(-1, 160)) == pytest.approx((600.0,), abs=30)


def test_a_sound_in_a_loop_goes_on_until_it_is_stopped() -> None:
    """It is told once, at the stop."""
    room = Room()
    (a,) = room.guests(PCMU)
    done: list[float] = []
    sound = room.mixer.play(np.full((2, 160), 2000, np.int16), 8000, turns=None, on_done=done.append)
    room.talk({}, beats=7)
    assert {value for payload in a.heard for value in values(payload)} == {nearest(2000)}
    room.mixer.stop(sound)
    room.mixer.stop(sound)
    assert sound.stopped
    assert done == [room.clock.now()]
    room.beat()
    assert a.heard[-1] == PCMU.silence


def test_a_sound_is_played_as_often_as_it_is_to_be() -> None:
    """Turn after turn without a pause; then it is over."""
    room = Room()
    (a,) = room.guests(PCMU)
    done: list[float] = []
    room.mixer.play(np.full((2, 160), 2000, np.int16), 8000, turns=3, on_done=done.append)
    room.talk({}, beats=10)
    assert [payload != PCMU.silence for payload in a.heard] == [True] * 6 + [False] * 4
    assert len(done) == 1


def test_a_room_that_everybody_has_left_plays_nothing_on() -> None:
    """Its sounds are stopped, and told."""
    room = Room()
    (a,) = room.guests(PCMU)
    done: list[float] = []
    room.mixer.play(np.full((2, 160), 2000, np.int16), 8000, turns=None, on_done=done.append)
    room.beat()
    a.leave()
    assert len(done) == 1


def test_the_best_rate_that_is_heard_is_known() -> None:
    """8 kHz among G.711, else that of the best codec."""
    room = Room()
    room.guests(PCMU, PCMA)
    assert room.mixer.rate == 8000
    (wide,) = room.guests(OPUS)
    assert room.mixer.rate == 48000
    wide.leave()
    assert room.mixer.rate == 8000


def test_one_may_listen_to_the_room() -> None:
    """It is given all that is said to all, and one member's part of it; and nothing more once it is closed."""
    room = Room()
    a, b = room.guests(PCMU, PCMU)
    heard: list[tuple[int | None, int | None]] = []

    def hear(total: Pcm | None, own: Pcm | None) -> None:
        heard.append(tuple(None if pcm is None else int(pcm[0]) for pcm in (total, own)))

    tap = room.mixer.tap(8000, hear, lambda: a.member)
    room.talk({a: LONG[:4], b: LONG[:4]})
    room.mixer.untap(tap)
    room.mixer.untap(tap)
    room.talk({a: LONG[:4]})
    one = nearest(1000)
    assert heard == [(None, None), *[(2 * one, one)] * 3]
