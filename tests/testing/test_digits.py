"""The digit queue, and what an entry says so far."""

from __future__ import annotations

import pytest

from botkit.errors import UsageError
from botkit.testing.digits import Digit, DigitQueue, entered, heard, written
from botkit.vocabulary import Entry


def typed(digits: str, via: str = "info") -> list[Digit]:
    return [Digit(digit, float(number), via) for number, digit in enumerate(digits)]


@pytest.mark.parametrize(
    ("entry", "digits", "said"),
    [
        (Entry(digits="12"), "", None),
        (Entry(digits="12"), "1", None),
        (Entry(digits="12"), "12", True),
        (Entry(digits="12"), "13", False),
        (Entry(pattern="[0-9]+#"), "12", None),
        (Entry(pattern="[0-9]+#"), "12#", True),
        (Entry(contains="23"), "123", True),
        (Entry(contains="23"), "13", None),
        (Entry(digits="12", via="rtp"), "1", False),
    ],
)
def test_entry(entry: Entry, digits: str, said: bool | None) -> None:
    """An entry is met, open, or ruled out."""
    assert entered(entry, typed(digits)) is said


def test_digit_by_two_ways_is_one() -> None:
    """The same key by another way within 100 ms is the same digit; by the same way it is another."""
    queue = DigitQueue()
    assert queue.add(Digit("5", 1.0, "rtp"))
    assert not queue.add(Digit("5", 1.08, "tone"))
    assert queue.add(Digit("5", 1.09, "rtp"))
    assert queue.add(Digit("5", 1.3, "tone"))
    assert len(queue) == 3


def test_put_back_keeps_the_order() -> None:
    """Digits that are given back stand before those that came since."""
    queue = DigitQueue()
    for digit in typed("12"):
        queue.add(digit)
    taken = [digit for digit in (queue.take(), queue.take()) if digit]
    queue.add(Digit("3", 5.0))
    queue.put_back(taken)
    assert "".join(digit.digit for digit in iter(queue.take, None)) == "123"


def test_one_consumer_at_a_time() -> None:
    """A second consumer is refused until the first has let go."""
    queue = DigitQueue()
    queue.acquire("gather")
    with pytest.raises(UsageError, match="that gather is waiting for"):
        queue.acquire("expect_dtmf")
    queue.release()
    queue.acquire("expect_dtmf")


def test_words() -> None:
    """Entries and digits have words for the report."""
    assert written(Entry(digits="1", via="rtp")) == "digits 1 by rtp"
    assert heard(typed("12")) == "12 (info)"
    assert heard([]) == "no digits"
