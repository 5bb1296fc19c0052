"""What people see: plain lines or a live table while a run goes on, and a summary when it is over.

Lines go to whatever `write` is (standard error while `--json` owns standard output). The live table
has no thread of its own: it is drawn when something happens, at most a few times a second, since
the same process keeps a 20 ms beat.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botkit.reports import words
from botkit.results import CallResult, Problem, RunResult, Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

SHOWN_CALLS = 20
"""Rows of the live table; the rest is counted below it."""


NARROW = 60
"""Columns of a terminal below which the table leaves out with whom a call is."""

KEPT = ("exchange", "waits", "login", "lost", "log", "failed", "done")
"""Kinds of notices that stay above the live table."""


class Shown(Protocol):
    """The shape of `botkit.runner.options.Notice`, which says what each field means."""

    @property
    def t(self) -> float: ...
    @property
    def kind(self) -> str: ...
    @property
    def bot(self) -> str: ...
    @property
    def call(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def label(self) -> str | None: ...
    @property
    def result(self) -> CallResult | None: ...


class PlainProgress:
    """One line for each thing that happens. `verbose` tells every step, else calls and failures only."""

    def __init__(self, write: Callable[[str], None], *, verbose: bool = False) -> None:
        self._write = write
        self._verbose = verbose

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, notice: Shown) -> None:
        """Tell one notice."""
        if (line := progress_line(notice, verbose=self._verbose)) is not None:
            self._write(line)

    def tick(self) -> None:
        """A second has passed, which is worth no line."""


def progress_line(notice: Shown, *, verbose: bool = False) -> str | None:
    """A notice as one line, or None where it is not worth one."""
    kind, text = notice.kind, words.one_line(notice.text)
    if kind == "step" and not verbose:
        return None
    if kind == "done":
        return None if notice.result is None else f"{notice.t:7.2f}  {call_line(notice.result)}"
    said = {
        "exchange": f"exchange at {text}" if "://" in text else f"exchange {text}",
        "ready": "ready",
        "calling": f"calling {text}",
        "step": f"· {notice.label + ': ' if notice.label else ''}{text}",
        "log": f"“{text}”",
        "failed": f"✘ {text}",
        "ended": f"ended: {text}",
        "login": f"to call, log in as {text}",
        "lost": f"lost its connection ({text}), and tries again",
    }.get(kind, f"{kind} {text}".strip())
    return f"{notice.t:7.2f}  {notice.bot}{' ' if notice.bot else ''}{said}"


@dataclass(slots=True)
class _Row:
    bot: str
    text: str
    state: str = "calling"
    step: str = ""
    since: float = 0.0


class LiveProgress:
    """A table of the calls that are up, above it the lines worth keeping."""

    def __init__(self, console: Console, now: Callable[[], float], *, every: float = 0.25) -> None:
        from rich.live import Live

        self._console = console
        self._now = now
        self._every = every
        self._drawn = float("-inf")
        self._rows: dict[str, _Row] = {}
        self._done: dict[Verdict, int] = {}
        self._live: Live = Live(console=console, auto_refresh=False, transient=True)
        self._is_gone = False
        self._began = now()  # of the notices' time, or a little before it

    def __enter__(self) -> LiveProgress:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        with self._seen():
            self._live.__exit__(None, None, None)

    @contextlib.contextmanager
    def _seen(self) -> Iterator[None]:
        """A terminal that was closed, or cannot be written to, is nobody's fault: the calls go on without it."""
        try:
            yield
        except OSError:
            self._is_gone = True

    def show(self, notice: Shown) -> None:
        """Take one notice; draw, if the last time was long enough ago."""
        self._began = self._now() - notice.t
        if self._is_gone:
            return
        with self._seen():
            self._take(notice)
            if self._now() - self._drawn >= self._every or notice.kind == "done":
                self._drawn = self._now()
                self._live.update(self.table(notice.t), refresh=True)

    def tick(self) -> None:
        """A second has passed: draw what is up, so that nobody takes a long wait for a hanging."""
        if self._is_gone or self._now() - self._drawn < self._every:
            return
        with self._seen():
            self._drawn = self._now()
            self._live.update(self.table(self._now() - self._began), refresh=True)

    def _take(self, notice: Shown) -> None:
        if notice.kind in KEPT:
            line = progress_line(notice)
            # markup=False: what the other party says is no markup of ours
            self._live.console.print(
                line, markup=False, highlight=False, style="red" if notice.kind == "failed" else None
            )
        if notice.kind == "done" and notice.result is not None:
            self._rows.pop(notice.call, None)
            self._done[notice.result.verdict] = self._done.get(notice.result.verdict, 0) + 1
        elif notice.call:
            row = self._rows.setdefault(notice.call, _Row(notice.bot, notice.text, since=notice.t))
            if notice.kind == "step":
                row.step = notice.label or notice.text
            elif notice.kind in ("calling", "ringing", "answered", "ended"):
                row.state = notice.kind

    def table(self, t: float) -> Table:
        """The table as it stands, `t` seconds into the run."""
        from rich.table import Table
        from rich.text import Text

        done = ", ".join(f"{count} {verdict.value}" for verdict, count in self._done.items())
        wide = self._console.width >= NARROW
        table = Table(box=None, padding=(0, 2 if wide else 1, 0, 0), caption_justify="left")
        table.show_header = bool(self._rows)
        shown = list(self._rows.values())[:SHOWN_CALLS]
        columns = {
            "bot": [row.bot for row in shown],
            "with": [row.text for row in shown],
            "state": [row.state for row in shown],
            "for": [f"{t - row.since:.1f} s" for row in shown],
            "step": [row.step for row in shown],
        }
        if not wide:
            del columns["with"]
        for name, cells in columns.items():
            # what is short is shown whole; where there is no room, names and steps are cut
            whole = max(map(len, (name, *cells))) if name in ("state", "for") else None
            table.add_column(name, no_wrap=True, header_style="dim", min_width=whole)
        for row_cells in zip(*columns.values(), strict=True):
            table.add_row(*(Text(cell) for cell in row_cells))
        more = len(self._rows) - SHOWN_CALLS
        parts = [f"{t:.0f} s", done, f"and {more} more calls" if more > 0 else ""]
        table.caption = Text(" · ".join(part for part in parts if part))
        return table


