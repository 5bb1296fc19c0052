"""What a refused command says."""

from __future__ import annotations

import pytest

from botkit.exchange.refusal import STATUS, TITLES, CommandRefused, call_ended, not_answered, not_found


@pytest.mark.parametrize("code", sorted(TITLES))
def test_every_code_has_a_title_and_a_status(code: str) -> None:
    """A refusal names the code's title, and is a 4xx or 5xx."""
    refused = CommandRefused(code)
    assert (refused.title, refused.detail) == (TITLES[code], TITLES[code])
    assert 400 <= refused.status < 600


def test_statuses_are_of_known_codes() -> None:
    """No status stands for a code without a title."""
    assert set(STATUS) <= set(TITLES)


def test_usual_refusals() -> None:
    """The three that most commands know point at what is at fault."""
    assert (call_ended().code, call_ended().pointer) == ("90018", "/call_control_id")
    assert (not_answered().code, not_answered().status) == ("90034", 422)
    assert (not_found("the queue").status, not_found("the queue").detail) == (404, "the queue could not be found.")
