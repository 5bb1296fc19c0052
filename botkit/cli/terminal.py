"""What all commands share: where text goes, and how an error ends a command.

A person never sees a traceback. What botkit raises by intent is printed with its hint; what it did
not intend is one line, and the trace goes to a file that the line names. Exit statuses: 0 all well,
1 an expectation was not met, 2 a fault, 99 a load threshold was breached, 130 and 143 stopped by
Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, TextIO

import typer

from botkit.errors import ConfigError, ExpectationFailed
from botkit.unforeseen import OURS, is_intended, keep_trace, leaves

PASSED, FAILED, FAULT, BREACHED, HUNG_UP, INTERRUPTED, TERMINATED = 0, 1, 2, 99, 129, 130, 143

debug = False
"""`--debug` was given: traces are shown. Set once, by the top command."""


unwritten: list[str] = []
"""What could not be written for another reason than that its reader has gone: a fault of the command, told at its
end."""


def say(text: str = "") -> None:
    """A line for people who read standard output."""
    _print(text, sys.stdout)


def tell(text: str = "") -> None:
    """A line beside the result: to standard error."""
    _print(text, sys.stderr)


def draw(text: str) -> None:
    """Something that is no line, on a terminal that is standard output."""
    _print(text, sys.stdout, end="")


def _print(text: str, stream: TextIO, end: str = "\n") -> None:
    try:
        print(f"{text}{end}", end="", file=stream, flush=True)  # in one piece: others may write to the same place
    except OSError as error:
        # Whoever read our output has gone (`botkit run … | head`), or the disk is full. The work goes on, and so
        # does its exit status; the rest of the text, and what Python flushes at its end, goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if error.errno not in (errno.EPIPE, errno.EIO):  # EIO: a terminal that was closed
            unwritten.append(f"{'standard output' if stream is sys.stdout else 'standard error'}: {error.strerror}")


def write(path: Path, text: str) -> None:
    """A text that somebody wants in a file (`--out FILE`). Raises `ConfigError` where it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"--out {path} cannot be written: {error.strerror}", hint="name a file in a folder that is there"
        ) from error


def stop_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[int], None]) -> Callable[[], None]:
    """Call `stop` with the exit status of each signal that ends a command; gives what takes that back.

    Ctrl-C, SIGTERM, and SIGHUP, by which a terminal says that it is gone, unless `nohup` has had that ignored.
    """
    numbers = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED, signal.SIGHUP: HUNG_UP}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        del numbers[signal.SIGHUP]
    for number, status in numbers.items():
        loop.add_signal_handler(number, stop, status)

    def take_back() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    return take_back


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Turn whatever a command raises into words and an exit status."""

    @functools.wraps(command)
    def run(*args: object, **kwargs: object) -> None:
        try:
            command(*args, **kwargs)
        except typer.Exit as end:
            if unwritten and end.exit_code == PASSED:
                _end_unwritten()
            raise
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BaseException as error:
            if isinstance(error, GeneratorExit | SystemExit):
                raise
            if type(error).__module__.startswith(("typer.", "click.")):
                raise  # a usage error: the library prints it, status 2
            end_with(error)
        if unwritten:
            _end_unwritten()

    return run


def _end_unwritten() -> NoReturn:
    """All went well, but nobody can read so."""
    told, unwritten[:] = dict.fromkeys(unwritten), []
    end_with(ConfigError(f"not all could be written to {', '.join(told)}", hint="is the disk full?"))


def end_with(error: BaseException, folder: Path | None = None) -> NoReturn:
    """Print an error and leave with its status."""
    for line in describe(error, folder):
        tell(line)
    raise typer.Exit(status_of(error)) from error


def status_of(error: BaseException) -> int:
    """1 when all that went wrong is expectations, else 2."""
    return FAILED if all(isinstance(leaf, ExpectationFailed) for leaf in leaves(error)) else FAULT


def describe(error: BaseException, folder: Path | None = None) -> Iterator[str]:
    """An error in lines for people. The trace of an unexpected one is written to `folder` and named."""
    unexpected = [leaf for leaf in leaves(error) if not is_intended(leaf)]
    for leaf in leaves(error):
        if is_intended(leaf):
            yield f"botkit: {leaf}"
    if unexpected:
        first = unexpected[0]
        said = " ".join(str(first).split()) or "no message"
        yield f"botkit: unexpected {type(first).__name__}: {said} ({keep_trace(error, folder)})"
        yield f"  {OURS}"
    if debug:
        yield "".join(traceback.format_exception(error)).rstrip()
