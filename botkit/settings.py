"""Accounts, and what a run is allowed to do: dial, reach, spend, read, write.

`botkit.yaml` is found beside the flows or in the working directory, or named with `--config`; the
environment (`BOTKIT_SERVER` and its kin) adds the account `env`. Here are the plain data and the
rules; `botkit.cli.accounts` reads the file into them. Secrets show themselves in no `repr`.
"""

from __future__ import annotations

import difflib
import fnmatch
import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botkit.errors import ConfigError

FILE_NAME = "botkit.yaml"
EMBEDDED = "embedded"
ENV_ACCOUNT = "env"
TELNYX_SERVER = "wss://rtc.telnyx.com"

HOLD_MUSIC = Path(__file__).parent / "exchange" / "hold_music.wav"
"""What a party hears that was put on hold, unless told otherwise. It is part of the package."""

EMERGENCY = frozenset(("000", "110", "112", "118", "119", "911", "933", "999"))
"""The numbers that most of the world dials for police, fire and rescue. `allow` must list one literally."""

# fmt: off
EMERGENCY_OR_DESK = frozenset((
    "061", "066", "100", "101", "102", "103", "104", "105", "106", "108", "111", "113", "114", "115", "116", "117",
    "120", "122", "123", "133", "144", "155", "158", "160", "166", "180", "185", "190", "191", "192", "193", "194",
    "195", "197", "198", "199", "988", "990", "991", "992", "993", "994", "995", "997", "998", "1122",
))
# fmt: on
"""Emergency numbers somewhere, but desks in most offices and on most test benches: refused off this machine only."""

DEFAULT_ICE_SERVERS = (
    "stun:stun.telnyx.com:3478",
    "stun:stun.l.google.com:19302",
    "turn:turn.telnyx.com:3478?transport=udp",
    "turn:turn.telnyx.com:3478?transport=tcp",
    "turns:turn.telnyx.com:443?transport=tcp",
    "turns:turn2.telnyx.com:443?transport=tcp",
)
"""The SDKs' list, for `ice_servers: default`."""


