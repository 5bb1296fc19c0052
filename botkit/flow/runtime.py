"""The runtime: one flow on one call.

Theory of operation. The events of the call start handlers; all handlers are tasks of one group, so
that nothing outlives the call and one failure ends the rest. A run goes through three stages:

1. *live*: events start handlers, until the call is over and every handler has come to its end, or
   something cuts the stage short: a failure, `fail` or `stop`, a fault, the time limit, `abort`.
   Cutting short cancels the handlers first, so that none of them sees the hang-up as its own failure;
2. *hanging up*, if the call is not over yet;
3. *ended*: the `ended` handler runs, last and always, on a call that is over.

A step that waits while the call ends is not cancelled: the call itself tells it, and what that means
differs from step to step (flow-language.md section 3). So handlers run on after the end, quickly,
because on a dead call every step returns at once; what would go round in circles there is stopped
(`Scope.goes_round_dead`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from botkit import log as logs
from botkit.errors import BotkitError, CallEnded, Fault
from botkit.events import Answered, CallEvent, DigitReceived, Ended, Incoming
from botkit.flow import problems
from botkit.flow.background import Background
from botkit.flow.begin import begin, secrets_of
from botkit.flow.control import FlowFaulted, FlowOver, Goto, HandlerOver, Return, StepFailed
from botkit.flow.document import Flow, Handler
from botkit.flow.execute import run_steps
from botkit.flow.facts import event_fields
from botkit.flow.handlers import Event, Handling
from botkit.flow.outcome import Outcome, call_outcome, unexpected_call, verdict_of
from botkit.flow.port import CallPort
from botkit.flow.scope import Inputs, Scope, Shared
from botkit.flow.trace import EventSeen, Logged
from botkit.results import Problem

__all__ = ["FlowRun", "Inputs", "Outcome", "Scope"]

HANG_UP_WITHIN = 10.0
"""Seconds for the other side to confirm our hang-up; the call is over for us either way."""

ENDED_WITHIN = 30.0
"""Seconds for the `ended` handler, which no call's length limits."""

TURNS = 10_000
"""Blocks that one handler may `goto` in turn."""

IN_CALL = ("dtmf", "speech_started", "speech_ended", "held", "resumed", "reconnecting", "reconnected", "dropped")

_log = logs.logger(__name__)


class _Cut(Exception):
    """The live stage is cut short; why is noted already."""


