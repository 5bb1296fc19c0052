"""One bot of a run: a flow, its client, and its calls with their results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from botkit import events
from botkit.client.call import Call
from botkit.client.client import Client
from botkit.client.devices import sink_of
from botkit.clock import to_the_end
from botkit.errors import Fault
from botkit.flow.document import Flow
from botkit.flow.runtime import FlowRun, Inputs
from botkit.flow.trace import EventSeen, Logged, Mask, Record, StepDone, StepStarted
from botkit.media.device import SinkName
from botkit.media.live import LiveDevice
from botkit.media.reference import Reference
from botkit.media.source import Source
from botkit.media.spool import Spool
from botkit.reports.words import problem_line
from botkit.results import CallResult, FlowResult, Problem, Recordings, Verdict
from botkit.runner.journal import Journal
from botkit.runner.limits import Limits
from botkit.runner.options import Notice
from botkit.runner.recordings import cut
from botkit.settings import Account
from botkit.unforeseen import problem_of

WORST = (Verdict.FAULT, Verdict.FAILED, Verdict.ABORTED, Verdict.PASSED)


@dataclass(slots=True)
class RunContext:
    """What all bots of a run share."""

    out: Path
    began: float
    now: Callable[[], float]
    wall: Callable[[], float]
    spool: Spool
    limits: Limits
    progress: Callable[[Notice], None]
    readable: Callable[[Path], Path]
    may_dial: Callable[[str, Account], None]
    running: dict[FlowRun, tuple[Bot, Call]] = field(default_factory=dict)
    turned_away: dict[str, Bot] = field(default_factory=dict)
    """Who had no room for a call, by the session of the call."""
    uncut: list[Call] = field(default_factory=list)
    """Calls whose recording is in the spool only."""

    def t(self) -> float:
        """Seconds since the run began."""
        return self.now() - self.began

    def failed(self, run: FlowRun) -> None:
        """A flow was cut short by its own failure: cut off whoever is on the other end of its call."""
        bot, call = self.running[run]
        for other, (_, far) in list(self.running.items()):
            if other is not run and far.session_id is not None and far.session_id == call.session_id:
                other.abort(f"{bot.name}'s failure: {_reason(run)}")


def _reason(run: FlowRun) -> str:
    problems = run.outcome.problems
    return problem_line(problems[0]) if problems else "for no known reason"


class Bot:
    """A flow in a run. `name` is unique in it. Its calls listen for `prompts`; `audio_in` and `audio_out` are their
    devices."""

    def __init__(
        self,
        name: str,
        flow: Flow,
        inputs: Inputs,
        context: RunContext,
        client: Client,
        *,
        prompts: tuple[Reference, ...] = (),
        audio_in: Source | LiveDevice | None = None,
        audio_out: SinkName | LiveDevice | None = None,
    ) -> None:
        self.name = name
        self.flow = flow
        self.client = client
        self.problems: list[Problem] = []
        self.calls: list[CallResult] = []
        self.active = 0
        self.came = 0
        self.quiet = asyncio.Event()
        """No call is under way."""
        self.quiet.set()
        self.enough = asyncio.Event()
        """As many calls came and ended as must come."""
        self._prompts = prompts
        self._audio_in = audio_in
        self._audio_out = audio_out
        self._inputs = inputs
        self._mask = Mask(inputs.secrets)
        self._context = context

    # --- answering -----------------------------------------------------------------------------------

    def admit(self) -> bool:
        """Keep room for one more call, which `take` gives back; False where there is none: the caller hears busy."""
        if self.flow.at_most is not None and self.active >= self.flow.at_most:
            return False
        self._enter()
        return True

    async def take(self, call: Call) -> None:
        """Run the flow on a call that came in and was admitted."""
        try:
            await self._run(call)
        except Fault as fault:
            self.blame(fault)
        finally:
            self._leave()
        if self.flow.calls is not None and len(self.calls) >= self.flow.calls[0] and not self.active:
            self.enough.set()

    def judge_calls(self) -> None:
        """After the run: did as many calls come as should have?"""
        wanted = self.flow.calls
        if wanted is None or self.flow.dials:
            return
        least, most = wanted
        if self.came < least or (most is not None and self.came > most):
            expected = f"{least} calls" if least == most else f"{least}..{'' if most is None else most} calls"
            self.problems.append(
                Problem(
                    f"expected {expected}, {self.came} came",
                    place=self.flow.place,
                    expected=expected,
                    heard=f"{self.came} calls",
                )
            )

    # --- dialling ------------------------------------------------------------------------------------

    async def place_call(self) -> None:
        """Dial once and run the flow on it."""
        flow, context = self.flow, self._context
        assert flow.dial is not None
        async with context.limits.admitted():
            context.progress(Notice(context.t(), "calling", bot=self.name, text=self._mask.text(flow.dial)))
            call = await self.client.dial(
                flow.dial,
                caller_id=flow.caller_id or "",
                headers=tuple(flow.headers.items()),
                codecs=flow.codecs,
            )
            self._enter()
            try:
                await self._run(call)
            finally:
                self._leave()

    # --- a call --------------------------------------------------------------------------------------

    def _enter(self) -> None:
        self.active += 1
        self.quiet.clear()

    def _leave(self) -> None:
        self.active -= 1
        if not self.active:
            self.quiet.set()

    async def _run(self, call: Call) -> None:
        context = self._context
        self.came += 1
        name = f"{self.name}-{self.came}"
        folder = context.out / "calls" / name
        journal = Journal(folder / "events.jsonl")
        call.may_read = context.readable
        call.listen_for(self._prompts)
        call.audio_in = self._audio_in
        call.audio_out = sink_of(self._audio_out, self.came)
        call.may_dial = lambda number: context.may_dial(number, self.client.account)
        started_at = context.wall()
        journal.write(
            context.t(),
            "call",
            call=call.id,
            bot=self.name,
            flow=self._mask.text(self.flow.name),
            direction=call.direction,
            remote=self._mask.text(call.remote),
        )
        run: FlowRun | None = None
        try:
            inputs = Inputs(
                vars=self._inputs.vars,
                env=self._inputs.env,
                bot={**self._inputs.bot, "name": self.name, "call": self.came},
                matrix=self._inputs.matrix,
                seed=f"{self._inputs.seed}:{self.name}:{self.came}",
                out=folder,
                signals=self._inputs.signals,
                trace=self._tracer(journal, name),
                secrets=self._inputs.secrets,
            )
            unsubscribe = call.listen(self._watcher(name, call))
            run = FlowRun(self.flow, call, inputs)
            run.on_failed = lambda: context.failed(run) if run is not None else None
            context.running[run] = (self, call)
            try:
                await run.run()
            finally:
                unsubscribe()
        finally:
            context.limits.ended(call)
            if run is not None:
                context.running.pop(run, None)
            await to_the_end(self._finish(call, run, journal, name, folder, started_at))

    async def _finish(
        self, call: Call, run: FlowRun | None, journal: Journal, name: str, folder: Path, started_at: float
    ) -> None:
        """Close the call, cut its recordings, keep its result."""
        context = self._context
        recordings = Recordings()
        problems: list[Problem] = []
        try:
            await call.close()
        except Exception as error:  # its sink: a WAV that could not be written
            problems.append(problem_of(error, context.out))
        self._tell_devices(call, journal, name)
        try:
            recordings = await cut(context.spool, call, context.out, folder)
        except (OSError, ValueError, Fault) as error:
            said = error.args[0] if isinstance(error, Fault) else error
            context.uncut.append(call)
            problems.append(Problem(f"the recording could not be cut: {said}", kind="fault"))
        if call.fault is not None:
            problems.append(problem_of(call.fault, context.out))
        result = self._result(call, run, name, started_at, recordings, problems, events_path=journal.path)
        journal.write(context.t(), "verdict", verdict=result.verdict.value, cause=result.cause, code=result.code)
        journal.close()
        self.calls.append(result)
        context.progress(Notice(context.t(), "done", bot=self.name, call=name, result=result))

    def _tell_devices(self, call: Call, journal: Journal, name: str) -> None:
        """What went through the pipes, programs and sound cards of a call that is over."""
        context = self._context
        for figures in call.device_figures:
            journal.write(context.t(), "audio", **asdict(figures))
            context.progress(Notice(context.t(), "audio", self.name, name, str(figures)))

    def _result(
        self,
        call: Call,
        run: FlowRun | None,
        name: str,
        started_at: float,
        recordings: Recordings,
        problems: list[Problem],
        *,
        events_path: Path,
    ) -> CallResult:
        outcome = run.outcome if run is not None else None
        stopped = run is not None and not run.is_over
        faulty = any(problem.kind == "fault" for problem in problems)
        verdict = outcome.verdict if outcome is not None else Verdict.FAULT
        if stopped:
            verdict = Verdict.ABORTED
        if faulty:
            verdict = Verdict.FAULT
        return CallResult(
            id=name,
            bot=self.name,
            flow=self._mask.text(self.flow.name),
            file=self.flow.file,
            direction=call.direction,
            remote=self._mask.text(call.remote),
            verdict=verdict,
            started_at=started_at,
            setup=call.setup,
            duration=call.duration,
            cause=call.end.cause if call.end else None,
            code=call.end.code if call.end else None,
            sip_code=call.end.sip_code if call.end else None,
            steps=outcome.steps if outcome else (),
            problems=tuple(
                self._explained(problem, call) for problem in (*(outcome.problems if outcome else ()), *problems)
            ),
            rtp=call.figures,
            recordings=recordings,
            events=events_path.relative_to(self._context.out).as_posix(),
            codec=call.facts()["codec"],
            aborted_by="the stop of the run" if stopped else outcome.aborted_by if outcome else None,
        )

    def _explained(self, problem: Problem, call: Call) -> Problem:
        """A call to a number that nobody has, on our own exchange, or to a bot that had no room: say why."""
        if problem.path != "expect_call" or problem.hint is not None or call.end is None:
            return problem
        full = self._context.turned_away.get(call.session_id or "")
        if call.end.cause == "UNALLOCATED_NUMBER" and self.client.account.is_embedded:
            return replace(
                problem, hint=f"no flow of this run answers {self._mask.text(call.remote)!r}: name one that does"
            )
        if call.end.cause == "USER_BUSY" and full is not None:
            file, most = Path(full.flow.file).name, full.flow.at_most
            return replace(
                problem,
                hint=f"{file} was full: it says `at_most: {most}`; raise it, dial later, or say `expect_call: busy`",
            )
        return problem

    def _tracer(self, journal: Journal, name: str) -> Callable[[Record], None]:
        context = self._context

        def trace(record: Record) -> None:
            t = context.t()
            journal.record(t, record)
            match record:
                case StepStarted():
                    notice = Notice(t, "step", self.name, name, record.summary or record.step, record.label)
                # a step that holds the one that failed fails with it: told once is enough
                case StepDone(result=result) if result.problem is not None and result.problem.path == result.path:
                    notice = Notice(t, "failed", self.name, name, problem_line(result.problem), result.label)
                case Logged():
                    notice = Notice(t, "log", self.name, name, record.text)
                case EventSeen() | StepDone():
                    return
            context.progress(notice)

        return trace

    def _watcher(self, name: str, call: Call) -> Callable[[events.CallEvent], None]:
        context = self._context

        def watch(event: events.CallEvent) -> None:
            match event:
                case events.Ringing():
                    context.progress(Notice(context.t(), "ringing", self.name, name, self._mask.text(call.remote)))
                case events.Answered():
                    context.limits.answered(call)
                    context.progress(Notice(context.t(), "answered", self.name, name, self._mask.text(call.remote)))
                case events.Ended():
                    context.limits.ended(call)
                    context.progress(Notice(context.t(), "ended", self.name, name, event.cause))

        return watch

    def result(self) -> FlowResult:
        """What became of this bot."""
        verdicts = [call.verdict for call in self.calls]
        if self.problems:
            fault = any(problem.kind == "fault" for problem in self.problems)
            verdicts.append(Verdict.FAULT if fault else Verdict.FAILED)
        return FlowResult(
            bot=self.name,
            flow=self._mask.text(self.flow.name),
            file=self.flow.file,
            verdict=worst(verdicts),
            calls=tuple(sorted(self.calls, key=lambda call: int(call.id.rpartition("-")[2]))),  # as they came
            problems=tuple(self.problems),
            tags=tuple(map(self._mask.text, self.flow.tags)),
        )

    def blame(self, fault: Fault) -> None:
        """A fault that is nobody's call."""
        self.problems.append(Problem(str(fault.args[0]), kind="fault", place=self.flow.place, hint=fault.hint))


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict that counts; PASSED for none."""
    return min(verdicts, key=WORST.index, default=Verdict.PASSED)


__all__ = ["Bot", "RunContext", "worst"]