# --- what comes out -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IceServer:
    """One STUN or TURN server."""

    url: str
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """Where a bot logs in, and as whom.

    One of `exchange` and `server` is set; both in the accounts that an embedded exchange makes of its users.
    """

    name: str
    exchange: str | None = None  # "embedded"
    server: str | None = None  # ws:// or wss://
    dialect: str = "telnyx"  # telnyx | verto
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ice_servers: tuple[IceServer, ...] = ()
    address: str | None = None  # the local address that media uses; None: chosen by the route
    caller_id: str | None = None
    variables: tuple[tuple[str, str], ...] = ()  # (field, variable of the environment that it came from), for hints

    @property
    def is_embedded(self) -> bool:
        return self.exchange == EMBEDDED

    @property
    def stays_here(self) -> bool:
        """Its calls reach nobody outside: the embedded exchange, or a server on this machine's loopback."""
        return self.is_embedded or is_loopback(urlsplit(self.server or "").hostname)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: for the masks of logs and reports."""
        return tuple(s for s in (self.password, self.token, *(i.credential for i in self.ice_servers)) if s)


def is_loopback(host: str | None) -> bool:
    """Whether a host's name or address is this machine's loopback."""
    try:
        return host == "localhost" or (host is not None and ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


LOCAL = Account(name="local", exchange=EMBEDDED)


@dataclass(frozen=True, slots=True)
class Caps:
    """Upper limits of one run; None: no limit. `minutes` counts answered time of all calls."""

    concurrent: int | None = None
    per_second: float | None = None
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All of `botkit.yaml` and of the environment. Picklable: workers get a copy."""

    accounts: Mapping[str, Account] = field(default_factory=lambda: {LOCAL.name: LOCAL})
    allow: tuple[str, ...] | None = None  # None: any number on the embedded exchange, none elsewhere
    caps: Caps = Caps()
    allow_hosts: tuple[str, ...] = ()
    flows_may_use: tuple[str, ...] | None = None  # None: the embedded exchange only
    exchange: Mapping[str, Any] = field(
        default_factory=dict, repr=False
    )  # the directory of the embedded exchange, plain
    hold_audio: Path | None = HOLD_MUSIC  # what a held party hears on the embedded exchange; None: silence
    file: str | None = None
    unusable: Mapping[str, ConfigError] = field(default_factory=dict)  # accounts that lack a variable, say

    def account(self, name: str) -> Account:
        """The account of that name. Raises `ConfigError` with the nearest one."""
        if name in self.accounts:
            return self.accounts[name]
        if name in self.unusable:
            raise self.unusable[name]
        if name == ENV_ACCOUNT:
            raise ConfigError("the environment gives no account", hint=_ENV_HINT)
        known = ", ".join(sorted(self.accounts))
        raise ConfigError(
            f"there is no account {name!r}",
            hint=did_you_mean(name, self.accounts) or f"known accounts: {known} ({self.file or 'no ' + FILE_NAME})",
        )

    def account_for(self, chosen: str | None, flow_wants: str | None) -> Account:
        """The account of one bot: the command line's, else the flow's if it may name it, else the embedded exchange.

        Only a name leads off this machine: a forgotten variable of the environment does not.
        """
        if chosen is not None:
            return self.account(chosen)
        if flow_wants is not None:
            account = self.account(flow_wants)
            allowed = account.is_embedded if self.flows_may_use is None else flow_wants in self.flows_may_use
            if not allowed:
                raise ConfigError(
                    f"a flow may not choose the account {flow_wants!r} by itself",
                    hint=f"say --account {flow_wants}, or list it under `flows_may_use` in {FILE_NAME}",
                )
            return account
        return next((account for account in self.accounts.values() if account.is_embedded), LOCAL)

    def check_number(self, number: str, account: Account) -> None:
        """Raise `ConfigError` unless `number` may leave through `account`.

        It stands at every door: dial, transfer, REST, TeXML. Emergency numbers need their literal
        self in `allow`; the best known on the embedded exchange too: what is tried there runs elsewhere tomorrow.
        """
        plain = normal(number)
        digits = plain.split("@")[0].removeprefix("+")
        emergency = digits in EMERGENCY or (digits in EMERGENCY_OR_DESK and not account.stays_here)
        if emergency and plain not in (self.allow or ()):
            raise ConfigError(
                f"{number} is an emergency number somewhere; it is not dialled",
                hint=f'if you mean it, list it literally under `allow` in {FILE_NAME}: "{plain}"',
            )
        if self.allow is None:
            if account.is_embedded:
                return
            raise ConfigError(
                f"{number} may not be dialled through {account.name!r}: nothing is allowed there yet",
                hint=f'say which numbers may be dialled, in {FILE_NAME}: allow: ["{plain}"]',
            )
        if not any(number_matches(plain, pattern) for pattern in self.allow):
            raise ConfigError(
                f"{number} may not be dialled: it matches none of `allow` ({', '.join(self.allow) or 'empty'})",
                hint=f"add it to `allow` in {self.file or FILE_NAME}",
            )

    def why_not(self, number: str) -> str:
        """Why `number` may not be dialled on the embedded exchange; empty: it may."""
        try:
            self.check_number(number, LOCAL)
        except ConfigError as error:
            return str(error.args[0])
        return ""

    def check_host(self, host: str) -> None:
        """Raise `ConfigError` unless a `request` step may reach `host`."""
        if not any(fnmatch.fnmatchcase(host.lower(), pattern.lower()) for pattern in self.allow_hosts):
            raise ConfigError(
                f"requests to {host} are not allowed", hint=f'add it in {FILE_NAME}: allow_hosts: ["{host}"]'
            )


def normal(number: str) -> str:
    """The number as a platform reads it: without scheme, parameters and punctuation, its domain kept.

    Names with letters keep their letters: `agent911` is a user, not an emergency.
    """
    plain = unicodedata.normalize("NFKC", number).strip()  # full-width digits are digits
    plain = re.sub(r"^(tel|sips?):", "", plain, flags=re.IGNORECASE).split(";")[0]
    user, at, domain = plain.partition("@")
    if not re.search(r"[^\W\d_]", user):
        user = re.sub(r"[^\d+*#]", "", user)
    return user + at + domain


