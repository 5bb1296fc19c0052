"""Record: what ends it, and what is told."""

from __future__ import annotations

import pytest

from tests.exchange.texml.kit import Stage, play


@pytest.mark.parametrize(
    ("attributes", "keys", "seconds", "digits"),
    [
        ("maxLength='20'", "", "20", None),
        ("timeout='4'", "", "4", None),
        ("", "5", "3", "5"),
        ("finishOnKey='#' maxLength='20'", "5", "20", None),
        ("finishOnKey='#'", "5#", "3", "#"),
    ],
)
def test_what_ends_it(attributes: str, keys: str, seconds: str, digits: str | None) -> None:
    """A recording ends by its length, by silence, or by a key, which is told."""

    async def scene(stage: Stage) -> None:
        stage.web.sinks.add("/recorded")
        program = f"<Record action='/done' recordingStatusCallback='/recorded' {attributes}/><Say>never</Say>"
        stage.page("/voice", program)
        stage.page("/done", "<Say>thanks</Say>")
        leg, drive = stage.call()
        await stage.until(lambda: leg.recording_order)
        await stage.sleep(3)
        leg.press(keys)
        await drive.task
        (fields,) = stage.web.got("/done")
        assert (fields["RecordingDuration"], fields.get("Digits")) == (seconds, digits)
        assert (fields["RecordingSid"], fields["RecordingStatus"]) == ("rec-1", "completed")
        assert fields["RecordingUrl"].startswith("http")
        assert stage.told(leg)[1:3] == ["beep and record", "recorded"]
        assert stage.web.got("/recorded")[0]["RecordingSid"] == "rec-1"

    play(scene)


def test_the_order() -> None:
    """The attributes of the verb are those of the recording."""

    async def scene(stage: Stage) -> None:
        stage.page("/voice", "<Record playBeep='false' channels='single' format='wav' trim='trim-silence'/>")
        leg, _ = stage.call()
        await stage.until(lambda: leg.recording_order)
        order = leg.recording_order
        assert order is not None
        assert (order.dual, order.format, order.trim) == (False, "wav", True)
        assert not order.beep

    play(scene)


def test_a_caller_who_hangs_up() -> None:
    """The end of the call ends the recording, and tells of it."""

    async def scene(stage: Stage) -> None:
        stage.web.sinks.add("/recorded")
        stage.page("/voice", "<Record recordingStatusCallback='/recorded'/>")
        leg, drive = stage.call()
        await stage.until(lambda: leg.recording_order)
        await stage.sleep(6)
        leg.leaves()
        await drive.task
        await stage.calls.idle()
        assert stage.web.got("/recorded")[0]["RecordingDuration"] == "6"

    play(scene)
