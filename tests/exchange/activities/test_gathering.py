"""The rules of a gather, cell by cell, in times that are only numbers."""

from __future__ import annotations

import pytest

from botkit.exchange.activities.gathering import Again, Ended, Gathering, Rules, Verdict

PLAIN = Rules(minimum=2, maximum=4, timeout=20.0, between=3.0, initial=5.0, valid="0123456789")
PROMPTED = Rules(minimum=2, maximum=4, timeout=20.0, between=3.0, valid="0123456789", tries=3)


def enter(gathering: Gathering, digits: str, at: float = 0.0, step: float = 1.0) -> Verdict | None:
    """Feed digits, the first at `at`, one each `step`; the last verdict."""
    verdict = None
    for number, digit in enumerate(digits):
        assert verdict is None, f"it was over before {digit}"
        verdict = gathering.digit(digit, at + number * step)
    return verdict


def plain(rules: Rules = PLAIN) -> Gathering:
    """A gather without a prompt that began at 0."""
    gathering = Gathering(rules)
    gathering.listen(0.0)
    return gathering


@pytest.mark.parametrize(
    ("digits", "verdict"),
    [
        ("1234", Ended("1234", "valid")),  # as many as there may be
        ("12#", Ended("12", "valid")),  # ended by hand, the terminator is not among them
        ("123#", Ended("123", "valid")),
        ("1#", Ended("1", "invalid")),  # too few
        ("#", Ended("", "invalid")),  # none, but somebody is there
        ("1*3#", Ended("1*3", "invalid")),  # one that is not valid
        ("1*34", Ended("1*34", "invalid")),
        ("12", None),  # there may be more
    ],
)
def test_what_is_entered(digits: str, verdict: Verdict | None) -> None:
    """An entry is judged at its last possible digit or at the terminator, by count and by what is valid."""
    assert enter(plain(), digits) == verdict


def test_the_terminator_ends_though_it_is_valid() -> None:
    """A terminator among the valid digits ends the entry all the same."""
    assert enter(plain(Rules(valid="0123456789#*")), "1#") == Ended("1", "valid")


def test_no_terminator() -> None:
    """Without a terminator its digit is one like the others."""
    assert enter(plain(Rules(maximum=2, terminator="", valid="0123456789#")), "1#") == Ended("1#", "valid")


def test_a_terminator_of_ones_own() -> None:
    """Any digit can be the terminator, and # is then none."""
    assert enter(plain(Rules(terminator="9", valid="12#")), "1#9") == Ended("1#", "valid")


@pytest.mark.parametrize(
    ("digits", "due", "verdict"),
    [
        ("", 5.0, Ended("", "timeout")),  # nothing within the initial time
        ("1", 3.0, Ended("1", "invalid")),  # too few when the next one does not come
        ("12", 4.0, Ended("12", "valid")),  # enough when the next one does not come
        ("1*", 4.0, Ended("1*", "invalid")),
    ],
)
def test_time_passes(digits: str, due: float, verdict: Verdict) -> None:
    """The initial time runs to the first digit, the inter-digit time from each; what is there is judged then."""
    gathering = plain()
    enter(gathering, digits)
    assert gathering.due == due
    assert gathering.expire(due - 0.01) is None
    assert gathering.expire(due) == verdict
    assert gathering.due is None


def test_time_overall() -> None:
    """However steadily digits come, the time overall ends the entry."""
    gathering = plain(Rules(minimum=1, maximum=128, timeout=20.0, between=3.0, initial=5.0))
    enter(gathering, "1111111", step=2.9)
    assert gathering.due == 20.0
    assert gathering.expire(20.0) == Ended("1111111", "valid")


def test_initial_time_longer_than_all() -> None:
    """The shorter of two times counts."""
    assert plain(Rules(timeout=2.0, initial=5.0)).due == 2.0


def test_no_time_runs_while_the_prompt_is_said() -> None:
    """The time of a gather with a prompt runs from the prompt's end."""
    gathering = Gathering(PROMPTED)
    gathering.begin_prompt()
    assert gathering.due is None
    assert gathering.expire(1000.0) is None
    gathering.listen(7.0)
    assert gathering.due == 27.0


def test_digits_during_the_prompt() -> None:
    """A digit in the prompt counts; once it has stopped the prompt, the inter-digit time runs."""
    gathering = Gathering(PROMPTED)
    gathering.begin_prompt()
    assert gathering.digit("1", 2.0) is None
    gathering.listen(2.0)
    assert gathering.due == 5.0
    assert enter(gathering, "234", at=3.0) == Ended("1234", "valid")


def test_nothing_is_entered() -> None:
    """The prompt is said again when nothing comes, as often as there are tries; then it is a timeout."""
    gathering = Gathering(PROMPTED)
    for number in (1, 2, 3):
        gathering.begin_prompt()
        gathering.listen(100.0 * number)
        verdict = gathering.expire(100.0 * number + 20.0)
        assert gathering.tries == number
        assert verdict == (Again(invalid=False) if number < 3 else Ended("", "timeout"))


@pytest.mark.parametrize("wrong", ["1#", "1*#", "123*"])
def test_an_invalid_entry_is_asked_for_again(wrong: str) -> None:
    """A wrong entry leads to the invalid prompt, and a right one after it is valid."""
    gathering = Gathering(PROMPTED)
    gathering.begin_prompt()
    gathering.listen(0.0)
    assert enter(gathering, wrong) == Again(invalid=True)
    assert gathering.due is None
    gathering.begin_prompt()
    assert enter(gathering, "12#", at=9.0) == Ended("12", "valid")


def test_only_the_last_entry_counts() -> None:
    """After wrong entries and silence the status is that of the last try."""
    gathering = Gathering(PROMPTED)
    for number, entry in enumerate(("1#", "", "9*#")):
        gathering.begin_prompt()
        gathering.listen(100.0 * number)
        verdict = enter(gathering, entry, at=100.0 * number) if entry else gathering.expire(100.0 * number + 20)
    assert verdict == Ended("9*", "invalid")


def test_digits_between_tries_are_lost() -> None:
    """What comes after the verdict and before the next prompt is no entry."""
    gathering = Gathering(PROMPTED)
    gathering.begin_prompt()
    assert enter(gathering, "1#") == Again(invalid=True)
    assert gathering.digit("5", 3.0) is None
    gathering.begin_prompt()
    assert gathering.digits == ""