class FlowRun:
    """One flow on one call. Make it as soon as the call exists: from then on it misses no event."""

    def __init__(self, flow: Flow, call: CallPort, inputs: Inputs | None = None) -> None:
        """Raises `ConfigError` for variables that the flow does not declare, `ExpressionFault` for bad values."""
        self._flow, settled = begin(flow, inputs or Inputs())
        self._call = call
        self._shared = Shared(call, settled, secrets=flow.secrets, blocks=flow.blocks)
        self._shared.values.update(self._flow.vars)
        self._shared.background = self._background = Background(self._spawn_beside)
        for value in secrets_of(self._flow, self._flow.vars):
            self._shared.mask.add(value)
            self._shared.mask.awaits |= value is None or value == ""
        self._begun = call.clock.now()
        self._answered_at: float | None = None
        self._ended: Ended | None = None
        self._rang_out = False
        self._stopped = False
        self._answered_is_done = False
        self._aborted_by: str | None = None
        self._early: list[CallEvent] = []
        self._group: asyncio.TaskGroup | None = None
        self._handling: dict[str, Handling] = {}
        self._settled = asyncio.Event()
        self._up_or_over = asyncio.Event()
        self._cut_short = False
        self.on_failed: Callable[[], None] | None = None
        """Told when the flow is cut short by its own failure, before the call is hung up: the other end of
        the call is cut off by that, and its runner can say so."""
        self.is_over = False
        """`run` has come to its end: the outcome is final."""
        self._unsubscribe = call.listen(self._on_event)

    async def run(self) -> Outcome:
        """Run the flow to its end, hang up, and say how it came out.

        What goes wrong is in the outcome; nothing is raised. A cancelled caller loses the rest of the
        flow: the call is hung up, `ended` does not run, and `outcome` tells what there was until then.
        """
        try:
            if self._aborted_by is None:
                await self._live()
            await self._hang_up()
            self._judge_call()  # before `ended` looks at it: a call that did not come about is the first failure
            await self._run_ended()
        except asyncio.CancelledError:
            await self._hang_up()
            raise
        finally:
            self._unsubscribe()
        self.is_over = True
        return self.outcome

    def abort(self, reason: str) -> None:
        """Cut the flow off because of `reason` (the failure of another bot, say): no failure of its own.

        The handlers are cancelled, the call is hung up, `ended` runs. It is too late, and changes
        nothing, when the call is over and its handlers are done.
        """
        if self._aborted_by is not None or (self._settled.is_set() and not self._is_busy):
            return
        if self._group is not None:
            self._aborted_by = reason
            self._spawn(self._cut())
        elif not self._settled.is_set():
            self._aborted_by = reason  # before the run began

    @property
    def outcome(self) -> Outcome:
        """How it stands. Final once `run` has returned."""
        facts = self._call.facts()
        found = tuple(self._shared.problems)
        return Outcome(
            verdict=verdict_of(found, aborted=self._aborted_by is not None),
            problems=found,
            steps=tuple(self._shared.steps),
            call_outcome=self._call_outcome(),
            setup=None if self._answered_at is None else self._answered_at - self._begun,
            duration=None if self._answered_at is None else facts.get("duration"),
            cause=facts.get("cause"),
            code=facts.get("code"),
            sip_code=facts.get("sip_code"),
            aborted_by=self._aborted_by,
            vars=self._shared.mask.value(logs.plain(self._shared.values)),
        )

    # --- the live stage -------------------------------------------------------------------------

    async def _live(self) -> None:
        """Until the call is over and its handlers are done, or until it is cut short."""
        limit = self._flow.time_limit
        try:
            async with self._call.clock.timeout(limit):
                await self._group_of_handlers()
        except TimeoutError:
            self._cut_short = True
            rings = self._answered_at is None
            self._shared.note(problems.over_time(self._flow, self._shared.steps, limit, self._now(), rings=rings))

    async def _group_of_handlers(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for event, handler in self._flow.on.items():
                    if event != "ended":
                        self._handling[event] = Handling(handler, self._spawn, self._run_handler, self._look_if_idle)
                self._begin()
                await self._settled.wait()
                await self._hang_up()
                await self._background.finish()
        except* _Cut:
            self._cut_short = True
        finally:
            self._settled.set()
            self._group = None

    def _begin(self) -> None:
        """Take up the events that came before, and those that the state of the call stands for."""
        early, self._early = self._early, []
        call, names = self._call, {event.name for event in early}
        if not self._flow.dials and "incoming" not in names:
            self._on_event(self._incoming())
        if call.state.is_up and "answered" not in names:
            self._on_event(Answered(call.id))
        for event in early:
            self._on_event(event)
        if call.state.is_over and "ended" not in names:
            facts = call.facts()
            self._on_event(Ended(call.id, facts.get("cause") or "NORMAL_CLEARING", facts.get("code") or 16))
        if not self._flow.dials and "incoming" not in self._handling and not call.state.is_over:
            self._spawn(self._or_fault(self._answer()))
        if self._flow.dials and self._flow.ring_timeout is not None:
            self._spawn(self._or_fault(self._give_up_ringing(self._flow.ring_timeout)))

    def _incoming(self) -> Incoming:
        facts = self._call.facts()
        headers = facts.get("headers") or {}
        return Incoming(
            self._call.id,
            caller_number=str(facts.get("from") or ""),
            callee_number=str(facts.get("to") or ""),
            headers=tuple(headers.items()),
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """A task in the group; None, and nothing done, when the group is coming to its end."""
        if self._group is not None:
            with suppress(RuntimeError):
                return self._group.create_task(work)
        work.close()
        return None

    def _spawn_beside(self, work: Coroutine[Any, Any, None], scope: Scope) -> asyncio.Task[None] | None:
        """A task for what a step began in the background."""
        guarded = self._or_fault(work, scope)
        task = self._spawn(guarded)
        if task is None:
            work.close()
        return task

    async def _or_fault(self, work: Coroutine[Any, Any, None], scope: Scope | None = None) -> None:
        """Something that the runtime itself does, in the group, or that the step of `scope` began."""
        try:
            await work
        except CallEnded:
            pass
        except _Cut:
            raise
        except Exception as error:
            self._fault(error, scope=scope)
            raise _Cut from error

    async def _answer(self) -> None:
        if not self._call.state.is_up:
            await self._call.answer()

    async def _give_up_ringing(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with self._call.clock.timeout(seconds):
                await self._up_or_over.wait()
        if not self._up_or_over.is_set():
            self._rang_out = True
            await self._call.hangup("cancelled")

    async def _cut(self) -> None:
        raise _Cut

    # --- events ---------------------------------------------------------------------------------

    def _on_event(self, event: CallEvent) -> None:
        try:
            self._take_in(event)
        except Exception as error:  # a mistake of ours: nobody shall wait for what would have followed
            self._fault(error)
            self._spawn(self._cut())

    def _take_in(self, event: CallEvent) -> None:
        if self._group is None and not isinstance(event, Ended):
            if not self._settled.is_set():
                self._early.append(event)
            return
        if isinstance(event, Ended):
            if self._group is None and not self._settled.is_set():
                self._early.append(event)
                return
            self._ended = event
            self._shared.over.set()
            self._up_or_over.set()
            self._settled.set()
        if isinstance(event, Answered):
            if self._answered_at is not None:
                return  # told twice: by the call's state and by its event
            self._answered_at = self._call.clock.now()
            self._up_or_over.set()
        if event.name is None:
            return
        fields = event_fields(event, self._call)
        masked = dict(fields)
        if isinstance(event, DigitReceived):
            masked["digit"] = self._shared.mask.digit(event.digit)
        self._shared.tell(EventSeen(self._call.id, self._call.since_answered(), event.name, masked))
        if isinstance(event, Answered):
            self._check_answered()
        self._fire(event.name, fields)

    def _fire(self, name: str, fields: Event) -> None:
        handling = self._handling.get(name)
        if handling is None:
            return
        condition = handling.handler.when
        try:
            if condition is None or self._scope(handling.handler, fields).holds(condition):
                handling.fire(fields)
            elif name == "answered":
                self._answered_is_done = True  # what is not to be done is done
                self._look_if_idle()
        except Fault as fault:
            self._fault(fault, handling.handler)
            self._spawn(self._cut())

    def _check_answered(self) -> None:
        """A call that was not to be answered has failed here, and one that nobody looks after is over."""
        problem = unexpected_call(self._flow, "answered", None, None)
        if problem is not None:
            self._shared.note(problem)
            self._spawn(self._cut())
        elif self._flow.dials and not any(name in self._flow.on for name in ("answered", *IN_CALL)):
            self._answered_is_done = True
            self._look_if_idle()

    @property
    def _is_busy(self) -> bool:
        return any(each.busy for each in self._handling.values())

    def _look_if_idle(self) -> None:
        """When the `answered` handler is done and nothing else runs, hang up."""
        answered = self._handling.get("answered")
        if (self._answered_is_done or (answered is not None and answered.runs)) and not self._is_busy:
            self._settled.set()

    # --- handlers -------------------------------------------------------------------------------

    def _scope(self, handler: Handler, event: Event) -> Scope:
        return Scope(
            self._shared,
            run_steps,
            event=event,
            is_ending=handler.event == "ended",
            path=f"on.{handler.event}",
        )

    async def _run_handler(self, handler: Handler, event: Event) -> None:
        """Run a handler's steps to their end; what they could not deal with is noted, and cuts the flow short."""
        try:
            await self._follow(self._scope(handler, event), handler)
        except HandlerOver:
            return
        except StepFailed as failed:
            for problem in failed.problems:
                self._shared.note(problem)
        except FlowFaulted as faulted:
            self._shared.note(faulted.problem)
        except FlowOver as over:
            self._stopped = not over.failed
            for problem in over.problems:
                self._shared.note(problem)
        except Exception as error:
            self._fault(error, handler)
        else:
            return
        raise _Cut

    async def _follow(self, scope: Scope, handler: Handler) -> None:
        """The steps of the handler, and of the blocks that it goes to."""
        steps, turns = handler.steps, 0
        while True:
            try:
                await scope.run_steps(steps)
            except Goto as goto:
                turns += 1
                if turns > TURNS:
                    raise Fault(f"`goto: {goto.block}` went round {TURNS} times", hint="leave the circle") from None
                if scope.goes_round_dead(f"goto {goto.block}"):
                    raise HandlerOver from None
                steps = self._flow.blocks[goto.block]
                # Another task gets its turn, however little the blocks wait.
                await asyncio.sleep(0)
            except Return:
                return  # a block that was gone to, not run: there is nobody to return to
            else:
                return

    # --- the end --------------------------------------------------------------------------------

    async def _hang_up(self) -> None:
        """End the call, if it is not over. A bye that nobody confirms is no failure of the flow."""
        if self._call.state.is_over:
            return
        if self._cut_short and self._shared.problems and self._aborted_by is None and self.on_failed is not None:
            self.on_failed()
        try:
            async with self._call.clock.timeout(HANG_UP_WITHIN):
                await self._call.hangup()
        except TimeoutError:
            self._say(f"the hang-up was not confirmed within {HANG_UP_WITHIN:g} s")
        except BotkitError as error:
            self._say(f"the hang-up went wrong: {error}")

    async def _run_ended(self) -> None:
        handler = self._flow.on.get("ended")
        if handler is None:
            return
        facts = self._call.facts()
        ended = self._ended or Ended(self._call.id, facts.get("cause") or "NORMAL_CLEARING", facts.get("code") or 16)
        event = event_fields(ended, self._call)
        before = len(self._shared.problems)
        self._shared.over.set()
        try:
            async with self._call.clock.timeout(ENDED_WITHIN):
                if handler.when is None or self._scope(handler, event).holds(handler.when):
                    await self._run_handler(handler, event)
        except _Cut:
            pass
        except TimeoutError:
            message = f"the `ended` handler took longer than {ENDED_WITHIN:g} s"
            self._shared.note(Problem(message, path="on.ended", place=handler.place, at=self._now()))
        except Fault as fault:
            self._fault(fault, handler)
        if self._aborted_by is not None:
            # Whoever was cut off cannot be judged by how its call ended.
            faults = [problem for problem in self._shared.problems[before:] if problem.kind == "fault"]
            self._shared.problems[before:] = faults

    def _judge_call(self) -> None:
        """Whether the call came about as expected, unless the flow has ended for another reason."""
        if self._shared.problems or self._stopped or self._aborted_by is not None:
            return
        facts = self._call.facts()
        problem = unexpected_call(self._flow, self._call_outcome(), facts.get("cause"), facts.get("sip_code"))
        if problem is not None:
            self._shared.note(problem)

    def _call_outcome(self) -> str:
        facts = self._call.facts()
        return call_outcome(
            answered=self._answered_at is not None,
            rang_out=self._rang_out,
            cause=facts.get("cause"),
            sip_code=facts.get("sip_code"),
        )

    # --- what went wrong ------------------------------------------------------------------------

    def _now(self) -> float:
        return round(self._call.since_answered(), 6)

    def _fault(self, error: Exception, handler: Handler | None = None, scope: Scope | None = None) -> None:
        scope = self._scope(handler, {}) if handler else scope
        spec = scope.spec if scope else None
        place = handler.place if handler else spec.place if spec else self._flow.place
        self._shared.note(problems.broken(error, self._now(), place, scope, spec.name if spec else None))

    def _say(self, text: str) -> None:
        self._shared.tell(Logged(self._call.id, self._call.since_answered(), text))
        _log.info("flow.told", call=self._call.id, text=self._shared.mask.text(text))