def number_matches(number: str, pattern: str) -> bool:
    """`*` stands for anything, `?` for one character, both only on one side of an `@`; all else is literal."""
    regex = "".join({"*": "[^@]*", "?": "[^@]"}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(regex, number) is not None


# --- where settings come from ----------------------------------------------------------------------


_ENV_HINT = "set BOTKIT_LOGIN and BOTKIT_PASSWORD, or BOTKIT_TOKEN (and BOTKIT_SERVER where it is not Telnyx)"


def with_environment(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """`settings` plus the account `env`, where the environment holds one.

    Half an account is no error here, since nobody may want it; asking for it says what is missing.
    """
    login, token, password = (environ.get(f"BOTKIT_{key}") for key in ("LOGIN", "TOKEN", "PASSWORD"))
    server = environ.get("BOTKIT_SERVER")
    if not (login or token or password or server):
        return settings
    account = Account(
        name=ENV_ACCOUNT,
        server=server or TELNYX_SERVER,
        dialect=environ.get("BOTKIT_DIALECT", "telnyx"),
        login=login,
        password=password,
        token=None if login else token,
        variables=tuple((key, f"BOTKIT_{key.upper()}") for key in ("login", "password", "token")),
    )
    try:
        check_account(account)
    except ConfigError as error:
        trouble = ConfigError(f"the environment: {error.args[0]}", hint=error.hint or _ENV_HINT)
        return replace(settings, unusable={**settings.unusable, ENV_ACCOUNT: trouble})
    return replace(settings, accounts={**settings.accounts, ENV_ACCOUNT: account})


def find_file(config: str | None, flows: Iterable[Path], cwd: Path) -> Path | None:
    """The settings file: the one named, else beside a flow (or in a folder above it, up to `cwd`), else in `cwd`."""
    if config is not None:
        path = Path(config)
        if not path.is_file():
            raise ConfigError(f"there is no settings file {config}", hint="--config names a botkit.yaml")
        return path
    cwd = cwd.resolve()
    for flow in flows:
        folder = flow.resolve()
        folder = folder if folder.is_dir() else folder.parent
        for candidate in (folder, *folder.parents):
            if (candidate / FILE_NAME).is_file():
                return candidate / FILE_NAME
            if candidate == cwd or not candidate.is_relative_to(cwd):
                break
    return cwd / FILE_NAME if (cwd / FILE_NAME).is_file() else None


def check_account(account: Account) -> None:
    """Raise `ConfigError` where the fields of an account do not go together."""
    what = f"account {account.name!r}"
    if (account.exchange is None) == (account.server is None):
        raise ConfigError(
            f"{what} needs one of `exchange` and `server`", hint=f"exchange: embedded, or server: {TELNYX_SERVER}"
        )
    if account.exchange is not None and account.exchange != EMBEDDED:
        raise ConfigError(f"{what}: exchange {account.exchange!r} is not known", hint="only `embedded` is")
    if account.dialect not in ("telnyx", "verto"):
        raise ConfigError(f"{what}: dialect {account.dialect!r} is not known", hint="telnyx (the default) or verto")
    if account.server is None:
        return
    if not re.match(r"wss?://[^/\s]+", account.server):
        raise ConfigError(
            f"{what}: server {account.server!r} is no WebSocket address", hint=f"for example {TELNYX_SERVER}"
        )
    if account.dialect == "verto" and account.token is not None:
        raise ConfigError(
            f"{what}: a verto server knows no tokens", hint="give login (user@domain) and password instead"
        )
    if account.token is None and (account.login is None or account.password is None):
        raise ConfigError(f"{what} needs `login` and `password`, or `token`")
    if account.token is not None and account.login is not None:
        raise ConfigError(f"{what} has both `login` and `token`: keep one")


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint with the nearest of `known`, if one is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else None


# --- files ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a run may touch: reads below `read_roots`, writes below `out`, symbolic links resolved.

    A flow is text that others may have written; it shall not carry off `/etc/passwd` as an audio
    file, nor write beside its output folder.
    """

    read_roots: tuple[Path, ...]
    out: Path

    def readable(self, path: Path) -> Path:
        """`path` resolved, if it may be read. Raises `ConfigError` naming the way to allow it."""
        real = path.resolve()
        if any(real.is_relative_to(root.resolve()) for root in self.read_roots):
            return real
        raise ConfigError(
            f"{path} may not be read: it is outside {', '.join(map(str, self.read_roots))}",
            hint=f"allow its folder with --read {real.parent}",
        )

    def writable(self, path: Path) -> Path:
        """`path` (relative ones below the output folder) resolved, if it may be written."""
        real = (self.out / path).resolve()
        if real.is_relative_to(self.out.resolve()) and real != self.out.resolve():
            return real
        raise ConfigError(
            f"{path} may not be written: it is outside the output folder {self.out}",
            hint="use a path relative to the output folder, or choose another one with --out",
        )


def _project_of(folder: Path) -> Path | None:
    no_projects = (Path.home().resolve(), Path(folder.anchor))
    for candidate in (folder, *folder.parents):
        if candidate in no_projects:
            break
        if any((candidate / name).exists() for name in (".git", "pyproject.toml", FILE_NAME)):
            return candidate
    if folder.name == "flows" and folder not in no_projects and folder.parent not in no_projects:
        return folder.parent
    return None


def read_roots(
    flows: Iterable[Path], *, named: Iterable[Path] = (), file: Path | None = None, cwd: Path
) -> tuple[Path, ...]:
    """Where a run may read: each flow's folder, the folder of the settings, the working directory, those `named`.

    The working directory, and the project that a flow lies in (the nearest folder above it with `.git`,
    `pyproject.toml` or `botkit.yaml`; else the one that holds its folder, where that is called `flows`), are what
    lets `flows/a.yaml` play `../audio/b.wav`. The home folder
    and the root of the disk say nothing about a project, and are left out.
    """
    roots = [flow if flow.is_dir() else flow.parent for flow in flows]
    roots += [project for folder in list(roots) if (project := _project_of(folder.resolve())) is not None]
    if file is not None:
        roots.append(file.parent)
    if cwd.resolve() not in (Path.home().resolve(), Path(cwd.resolve().anchor)):
        roots.append(cwd)
    return tuple(dict.fromkeys(root.resolve() for root in (*roots, *named)))
