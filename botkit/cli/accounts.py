"""Reads `botkit.yaml` into `Settings`: every error with file, line, column and a hint.

`${env.NAME}` is the one expression that stands here, and the only place for a secret: what has a
password in plain text is refused, since the file lies beside the flows in version control. The embedded
exchange and a server on loopback are the exception: what opens only one's own test server is no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botkit.cli import exchange_part
from botkit.errors import ConfigError
from botkit.flow import source
from botkit.flow.source import Mark, Node, Scalar
from botkit.settings import (
    DEFAULT_ICE_SERVERS,
    HOLD_MUSIC,
    Account,
    Caps,
    IceServer,
    Settings,
    check_account,
    did_you_mean,
    find_file,
    is_loopback,
    with_environment,
)

_TOP = ("accounts", "allow", "caps", "allow_hosts", "flows_may_use", "exchange")
_ACCOUNT = ("exchange", "server", "dialect", "login", "password", "token", "ice_servers", "address", "caller_id")
_CAPS = ("concurrent", "per_second", "minutes")
_ICE = ("url", "username", "credential")
_ENV = re.compile(r"\$\{\s*([^}]*?)\s*\}")


def load(
    environ: Mapping[str, str], *, config: str | None = None, flows: Iterable[Path] = (), cwd: Path | None = None
) -> Settings:
    """Find and read the settings, and add the environment's account. Without a file: the defaults."""
    path = find_file(config, flows, cwd or Path.cwd())
    if path is None:
        return with_environment(Settings(), environ)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return parse(text, str(path), environ)


def parse(text: str, file: str, environ: Mapping[str, str]) -> Settings:
    """Settings from the text of one file. Raises `ConfigError`, or `FlowError` where it is no YAML."""
    if all(line.strip()[:1] in ("", "#") for line in text.splitlines()):  # it marks a project, and says no more
        return with_environment(Settings(file=file), environ)
    reader = _Reader(environ)
    top = reader.mapping(source.read(text, file), "botkit.yaml", _TOP, free=True)
    accounts = dict(Settings().accounts)
    unusable: dict[str, ConfigError] = {}
    for name, node in reader.mapping(top["accounts"], "accounts", None).items() if "accounts" in top else ():
        try:
            accounts[name] = reader.account(name, node)
        except _Unset as error:
            accounts.pop(name, None)
            unusable[name] = ConfigError(error.args[0], hint=error.hint)
    lists = {key: reader.texts(top[key], key) for key in ("allow", "allow_hosts", "flows_may_use") if key in top}
    for name in lists.get("flows_may_use", ()):
        if name not in accounts and name not in unusable:
            hint = did_you_mean(name, accounts) or f"known accounts: {', '.join(sorted(accounts))}"
            raise _error(top["flows_may_use"].mark, f"there is no account {name!r}", hint)
    hold_audio, exchange = reader.exchange(top["exchange"]) if "exchange" in top else (HOLD_MUSIC, {})
    settings = Settings(
        accounts=accounts,
        allow=lists.get("allow"),
        caps=reader.caps(top["caps"]) if "caps" in top else Caps(),
        allow_hosts=lists.get("allow_hosts", ()),
        flows_may_use=lists.get("flows_may_use"),
        exchange=exchange,
        hold_audio=hold_audio,
        file=file,
        unusable=unusable,
    )
    return with_environment(settings, environ)


