"""Logs are events with context, and the facts of a call as lines of JSON.

    call.answered call=7f3 path=on.answered/2 after=1.204

`logger(__name__)` gives an object whose methods take an event's name and its fields. `context()`
adds fields to everything that is logged inside it, by this task and by those it starts: the runner
binds `call` and `bot` once, the runtime binds `path`. Wire lines go out at DEBUG, `<` for what came
in and `>` for what went out. Underneath is the standard library's `logging`, so other handlers, and
pytest's, see the same records.

Credentials are never shown: `hide()` tells what to mask wherever it occurs, and the JSON fields
that carry secrets on the wire are masked by name besides, in case one was not told.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from enum import Enum
from typing import Any, TextIO

HIDDEN = "***"
_SECRET_FIELDS = re.compile(
    r'("(?:passwd|password|login_token|token|api_key|credential|authorization)"\s*:\s*")(?:[^"\\]|\\.)*(")',
    re.IGNORECASE,
)
_context: ContextVar[Mapping[str, Any]] = ContextVar("botkit_log_context", default={})  # noqa: B039 - never changed
_hidden: set[str] = set()


class Logger:
    """Events with fields. Cheap when the level is off: fields are only printed for lines that are written."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: Any) -> None:
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._log(logging.ERROR, event, fields)

    def received(self, text: str) -> None:
        """A line from the wire, as it came."""
        self._log(logging.DEBUG, f"< {text}", {})

    def sent(self, text: str) -> None:
        """A line to the wire, as it went."""
        self._log(logging.DEBUG, f"> {text}", {})

    def _log(self, level: int, event: str, fields: Mapping[str, Any]) -> None:
        if self._logger.isEnabledFor(level):
            # `%` in the event is literal: no args, so logging formats nothing
            self._logger.log(level, event, extra={"fields": {**_context.get(), **fields}}, stacklevel=3)


def logger(name: str) -> Logger:
    """The logger of a module: `log = logger(__name__)`."""
    return Logger(name)


@contextlib.contextmanager
def context(**fields: Any) -> Iterator[None]:
    """Add `fields` to every event logged inside, in this task and in those it starts."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def hide(*secrets: str) -> None:
    """Mask these texts in every line from now on. Texts under four characters would mask half the log."""
    _hidden.update(secret for secret in secrets if len(secret) >= 4)


def masked(text: str) -> str:
    """`text` without credentials."""
    for secret in sorted(_hidden, key=len, reverse=True):  # a secret may hold another
        text = text.replace(secret, HIDDEN)
    return _SECRET_FIELDS.sub(rf"\1{HIDDEN}\2", text)


# --- lines ----------------------------------------------------------------------------------------


class KeyValueFormatter(logging.Formatter):
    """`12:30:01.204 INFO  call.answered call=7f3 after=1.204`."""

    def format(self, record: logging.LogRecord) -> str:
        time = self.formatTime(record, "%H:%M:%S")
        line = f"{time}.{int(record.msecs):03d} {record.levelname:<7} {record.getMessage()}"
        fields = getattr(record, "fields", {})
        line += "".join(f" {key}={_value(value)}" for key, value in fields.items())
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return masked(line)


class JsonFormatter(logging.Formatter):
    """One object per line: `time level event logger`, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **plain(getattr(record, "fields", {})),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(_masked_in(entry), ensure_ascii=False)


def set_up(level: str = "WARNING", *, as_json: bool = False, stream: TextIO | None = None) -> None:
    """Send botkit's log to `stream` (standard error). A second call replaces the first one's handler."""
    root = logging.getLogger("botkit")
    for handler in [h for h in root.handlers if getattr(h, "is_botkits", False)]:
        root.removeHandler(handler)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.is_botkits = True  # type: ignore[attr-defined]
    handler.setFormatter(JsonFormatter() if as_json else KeyValueFormatter())
    root.addHandler(handler)
    root.setLevel(level)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = masked(str(value))  # before quoting, whose escapes would hide a secret from the mask
    return json.dumps(text, ensure_ascii=False) if not text or re.search(r'[\s"=]', text) else text


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: enums by value, not-a-number as null, all that is unknown as text."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, float):
        return value if value - value == 0 else None  # JSON has neither NaN nor infinity
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def _masked_in(value: Any) -> Any:
    """Plain data with every text masked: before it becomes JSON, whose escapes would hide a secret from the mask."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: _masked_in(item) for key, item in value.items()}
    return [_masked_in(item) for item in value] if isinstance(value, list) else value
