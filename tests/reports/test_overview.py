"""What stands above the cards of many calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from botkit.reports.html_page import to_html
from botkit.reports.overview import FEW, call_rows, latency_rows, nearest_rank
from botkit.results import CallResult, RunResult, Verdict
from tests.reports import samples


def crowd(number: int) -> RunResult:
    """So many calls of one flow, the last of them failed; `pin` reacts after 0.1 s, 0.2 s and so on."""
    calls = []
    for n in range(1, number + 1):
        call = samples.caller(met=n < number)
        steps = tuple(replace(step, latency=n / 10) if step.label == "pin" and step.ok else step for step in call.steps)
        calls.append(replace(call, id=f"caller_{n}-1", bot=f"caller_{n}", steps=steps))
    return samples.run(*calls)


def placed(result: RunResult) -> list[tuple[str, CallResult]]:
    return [(f"call-{i}-0", call) for i, flow in enumerate(result.flows) for call in flow.calls]


def test_few_calls_need_no_tables() -> None:
    """Up to a few calls the cards say it all."""
    assert not call_rows(placed(crowd(FEW)))
    assert not latency_rows(crowd(FEW))
    assert len(call_rows(placed(crowd(FEW + 1)))) == FEW + 1


def test_a_row_for_each_call() -> None:
    """A row names the call, its verdict, how long it lasted, and what failed first."""
    rows = call_rows(placed(crowd(20)))
    assert (rows[0].name, rows[0].verdict, rows[0].duration, rows[0].failure) == ("caller_1-1", "passed", 12.0, "")
    assert rows[0].far == "to +18005550100"
    assert rows[-1].verdict == "failed"
    assert rows[-1].failure.startswith("flows/clinic_caller.yaml:23: expect_tone 'pin' (on.answered/4): expected")
    assert (rows[-1].recording, rows[-1].events) == ("calls/caller-1/both.wav", "calls/caller-1/events.jsonl")


def test_a_call_that_was_cut_off() -> None:
    """A call that another one's failure cut off says so where its own failure would stand."""
    call = replace(samples.caller(), verdict=Verdict.ABORTED, aborted_by="ivr's failure: too late")
    assert call_rows([("a", call)] * 9)[0].failure == "cut off because of ivr's failure: too late"


def test_latencies_by_step() -> None:
    """Each step that has latencies is a row with the figures over all calls of its flow, whichever bot made them."""
    rows = {row.step: row for row in latency_rows(crowd(21))}
    assert list(rows) == ["expect_silence for 700ms", "expect_tone", "pin"]
    pin = rows["pin"]
    assert (pin.flow, pin.n) == ("Clinic caller", 20)
    assert (pin.median, pin.p95, pin.longest) == (pytest.approx(1.05), pytest.approx(1.9), pytest.approx(2.0))
    assert rows["expect_tone"].n == 21


def test_flows_are_kept_apart() -> None:
    """A label that two flows share is a row for each of them."""
    result = crowd(4)
    others = [replace(call, flow="Other", file="other.yaml") for _, call in placed(crowd(4))]
    rows = [
        row for row in latency_rows(samples.run(*(call for _, call in placed(result)), *others)) if row.step == "pin"
    ]
    assert [(row.flow, row.n) for row in rows] == [("Clinic caller", 3), ("Other", 3)]


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (2, 2), (19, 19), (20, 19), (21, 20), (100, 95), (101, 96)])
def test_percentile(n: int, expected: int) -> None:
    """The 95th percentile is a value that was measured: the first that 95 of 100 do not exceed."""
    assert nearest_rank(list(range(n, 0, -1)), 0.95) == expected


def test_tables_stand_above_the_cards() -> None:
    """The page of many calls begins with both tables; each row leads to its card."""
    page = to_html(crowd(12))
    assert page.index("All 12 calls") < page.index(">Latencies<") < page.index("<section")
    for n in range(12):
        assert page.index(f'href="#call-{n}-0"') < page.index(f'id="call-{n}-0"')
    assert "Latencies<" not in to_html(crowd(2))
