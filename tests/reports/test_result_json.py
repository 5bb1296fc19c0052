"""result.json: the promised shape."""

from __future__ import annotations

import json
from dataclasses import replace

from botkit.reports.result_json import FORMAT, document, to_json
from tests.reports import samples


def test_top_level() -> None:
    """The names that the module's docstring promises are there."""
    data = json.loads(to_json(samples.FAILED))
    assert list(data) == [
        "format",
        "verdict",
        "status",
        "started_at",
        "took",
        "out",
        "seed",
        "version",
        "counts",
        "problems",
        "pacer",
        "warnings",
        "flows",
    ]
    assert (data["format"], data["verdict"], data["status"]) == (FORMAT, "failed", 1)
    assert data["counts"] == {
        "calls": 2,
        "passed": 0,
        "failed": 1,
        "faults": 0,
        "aborted": 1,
        "met": 2,
        "unmet": 1,
    }


def test_codec() -> None:
    """Each call says which codec was agreed on; null where it had no media."""
    for call, codec in ((samples.caller(), "PCMU"), (replace(samples.caller(), codec=None), None)):
        assert document(samples.run(call))["flows"][0]["calls"][0]["codec"] == codec


def test_expectations() -> None:
    """Every expectation has its latency and its place; a failed one what was expected and heard."""
    caller = document(samples.FAILED)["flows"][1]["calls"][0]
    first, _, last = caller["expectations"]
    assert first["latency"] == 1.7
    assert first["place"] == {"file": samples.FILE, "line": 14, "column": 7}
    assert (last["ok"], last["latency"], last["label"]) == (False, None, "pin")
    assert last["expected"] == "a tone of 1000 Hz within 5 s"
    assert last["heard"].startswith("speech")
    assert caller["problems"][0]["place"]["line"] == 23


def test_steps() -> None:
    """Steps are in the order in which they were given, with their fields."""
    steps = document(samples.PASSED)["flows"][1]["calls"][0]["steps"]
    assert [step["step"] for step in steps][:3] == ["expect_silence", "expect_tone", "send_dtmf"]
    assert steps[1]["fields"] == {"hz": 1000.0}
    assert steps[-1]["cancelled"] is True


def test_odd_values() -> None:
    """What JSON cannot hold becomes null or text, so every reader can read the file."""
    call = samples.caller()
    odd = replace(call.steps[0], fields={"a": float("nan"), "b": samples, "c": (1, 2)})
    text = to_json(samples.run(replace(call, steps=(odd,))))
    fields = json.loads(text, parse_constant=lambda name: 1 / 0)["flows"][0]["calls"][0]["steps"][0]["fields"]
    assert fields["a"] is None
    assert fields["c"] == [1, 2]
