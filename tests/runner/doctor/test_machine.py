"""What the doctor notes about this machine."""

import pytest

from botkit.media import native
from botkit.runner.doctor.findings import State
from botkit.runner.doctor.machine import hearing


@pytest.mark.parametrize(
    ("built", "wanted", "state", "text", "hint"),
    [
        (True, True, State.OK, "is there", None),
        (True, False, State.WARNING, "BOTKIT_NATIVE=no leaves", "unset BOTKIT_NATIVE"),
        (
            False,
            False,
            State.WARNING,
            "was not built, or from other sources: all works",
            "gcc libc6-dev python3-dev; then make setup",
        ),
    ],
    ids=["there", "off", "not built"],
)
def test_the_compiled_part_of_hearing(
    built: bool, wanted: bool, state: State, text: str, hint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it all works at a price: a warning that says why, and what to do about it."""
    monkeypatch.setenv("BOTKIT_NATIVE", "no")
    monkeypatch.setattr(native, "BUILT", built)
    monkeypatch.setattr(native, "AVAILABLE", wanted)
    found = hearing()
    assert (found.step, found.state, found.facts) == ("hearing", state, {"compiled": wanted})
    assert text in found.text
    assert (hint or "") in (found.hint or "")
    assert (found.hint is None) == (hint is None)
