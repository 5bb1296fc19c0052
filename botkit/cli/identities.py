"""Warns of accounts in botkit.yaml that may log in as one identity by different means.

A telephony credential's password and its JWTs register one SIP user name, and a call to it reaches whichever of
them logged in last; nobody can say which that will be. The platform's documents advise one way to log in per
deployment. Only what is written is looked at: no variable of the environment need be set for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from botkit.errors import ConfigError, FlowError
from botkit.flow import source
from botkit.flow.source import Issue, Mapping, Node, Scalar
from botkit.settings import find_file

GENERATED = "gencred"
"""How the SIP user name of a telephony credential begins."""


def mixed_means(paths: Iterable[Path], cwd: Path) -> list[Issue]:
    """The warnings for the settings that a run of `paths` would use. A file that cannot be read has none: a run
    tells what is wrong with it."""
    try:
        path = find_file(None, paths, cwd)
        if path is None:
            return []
        text = path.read_text(encoding="utf-8")
        return mixed_in(source.read(text, str(path)), text.splitlines())
    except (OSError, UnicodeDecodeError, FlowError, ConfigError):
        return []


def mixed_in(top: Node, lines: list[str]) -> list[Issue]:
    """The warnings for one file, which has these `lines`."""
    accounts = top.get("accounts") if isinstance(top, Mapping) else None
    if not isinstance(accounts, Mapping):
        return []
    names = _credential_names(top)
    passwords: dict[str, str] = {}  # server to the first account that logs in with a telephony credential
    tokens: dict[str, str] = {}
    issues = []
    for key, account in accounts.pairs:
        if not isinstance(account, Mapping):
            continue
        server = _text(account, "server") or _text(account, "exchange")
        login = _text(account, "login")
        if _text(account, "token"):
            mine, others, means = tokens, passwords, "a token"
        elif login.startswith(GENERATED) or login in names:
            mine, others, means = passwords, tokens, "a telephony credential"
        else:
            continue
        if server in others and server not in mine:
            other = "a telephony credential" if others is passwords else "a token"
            issues.append(
                Issue(
                    f"account {key.text!r} logs in with {means} and {others[server]!r} with {other}, on one server: if "
                    "they are one identity, a call to it reaches whichever logged in last",
                    key.mark,
                    lines[key.mark.line - 1] if key.mark.line <= len(lines) else "",
                    hint="log in by one means only",
                    severity="warning",
                )
            )
        mine.setdefault(server, key.text)
    return issues


def _credential_names(top: Node) -> set[str]:
    """SIP user names that the exchange's part gives to telephony credentials."""
    exchange = top.get("exchange") if isinstance(top, Mapping) else None
    listed = exchange.get("telephony_credentials") if isinstance(exchange, Mapping) else None
    entries = [entry for _, entry in listed.pairs] if isinstance(listed, Mapping) else []
    return {_text(entry, "sip_username") for entry in entries if isinstance(entry, Mapping)} - {""}


def _text(node: Mapping, key: str) -> str:
    found = node.get(key)
    return found.text if isinstance(found, Scalar) and not found.is_null else ""
