"""Digits that the far end enters: the queue and its consumers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from botkit import clock
from botkit.client.entries import DIGIT_TAIL, ENTRY_LIMIT, Entries
from botkit.client.listening import Listening
from botkit.clock import VirtualLoop
from botkit.errors import ConfigError, ExpectationFailed, UsageError
from botkit.media.ear import Ear, HeardDigit
from botkit.vocabulary import Entry, Gathered, Heard, Window


class Stage:
    """A call's digits; times count from the mark that the stage begins with."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop, self.clock = loop, loop.clock
        self.ear = Ear()
        self.over: str | None = None
        self.prompts: list[tuple[str, float]] = []
        self.listening = Listening(self.ear, self.clock, lambda: self.over, lambda at: at)
        self.entries = Entries(self.ear, self.listening, self.clock, lambda: self.over, lambda at: at)

    @property
    def time(self) -> float:
        return self.clock.now()

    def type(self, digits: str, at: float, *, every: float = 0.3, via: str = "rtp", length: float = 0.1) -> None:
        """Digits pressed one after the other; each is told when its key is released."""
        for number, digit in enumerate(digits):
            begun = at + number * every
            self.loop.call_at(begun + length, self.ear.hear_digit, HeardDigit(digit, via, begun, length))

    def will_end(self, at: float) -> None:
        def end() -> None:
            self.over = "the call ended: NORMAL_CLEARING (16)"
            self.ear.changed()

        self.loop.call_at(at, end)

    async def expect(self, digits: str | None = None, *, flush: bool = False, **options: Any) -> Heard:
        entry = Entry(digits, **{key: options.pop(key) for key in ("pattern", "contains", "via") if key in options})
        return await self.entries.expect(entry, Window(**options), flush=flush)

    async def gather(self, **options: Any) -> Gathered:
        usual = {"count": None, "end": None, "first": 5.0, "between": 2.0, "flush": False, "within": None}
        return await self.entries.gather(**{**usual, "prompt": None, **options})

    async def prompt(self, seconds: float = 4.0) -> None:
        """A prompt that is noted when it ends, and how."""
        try:
            await self.clock.sleep(seconds)
        except asyncio.CancelledError:
            self.prompts.append(("stopped", self.time))
            raise
        self.prompts.append(("ended", self.time))

    @property
    def waiting(self) -> str:
        return "".join(heard.digit for heard in self.ear.digits)


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await scene(Stage())
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), virtual=True)


def about(seconds: float, by: float = 1e-6) -> Any:
    return pytest.approx(seconds, abs=by)


# --- an entry that is expected ------------------------------------------------------------------------------


def test_whole_entry() -> None:
    """The digits as they are expected: onset of the first, end of the last, latency from the mark."""

    async def scene(stage: Stage) -> None:
        stage.type("123", at=1.0)
        heard = await stage.expect("123")
        assert (heard.started, heard.ended, heard.latency) == (about(1.0), about(1.7), about(1.0))
        assert heard.fields == {"digits": "123", "via": "rtp"}
        assert stage.time == about(1.7)
        assert stage.listening.mark == about(1.7)

    play(scene)


@pytest.mark.parametrize(
    ("entry", "typed", "left"),
    [
        ({"pattern": r"\d{4}#"}, "1234#9", "9"),
        ({"pattern": r"[12]"}, "2", ""),
        ({"contains": "00"}, "12300", ""),
        ({"digits": "*#0A"}, "*#0A5", "5"),
    ],
)
def test_forms_of_an_entry(entry: dict[str, str], typed: str, left: str) -> None:
    """An entry is digits, a pattern for the whole, or a part; what comes after it stays in the queue."""

    async def scene(stage: Stage) -> None:
        stage.type(typed, at=0.1)
        await stage.clock.sleep(5.0)
        heard = await stage.expect(**entry)
        assert heard.fields["digits"] == typed.removesuffix(left) if left else typed
        assert stage.waiting == left

    play(scene)


