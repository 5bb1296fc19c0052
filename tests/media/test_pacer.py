"""The beat."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from botkit import clock
from botkit.clock import VirtualLoop
from botkit.media.pacer import PTIME, Pacer, beating
from botkit.testing import ManualClock


class Walker:
    """A session that writes down when it was walked, in one journal with others."""

    def __init__(self, name: str, journal: list[tuple[str, str]]) -> None:
        self.name = name
        self.journal = journal
        self.times: list[float] = []
        self.to_monotonic: list[float] = []
        self.skipped = 0
        self.on_receive: Callable[[], None] = lambda: None
        self.on_skip: Callable[[], None] = lambda: None
        self.errors: list[BaseException] = []
        self.is_told = False

    def receive(self, now: float, to_monotonic: float) -> None:
        self.journal.append(("receive", self.name))
        self.times.append(now)
        self.to_monotonic.append(to_monotonic)
        self.on_receive()

    def transmit(self, now: float) -> None:
        self.journal.append(("transmit", self.name))

    def skip(self, beats: int) -> None:
        self.skipped += beats
        self.on_skip()

    def failed(self, error: BaseException) -> bool:
        self.errors.append(error)
        return self.is_told


def walkers(names: str) -> tuple[list[Walker], list[tuple[str, str]]]:
    journal: list[tuple[str, str]] = []
    return [Walker(name, journal) for name in names], journal


class LateClock(ManualClock):
    """A clock whose sleeps last longer than asked: `late` seconds each, used up in order."""

    def __init__(self, *late: float) -> None:
        super().__init__(start=100.0)
        self.late = list(late)
        self.beaten = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if not self.late:
            self.beaten.set()
            await asyncio.Event().wait()
        self._now += seconds + self.late.pop(0)


async def kept(pacer: Pacer, time: LateClock) -> None:
    """Beat until the clock has run out."""
    async with beating(pacer):
        await time.beaten.wait()


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


# --- a walk ---------------------------------------------------------------------------------------------


def test_all_read_before_any_sends() -> None:
    """A beat reads all sessions, then lets all send, then calls what comes after; bridged ones go first."""
    (a, b, c), journal = walkers("abc")
    pacer = Pacer(ManualClock())
    pacer.add(a)
    pacer.add(b, first=True)
    pacer.add(c)
    after: list[float] = []
    pacer.after_each_beat(after.append)
    pacer.beat(5.0)
    order = ["b", "a", "c"]
    assert journal == [("receive", name) for name in order] + [("transmit", name) for name in order]
    assert (a.times, after) == ([5.0], [5.0])


def test_sessions_get_the_way_from_wallclock_to_monotonic() -> None:
    """Each beat tells what to add to wallclock seconds to get monotonic ones."""
    (a,), _ = walkers("a")
    pacer = Pacer(ManualClock(start=50.0, wall=1_000_050.0))
    pacer.add(a)
    pacer.beat(50.0)
    assert a.to_monotonic == [pytest.approx(-1_000_000.0)]


def test_added_twice_is_walked_once() -> None:
    """Adding a session again moves it, between the first ones and the rest."""
    (a, b), journal = walkers("ab")
    pacer = Pacer(ManualClock())
    pacer.add(a)
    pacer.add(b)
    pacer.add(a)
    pacer.add(b, first=True)
    assert len(pacer) == 2
    pacer.beat(0.0)
    assert journal[:2] == [("receive", "b"), ("receive", "a")]


def test_leaving_and_coming_during_a_walk() -> None:
    """A session removed during a walk is walked to its end, one added then from the next beat on."""
    (a, b, c), journal = walkers("abc")
    pacer = Pacer(ManualClock())
    pacer.add(a)
    pacer.add(b)

    def change() -> None:
        pacer.remove(a)
        pacer.remove(b)
        pacer.add(c)

    a.on_receive = change
    pacer.beat(0.0)
    assert [name for what, name in journal if what == "transmit"] == ["a", "b"]
    journal.clear()
    pacer.beat(0.02)
    assert journal == [("receive", "c"), ("transmit", "c")]


def test_removing_what_is_not_there() -> None:
    """Removing a session twice, or one that never came, is no error."""
    (a,), _ = walkers("a")
    pacer = Pacer(ManualClock())
    pacer.remove(a)
    pacer.add(a, first=True)
    pacer.remove(a)
    pacer.remove(a)
    assert len(pacer) == 0


# --- keeping time -----------------------------------------------------------------------------------------


def test_every_twenty_milliseconds() -> None:
    """In virtual time the beats are 20 ms apart, none late and none lost."""
    (a,), _ = walkers("a")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        pacer = Pacer(loop.clock)
        pacer.add(a)
        async with beating(pacer) as same:
            assert same is pacer
            await loop.clock.sleep(1.01)
        assert len(a.times) == 50
        assert [after - before for before, after in zip(a.times, a.times[1:], strict=False)] == [
            pytest.approx(PTIME, abs=1e-6)
        ] * 49
        health = pacer.health
        assert (health.beats, health.late, health.lost) == (50, 0, 0)
        assert health.lateness_p99 <= 0.0005

    clock.run(main(), virtual=True)


def test_time_with_nobody_to_walk_does_not_count() -> None:
    """An idle beat is no beat; who comes after a pause is walked 20 ms apart, with no burst to make up for it."""
    (a,), _ = walkers("a")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        pacer = Pacer(loop.clock)
        async with beating(pacer):
            await loop.clock.sleep(5.0)
            assert pacer.health.beats == 0
            pacer.add(a)
            await loop.clock.sleep(0.2)
            assert 9 <= len(a.times) <= 10
            assert a.times[0] >= 5.0
        assert pacer.health.lost == 0

    clock.run(main(), virtual=True)


def test_late_is_past_five_milliseconds() -> None:
    """A beat is late when it starts more than 5 ms after it was due, and the next ones keep to the old grid."""
    (a,), _ = walkers("a")

    async def main() -> None:
        time = LateClock(0.0, 0.004, 0.006, 0.019, 0.0)
        pacer = Pacer(time)
        pacer.add(a)
        await kept(pacer, time)
        due = [100.0 + PTIME * number for number in range(1, 6)]
        late = [0.0, 0.004, 0.006, 0.019, 0.0]
        assert a.times == [pytest.approx(at + by, abs=1e-6) for at, by in zip(due, late, strict=True)]
        assert (pacer.health.beats, pacer.health.late, pacer.health.lost) == (5, 2, 0)

    run(main())


def test_lost_beats_are_skipped() -> None:
    """A beat past 20 ms loses those that were missed: they are counted, and nobody is walked twice for them."""
    (a,), _ = walkers("a")

    async def main() -> None:
        time = LateClock(0.0, 0.075, 0.0, 0.0)
        pacer = Pacer(time)
        pacer.add(a)
        await kept(pacer, time)
        # due at .02, .04, (.06, .08, .10 are lost), .12, .14
        assert a.times == [pytest.approx(100.0 + at, abs=1e-6) for at in (0.02, 0.115, 0.12, 0.14)]
        assert (pacer.health.beats, pacer.health.late, pacer.health.lost) == (4, 1, 3)

    run(main())


def test_overload_never_bursts() -> None:
    """When every beat is too late there is at most one beat per 20 ms of the clock."""
    (a,), _ = walkers("a")

    async def main() -> None:
        time = LateClock(*[0.033] * 50)
        pacer = Pacer(time)
        pacer.add(a)
        await kept(pacer, time)
        passed = time.now() - 100.0
        assert len(a.times) == 50
        assert passed == pytest.approx((pacer.health.beats + pacer.health.lost) * PTIME, abs=0.04)
        assert pacer.health.lost > 20

    run(main())


@pytest.mark.parametrize(
    ("lateness", "p99"),
    [
        ([0.0] * 100, 0.0005),
        ([0.0] * 98 + [0.012] * 2, 0.015),
        ([0.0] * 99 + [0.012], 0.0005),
        ([0.0] * 9 + [0.0199], 0.020),
        ([30.0], 1.0),
        ([], 0.0),
    ],
    ids=["punctual", "two in a hundred", "one in a hundred", "one in ten", "beyond the scale", "no beat"],
)
def test_percentile_of_lateness(lateness: list[float], p99: float) -> None:
    """`lateness_p99` is the upper edge of the bucket that the 99th percentile falls into."""
    (a,), _ = walkers("a")

    async def main() -> None:
        time = LateClock(*lateness)
        pacer = Pacer(time)
        pacer.add(a)
        await kept(pacer, time)
        assert pacer.health.lateness_p99 == p99

    run(main())


def test_health_tells_where_times_come_from() -> None:
    """Whether arrival times are the kernel's is part of the health."""
    pacer = Pacer(ManualClock())
    assert pacer.health.kernel_times
    pacer.kernel_times = False
    assert not pacer.health.kernel_times