class _Reader:
    """Turns nodes into values, and knows the environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def mapping(self, node: Node, what: str, known: tuple[str, ...] | None, *, free: bool = False) -> dict[str, Node]:
        """The pairs; `known` keys only, where it is given; with `free`, keys that begin with `x-` are left out."""
        if isinstance(node, Scalar) and node.is_null:
            return {}
        if not isinstance(node, source.Mapping):
            raise _error(node.mark, f"{what} must be a mapping", f"for example {what}:\n    name: value")
        kept = {}
        for key, value in node.pairs:
            if free and key.text.startswith("x-"):
                continue
            if known is not None and key.text not in known:
                hint = did_you_mean(key.text, known) or f"known keys: {', '.join(known)}"
                raise _error(key.mark, f"{what} has no key {key.text!r}", hint)
            kept[key.text] = value
        return kept

    def text(self, node: Node, what: str) -> str:
        """A scalar as it was written, `${env.NAME}` filled in."""
        if not isinstance(node, Scalar):
            raise _error(node.mark, f"{what} must be a text")
        if node.is_null:
            raise _error(node.mark, f"{what} is empty", node.trap)

        def fill(match: re.Match[str]) -> str:
            inside = match.group(1)
            name = inside.removeprefix("env.")
            if name == inside or not re.fullmatch(r"\w+", name):
                hint = "only ${env.NAME}, a variable of the environment, may stand here"
                raise _error(node.mark, f"{what}: ${{{inside}}} is not known", hint)
            if not self._environ.get(name):  # an empty one is nobody's password
                message = f"{what}: {name} is not set in the environment"
                raise _error(node.mark, message, f"export {name}=… first", _Unset)
            return self._environ[name]

        return _ENV.sub(fill, node.text)

    def texts(self, node: Node, what: str) -> tuple[str, ...]:
        """A list of texts; one alone is a list of one, nothing is an empty list."""
        if isinstance(node, source.Sequence):
            return tuple(self.text(item, what) for item in node.items)
        if isinstance(node, Scalar) and node.is_null:
            return ()
        return (self.text(node, what),)

    def exchange(self, node: Node) -> tuple[Path | None, dict[str, Any]]:
        """What a held party hears (None: silence), and the directory, plain."""
        self.mapping(node, "exchange", None)
        audio = HOLD_MUSIC
        if not isinstance(node, source.Mapping):
            return audio, {}
        held = node.get("hold_audio")
        rest = source.Mapping(tuple(pair for pair in node.pairs if pair[0].text != "hold_audio"), node.mark)
        directory = exchange_part.read(rest, self.text, _error) if rest.pairs else {}
        return audio if held is None else self.hold_audio(held), directory

    def hold_audio(self, node: Node) -> Path | None:
        """A file, from the folder of the settings, or the word `silence`."""
        text = self.text(node, "exchange.hold_audio")
        if text == "silence":
            return None
        path = (Path(node.mark.file).parent / text).resolve()
        if not path.is_file():
            message = f"exchange.hold_audio: there is no audio file {path}"
            raise _error(node.mark, message, "a file beside this one, or the word silence")
        return path

    def caps(self, node: Node) -> Caps:
        numbers = {}
        for key, item in self.mapping(node, "caps", _CAPS).items():
            value = item.value if isinstance(item, Scalar) else None
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise _error(item.mark, f"caps.{key} must be a number above 0")
            if key == "concurrent" and not isinstance(value, int):
                raise _error(item.mark, "caps.concurrent must be a whole number")
            numbers[key] = value
        return Caps(**numbers)  # type: ignore[arg-type]  # `concurrent` is whole: checked above

    def account(self, name: str, node: Node) -> Account:
        given = self.mapping(node, f"account {name!r}", _ACCOUNT)
        ice = self.ice_servers(given.pop("ice_servers"), name) if "ice_servers" in given else ()
        variable = re.sub(r"[^A-Za-z0-9]", "_", name).upper()
        for key in ("password", "token"):
            secret = given.get(key)
            server = given.get("server")
            if "exchange" in given or (isinstance(server, Scalar) and is_loopback(urlsplit(server.text).hostname)):
                continue
            if isinstance(secret, Scalar) and not secret.is_null and not _ENV.search(secret.text):
                raise _error(
                    secret.mark,
                    f"accounts.{name}.{key} stands here in plain text",
                    f'keep it in the environment: {key}: "${{env.{variable}_{key.upper()}}}"',
                )
        texts = {key: self.text(item, f"accounts.{name}.{key}") for key, item in given.items()}
        written = {key: item.text for key, item in given.items() if isinstance(item, Scalar)}
        variables = tuple(
            (key, inside.removeprefix("env.")) for key, text in written.items() for inside in _ENV.findall(text)
        )
        account = Account(name=name, ice_servers=ice, variables=variables, **texts)
        try:
            check_account(account)
        except ConfigError as error:
            raise _error(node.mark, error.args[0], error.hint) from None
        return account

    def ice_servers(self, node: Node, name: str) -> tuple[IceServer, ...]:
        """A list of addresses or `{url, username, credential}`; `default` is the SDKs' list."""
        what = f"accounts.{name}.ice_servers"
        if isinstance(node, Scalar) and node.is_null:
            return ()
        if isinstance(node, Scalar) and node.text == "default":
            return tuple(IceServer(url) for url in DEFAULT_ICE_SERVERS)
        items = node.items if isinstance(node, source.Sequence) else (node,)
        return tuple(self.ice_server(item, what) for item in items)

    def ice_server(self, node: Node, what: str) -> IceServer:
        if isinstance(node, source.Mapping):
            given = self.mapping(node, what, _ICE)
            if "url" not in given:
                raise _error(node.mark, f"{what}: `url` is missing")
            server = IceServer(**{key: self.text(item, f"{what}.{key}") for key, item in given.items()})
        else:
            server = IceServer(self.text(node, what))
        if not re.match(r"(stun|turn)s?:[^/\s]+$", server.url):
            raise _error(
                node.mark, f"{what}: {server.url!r} is no STUN or TURN address", "such as stun:stun.example.com:3478"
            )
        return server


class _Unset(ConfigError):
    """A variable of the environment is missing: no matter until somebody wants this account."""


def _error(mark: Mark, message: str, hint: str | None = None, kind: type[ConfigError] = ConfigError) -> ConfigError:
    return kind(f"{mark}: {message}", hint=hint)
