"""The command line: one command a file, put together here.

What a command needs is imported when it runs, so `botkit --help` and `botkit check` start at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from botkit.cli import check, devices, doctor, exchange, recover, run, steps, terminal

app = typer.Typer(
    name="botkit",
    help="Call automation written in YAML: bots that place, answer, hear and judge real WebRTC calls.",
    epilog="`botkit COMMAND --help` has examples. Exit status: 0 all passed; 1 an expectation was not met; 2 a fault.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        terminal.say(f"botkit {version('botkit')}")
        raise typer.Exit


@app.callback()
def top(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    log: Annotated[
        str,
        typer.Option(
            "--log", envvar="BOTKIT_LOG", metavar="LEVEL", help="debug (with wire lines), info, warning, error."
        ),
    ] = "warning",
    log_json: Annotated[bool, typer.Option("--log-json", help="Log one JSON object per line.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options of every command; they stand before its name."""
    from botkit.log import set_up

    if log.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise typer.BadParameter("debug, info, warning or error", param_hint="--log")
    terminal.debug = debug
    set_up(log.upper(), as_json=log_json)


app.command("run", short_help="Run flows together and judge the calls.")(terminal.guarded(run.run))
app.command("check", short_help="Read flows and tell every error; place no call.")(terminal.guarded(check.check))
app.command("steps")(terminal.guarded(steps.steps))
app.command("devices", short_help="List what a call may say and who may hear it.")(terminal.guarded(devices.devices))
app.command("exchange", short_help="Start the exchange alone, for SDKs and people.")(
    terminal.guarded(exchange.exchange)
)
app.command("doctor", short_help="Try an account step by step, with a hint for what is wrong.")(
    terminal.guarded(doctor.doctor)
)
app.command("recover", short_help="Cut the recordings of a run that was killed.")(terminal.guarded(recover.recover))


def main() -> None:
    """The entry point `botkit`."""
    if sys.platform == "win32":
        terminal.tell("botkit: Windows is not supported by itself; run it in WSL (wsl --install), where it is Linux")
        sys.exit(terminal.FAULT)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # a terminal that cannot show a tick shall show a question mark, not a traceback
            stream.reconfigure(errors="replace")
    app()
