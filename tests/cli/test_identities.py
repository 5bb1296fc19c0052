"""Warnings of accounts that may be one identity and log in by different means."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from botkit.cli.identities import mixed_in, mixed_means
from botkit.cli.main import app
from botkit.flow import source

S = 'server: "wss://rtc.telnyx.com"'
TOKEN = 'token: "${env.T}"'
CREDENTIAL = 'login: gencredA, password: "${env.P}"'
CONNECTION = 'login: john1234, password: "${env.P}"'


def found(text: str) -> list[str]:
    return [issue.message for issue in mixed_in(source.read(text, "f"), text.splitlines())]


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        (f"{S}, {CREDENTIAL}", f"{S}, {TOKEN}", 1),
        (f"{S}, {TOKEN}", f"{S}, {CREDENTIAL}", 1),
        (f"{S}, {TOKEN}", f"{S}, {TOKEN}", 0),
        (f"{S}, {CREDENTIAL}", f"{S}, {CREDENTIAL}", 0),
        (f"{S}, {CONNECTION}", f"{S}, {TOKEN}", 0),  # a token is never a connection's
        (f"{S}, {CREDENTIAL}", f'server: "ws://127.0.0.1:8080", {TOKEN}', 0),
        (f"exchange: embedded, {CREDENTIAL}", f"exchange: embedded, {TOKEN}", 1),
    ],
)
def test_pairs(one: str, other: str, count: int) -> None:
    """A telephony credential's password and a token on one server may be one identity; other pairs may not."""
    assert len(found(f"accounts:\n  a: {{{one}}}\n  b: {{{other}}}\n")) == count


def test_place_and_words() -> None:
    """The warning stands at the later account and names both."""
    text = f"accounts:\n  a: {{{S}, {CREDENTIAL}}}\n  b: {{{S}, {TOKEN}}}\n  c: {{{S}, {TOKEN}}}\n"
    (issue,) = mixed_in(source.read(text, "f"), text.splitlines())
    assert str(issue.mark) == "f:3:3"
    assert issue.severity == "warning"
    assert "'b' logs in with a token and 'a' with a telephony credential" in issue.message


def test_names_of_the_exchange_part() -> None:
    """A user name that the exchange's part gives to a telephony credential is one, however it begins."""
    text = (
        "exchange: {telephony_credentials: {d: {connection: c, sip_username: desk7}}}\n"
        f"accounts:\n  a: {{exchange: embedded, login: desk7, password: x}}\n  b: {{exchange: embedded, {TOKEN}}}\n"
    )
    assert len(found(text)) == 1


@pytest.mark.parametrize("text", ["accounts: 3", "accounts: {a: 3}", "accounts: {a: {token: [x]}}", "[a]", "allow: []"])
def test_whatever_is_written(text: str) -> None:
    """What is no account is passed over."""
    assert found(text) == []


def test_no_settings(tmp_path: Path) -> None:
    """Without settings, or with some that are no YAML, nothing is warned of."""
    assert mixed_means([tmp_path], tmp_path) == []
    (tmp_path / "botkit.yaml").write_text("accounts: [")
    assert mixed_means([tmp_path], tmp_path) == []


def test_check_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`botkit check` prints the warning with its line and a caret, and ends with 0."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text('flow: A\ndial: "1"\non:\n  answered:\n    - hangup\n')
    (tmp_path / "botkit.yaml").write_text(f"accounts:\n  a: {{{S}, {TOKEN}}}\n  b: {{{S}, {CREDENTIAL}}}\n")
    result = CliRunner().invoke(app, ["check", "a.yaml"])
    assert result.exit_code == 0
    assert "botkit.yaml:3:3" in result.output
    assert "whichever logged in last" in result.output
    assert "1 warning" in result.output
