"""What a run found, as plain data: frozen, picklable, known to reports and to nobody's engine.

Times named `at`, `started`, `ended` are seconds since the call was answered (or, in events, since
the run began: `t`). `path` is the address of a step, the same in logs, results, errors and the
page: `on.answered/2/then/0`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Verdict(Enum):
    """How a call, a flow or a run came out. `ABORTED`: cut off because another bot failed."""

    PASSED = "passed"
    FAILED = "failed"
    FAULT = "fault"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step is written. Lines and columns count from 1; `text` is the source line."""

    file: str
    line: int
    column: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One failure or fault, in the words that people read.

    For an expectation: which step, which line of which file, what was expected, what was heard and when.
    """

    message: str
    kind: str = "failure"  # failure | fault
    path: str | None = None
    step: str | None = None
    label: str | None = None
    place: Place | None = None
    expected: str | None = None
    heard: str | None = None
    at: float | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step that ran: its fields are those that `save_as` gives, in `fields`."""

    path: str
    step: str
    ok: bool
    started: float
    ended: float
    place: Place | None = None
    label: str | None = None
    summary: str = ""  # the step in a few words: "expect_tone 440"
    latency: float | None = None
    is_expectation: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    cancelled: bool = False  # cut short: a race lost, a handler cancelled, the call over


@dataclass(frozen=True, slots=True)
class RtpFigures:
    """Packets of one call's media; `jitter` and `rtt` in seconds (RFC 3550 section 6.4.1)."""

    sent: int = 0
    received: int = 0
    lost: int = 0
    jitter: float = 0.0
    rtt: float | None = None


@dataclass(frozen=True, slots=True)
class Recordings:
    """Paths of the WAVs of one call, relative to the output folder."""

    rx: str | None = None
    tx: str | None = None
    both: str | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call of one bot."""

    id: str
    bot: str
    flow: str
    file: str
    direction: str  # dial | answer
    remote: str
    verdict: Verdict
    started_at: float  # wallclock, seconds since 1970
    setup: float | None  # seconds from invite to answer
    duration: float | None  # seconds since answered
    cause: str | None
    code: int | None
    sip_code: int | None
    steps: tuple[StepResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    rtp: RtpFigures = RtpFigures()
    recordings: Recordings = Recordings()
    events: str | None = None  # path of events.jsonl, relative to the output folder
    aborted_by: str | None = None
    codec: str | None = None  # the one agreed on; None: the call had no media


@dataclass(frozen=True, slots=True)
class FlowResult:
    """One bot of the run: its calls, and what was wrong with it beside them (no call came, say)."""

    bot: str
    flow: str
    file: str
    verdict: Verdict
    calls: tuple[CallResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PacerHealth:
    """How well the 20 ms beat was kept. Late: over 5 ms; lost: over 20 ms. Seconds."""

    beats: int = 0
    late: int = 0
    lost: int = 0
    lateness_p99: float = 0.0
    kernel_times: bool = True  # False: arrival times are those of draining
    errors: int = 0  # what was raised on the beat: mistakes in this program


@dataclass(frozen=True, slots=True)
class RunResult:
    """Everything about one run; `status` is the exit status (0, 1, 2)."""

    verdict: Verdict
    started_at: float
    took: float
    flows: tuple[FlowResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    pacer: PacerHealth = PacerHealth()
    out: str | None = None
    seed: int | None = None
    """What made everything that was drawn: `--seed` draws it again."""

    @property
    def status(self) -> int:
        return {Verdict.PASSED: 0, Verdict.FAILED: 1, Verdict.ABORTED: 1, Verdict.FAULT: 2}[self.verdict]