def test_wrong_digit_fails_at_once() -> None:
    """As soon as the digits cannot become the entry any more it is not met; they are said and gone."""

    async def scene(stage: Stage) -> None:
        stage.type("129", at=0.5)
        with pytest.raises(ExpectationFailed, match=r"digits 123 within 10 s; heard digits 129") as failed:
            await stage.expect("123")
        assert stage.time == about(1.2)
        assert failed.value.detail["digits"] == "129"
        assert stage.waiting == ""

    play(scene)


def test_incomplete_entry() -> None:
    """What was typed of an entry by the end of `within` is said; without any digit that is said."""

    async def scene(stage: Stage) -> None:
        stage.type("12", at=0.5)
        with pytest.raises(ExpectationFailed, match="only digits 12"):
            await stage.expect("123", within=3.0)
        with pytest.raises(ExpectationFailed, match="no digits"):
            await stage.expect("123", within=3.0)

    play(scene)


def test_digits_typed_ahead() -> None:
    """Digits from before the step, and before the mark, count; they are not late."""

    async def scene(stage: Stage) -> None:
        stage.type("12", at=0.5)
        await stage.clock.sleep(3.0)
        stage.listening.set_mark(2.0)
        heard = await stage.expect("12", max_latency=0.1)
        assert (heard.started, heard.latency) == (about(0.5), 0.0)
        assert stage.listening.mark == 2.0

    play(scene)


def test_flush_forgets_what_was_typed_ahead() -> None:
    """With `flush` only digits from now on count."""

    async def scene(stage: Stage) -> None:
        stage.type("9", at=0.5)
        stage.type("12", at=3.0)
        await stage.clock.sleep(2.0)
        assert (await stage.expect("12", flush=True)).started == about(3.0)

    play(scene)


def test_digit_begun_in_time() -> None:
    """A digit pressed before the deadline and released after it counts; one pressed after it does not."""

    async def scene(stage: Stage) -> None:
        stage.type("1", at=1.9, length=0.4)
        assert (await stage.expect("1", within=2.0)).started == about(1.9)
        begin = stage.time
        stage.type("2", at=begin + 2.05)
        with pytest.raises(ExpectationFailed):
            await stage.expect("2", within=2.0)
        assert stage.time == about(begin + 2.0 + DIGIT_TAIL, 0.01)
        assert stage.waiting == "2"

    play(scene)


@pytest.mark.parametrize(("at", "met"), [(0.9, True), (1.2, False)])
def test_starts_within(at: float, met: bool) -> None:
    """The first digit must come by `starts_within`; then the entry may take all of `within`."""

    async def scene(stage: Stage) -> None:
        stage.type("12", at=at, every=3.0)
        if met:
            await stage.expect("12", starts_within=1.0, within=5.0)
        else:
            with pytest.raises(ExpectationFailed):
                await stage.expect("12", starts_within=1.0, within=5.0)

    play(scene)


def test_max_latency_names_both_numbers() -> None:
    """An entry that was begun too late fails with the bound and what was measured."""

    async def scene(stage: Stage) -> None:
        stage.type("1", at=2.0)
        with pytest.raises(ExpectationFailed, match=r"at most 1 s.*2\.000 s") as failed:
            await stage.expect("1", max_latency=1.0)
        assert failed.value.detail == {"latency": about(2.0), "digits": "1"}

    play(scene)


def test_the_way_they_came() -> None:
    """Where the way matters a digit that came another way fails; else the last one's way is told."""

    async def scene(stage: Stage) -> None:
        stage.type("1", at=0.5, via="tone")
        with pytest.raises(ExpectationFailed, match=r"digits 1 via rtp.*heard 1 via tone"):
            await stage.expect("1", via="rtp")
        stage.type("2", at=3.0, via="info")
        assert (await stage.expect("2", via="info")).fields["via"] == "info"

    play(scene)


def test_absent() -> None:
    """An entry that is not to come: met when it did not within the time, fails as soon as it did."""

    async def scene(stage: Stage) -> None:
        stage.type("19", at=0.5)
        heard = await stage.expect("12", absent=True, within=2.0)
        assert (heard.started, heard.fields["digits"]) == (None, "19")
        begin = stage.time
        stage.type("12", at=begin + 0.5)
        with pytest.raises(ExpectationFailed, match="no digits 12"):
            await stage.expect("12", absent=True, within=5.0)
        assert stage.time == about(begin + 0.9)

    play(scene)


