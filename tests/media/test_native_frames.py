"""What every frame needs, compiled: the C and the Python beside it do the same."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botkit.media import (
    band_ring,
    bands,
    bank,
    batch,
    catalogue,
    digit_sieve,
    hearing,
    history,
    prompt_hearing,
    reference,
)
from botkit.media.bank import Bank
from botkit.media.batch import Batch, Line
from botkit.media.catalogue import Catalogue, NativeCatalogue
from botkit.media.codec import PCMA, PCMU, Codec, codec_by_name
from botkit.media.dtmf import digits_tone
from botkit.media.history import HistoryStore
from botkit.media.pcm import Pcm
from botkit.media.prompt import load
from botkit.media.prompt_hearing import PromptHearing
from tests.media.sounds import babble, frames, joined, noise, silence, summed

pytestmark = pytest.mark.needs("native")

AUDIO = sorted((Path(__file__).parent.parent.parent / "audio").glob("*.wav"))
SOUNDS = {
    **{file.stem: file for file in AUDIO},
    "silence": silence(0.4),
    "noise": noise(2.0, -20),
    "idle": noise(2.0, -78),
    "babble": babble(3.0),
    "full scale": np.tile(np.array([32767] * 5 + [-32768] * 5, np.int16), 800),
    "one click": np.concatenate((np.zeros(700, np.int16), np.array([32767], np.int16), np.zeros(899, np.int16))),
    "digits": joined(digits_tone("159D*#", length=0.07, gap=0.06), summed(digits_tone("123"), noise(0.6, -35))),
}


def sound(name: str) -> Pcm:
    there = SOUNDS[name]
    return load(there).pcm(8000) if isinstance(there, Path) else there


def drawn(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def slots_of(draw: np.random.Generator, calls: int, most: int = 4) -> Any:
    """Slots of a batch: some calls, each some frames in a row."""
    there = np.sort(draw.choice(calls, draw.integers(1, calls + 1), replace=False))
    return np.repeat(there, draw.integers(1, most, len(there)))


def turns_of(slots: Any) -> Any:
    return batch._turns_in_python(slots)


# --- the line, and batches --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_line_is_sorted_alike(seed: int) -> None:
    """By slot, what is of one slot as it came; what was lost and what was not sent stay what they are."""
    draw, line = drawn(seed), Line()
    for number in range(int(draw.integers(0, 300))):
        line.slots.append(int(draw.integers(0, 90)))
        line.payloads.append(bytes([number % 256]) * 3)
        line.times.append(float(draw.random()))
        for places in (line.unsent, line.lost):
            if draw.random() < 0.2 and seed % 2:
                places.append(number)
    one, other = batch._in_order_in_c(line), batch._in_order_in_python(line)
    assert one.payloads == other.payloads
    for name in ("slots", "times", "sent", "lost"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
        assert getattr(one, name).dtype == getattr(other, name).dtype


@pytest.mark.parametrize("seed", range(10))
def test_frames_are_numbered_alike(seed: int) -> None:
    """Which of its call's frames each is."""
    slots = slots_of(drawn(seed), 30)
    assert batch._turns_in_c(slots).tolist() == turns_of(slots).tolist()