# --- its life -----------------------------------------------------------------------------------------------


def test_the_scope_stops_the_beat() -> None:
    """After the scope nobody is walked any more, and no task is left."""
    (a,), _ = walkers("a")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        pacer = Pacer(loop.clock)
        pacer.add(a)
        async with beating(pacer):
            await loop.clock.sleep(0.1)
        walked = len(a.times)
        await loop.clock.sleep(1.0)
        assert len(a.times) == walked > 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), virtual=True)


def fail(error: BaseException | None = None) -> None:
    raise error or ZeroDivisionError


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), asyncio.CancelledError()], ids=["an error", "a cancelled future"]
)
def test_one_leg_that_fails_does_not_stop_the_others(error: BaseException) -> None:
    """What a session raises is counted and told to it and to the loop, and it is walked no more; the others are."""
    told: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
        (bad, good), journal = walkers("bg")
        pacer = Pacer(ManualClock())
        pacer.add(bad)
        pacer.add(good)
        bad.on_receive = lambda: fail(error)
        pacer.beat(1.0)
        pacer.beat(1.02)
        assert journal.count(("receive", "g")) == journal.count(("transmit", "g")) == 2
        assert journal.count(("receive", "b")) == 1
        assert ("transmit", "b") not in journal
        assert bad.errors == [error]
        assert len(pacer) == pacer.errors == pacer.health.errors == 1

    run(main())
    assert [context["exception"] for context in told] == [error]