@pytest.mark.parametrize(
    ("absent", "ended_ok", "met"), [(False, False, False), (True, False, False), (True, True, True)]
)
def test_end_under_an_entry(absent: bool, ended_ok: bool, met: bool) -> None:
    """When the call ends an entry is not met, and says so; an absent one is, where `ended: ok` is said."""

    async def scene(stage: Stage) -> None:
        stage.type("1", at=0.5)
        stage.will_end(2.0)
        waiting = stage.expect("12", absent=absent, ended_ok=ended_ok)
        if met:
            assert (await waiting).started is None
        else:
            with pytest.raises(ExpectationFailed, match=r"the call ended.*before that, digits 1"):
                await waiting
        assert stage.time == about(2.0)

    play(scene)


# --- gathering --------------------------------------------------------------------------------------------------


def test_gather_a_count() -> None:
    """So many digits complete it at once; more stay in the queue."""

    async def scene(stage: Stage) -> None:
        stage.type("12345", at=1.0)
        assert await stage.gather(count=4) == Gathered("1234", "complete")
        assert stage.time == about(2.0)
        await stage.clock.sleep(1.0)
        assert stage.waiting == "5"
        assert stage.listening.mark == about(2.0)

    play(scene)


def test_gather_to_the_end_key() -> None:
    """The end key ends it and is not among the digits; alone it gives none."""

    async def scene(stage: Stage) -> None:
        stage.type("42##", at=0.5)
        assert await stage.gather(end="#") == Gathered("42", "end")
        assert await stage.gather(end="#") == Gathered("", "end")

    play(scene)


def test_gather_count_before_the_end_key() -> None:
    """With both, whichever comes first ends it; the end key that follows is the next one's."""

    async def scene(stage: Stage) -> None:
        stage.type("42#", at=0.5)
        await stage.clock.sleep(3.0)
        assert await stage.gather(count=2, end="#") == Gathered("42", "complete")
        assert stage.waiting == "#"

    play(scene)


def test_gather_first() -> None:
    """Without any digit for `first` seconds it times out with none."""

    async def scene(stage: Stage) -> None:
        assert await stage.gather(count=4, first=3.0) == Gathered("", "timeout")
        assert stage.time == about(3.0)

    play(scene)


def test_gather_between() -> None:
    """`between` counts from the last digit; when it has passed, what there is is given."""

    async def scene(stage: Stage) -> None:
        stage.type("123", at=4.0, every=1.5)
        assert await stage.gather(count=9, first=5.0, between=2.0) == Gathered("123", "timeout")
        assert stage.time == about(7.1 + 2.0)

    play(scene)


def test_gather_within() -> None:
    """`within` bounds the whole, whatever is typed."""

    async def scene(stage: Stage) -> None:
        stage.type("1" * 20, at=0.5, every=1.0)
        assert await stage.gather(end="#", within=5.0) == Gathered("11111", "timeout")
        assert stage.time == about(5.0)

    play(scene)


@pytest.mark.parametrize("when", [1.0, 3.0], ids=["under the prompt", "after a digit"])
def test_gather_when_the_call_ends(when: float) -> None:
    """When the call ends, `reason` is ended, with the digits so far."""

    async def scene(stage: Stage) -> None:
        stage.type("1", at=2.0)
        stage.will_end(when)
        gathered = await stage.gather(count=4, prompt=stage.prompt)
        assert gathered == Gathered("1" if when > 2.0 else "", "ended")
        assert stage.time == about(when)
        assert stage.prompts[0][0] == "stopped"

    play(scene)


def test_first_digit_stops_the_prompt() -> None:
    """A digit stops the prompt at once; then `between` counts."""

    async def scene(stage: Stage) -> None:
        stage.type("12", at=1.0)
        assert await stage.gather(count=2, prompt=stage.prompt) == Gathered("12", "complete")
        assert stage.prompts == [("stopped", about(1.1))]

    play(scene)


def test_first_counts_from_the_end_of_the_prompt() -> None:
    """While the prompt plays there is no time-out; `first` counts from its end."""

    async def scene(stage: Stage) -> None:
        assert await stage.gather(count=2, first=3.0, prompt=stage.prompt) == Gathered("", "timeout")
        assert stage.prompts == [("ended", about(4.0))]
        assert stage.time == about(7.0)

    play(scene)