# --- when it is over ------------------------------------------------------------------------------


def summary(result: RunResult, *, calls: bool = True) -> Iterator[str]:
    """The summary as lines: every call (unless the progress told them already), every problem, the verdict."""
    for flow in result.flows:
        for call in flow.calls if calls else ():
            yield call_line(call)
        if not flow.calls:
            # a bot to whom nobody came has passed nothing
            icon = "–" if flow.verdict is Verdict.PASSED else words.ICONS[flow.verdict]
            yield f"{icon} {flow.bot}: no call"
    problems = list(words.problems_of(result))
    if problems:
        yield ""
    for bot, _, problem in problems:
        yield from problem_lines(bot, problem)
    for warning in words.pacer_warnings(result):
        yield f"mind: {warning}"
    yield ""
    yield verdict_line(result)


def call_line(call: CallResult) -> str:
    """`✔ caller → +18005550100: passed, 12.0 s, 4 expectations met`."""
    judged = [step.ok for step in words.expectations(call)]
    parts = [call.verdict.value]
    if call.duration is not None:
        parts.append(words.seconds(call.duration, 1))
    if judged:
        unmet = len(judged) - sum(judged)
        parts.append(
            f"{sum(judged)} of {_many(len(judged), 'expectation')} met"
            if unmet
            else _many(sum(judged), "expectation") + " met"
        )
    if call.cause and call.cause != "NORMAL_CLEARING":
        parts.append(call.cause)
    if call.aborted_by:
        parts.append(f"because of {call.aborted_by.split(': ')[0]}")  # the rest is told where it happened
    arrow = "→" if call.direction == "dial" else "←"
    return words.one_line(f"{words.ICONS[call.verdict]} {call.bot} {arrow} {call.remote}: {', '.join(parts)}")


def problem_lines(bot: str, problem: Problem) -> Iterator[str]:
    """ONE line that says it all; below it the line of YAML with its caret, and the hint."""
    head = "FAULT" if problem.kind == "fault" else "FAILED"
    yield " ".join(part for part in (head, bot, words.problem_line(problem)) if part)
    if (drawn := words.caret(problem.place)) and problem.place:
        number = f"{problem.place.line:>6} | "
        yield number + drawn[0]
        yield " " * (len(number) - 2) + "| " + drawn[1]
    if problem.hint:
        yield f"  hint: {words.one_line(problem.hint)}"


def verdict_line(result: RunResult) -> str:
    """The last line: `passed: 2 calls, 5 expectations met, in 14.2 s`."""
    count = words.counts(result)
    parts = [_many(count.calls, "call")]
    if count.failed or count.faults or count.aborted:
        told = (
            (count.passed, "passed"),
            (count.failed, "failed"),
            (count.faults, "broken"),
            (count.aborted, "cut off"),
        )
        parts[0] += f" ({', '.join(f'{number} {word}' for number, word in told if number)})"
    if count.met or count.unmet:
        all_ = _many(count.met + count.unmet, "expectation")
        parts.append(f"{count.met} of {all_} met" if count.unmet else f"{all_} met")
    return f"{result.verdict.value}: {', '.join(parts)}, in {words.seconds(result.took, 1)}"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
