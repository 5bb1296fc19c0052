"""A run on the embedded exchange with the settings' `exchange:` part: who is there beside the bots."""

from __future__ import annotations

from pathlib import Path

from botkit.cli.accounts import parse
from botkit.results import RunResult
from botkit.settings import Settings
from tests.calls.kit import TONE_CALLER, TONE_LINE, flow_of, play

SETTINGS = """
exchange:
  connections:
    john1234:
      password: secret12
      numbers: ["5100"]
      inbound: {dnis_number_format: sip_username}
  trunks:
    carrier: {password: outside, numbers: ["5*"]}
accounts:
  john: {exchange: embedded, login: john1234, password: secret12}
  carrier: {exchange: embedded, login: carrier, password: outside}
flows_may_use: [john, carrier, local]
"""


def run(folder: Path, flows: dict[str, str]) -> RunResult:
    settings: Settings = parse(SETTINGS, str(folder / "botkit.yaml"), {})
    return play(folder, flows, settings=settings)


def on(account: str, flow: str) -> str:
    """The flow, on an account of the settings."""
    first, rest = flow.strip().split("\n", 1)
    return f"{first}\naccount: {account}\n{rest}\n"


def test_bot_logs_in_as_its_account_says(tmp_path: Path) -> None:
    """An embedded account with a login is that identity: the connection's number reaches the bot."""
    line = on("john", TONE_LINE.replace('answer: "5100"', "answer: any"))
    result = run(tmp_path, {"line": line, "caller": TONE_CALLER})
    assert result.verdict.value == "passed", result
    assert flow_of(result, "line").calls


def test_calls_leave_by_the_trunk(tmp_path: Path) -> None:
    """A number that nobody has reaches the bot that is logged in as the trunk which carries it."""
    line = on("carrier", TONE_LINE.replace('"5100"', '"5200"'))
    result = run(tmp_path, {"line": line, "caller": TONE_CALLER.replace("5100", "5200")})
    assert result.verdict.value == "passed", result


def test_calls_from_outside(tmp_path: Path) -> None:
    """A bot on the trunk's account calls in from outside, and reaches the number's owner."""
    line = on("john", TONE_LINE)
    result = run(tmp_path, {"line": line, "caller": on("carrier", TONE_CALLER)})
    assert result.verdict.value == "passed", result


def test_several_bots_on_one_login(tmp_path: Path) -> None:
    """Bots that share a login take the calls to their own numbers."""
    flows = {
        "one": on("carrier", TONE_LINE.replace('"5100"', '"5201"')),
        "two": on("carrier", TONE_LINE.replace('"5100"', '"5202"')),
        "caller": TONE_CALLER.replace("5100", "5202"),
    }
    result = run(tmp_path, flows)
    assert [len(flow_of(result, name).calls) for name in ("one", "two")] == [0, 1]


def test_number_of_a_bot_stays_the_bots(tmp_path: Path) -> None:
    """A flow that answers a number gets its calls, though the settings give it to somebody else."""
    result = run(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER})
    assert result.verdict.value == "passed", result