def test_digits_typed_ahead_spare_the_prompt() -> None:
    """Who has typed ahead is not prompted; with `flush` they are, and start anew."""

    async def scene(stage: Stage) -> None:
        stage.type("12", at=0.1)
        await stage.clock.sleep(1.0)
        assert await stage.gather(count=2, prompt=stage.prompt) == Gathered("12", "complete")
        assert stage.prompts == []
        stage.type("34", at=1.5)
        await stage.clock.sleep(1.0)
        assert await stage.gather(count=2, first=1.0, flush=True, prompt=stage.prompt) == Gathered("", "timeout")
        assert stage.prompts == [("ended", about(6.0))]

    play(scene)


def test_prompt_that_cannot_be_played() -> None:
    """What goes wrong with the prompt goes wrong with the gathering, at once."""

    async def broken() -> None:
        raise ConfigError("there is no audio file nothing.wav")

    async def scene(stage: Stage) -> None:
        with pytest.raises(ConfigError):
            await stage.gather(count=1, prompt=broken)
        assert stage.time < 0.1
        assert await stage.gather(count=1, first=1.0) == Gathered("", "timeout")

    play(scene)


# --- consumers ------------------------------------------------------------------------------------------------------


def test_two_consumers_at_once() -> None:
    """A second consumer is an error of usage; the first one goes on, and after it there is room again."""

    async def scene(stage: Stage) -> None:
        first = asyncio.ensure_future(stage.gather(count=2))
        await stage.clock.sleep(0.1)
        for second in (stage.gather(count=1), stage.expect("1")):
            with pytest.raises(UsageError, match="two steps"):
                await second
        stage.type("12", at=1.0)
        assert await first == Gathered("12", "complete")
        stage.type("3", at=3.0)
        await stage.expect("3")

    play(scene)


@pytest.mark.parametrize("consumer", ["gather", "expect"])
def test_cancelled_consumer_gives_digits_back(consumer: str) -> None:
    """A cancelled consumer loses no digit: they are there again, in order, for the next one."""

    async def scene(stage: Stage) -> None:
        stage.type("123", at=0.5)
        waiting = stage.gather(count=9) if consumer == "gather" else stage.expect("12399")
        task = asyncio.ensure_future(waiting)
        await stage.clock.sleep(1.05)
        task.cancel()
        await asyncio.wait((task,))
        assert await stage.gather(count=3) == Gathered("123", "complete")

    play(scene)


def test_cancelled_gather_stops_its_prompt() -> None:
    """When the gathering is cancelled its prompt is, too."""

    async def scene(stage: Stage) -> None:
        task = asyncio.ensure_future(stage.gather(count=9, prompt=stage.prompt))
        await stage.clock.sleep(1.0)
        task.cancel()
        await asyncio.wait((task,))
        assert stage.prompts == [("stopped", about(1.0))]

    play(scene)


@pytest.mark.parametrize("options", [{"pattern": r"\d*#"}, {"contains": "99"}], ids=str)
def test_an_entry_has_an_end(options: dict[str, Any]) -> None:
    """Digits that go on and on are no entry, and are not kept for ever."""

    async def scene(stage: Stage) -> None:
        stage.type("1" * 100, 0.1, every=0.2)
        with pytest.raises(ExpectationFailed, match="64 digits, more than an entry has"):
            await stage.expect(within=60.0, **options)
        assert stage.time < 14

    play(scene)


def test_an_entry_that_stays_away_among_many_digits() -> None:
    """What shall not be entered is found behind many other digits, and a pattern for the whole is not."""

    async def scene(stage: Stage) -> None:
        stage.type("1" * 100 + "99", 0.1, every=0.2)
        with pytest.raises(ExpectationFailed, match="no digits that contain 99"):
            await stage.expect(within=60.0, absent=True, contains="99")
        stage.type("1" * 100 + "9", stage.time + 0.1, every=0.2)
        heard = await stage.expect(within=60.0, absent=True, pattern=r"1*9")
        assert heard.fields["digits"] == "1" * ENTRY_LIMIT

    play(scene)
