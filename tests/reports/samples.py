"""Results as the runner would give them, for the tests of the reports."""

from __future__ import annotations

from dataclasses import replace

from botkit.results import (
    CallResult,
    FlowResult,
    PacerHealth,
    Place,
    Problem,
    Recordings,
    RtpFigures,
    RunResult,
    StepResult,
    Verdict,
)

STARTED = 1_769_860_800.0  # 2026-01-31T12:00:00Z
FILE = "flows/clinic_caller.yaml"


def place(line: int, text: str, column: int = 7, file: str = FILE) -> Place:
    """A place in the caller's flow."""
    return Place(file, line, column, text)


UNMET = Problem(
    message="expected a tone of 1000 Hz within 5 s; heard speech, and no tone",
    path="on.answered/4",
    step="expect_tone",
    label="pin",
    place=place(23, "    - expect_tone: {hz: 1000, within: 5s}"),
    expected="a tone of 1000 Hz within 5 s",
    heard="speech from 6.91 s to 8.80 s, and no tone",
    at=11.84,
)
REFUSED = Problem(
    message="login refused: authentication required <code -32001>",
    kind="fault",
    step="login",
    hint="set TELNYX_PASSWORD and try again",
)


def step(path: str, name: str, started: float, ended: float, **more: object) -> StepResult:
    """A step that went well, unless said otherwise."""
    return replace(StepResult(path=path, step=name, ok=True, started=started, ended=ended, summary=name), **more)  # type: ignore[arg-type]


def caller(*, met: bool = True) -> CallResult:
    """The caller's call, whose third expectation is met or not."""
    last = (
        step(
            "on.answered/4",
            "expect_tone",
            6.9,
            9.4,
            is_expectation=True,
            latency=1.92,
            fields={"hz": 1000.0},
            label="pin",
        )
        if met
        else step("on.answered/4", "expect_tone", 6.9, 11.84, is_expectation=True, ok=False, problem=UNMET, label="pin")
    )
    steps = (
        step(
            "on.answered/0",
            "expect_silence",
            0.0,
            2.4,
            is_expectation=True,
            latency=1.7,
            summary="expect_silence for 700ms",
            place=place(14, "    - expect_silence: 700ms"),
        ),
        step("on.answered/1", "expect_tone", 2.4, 6.1, is_expectation=True, latency=0.34, fields={"hz": 1000.0}),
        step("on.answered/2", "send_dtmf", 6.1, 6.6, summary="send_dtmf 1", place=place(20, "    - send_dtmf: 1")),
        step("on.dtmf/0", "log", 6.4, 6.4, summary="log <b>the other side sent 5</b>"),
        step("on.answered/3", "record", 6.6, 9.0, fields={"path": "calls/a/x.wav", "duration": 2.4}),
        replace(last, summary="expect_tone 1000", place=UNMET.place),
        step("on.answered/5", "wait", 9.4, 9.9, cancelled=True, ok=False),
    )
    return CallResult(
        id="caller-1",
        bot="caller",
        flow="Clinic caller",
        file=FILE,
        direction="dial",
        remote="+18005550100",
        verdict=Verdict.PASSED if met else Verdict.FAILED,
        started_at=STARTED + 0.4,
        setup=0.187,
        duration=12.0,
        cause="NORMAL_CLEARING",
        code=16,
        sip_code=200,
        steps=steps,
        problems=() if met else (UNMET,),
        rtp=RtpFigures(sent=600, received=598, lost=2, jitter=0.0004, rtt=0.001),
        recordings=Recordings("calls/caller-1/rx.wav", "calls/caller-1/tx.wav", "calls/caller-1/both.wav"),
        events="calls/caller-1/events.jsonl",
        codec="PCMU",
    )


def ivr(verdict: Verdict = Verdict.PASSED) -> CallResult:
    """The other side of it."""
    return replace(
        caller(),
        id="ivr-1",
        bot="ivr",
        flow="Clinic IVR",
        file="flows/clinic_ivr.yaml",
        direction="answer",
        remote="+15551110000",
        verdict=verdict,
        setup=None,
        aborted_by="caller" if verdict is Verdict.ABORTED else None,
        steps=(
            step("on.answered/0", "play", 0.05, 1.75, summary="play welcome.wav"),
            step(
                "on.answered/1",
                "gather",
                1.8,
                6.5,
                fields={"digits": "1", "reason": "complete"},
                summary="gather 1 digit",
            ),
            step("on.answered/2/else/0", "play", 6.5, 8.6, summary="play enter_pin.wav"),
        ),
    )


def run(*calls: CallResult, problems: tuple[Problem, ...] = (), verdict: Verdict | None = None) -> RunResult:
    """A run of one flow a call."""
    worst = max((call.verdict for call in calls), key=list(Verdict).index, default=Verdict.PASSED)
    flows = tuple(FlowResult(c.bot, c.flow, c.file, c.verdict, (c,)) for c in calls)
    return RunResult(
        verdict=verdict or (Verdict.FAULT if problems else worst),
        started_at=STARTED,
        took=14.2,
        flows=flows,
        problems=problems,
        pacer=PacerHealth(beats=700, late=1, lost=0, lateness_p99=0.0021),
    )


PASSED = run(ivr(), caller())
FAILED = run(ivr(Verdict.ABORTED), caller(met=False), verdict=Verdict.FAILED)
FAULT = run(problems=(REFUSED,))
