"""What people see while a run goes on and when it is over."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from botkit.reports.console import LiveProgress, PlainProgress, progress_line, summary
from botkit.results import FlowResult, RunResult, Verdict
from botkit.runner.options import NOTICE_KINDS, Notice
from tests.reports import samples


def test_failure_is_one_line() -> None:
    """The summary tells a failure in one line that says it all, then shows the YAML."""
    lines = list(summary(samples.FAILED))
    at = next(i for i, line in enumerate(lines) if line.startswith("FAILED"))
    assert lines[at].startswith(
        "FAILED caller flows/clinic_caller.yaml:23: expect_tone 'pin' (on.answered/4): expected"
    )
    assert lines[at + 1 : at + 3] == ["    23 |     - expect_tone: {hz: 1000, within: 5s}", "       |       ^"]
    assert lines[-1] == "failed: 2 calls (1 failed, 1 cut off), 2 of 3 expectations met, in 14.2 s"


def test_passed_summary() -> None:
    """A passed run is a line a call and the verdict."""
    assert list(summary(samples.PASSED)) == [
        "✔ ivr ← +15551110000: passed, 12.0 s",
        "✔ caller → +18005550100: passed, 12.0 s, 3 expectations met",
        "",
        "passed: 2 calls, 3 expectations met, in 14.2 s",
    ]


def test_a_bot_without_a_call() -> None:
    """A bot that had no call is told, too."""
    result = RunResult(Verdict.FAILED, 0, 1.0, (FlowResult("ivr", "f", "f", Verdict.FAILED),))
    assert "✘ ivr: no call" in list(summary(result))
    idle = RunResult(Verdict.PASSED, 0, 1.0, (FlowResult("ivr", "f", "f", Verdict.PASSED),))
    assert "– ivr: no call" in list(summary(idle))


def test_causes_other_than_normal_are_told() -> None:
    """A busy line shows its cause."""
    assert "USER_BUSY" in next(summary(samples.run(replace(samples.caller(), cause="USER_BUSY"))))


def test_plain_lines() -> None:
    """Each notice is one line with its time; steps only when verbose."""
    assert (
        progress_line(Notice(1.5, "calling", "caller", "c1", "+18005550100")) == "   1.50  caller calling +18005550100"
    )
    step = Notice(2.0, "step", "caller", "c1", "expect_tone 440", label="pin")
    assert progress_line(step) is None
    assert progress_line(step, verbose=True) == "   2.00  caller · pin: expect_tone 440"
    done = Notice(12.0, "done", "caller", "c1", result=samples.caller())
    assert progress_line(done) == "  12.00  ✔ caller → +18005550100: passed, 12.0 s, 3 expectations met"
    for kind in NOTICE_KINDS:
        line = progress_line(Notice(1.0, kind, "b", "c", "two\nlines"), verbose=True)
        assert line is None or "\n" not in line


def test_plain_progress() -> None:
    """Lines go where they are told to."""
    written: list[str] = []
    with PlainProgress(written.append) as progress:
        progress.show(Notice(0.1, "exchange", text="ws://127.0.0.1:8080"))
        progress.show(Notice(0.2, "step", "b", "c", "play"))
    assert written == ["   0.10  exchange at ws://127.0.0.1:8080"]


def test_live_table() -> None:
    """The table has a row for each call that is up, keeps what is worth keeping, and reads no markup."""
    time = 0.0
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    with LiveProgress(console, lambda: time) as progress:
        progress.show(Notice(0.0, "calling", "caller", "c1", "+1800"))
        for n in range(30):
            progress.show(Notice(0.1, "calling", "crowd", f"x{n}", "+1800"))
        progress.show(Notice(0.2, "log", "caller", "c1", "[red]hi[/]"))
        progress.show(Notice(0.3, "step", "caller", "c1", "expect_tone 440"))
        table = progress.table(1.0)
        assert table.row_count == 20
        assert "and 11 more calls" in str(table.caption)
        progress.show(Notice(2.0, "done", "caller", "c1", result=samples.caller(met=False)))
        assert "1 failed" in str(progress.table(2.0).caption)
    assert "[red]hi[/]" in out.getvalue()


def test_live_table_is_drawn_rarely() -> None:
    """However many notices come, it is drawn a few times a second."""
    time = 0.0
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    with LiveProgress(console, lambda: time) as progress:
        progress.show(Notice(0.0, "calling", "caller", "c1", "+1800"))
        size = len(out.getvalue())
        for n in range(100):
            progress.show(Notice(0.001 * n, "step", "caller", "c1", f"step {n}"))
        assert len(out.getvalue()) == size


def test_summary_after_progress() -> None:
    """Calls that the progress told are not told again."""
    assert list(summary(samples.PASSED, calls=False)) == ["", "passed: 2 calls, 3 expectations met, in 14.2 s"]


def test_narrow_terminal() -> None:
    """On 40 columns the state and the seconds of a call are still whole; what is long is cut."""
    console = Console(file=io.StringIO(), force_terminal=True, width=40, color_system=None)
    with LiveProgress(console, lambda: 0.0) as progress:
        progress.show(Notice(0.0, "answered", "clinic_caller", "c1", "+18005550100"))
        progress.show(Notice(0.0, "step", "clinic_caller", "c1", "expect_prompt welcome.wav"))
        table = progress.table(123.4)
    with console.capture() as capture:
        console.print(table)
    head, row, _ = capture.get().splitlines()
    assert head.split() == ["bot", "state", "for", "step"]
    assert "answered 123.4 s" in row
    assert "…" in row


def test_seconds_pass_where_nothing_happens() -> None:
    """A tick draws the table anew with the time that has passed since the run began."""
    time = 100.0
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    with LiveProgress(console, lambda: time) as progress:
        progress.show(Notice(2.0, "calling", "caller", "c1", "+1800"))
        time = 107.0
        progress.tick()
        assert "9 s" in out.getvalue()
        assert "7.0 s" in out.getvalue()


def test_terminal_that_is_gone() -> None:
    """A terminal that was closed takes nothing with it: what is told next goes nowhere."""

    class Closed(io.StringIO):
        is_closed = False

        def write(self, text: str) -> int:
            if self.is_closed:
                raise OSError(5, "Input/output error")
            return super().write(text)

    out = Closed()
    with LiveProgress(Console(file=out, force_terminal=True, width=100), lambda: 0.0) as progress:
        progress.show(Notice(0.0, "exchange", text="ws://127.0.0.1:1"))
        out.is_closed = True
        progress.show(Notice(0.1, "log", "caller", "c1", "hello"))
        progress.tick()
    assert "hello" not in out.getvalue()
