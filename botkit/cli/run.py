"""`botkit run FLOW…`: the flows together, the reports, the exit status."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botkit.cli import terminal
from botkit.errors import ConfigError, FlowError

if TYPE_CHECKING:
    from botkit.media.device import SinkName
    from botkit.media.live import LiveDevice
    from botkit.media.source import Source
    from botkit.reports.console import LiveProgress, PlainProgress
    from botkit.results import Problem, RunResult
    from botkit.runner.options import RunOptions


def run(
    flows: Annotated[
        list[Path], typer.Argument(metavar="FLOW…", help="Flow files; one named several times dials as often.")
    ],
    account: Annotated[
        str | None,
        typer.Option(
            "--account", "-a", envvar="BOTKIT_ACCOUNT", help="Account of every bot (default: embedded exchange)."
        ),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", "-c", metavar="FILE", help="Settings instead of botkit.yaml.")
    ] = None,
    var: Annotated[
        list[str] | None, typer.Option("--var", "-V", metavar="NAME=VALUE", help="Set a variable that a flow declares.")
    ] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option("--codec", metavar="[BOT=]NAME,…", help="Codecs of every bot or of one, instead of its flow's."),
    ] = None,
    audio_in: Annotated[
        list[str] | None,
        typer.Option("--audio-in", metavar="[BOT=]NAME", help="What calls say between plays; see `botkit devices`."),
    ] = None,
    audio_out: Annotated[
        list[str] | None,
        typer.Option("--audio-out", metavar="[BOT=]NAME", help="Who hears calls; see `botkit devices`."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Reports and recordings (default: out/<time>).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result, and nothing else, to standard output.")
    ] = False,
    over_network: Annotated[
        bool, typer.Option("--over-network/--in-memory", help="Real peers on loopback, or in-memory lines.")
    ] = True,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Make everything that is drawn repeatable.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", metavar="TIME", help="Of the whole run, such as 90s or 5m.")
    ] = None,
    read: Annotated[
        list[Path] | None, typer.Option("--read", metavar="DIR", help="A further folder that flows may read.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell every step as it begins.")] = False,
) -> None:
    """Run flows together: answering bots first, each dialling bot once. A dialling flow that is named several
    times dials as often, each time as a bot of its own.

    \b
    Examples:
      botkit run flows/clinic_ivr.yaml flows/clinic_caller.yaml
      botkit run ivr.yaml caller.yaml caller.yaml caller.yaml
      botkit run caller.yaml --account staging --var pin=4321
      botkit run caller.yaml --out out/today --json > result.json
      botkit run ivr.yaml caller.yaml --codec opus --codec ivr=PCMA
      botkit run line.yaml caller.yaml --audio-in line=exec:'python agent.py'

    \b
    DIR receives result.json, junit.xml, report.html and, for each call, calls/<call>/{rx,tx,both}.wav and
    events.jsonl. Exit status: 0 all passed, 1 an expectation was not met, 2 a fault, 130 stopped by Ctrl-C with
    nothing wrong until then. The first Ctrl-C ends every call with a bye; a second one ends at once.
    """
    from botkit.cli import outputs
    from botkit.reports import console
    from botkit.unforeseen import is_intended

    beside = as_json or any(_of_bot(given)[1].partition("?")[0] == "pipe:-" for given in audio_out or ())
    say = terminal.tell if beside else terminal.say
    folder: Path | None = None
    stopped: int | None = None
    began, clock = _clock()
    try:
        variables = read_vars(var or [])
        codecs = read_codecs(codec or [])
        devices = read_devices(audio_in or [], audio_out or [], as_json)
        if out is not None:  # whoever names a folder finds the report of any fault there; CI reads it
            folder = outputs.prepare(out)
        options = _options(
            flows, account, config, variables, codecs, devices, folder, over_network, seed, time_limit, read or []
        )

        def begin(options: RunOptions) -> RunOptions:
            nonlocal folder
            folder = folder or outputs.prepare(None)  # a mere typing error is no reason for a folder
            return replace(options, out=folder)

        with _progress(beside, verbose, say) as progress:
            result, stopped = _run(flows, options, progress, begin)
        _show_trace(folder)
    except (typer.Exit, SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        if isinstance(error, GeneratorExit):
            raise
        if folder is None:  # nowhere to write a report to: the usual words and status
            if as_json and is_intended(error):
                from botkit.reports.result_json import to_json

                terminal.say(to_json(faulty(error, Path(), clock() - began)))
            raise
        result = faulty(error, folder, clock() - began)
    if folder is not None:  # else it was stopped before it began
        outputs.write_reports(result, folder)
    _print(result, folder, as_json, say, list(console.summary(result, calls=False)))
    status = result.status
    if stopped is not None and not any(True for _ in _failures(result)):
        status = stopped
    raise typer.Exit(status)


# --- before ---------------------------------------------------------------------------------------


def read_vars(given: list[str]) -> dict[str, str]:
    """`NAME=VALUE`s as a mapping of texts."""
    variables = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigError(f"--var {text}: a name and a value are expected", hint="for example --var pin=4321")
        variables[name] = value
    return variables


def read_codecs(given: list[str]) -> dict[str, tuple[str, ...]]:
    """`[BOT=]NAME,…`s: the codecs of each bot, under "" those of all."""
    from botkit.media.codec import codec_by_name

    codecs = {}
    for text in given:
        bot, equals, names = text.rpartition("=")
        if (equals and not bot) or not names:
            raise ConfigError(
                f"--codec {text}: codecs are expected", hint="for example --codec opus or --codec ivr=PCMU,G722"
            )
        codecs[bot] = tuple(codec_by_name(name.strip()).name for name in names.split(","))
    return codecs


def read_devices(
    audio_in: list[str], audio_out: list[str], as_json: bool
) -> tuple[dict[str, Source | LiveDevice], dict[str, SinkName | LiveDevice]]:
    """`[BOT=]NAME`s: the sources and the sinks of each bot, under "" those of all."""
    from botkit.media.device import sink_named, source_named
    from botkit.media.pipe import STANDARD, PipeDevice

    sources = {bot: source_named(name) for bot, name in map(_of_bot, audio_in)}
    sinks = {bot: sink_named(name) for bot, name in map(_of_bot, audio_out)}
    if as_json and any(isinstance(sink, PipeDevice) and sink.path == STANDARD for sink in sinks.values()):
        raise ConfigError(
            "--json and --audio-out pipe:- both want standard output", hint="read the result from DIR/result.json"
        )
    return sources, sinks


def _of_bot(text: str) -> tuple[str, str]:
    """`BOT=NAME` as its parts; an `=` inside NAME stands behind its `:` or `?`."""
    bot, equals, name = text.partition("=")
    return (bot, name) if equals and not {":", "?"} & set(bot) else ("", text)


def read_time(text: str, option: str) -> float:
    """A time on the command line, written as in flows."""
    from botkit.flow.kinds import DurationKind, FieldError

    try:
        seconds = DurationKind().of_value(text, None)
    except FieldError as error:
        raise ConfigError(f"{option}: {error}", hint=error.hint) from None
    if not isinstance(seconds, float) or seconds <= 0:
        raise ConfigError(f"{option}: one time above 0 is expected, such as 90s or 5m")
    return seconds


def _options(
    flows: list[Path],
    account: str | None,
    config: str | None,
    variables: dict[str, str],
    codecs: dict[str, tuple[str, ...]],
    devices: tuple[dict[str, Source | LiveDevice], dict[str, SinkName | LiveDevice]],
    out: Path | None,
    over_network: bool,
    seed: int | None,
    time_limit: str | None,
    read: list[Path],
) -> RunOptions:
    from botkit.cli import accounts
    from botkit.log import hide
    from botkit.runner.options import RunOptions
    from botkit.settings import read_roots

    for path in flows:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ConfigError(f"{path} is no file of its own", hint="botkit reads a flow more than once: save it first")
        if not path.is_file():
            raise ConfigError(f"there is no flow {path}", hint=_nearby(path))
    for folder in read:
        if not folder.exists():
            raise ConfigError(f"--read {folder}: there is no such folder")
    settings = accounts.load(os.environ, config=config, flows=flows)
    for known in settings.accounts.values():
        hide(*known.secrets)
    if account is not None:
        settings.account(account)  # a wrong name is told before anything starts
    file = Path(settings.file) if settings.file else None
    return RunOptions(
        out=out or Path(),  # `begin` chooses it
        paths=tuple(flows),
        settings=settings,
        account=account,
        vars=variables,
        codecs=codecs,
        audio_in=devices[0],
        audio_out=devices[1],
        seed=seed,
        over_network=over_network,
        time_limit=None if time_limit is None else read_time(time_limit, "--time-limit"),
        read_roots=read_roots(flows, named=read, file=file, cwd=Path.cwd()),
    )


def _nearby(path: Path) -> str | None:
    from botkit.settings import did_you_mean

    if path.is_dir():
        return f"`botkit run` takes files: {path}/*.yaml"
    beside = [str(other) for other in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    return did_you_mean(str(path), beside)


def _clock() -> tuple[float, Callable[[], float]]:
    from botkit.clock import MonotonicClock

    clock = MonotonicClock()
    return clock.now(), clock.now


def _progress(plain: bool, verbose: bool, say: Callable[[str], None]) -> LiveProgress | PlainProgress:
    from botkit.reports.console import LiveProgress, PlainProgress

    if plain or verbose or not sys.stdout.isatty():
        return PlainProgress(say, verbose=verbose)
    from rich.console import Console

    console = Console()
    if console.is_dumb_terminal:  # it cannot move its cursor
        return PlainProgress(say)
    return LiveProgress(console, _clock()[1])


# --- the run itself -------------------------------------------------------------------------------


def _run(
    flows: list[Path],
    options: RunOptions,
    progress: LiveProgress | PlainProgress,
    begin: Callable[[RunOptions], RunOptions],
) -> tuple[RunResult, int | None]:
    """The result, and the exit status of the signal that stopped the run, if one did."""
    from botkit import clock
    from botkit.results import RunResult, Verdict
    from botkit.runner.run import run_flows

    stopped: list[int] = []

    async def whole() -> RunResult:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(run_flows(flows, options, progress.show, begin), name="run")
        ticking = asyncio.create_task(_tick(progress), name="live table")

        def stop(status: int) -> None:
            if stopped:
                os._exit(status)  # the second time: at once, whatever hangs
            stopped.append(status)
            terminal.tell("ending every call; once more to stop at once")
            task.cancel()

        take_back = terminal.stop_signals(loop, stop)
        try:
            return await task
        except asyncio.CancelledError:
            if not stopped:
                raise
            return RunResult(Verdict.ABORTED, clock.MonotonicClock().wall(), 0.0)
        finally:
            ticking.cancel()
            take_back()

    return clock.run(whole()), stopped[0] if stopped else None


async def _tick(progress: LiveProgress | PlainProgress) -> None:
    """Seconds pass on the screen, too, where nothing else happens. Its owner cancels it."""
    while True:
        await asyncio.sleep(1)
        progress.tick()


# --- after ----------------------------------------------------------------------------------------


def faulty(error: BaseException, folder: Path, took: float) -> RunResult:
    """The result of a run that ended by an error: every report shall exist, and say so."""
    from botkit.clock import MonotonicClock
    from botkit.errors import ExpectationFailed
    from botkit.results import RunResult, Verdict
    from botkit.unforeseen import leaves

    problems = []
    for leaf in leaves(error):
        problems += list(_problems(leaf, error, folder))
    unmet = all(isinstance(leaf, ExpectationFailed) for leaf in leaves(error))
    verdict = Verdict.FAILED if unmet else Verdict.FAULT
    if terminal.debug:
        import traceback

        terminal.tell("".join(traceback.format_exception(error)).rstrip())
    return RunResult(verdict, MonotonicClock().wall() - took, took, problems=tuple(dict.fromkeys(problems)))


def _problems(leaf: BaseException, whole: BaseException, folder: Path) -> list[Problem]:
    from botkit.errors import ExpectationFailed
    from botkit.flow.explain import issues_of
    from botkit.results import Place, Problem
    from botkit.unforeseen import problem_of

    if isinstance(leaf, FlowError):
        found = []
        for issue in issues_of(leaf):
            place = Place(issue.mark.file, issue.mark.line, issue.mark.column, issue.text) if issue.mark.file else None
            if issue.severity == "error":
                found.append(Problem(issue.message, "fault", place=place, hint=issue.hint))
        return found
    if isinstance(leaf, ExpectationFailed):
        return [Problem(str(leaf), expected=leaf.expected, heard=leaf.heard, at=leaf.at)]
    return [problem_of(leaf, folder, whole)]


def _show_trace(folder: Path | None) -> None:
    """With `--debug`, what nobody foresaw is shown on the spot, too."""
    if folder is None:
        return
    trace = folder / "trace.txt"
    if terminal.debug and trace.is_file():
        terminal.tell(trace.read_text(encoding="utf-8").rstrip())


def _failures(result: RunResult) -> list[Problem]:
    from botkit.reports.words import problems_of

    return [problem for _, _, problem in problems_of(result)]


def _print(result: RunResult, folder: Path | None, as_json: bool, say: Callable[[str], None], lines: list[str]) -> None:
    if as_json:
        from botkit.reports.result_json import to_json

        terminal.say(to_json(result))
    for line in lines:
        say(line)
    if folder is not None:
        say(f"report: {folder / 'report.html'}")
