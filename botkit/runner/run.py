"""`botkit run`: flows together, answering bots first, each dialling bot once."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from botkit.client.call import Call
from botkit.client.client import Client
from botkit.clock import MonotonicClock, VirtualLoop
from botkit.errors import BotkitError, Fault, TimeoutFault
from botkit.exchange.exchange import Exchange, run_exchange
from botkit.exchange.plan import ExchangePlan, Made, fill, key_of
from botkit.flow.runtime import Inputs
from botkit.flow.signals import Signals
from botkit.media.plane import MediaPlane, media_plane
from botkit.media.transport import MemoryNetwork
from botkit.results import Problem, RunResult, Verdict
from botkit.runner.bot import Bot, RunContext, worst
from botkit.runner.devices import of_bot
from botkit.runner.limits import Limits
from botkit.runner.options import Notice, RunOptions
from botkit.runner.preparation import PreparedBot, prepare_bots, secrets_of_all
from botkit.runner.recordings import SPOOL, discard, recording
from botkit.runner.waiting import Lines, announced
from botkit.settings import Account, number_matches
from botkit.unforeseen import leaves, problem_of

SETTLE = 10.0
"""Seconds that calls of answering bots get to end by themselves once every caller is done."""


async def run_flows(
    paths: Sequence[Path],
    options: RunOptions,
    progress: Callable[[Notice], None] = lambda notice: None,
    begin: Callable[[RunOptions], RunOptions] = lambda options: options,
) -> RunResult:
    """Run the flows in `paths` together; see `botkit.runner.options` for the contract.

    `begin` is called once all is read and found good, before anything is opened or written: it may make the output
    folder then, and gives the options with it.

    Raises `FlowErrors` (all errors of all files), `ConfigError`, `LoginRefused`, `NetworkFault` or
    `TimeoutFault` where no call can be made at all. When cancelled, every call ends with a bye and what
    is known so far is returned. So it is with what nobody foresaw, which is a fault of the run then; its
    trace is in `trace.txt` of the output folder.
    """
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    prepared = await prepare_bots([Path(path) for path in paths], options, seed)
    secrets = secrets_of_all(prepared)
    options = begin(options)
    run: _Run | None = None
    try:
        async with contextlib.AsyncExitStack() as stack:
            plane = await _plane(stack, options)
            run = _Run(prepared, options, plane, progress, seed, secrets)
            stack.callback(setattr, plane.pacer, "on_error", plane.pacer.on_error)
            plane.pacer.on_error = run.beat_failed
            await run.run()
    except asyncio.CancelledError:
        if run is None or not run.has_begun:
            raise
        run.cancelled()
    except Exception as error:
        if run is None or not run.has_begun:
            raise
        run.break_off(error)
    return run.result()


async def _plane(stack: contextlib.AsyncExitStack, options: RunOptions) -> MediaPlane:
    if isinstance(asyncio.get_running_loop(), VirtualLoop) or options.over_network:
        return await stack.enter_async_context(media_plane())
    clock = MonotonicClock()
    return await stack.enter_async_context(MediaPlane(clock, network=MemoryNetwork(clock)).running())


class _Broken(Exception):
    """The run ends before its time; why is noted already."""


class _Run:
    """One run: makes the exchange and the clients, sets the bots going, collects the results."""

    def __init__(
        self,
        prepared: list[PreparedBot],
        options: RunOptions,
        plane: MediaPlane,
        progress: Callable[[Notice], None],
        seed: int,
        secrets: tuple[str, ...],
    ) -> None:
        self._seed = seed
        self._secrets = secrets
        self._prepared = prepared
        self._options = options
        self._plane = plane
        self._progress = progress
        self._clock = plane.clock
        self._began = plane.clock.now()
        self._wall = plane.clock.wall()
        self._bots: list[Bot] = []
        self._problems: list[Problem] = []
        self._taking: set[asyncio.Task[None]] = set()
        self._broken: list[BaseException] = []  # what nobody foresaw, outside any one call
        self._broke = asyncio.Event()
        self._beside: dict[str, BaseException] = {}  # what ended a leg of the exchange, each kind once
        self._cancelled = False
        self._is_set_up = False
        self._uncut: list[Call] = []
        self._lines = Lines(lambda kind, bot, text: self._tell(kind, bot=bot, text=text))

    @property
    def has_begun(self) -> bool:
        """All bots are ready, or a call has been judged before that: there is a result."""
        return self._is_set_up or any(bot.calls for bot in self._bots)

    def cancelled(self) -> None:
        """The run was cancelled, which ends it: what is known is the result."""
        self._cancelled = True
        if (task := asyncio.current_task()) is not None:
            task.uncancel()

    def break_off(self, error: BaseException) -> None:
        """Something happened that nobody foresaw: the run ends now. What is judged stays, and this is added."""
        if not any(error is known for known in self._broken):
            self._broken.append(error)
        self._broke.set()

    def beat_failed(self, error: BaseException, of_all: bool) -> None:
        """A mistake on the beat that no call of ours bears: where it is over all calls at once the run ends."""
        if not of_all:
            self._beside.setdefault(repr(error), error)
        elif not self._broke.is_set():  # it comes with every beat, as a rule
            self.break_off(error)

    async def run(self) -> None:
        """Until all bots are done. What it raises after the set-up is for `break_off`."""
        async with recording(self._plane, self._options.out) as spool:
            context = RunContext(
                out=self._options.out,
                began=self._began,
                now=self._clock.now,
                wall=self._clock.wall,
                spool=spool,
                limits=Limits(self._options.settings.caps, self._clock),
                progress=self._progress,
                readable=self._options.confinement.readable,
                may_dial=self._options.settings.check_number,
                uncut=self._uncut,
            )
            async with contextlib.AsyncExitStack() as stack:
                try:
                    await self._set_up(stack, context)
                    self._is_set_up = True
                    await self._until_done(context)
                except asyncio.CancelledError:
                    if not self.has_begun:
                        raise
                    self.cancelled()
                finally:
                    self._lines.is_over = True  # lines that end from here on are ended by us
                    await self._stop_taking()
        if not self._uncut:
            discard(self._options.out / SPOOL)

    async def _set_up(self, stack: contextlib.AsyncExitStack, context: RunContext) -> None:
        exchange: Exchange | None = None
        plan = ExchangePlan.model_validate(dict(self._options.settings.exchange))
        in_memory = self._plane.network is not None
        if any(one.account.is_embedded for one in self._prepared):
            exchange = await stack.enter_async_context(
                run_exchange(
                    port=None if in_memory else 0,
                    plane=self._plane,
                    hold_audio=self._options.settings.hold_audio,
                    signing_key=key_of(plan),
                )
            )
            exchange.switch.forbidden = self._options.settings.why_not
            self._tell("exchange", text=exchange.url or "in memory")
        signals = Signals()
        clients: dict[str, Client] = {}
        answering: dict[Client, list[Bot]] = {}
        for one in sorted(self._prepared, key=lambda one: one.flow.dials):
            client = self._client(one, exchange, clients)
            inputs = Inputs(
                vars=one.inputs.vars,
                env=one.inputs.env,
                bot=one.inputs.bot,
                seed=one.inputs.seed,
                signals=signals,
                secrets=(*one.inputs.secrets, *self._secrets),
            )
            bot = Bot(
                one.name,
                one.flow,
                inputs,
                context,
                client,
                prompts=one.prompts,
                audio_in=of_bot(self._options.audio_in, one.name),
                audio_out=of_bot(self._options.audio_out, one.name),
            )
            self._bots.append(bot)
            if client not in answering:
                answering[client] = []
                client.on_broken = self.break_off
                client.on("incoming", functools.partial(self._incoming, answering[client], context))
            if not bot.flow.dials:
                answering[client].append(bot)
        made = Made()
        if exchange is not None:
            made = fill(exchange, plan)  # after the bots: a number that one of them answers is the bot's
        for client in answering:  # those that answer first; a call may come as soon as a login is ready
            await stack.enter_async_context(client)
            for bot in self._bots:
                if bot.client is client:
                    self._tell("ready", bot=bot.name)
            self._lines.watch(client, [bot for bot in self._bots if bot.client is client])
        for kind, name, text in announced(self._bots, exchange, plan, made, self._options.time_limit):
            self._tell(kind, bot=name, text=text)

    def _client(self, one: PreparedBot, exchange: Exchange | None, clients: dict[str, Client]) -> Client:
        """A user of its own for each bot on the embedded exchange, unless its account says whom to log in as;
        elsewhere one login per account."""
        account = one.account
        codecs = one.flow.codecs
        if account.is_embedded and account.login is None and account.token is None:
            assert exchange is not None
            numbers = (one.flow.answer,) if one.flow.answer is not None else ()
            return Client(
                exchange.account(one.name, *numbers),
                plane=self._plane,
                codecs=codecs,
                connect_line=exchange.connect if self._plane.network is not None else None,
            )
        if account.name not in clients:
            connect_line = None
            if account.is_embedded:
                assert exchange is not None
                account = replace(account, server=exchange.url or None)
                connect_line = exchange.connect if self._plane.network is not None else None
            clients[account.name] = Client(account, plane=self._plane, codecs=codecs, connect_line=connect_line)
        return clients[account.name]

    # --- calls that come -----------------------------------------------------------------------------

    def _incoming(self, answering: list[Bot], context: RunContext, call: Call) -> None:
        try:
            self._take(answering, context, call)
        except Exception as error:  # nobody would answer this call, ever
            self.break_off(error)

    def _take(self, answering: list[Bot], context: RunContext, call: Call) -> None:
        alone = len(answering) == 1
        bot = next((bot for bot in answering if _reaches(call.local, bot.flow.answer, bot.client.account, alone)), None)
        if bot is None or not bot.admit():
            if bot is not None and call.session_id is not None:
                context.turned_away[call.session_id] = bot
            work = call.refuse("UNALLOCATED_NUMBER" if bot is None else "USER_BUSY")
        else:
            work = bot.take(call)
        task = asyncio.get_running_loop().create_task(work, name=f"take {call.id}")
        self._taking.add(task)
        task.add_done_callback(self._taken)

    def _taken(self, task: asyncio.Task[None]) -> None:
        self._taking.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.break_off(error)

    async def _stop_taking(self) -> None:
        """Whatever is still going on ends now, with a bye."""
        tasks = list(self._taking)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # --- the run itself ------------------------------------------------------------------------------

    async def _until_done(self, context: RunContext) -> None:
        limit = self._options.time_limit
        watcher = asyncio.get_running_loop().create_task(context.limits.watch(self._stop_all(context)), name="caps")
        try:
            async with self._clock.timeout(limit):
                await self._bots_done_or_broken()
        except TimeoutError:
            fault = TimeoutFault(f"the run took longer than its {limit:g} s", "run", hint="see --time-limit")
            self._problems.append(Problem(str(fault.args[0]), kind="fault", hint=fault.hint))
        finally:
            watcher.cancel()
            await asyncio.wait((watcher,))

    def _stop_all(self, context: RunContext) -> Callable[[Fault], None]:
        def stop(fault: Fault) -> None:
            self._problems.append(Problem(str(fault.args[0]), kind="fault", hint=fault.hint))
            for run in list(context.running):
                run.abort(str(fault.args[0]))
            for bot in self._bots:
                bot.enough.set()

        return stop

    async def _bots_done_or_broken(self) -> None:
        async def watch() -> None:
            await self._broke.wait()
            raise _Broken

        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(watch(), name="until broken")
                await self._bots_at_work()
                watching.cancel()
        except* _Broken:
            pass  # why is known, and told in the result

    async def _bots_at_work(self) -> None:
        dialling = [bot for bot in self._bots if bot.flow.dials]
        answering = [bot for bot in self._bots if not bot.flow.dials]
        if dialling:
            async with asyncio.TaskGroup() as group:
                for bot in dialling:
                    group.create_task(self._dial(bot), name=f"{bot.name} dials")
        else:
            counted = [bot for bot in answering if bot.flow.calls is not None]
            for bot in counted or answering:
                await bot.enough.wait()  # of uncounted ones never: until Ctrl-C or a limit
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(SETTLE):
                for bot in answering:
                    await bot.quiet.wait()

    async def _dial(self, bot: Bot) -> None:
        try:
            await bot.place_call()
        except Fault as fault:
            bot.blame(fault)
        except BotkitError as error:
            bot.problems.append(Problem(str(error), kind="fault", place=bot.flow.place))

    # --- the result ----------------------------------------------------------------------------------

    def result(self) -> RunResult:
        """What is known, once `run` is over."""
        for error in (*self._broken, *self._beside.values()):
            self._problems += [problem_of(leaf, self._options.out, error) for leaf in leaves(error)]
        if not self._cancelled and not self._broken:
            for bot in self._bots:
                bot.judge_calls()
        flows = tuple(bot.result() for bot in self._bots)
        verdicts = [flow.verdict for flow in flows]
        if any(problem.kind == "fault" for problem in self._problems):
            verdicts.append(Verdict.FAULT)
        if self._cancelled:
            verdicts.append(Verdict.ABORTED)
        return RunResult(
            verdict=worst(verdicts),
            started_at=self._wall,
            took=self._clock.now() - self._began,
            flows=flows,
            problems=tuple(self._problems),
            pacer=self._plane.pacer.health,
            out=str(self._options.out),
            seed=self._seed,
        )

    def _tell(self, kind: str, *, bot: str = "", text: str = "") -> None:
        self._progress(Notice(self._clock.now() - self._began, kind, bot=bot, text=text))


def _reaches(dialled: str, wanted: str | None, account: Account, alone: bool) -> bool:
    """Whether a call to `dialled` is for a flow that answers `wanted`. Where a flow is `alone` on its login, the
    embedded exchange has seen to it."""
    if (account.is_embedded and alone) or wanted is None or wanted == "any":
        return True
    return dialled == wanted or number_matches(dialled, wanted) or wanted in (account.login, account.name)
