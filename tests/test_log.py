"""The log: context, masks, lines of JSON."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from botkit import log
from botkit.states import CallState


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; the root logger is put back afterwards."""
    root = logging.getLogger("botkit")
    handlers, level = list(root.handlers), root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    log._hidden.clear()


def test_key_value(stream: io.StringIO) -> None:
    """An event has its context and its fields behind it."""
    log.set_up("INFO", stream=stream)
    with log.context(call="7f3"), log.context(path="on.answered/2"):
        log.logger("botkit.test").info("call.answered", after=1.2041, said="two words")
    assert (
        stream.getvalue()
        .rstrip()
        .endswith('INFO    call.answered call=7f3 path=on.answered/2 after=1.204 said="two words"')
    )


def test_json_lines(stream: io.StringIO) -> None:
    """With `as_json` each event is one object."""
    log.set_up("DEBUG", as_json=True, stream=stream)
    log.logger("botkit.test").debug("a", path=Path("x"), state=CallState.ACTIVE)
    entry = json.loads(stream.getvalue())
    assert (entry["event"], entry["path"], entry["state"], entry["level"]) == ("a", "x", "active", "debug")


@pytest.mark.parametrize("as_json", [False, True])
def test_credentials_are_masked(stream: io.StringIO, as_json: bool) -> None:
    """Neither a secret that was told nor a secret field on the wire reaches the log."""
    log.set_up("DEBUG", as_json=as_json, stream=stream)
    log.hide('told"secret')
    wire = log.logger("botkit.test")
    wire.sent(json.dumps({"params": {"login": "me", "passwd": 'un"told', "login_token": "abc"}}))
    wire.info("x", field='a told"secret here')
    text = stream.getvalue()
    assert "me" in text
    for part in ("un", "abc", "secret"):
        assert part not in text


def test_off_costs_nothing(stream: io.StringIO) -> None:
    """Below the level no line is written."""
    log.set_up("WARNING", stream=stream)
    log.logger("botkit.test").received("{}")
    assert stream.getvalue() == ""


def test_set_up_twice(stream: io.StringIO) -> None:
    """A second call replaces the first one's handler."""
    log.set_up("INFO", stream=io.StringIO())
    log.set_up("INFO", stream=stream)
    log.logger("botkit.test").info("once")
    assert stream.getvalue().count("once") == 1