def test_a_failure_that_a_call_tells() -> None:
    """What the report of a call will tell is told to nobody else."""
    (bad,), _ = walkers("b")
    pacer = Pacer(ManualClock())
    pacer.on_error = lambda error, of_all: pytest.fail("its call tells it")
    pacer.add(bad)
    bad.on_receive, bad.is_told = fail, True
    pacer.beat(1.0)
    assert pacer.errors == 1


def test_a_failure_that_nobody_tells() -> None:
    """`on_error` is told the rest, and whether it was over one leg or over all of them."""
    told: list[tuple[str, bool]] = []
    (bad,), _ = walkers("b")
    pacer = Pacer(ManualClock())
    pacer.on_error = lambda error, of_all: told.append((type(error).__name__, of_all))
    pacer.add(bad)
    pacer.after_each_beat(lambda now: fail(KeyError()))
    bad.on_receive = fail
    pacer.beat(1.0)
    pacer.beat(1.02)
    assert told == [("ZeroDivisionError", False), ("KeyError", True), ("KeyError", True)]
    assert pacer.errors == 3


def test_a_failure_of_each_beat() -> None:
    """The loop is told once of what is raised over and over; all of it is counted."""
    told: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
        pacer = Pacer(ManualClock())
        pacer.after_each_beat(lambda now: fail(KeyError()))
        for beat in range(50):
            pacer.beat(beat * PTIME)
        assert pacer.errors == 50

    run(main())
    assert len(told) == 1


def test_a_leg_that_fails_to_be_told() -> None:
    """A mistake in telling of a mistake is told, too, and the beat goes on."""
    told: list[str] = []
    (bad, good), journal = walkers("bg")
    pacer = Pacer(ManualClock())
    pacer.on_error = lambda error, of_all: told.append(type(error).__name__)
    pacer.add(bad)
    pacer.add(good)
    bad.on_receive = fail
    bad.failed = lambda error: fail(KeyError())  # type: ignore[assignment, method-assign, return-value]
    pacer.beat(1.0)
    assert told == ["KeyError", "ZeroDivisionError"]
    assert ("transmit", "g") in journal


def test_a_leg_that_fails_over_lost_beats() -> None:
    """The beat outlives a session that raises when it is told of lost beats."""

    async def main() -> None:
        (bad, good), _ = walkers("bg")
        time = LateClock(0.1, 0.0, 0.0)
        pacer = Pacer(time)
        pacer.add(bad)
        pacer.add(good)
        bad.on_skip, bad.is_told = fail, True
        await kept(pacer, time)
        assert len(good.times) == 3
        assert good.skipped
        assert not bad.times
        assert pacer.errors == 1

    run(main())
