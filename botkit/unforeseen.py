"""Mistakes in this program, met at run time: what reports say of them, and where the trace goes.

A person never sees a traceback: one line says what broke, and names the file that has the trace.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from botkit.errors import BotkitError, Fault, InternalFault
from botkit.log import masked
from botkit.results import Problem

OURS = "this is a fault of botkit's, not of your flow"


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors of a group, however deep; a plain error is its own only leaf."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def is_intended(error: BaseException) -> bool:
    """It was raised to be read; its message says it all. Files that are missing or forbidden are, too."""
    return isinstance(error, BotkitError | FileNotFoundError | PermissionError | IsADirectoryError)


def fault_of(error: BaseException) -> Fault:
    """An error as a fault: itself, if it is one. Of a group what nobody foresaw counts most."""
    leaf = min(leaves(error), key=is_intended)
    if isinstance(leaf, Fault):
        return leaf
    if is_intended(leaf):
        return Fault(str(leaf))
    said = " ".join(str(leaf).split()) or "no message"
    fault = InternalFault(f"unexpected {type(leaf).__name__}: {said}", hint=OURS)
    fault.__cause__ = error
    return fault


def problem_of(error: BaseException, folder: Path, whole: BaseException | None = None) -> Problem:
    """A fault as reports tell it. The trace of what nobody foresaw is kept in `folder`, and the hint names it.

    `whole` is the group that it came in: its trace is kept, then.
    """
    fault = fault_of(error)
    hint = fault.hint
    if isinstance(fault, InternalFault):
        hint = f"{hint}; {keep_trace(whole or fault.__cause__ or fault, folder)}"
    return Problem(masked(str(fault.args[0])), kind="fault", hint=hint)


def keep_trace(error: BaseException, folder: Path | None = None) -> str:
    """Write the trace to a file, masked, and say where; the output folder, else the folder for passing files.

    In the output folder it comes after those that the run has left there, once.
    """
    text = masked("".join(traceback.format_exception(error)))
    try:
        if folder is not None and folder.is_dir():
            path = folder / "trace.txt"
            before = path.read_text(encoding="utf-8") if path.exists() else ""
            if text not in before:
                path.write_text(f"{before}\n{text}" if before else text, encoding="utf-8")
        else:
            with tempfile.NamedTemporaryFile(
                "w", prefix="botkit-trace-", suffix=".txt", delete=False, encoding="utf-8"
            ) as file:
                file.write(text)
            path = Path(file.name)
    except OSError:
        return "run it again with --debug to see the trace"
    return f"the trace is in {path}"