@pytest.mark.parametrize("mixed", [False, True])
def test_payloads_are_decoded_alike(mixed: bool) -> None:
    """Mu-law alone, and with other codecs among it."""
    line, draw = Line(), drawn(1)
    codecs: list[Codec | None] = [PCMU, PCMA if mixed else PCMU, codec_by_name("opus") if mixed else PCMU]
    for number in range(40):
        line.slots.append(number % 3)
        octets = draw.integers(0, 256, 160).astype(np.uint8)
        line.payloads.append(octets.tobytes() if number % 3 < 2 or not mixed else PCMU.values[octets])
        line.times.append(0.0)
    taken = line.take()
    for one, other in zip(batch._samples_in_c(taken, codecs), batch._samples_in_python(taken, codecs), strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", SOUNDS)
def test_levels_are_alike(name: str) -> None:
    """Amplitudes of frequencies, however many, energies, and the levels of frames; silence has the lowest level."""
    pcm = frames(sound(name))
    for count in (0, 1, 7, 8, 21):
        basis = Bank(300.0 + 100 * np.arange(count))._basis
        (z, energy), (other_z, other_energy) = bank._amplitudes_in_c(pcm, basis), bank._amplitudes_in_python(pcm, basis)
        assert z.shape == other_z.shape == (len(pcm), 2, count)
        assert np.abs(z - other_z).max(initial=0) < 0.1
    assert energy == pytest.approx(other_energy, rel=1e-5)
    assert bank._levels_in_c(energy) == pytest.approx(bank._levels_in_python(energy), abs=1e-4)


# --- what is known by slot --------------------------------------------------------------------------


def test_sound_begins_and_ends_alike() -> None:
    """In the same slots at the same times, over many batches."""
    draw, one, other = drawn(3), np.zeros(25, np.bool_), np.zeros(25, np.bool_)
    for _ in range(200):
        slots = slots_of(draw, 25)
        levels = draw.uniform(-60, -30, len(slots)).astype(np.float32)
        heard = (slots, draw.random(len(slots)), levels)
        assert hearing._edges_in_c(*heard, one) == hearing._edges_in_python(*heard, other)
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize("first", [0, 1])
def test_streams_stop_alike(first: int) -> None:
    """Those that were fed nothing for long, of every other slot; one that was never fed has not begun."""
    draw, one, other = drawn(first), np.full(25, np.inf), np.full(25, np.inf)
    for beat in range(200):
        slots = array("q", 2 * draw.integers(0, 12, draw.integers(0, 4)) + first)
        asked = (slots, first, 0.02 * beat)
        assert hearing._fed_in_c(asked[0], one, *asked[1:]) == hearing._fed_in_python(asked[0], other, *asked[1:])
        assert one.tolist() == other.tolist()


def test_what_was_heard_is_kept_alike() -> None:
    """The last frames of each call, round and round."""
    draw, stores = drawn(4), [HistoryStore(7), HistoryStore(7)]
    for number in range(1000):
        slots = slots_of(draw, 7)
        octets = draw.integers(0, 256, (len(slots), 160)).astype(np.uint8)
        times = number + draw.random(len(slots))
        for store, append in zip(stores, (history._append_in_c, history._append_in_python), strict=True):
            append(store, slots, octets, times, turns_of(slots))
    assert stores[0].counts.max() > history.KEPT
    for name in ("octets", "times", "counts", "since"):
        assert getattr(stores[0], name).tobytes() == getattr(stores[1], name).tobytes()


@pytest.mark.parametrize("name", SOUNDS)
def test_digits_are_suspected_alike(name: str) -> None:
    """The rows that are to be read, and what the next ones are read with."""
    bank = Bank([500.0, 1000.0])
    columns = np.array([bank.want(hz) for hz in (697, 770, 852, 941, 1209, 1336, 1477, 1633)], np.intp)
    draw, pcm = drawn(5), frames(sound(name))
    busy = draw.random(12) < 0.2
    kept = [(np.zeros((12, 8), np.complex64), np.zeros(12, np.float32), np.zeros(12)) for _ in range(2)]
    while len(pcm) > 40:
        slots = slots_of(draw, 12)
        now, pcm = pcm[: len(slots)], pcm[len(slots) :]
        heard, times = bank.hear(now), draw.random(len(slots))
        found = []
        for wanted, keep, store in zip(
            (digit_sieve._wanted_in_c, digit_sieve._wanted_in_python),
            (digit_sieve._keep_in_c, digit_sieve._keep_in_python),
            kept,
            strict=True,
        ):
            found.append(wanted(heard, columns, slots, turns_of(slots), busy, 1e8))
            keep(slots, times, found[-1][0], heard.energy, 0.02, *store)
        assert found[0][0].tobytes() == found[1][0].tobytes()
        assert found[0][1].tolist() == found[1][1].tolist()
        assert found[0][2] == found[1][2]
        for one, other in zip(*kept, strict=True):
            assert one.tobytes() == other.tobytes()


# --- features, and prompts --------------------------------------------------------------------------


def same_but_for_rounding(one: Any, other: Any) -> None:
    """Bytes that differ by one at most, and rarely."""
    apart = np.abs(one.astype(int) - other.astype(int))
    assert apart.max(initial=0) <= 1
    assert (apart > 0).mean() < 0.002


@pytest.mark.parametrize("name", SOUNDS)
def test_features_are_alike(name: str) -> None:
    """Of whole sounds, as long as they are, and of ones that end within a frame."""
    pcm = sound(name)
    for part in (pcm, pcm[:1000], pcm[77:78]):
        one, other = bands._of_sound_in_c(part), bands._of_sound_in_python(part)
        assert one.shape == other.shape
        same_but_for_rounding(one, other)


class Twins:
    """Two ears for the prompts of many calls: one hears in C, one in Python."""

    def __init__(self, calls: int, slots: list[int]) -> None:
        self.both = PromptHearing(), PromptHearing()
        self.past = history.History()
        for one in self.both:
            for slot in slots:
                one.ear(slot, self.past)
                one.store.next_due[slot] = 40 + slot
        self.calls = calls

    def lost(self, slot: int, at: float, spoilt: int) -> None:
        for one in self.both:
            one.lost(slot, at, spoilt)

    def hear(self, heard: Batch, loud: Any) -> None:
        (there, counts, due), (other, other_counts, other_due) = (
            take_in(one, heard, loud)
            for take_in, one in zip(
                (prompt_hearing._take_in_in_c, prompt_hearing._take_in_in_python), self.both, strict=True
            )
        )
        assert there.tolist() == other.tolist()
        assert counts.tolist() == other_counts.tolist()
        assert due == other_due

    def compare(self) -> None:
        one, other = self.both
        for name in ("clear", "levels", "counts"):
            assert getattr(one.store, name).tobytes() == getattr(other.store, name).tobytes()
        # a processor that multiplies and adds at once rounds once less
        assert np.abs(one.store.times - other.store.times).max() < 1e-9
        assert one.unclear.tolist() == other.unclear.tolist()
        assert one.nothing.tolist() == other.nothing.tolist()
        assert one.bands.tails.tobytes() == other.bands.tails.tobytes()
        same_but_for_rounding(one.store.bands, other.store.bands)


@pytest.mark.parametrize("listening", [[*range(23)], [0, 5, 6, 17], [3]])
def test_frames_are_taken_in_alike(listening: list[int]) -> None:
    """Rings, what is lost, what is spoilt by it, what was not sent, and what is to be looked at and judged."""
    draw, twins = drawn(6), Twins(23, listening)
    voice = frames(joined(babble(20.0), noise(3.0, -60), silence(1.0)))
    unsent = np.zeros(23, np.bool_)  # a digit's event goes out, now and then, for half a second and more
    for number in range(300):
        unsent ^= draw.random(23) < 0.06
        for slot in draw.choice(23, 2).tolist():
            twins.lost(slot, 0.02 * number, int(draw.integers(1, 4)))
        slots = slots_of(draw, 23)
        pcm = voice[draw.integers(0, len(voice), len(slots))]
        turns = turns_of(slots)
        times, sent = 0.02 * number + draw.random(len(slots)), ~unsent[slots]
        pcm[~sent] = 0
        octets = np.zeros((len(slots), 160), np.uint8)
        heard = Batch(slots, times, turns, np.flatnonzero(turns), sent, pcm, octets)
        twins.hear(heard, draw.uniform(-60, -10, len(slots)).astype(np.float32))
    twins.compare()
    assert twins.both[0].store.counts.max() > 300


def test_patches_are_alike() -> None:
    """Of rings, over the seam as well."""
    draw = drawn(7)
    rings = draw.integers(0, 256, (9, band_ring.RING, bands.BANDS)).astype(np.uint8)
    rings[3] = bands.SILENT_BANDS
    slots = draw.integers(0, 9, 50)
    counts = draw.integers(reference.PATCH, 3 * band_ring.RING, 50)
    counts[:3], counts[3:36] = reference.PATCH, 2 * band_ring.RING + np.arange(33)
    one, other = (patches(rings, slots, counts) for patches in (reference._patches_in_c, reference._patches_in_python))
    assert one == pytest.approx(other, abs=2e-5)


def test_what_is_alike_is_found_alike() -> None:
    """What every look at real speech is like, of all prompts: the same prompts, in the same order, at the same ends."""
    references = [reference.reference_of_file(file) for file in AUDIO if file.stem != "beep"]
    one, other = NativeCatalogue(references), Catalogue(references)
    found = 0
    for name in SOUNDS:
        heard = bands.bands_of_sound(summed(sound(name), noise(60, -50)))
        if len(heard) > reference.PATCH:
            windows = np.lib.stride_tricks.sliding_window_view(heard, reference.PATCH, axis=0).transpose(0, 2, 1)
            patches = reference.patches_of(windows[::3])
            likely = one.likely(patches)
            assert likely == other.likely(patches)
            found += len(likely)
    assert found > 300


def test_nothing_is_missed() -> None:
    """Of patches of any kind, as near to what is likely as may be; of no patches, and for no prompts."""
    draw, references = drawn(8), [reference.reference_of_file(file) for file in AUDIO[1:5]]
    one, other = NativeCatalogue(references), Catalogue(references)
    patches = one.patches[draw.integers(0, len(one.patches), 3000)]
    away = draw.normal(0, 1, patches.shape)
    away -= np.vecdot(away, patches)[:, None] * patches / np.vecdot(patches, patches)[:, None]
    away *= 0.48 / np.linalg.norm(away, axis=1, keepdims=True)
    near = (np.sqrt(1 - 0.48**2) * patches + away).astype(np.float32)
    alike = near @ one.patches.T
    near = near[(np.abs(alike - catalogue.LIKELY) > 1e-6).all(axis=1)]
    assert one.likely(near) == other.likely(near)
    assert (alike.max(axis=1) > catalogue.LIKELY).mean() < 0.5
    for nobody in (NativeCatalogue([]), Catalogue([])):
        assert nobody.likely(near[:3]) == []
    assert one.likely(near[:0]) == other.likely(near[:0]) == []


# --- what does not fit ------------------------------------------------------------------------------


def test_arrays_that_do_not_fit_are_refused() -> None:
    """Wrong sizes, kinds, slots and payloads are errors; nothing is read or written out of bounds."""
    from botkit.media import _native

    slots, times, one = np.array([0, 5]), np.zeros(2), np.zeros(1, np.bool_)
    levels, pcm, octets = np.zeros(2, np.float32), np.zeros((2, 160), np.int16), np.zeros((2, 160), np.uint8)
    tails, store = np.zeros((3, 96), np.float32), HistoryStore(3)
    kept = (store.octets, store.times, store.counts, store.since)
    out = np.zeros((2, 16), np.uint8)
    frozen = np.zeros((2, 16), np.uint8)
    frozen.flags.writeable = False
    z, by_slot = np.zeros((2, 2, 8), np.complex64), (np.zeros((3, 8), np.complex64), levels, np.zeros(3))
    energy, columns = np.zeros((2, 2), np.float32), np.arange(8)
    rings, patches = np.zeros((3, 64, 16), np.uint8), np.zeros((2, 42), np.float32)
    cosines = (reference._OVER_TIME, reference._OVER_BANDS, 1.0)
    prompts = NativeCatalogue([reference.reference_of_file(AUDIO[1])])
    known = (prompts._basis, prompts._sketches, prompts.patches, prompts.begins, prompts.ends, 0.9)
    wrong: list[tuple[Any, ...]] = [
        (_native.fed, array("q", [3]), np.zeros(3), 0, 0.0, 0.5),
        (_native.fed, array("q", [-1]), np.zeros(3), 0, 0.0, 0.5),
        (_native.fed, array("q", [1]), np.zeros(3), -2, 0.0, 0.5),
        (_native.fed, array("d", [1.0]), np.zeros(3, np.float32), 0, 0.0, 0.5),
        (_native.sorted, array("q", [0, 1]), array("d", [0.0]), [b"", b""], [], [], slots, times, one, one),
        (_native.sorted, array("q", [0]), array("d", [0.0]), [], [], [], slots[:1], times[:1], one, one.copy()),
        (_native.sorted, array("q", [-1]), array("d", [0.0]), [b""], [], [], slots[:1], times[:1], one, one.copy()),
        (
            _native.sorted,
            array("q", [1 << 40]),
            array("d", [0.0]),
            [b""],
            [],
            [],
            slots[:1],
            times[:1],
            one,
            one.copy(),
        ),
        (_native.sorted, array("q", [0]), array("d", [0.0]), [b""], [1], [], slots[:1], times[:1], one, one.copy()),
        (_native.turns, slots, np.zeros(3, np.intp)),
        (_native.decoded, [bytes(160), bytes(159)], slots, [PCMU] * 6, PCMU, PCMU.values, octets, pcm),
        (_native.decoded, [bytes(160), 3], slots, [PCMU] * 6, PCMU, PCMU.values, octets, pcm),
        (_native.decoded, [bytes(160)] * 2, slots, [PCMU] * 5, PCMU, PCMU.values, octets, pcm),
        (_native.decoded, [bytes(160)] * 2, slots, [PCMU] * 6, PCMU, PCMU.values[:99], octets, pcm),
        (_native.decoded, [bytes(160)] * 3, slots, [PCMU] * 6, PCMU, PCMU.values, octets, pcm),
        (_native.bank_hear, pcm[:, :80].copy(), np.zeros((80, 16), np.float32), z.copy(), energy),
        (_native.bank_hear, pcm, np.zeros((79, 16), np.float32), z.copy(), energy),
        (_native.bank_hear, pcm, np.zeros((80, 15), np.float32), z.copy(), energy),
        (_native.bank_hear, pcm, np.zeros((80, 18), np.float32), z.copy(), energy),
        (_native.bank_hear, pcm, np.zeros((80, 16), np.float32), z.copy(), energy[:1]),
        (_native.levels, energy, 1.0, 1.0, levels[:1]),
        (_native.edges, slots, times, levels, -45.0, np.zeros(5, np.bool_)),
        (_native.edges, slots, times, levels[:1], -45.0, np.zeros(9, np.bool_)),
        (_native.edges, slots, times[:1], levels, -45.0, np.zeros(9, np.bool_)),
        (_native.remember, slots, octets, times, *kept),
        (_native.remember, slots[:1], octets, times, *kept),
        (_native.remember, slots[:1], octets[:1], times[:1], kept[0], kept[1][:2], *kept[2:]),
        (_native.digits_wanted, z, columns + 1, energy, slots, slots, np.zeros(9, np.bool_), 1.0, z.copy(), one),
        (
            _native.digits_wanted,
            z,
            columns + 1,
            energy,
            slots,
            slots,
            np.zeros(9, np.bool_),
            1.0,
            z.copy(),
            one.repeat(2),
        ),
        (_native.digits_wanted, z, columns, energy, slots, slots, np.zeros(5, np.bool_), 1.0, z.copy(), one.repeat(2)),
        (_native.digits_keep, slots, times, z, energy, 0.02, *by_slot),
        (_native.digits_keep, slots, times, z, energy, 0.02, by_slot[0], np.zeros(3, np.float32), by_slot[2]),
        (_native.bands_of_frames, slots, pcm, tails, out),
        (_native.bands_of_frames, slots * 0, pcm, tails, out[:1]),
        (_native.bands_of_frames, slots * 0, pcm, tails[:, :95].copy(), out),
        (_native.bands_of_frames, slots * 0, pcm, tails, frozen),
        (_native.bands_begin, np.zeros(255, np.float32), np.zeros((129, 16), np.float32), 1.0, 1.0, 1.0),
        (_native.patches_in, rings, slots, slots + 40, *cosines, patches),
        (_native.patches_in, rings, slots * 0, slots, *cosines, patches),
        (_native.patches_in, rings, slots * 0, slots + 40, *cosines, patches[:1]),
        (_native.likely, patches[:, :41].copy(), *known),
        (_native.likely, patches, known[0][:6].copy(), *known[1:]),
        (_native.likely, patches, known[0], known[1][:-1].copy(), *known[2:]),
        (_native.likely, patches, *known[:2], known[2][:-1].copy(), *known[3:]),
        (_native.likely, patches, *known[:3], known[3][:-1].copy(), *known[4:]),
        (_native.likely, patches, *known[:3], known[3][:0].copy(), *known[4:]),
        (_native.likely, patches, *known[:3], known[3] + 1, *known[4:]),
        (_native.likely, patches, *known[:3], known[3][::-1].copy(), *known[4:]),
        (_native.likely, patches, *known[:4], known[4][:-1].copy(), 0.9),
    ]
    for function, *arguments in wrong:
        with pytest.raises((ValueError, TypeError, BufferError)):
            function(*arguments)
        with pytest.raises((ValueError, TypeError)):
            function()


@pytest.mark.parametrize("which", range(19))
def test_taking_in_refuses_what_does_not_fit(which: int) -> None:
    """Each of its many arrays is looked at."""
    from botkit.media import _native

    slots = np.arange(3)
    right: list[Any] = [
        *(slots, slots * 0, np.zeros(3), np.zeros((3, 160), np.int16), np.ones(3, np.bool_), np.zeros(3, np.float32)),
        *(np.ones(4, np.bool_), np.zeros(4, np.int64), np.zeros(4, np.int64), np.zeros((4, 96), np.float32)),
        *(np.zeros((4, 64, 16), np.uint8), np.zeros((4, 64)), np.zeros((4, 64), np.bool_)),
        *(np.zeros((4, 64), np.float32), np.zeros(4, np.int64), np.zeros(4, np.int64), bands.SILENT_BANDS),
        *(np.zeros(3, np.intp), np.zeros(3, np.intp)),
    ]
    _native.prompts_take_in(*right)
    size = 2 if which == 9 else len(right[which]) - 1
    wrong = [*right[:which], right[which][:size].copy(), *right[which + 1 :]]
    with pytest.raises(ValueError, match=r"."):
        _native.prompts_take_in(*wrong)
    with pytest.raises(ValueError, match="bytes an item"):
        _native.prompts_take_in(*right[:which], right[which].astype(np.complex128), *right[which + 1 :])
    with pytest.raises(TypeError):
        _native.prompts_take_in(*right[:which])
