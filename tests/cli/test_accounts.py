"""Reading botkit.yaml: every account of the manual, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.cli.accounts import load, parse
from botkit.errors import ConfigError, Fault
from botkit.settings import DEFAULT_ICE_SERVERS, HOLD_MUSIC, IceServer

ENVIRON = {"TELNYX_LOGIN": "me", "TELNYX_PASSWORD": "pw-secret", "TELNYX_TOKEN": "tok", "VERTO_PASSWORD": "1234"}
WHOLE = """\
accounts:
  local: {exchange: embedded}
  staging: {server: "wss://rtc.telnyx.com", ice_servers: default,
            login: "${env.TELNYX_LOGIN}", password: "${env.TELNYX_PASSWORD}"}
  token:   {server: "wss://rtc.telnyx.com", token: "${env.TELNYX_TOKEN}"}
  pbx:     {server: "ws://127.0.0.1:8081", dialect: verto, login: "1000@127.0.0.1", password: "${env.VERTO_PASSWORD}"}
allow: ["+1800555*", "10??"]
caps: {concurrent: 500, per_second: 20, minutes: 1000}
allow_hosts: ["127.0.0.1"]
flows_may_use: [local]
"""


def test_the_manuals_example() -> None:
    """The file that the manual shows is read whole."""
    settings = parse(WHOLE, "botkit.yaml", ENVIRON)
    assert list(settings.accounts) == ["local", "staging", "token", "pbx"]
    staging = settings.account("staging")
    assert (staging.login, staging.password, staging.dialect) == ("me", "pw-secret", "telnyx")
    assert [server.url for server in staging.ice_servers] == list(DEFAULT_ICE_SERVERS)
    assert settings.account("pbx").dialect == "verto"
    assert settings.allow == ("+1800555*", "10??")
    assert (settings.caps.concurrent, settings.caps.per_second, settings.caps.minutes) == (500, 20, 1000)
    assert settings.flows_may_use == ("local",)


def test_a_missing_variable_matters_when_it_is_wanted() -> None:
    """Without the secrets of other accounts, a local run still starts; asking for one says what is missing."""
    settings = parse(WHOLE, "botkit.yaml", {})
    assert settings.account_for(None, None).is_embedded
    with pytest.raises(ConfigError, match="TELNYX_LOGIN is not set") as caught:
        settings.account("staging")
    assert str(caught.value).startswith("botkit.yaml:4:")
    assert "export TELNYX_LOGIN" in str(caught.value)


def test_texts_are_as_written() -> None:
    """A login of digits keeps its zeros, a number its plus."""
    text = 'allow: [+18005550100, 0123]\naccounts: {a: {server: "ws://h", login: 0123, password: "${env.P}"}}'
    settings = parse(text, "f", {"P": "x"})
    assert settings.allow == ("+18005550100", "0123")
    assert settings.account("a").login == "0123"


def test_password_of_the_embedded_exchange() -> None:
    """What opens only one's own exchange may stand in plain text."""
    account = parse("accounts: {a: {exchange: embedded, login: john1234, password: secret12}}", "f", {}).account("a")
    assert (account.login, account.password) == ("john1234", "secret12")


def test_ice_servers() -> None:
    """Addresses alone or with a user name and a credential."""
    text = """\
accounts:
  a:
    exchange: embedded
    ice_servers:
      - stun:stun.example.com:3478
      - {url: "turn:t.example.com:3478?transport=udp", username: u, credential: "${env.P}"}
"""
    stun, turn = parse(text, "f", {"P": "secret"}).account("a").ice_servers
    assert stun == IceServer("stun:stun.example.com:3478")
    assert (turn.username, turn.credential) == ("u", "secret")


def test_exchange_part_is_plain_data() -> None:
    """The directory of the exchange is handed on as it was written, the environment filled in; no repr shows it."""
    text = 'exchange:\n  users:\n    alice: {password: "${env.P}", numbers: +1800}\n    bob:\n'
    settings = parse(text, "f", {"P": "hidden"})
    assert settings.exchange == {"users": {"alice": {"password": "hidden", "numbers": "+1800"}, "bob": None}}
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("usres: {}", "f:2:3: exchange has no key 'usres'", "did you mean 'users'?"),
        ("hold_audoi: x", "exchange has no key 'hold_audoi'", "did you mean 'hold_audio'?"),
        ("users: [alice]", "f:2:10: exchange.users must be a mapping of names", "{…}"),
        ("users: {alice: bob}", "f:2:18: exchange.users.alice must be a mapping", None),
        ("users: {alice: {pasword: x}}", "f:2:19: exchange.users.alice has no key 'pasword'", "'password'"),
        (
            "users: {alice: {password: '${env.NO}'}}",
            "f:2:29: exchange.users.alice.password: NO is not set",
            "export NO=",
        ),
        (
            "connections: {john1234: {inbound: {dnis_format: x}}}",
            "f:2:38: exchange.connections.john1234.inbound has no key 'dnis_format'",
            "dnis_number_format",
        ),
        (
            "connections: {john1234: {inbound: {dnis_number_format: x}}}",
            "f:2:58: exchange.connections.john1234.inbound.dnis_number_format: input should be '+e164'",
            None,
        ),
        ("connections: {john1234: {password: short}}", "f:2:38: exchange.connections.john1234.password: string", None),
        ("connections: {j1: {}}", "f:2:21: exchange.connections.j1: a user name has 4 to 32", None),
        (
            "applications: {voice: {ivr: {}}}",
            "f:2:31: exchange.applications.voice.ivr.webhook_event_url: is miss",
            None,
        ),
        ("applications: {voicexml: {}}", "exchange.applications has no key 'voicexml'", "voice"),
        (
            "users: {a: {numbers: [1, 2]}, b: {numbers: 2}}",
            "f:2:46: exchange.users.b.numbers.0: 2 is a's already",
            None,
        ),
        ("telephony_credentials: {d: {connection: x}}", "f:2:43: exchange.telephony_credentials.d.connection: ", None),
        (
            "signing_key: short",
            "f:2:16: exchange.signing_key: it must be the base64 of 32 bytes, or the word demo",
            None,
        ),
    ],
)
def test_mistakes_in_the_exchange_part(text: str, says: str, hint: str | None) -> None:
    """Each mistake in the exchange's part is told with its place and the path to it."""
    with pytest.raises(ConfigError) as caught:
        parse(f"exchange:\n  {text}\n", "f", {})
    told = str(caught.value)
    assert says in told
    if hint:
        assert hint in told


def test_hold_audio(tmp_path: Path) -> None:
    """A file counts from the folder of the settings; `silence` is none; unsaid, it is the music of the package."""
    file = tmp_path / "botkit.yaml"
    (tmp_path / "waltz.wav").touch()
    settings = parse("exchange: {hold_audio: waltz.wav, users: {a: }}", str(file), {})
    assert settings.hold_audio == tmp_path / "waltz.wav"
    assert settings.exchange == {"users": {"a": None}}
    assert parse("exchange: {hold_audio: silence}", str(file), {}).hold_audio is None
    assert parse("exchange: {users: {}}", str(file), {}).hold_audio == HOLD_MUSIC
    assert parse("allow: []", str(file), {}).hold_audio == HOLD_MUSIC


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("acounts: {}", "f:1:1: botkit.yaml has no key 'acounts'", "did you mean 'accounts'?"),
        ("accounts:\n  a: {sever: x}", "f:2:7: account 'a' has no key 'sever'", "did you mean 'server'?"),
        ("accounts: 3", "accounts must be a mapping", None),
        ("accounts: {a: {}}", "needs one of `exchange` and `server`", "exchange: embedded"),
        ("accounts: {a: {exchange: remote}}", "exchange 'remote' is not known", "embedded"),
        ("accounts: {a: {server: 'http://h', token: '${env.P}'}}", "no WebSocket address", "wss://"),
        ("accounts: {a: {server: 'ws://h', dialect: verto, token: '${env.P}'}}", "no tokens", "user@domain"),
        ("accounts: {a: {server: 'ws://h', login: x}}", "needs `login` and `password`", None),
        ("accounts: {a: {server: 'ws://h', login: x, password: y}}", "stands here in plain text", "${env.A_PASSWORD}"),
        ("accounts: {a: {exchange: embedded, ice_servers: [x]}}", "no STUN or TURN address", "stun:"),
        ("accounts: {a: {exchange: embedded, ice_servers: [{uri: x}]}}", "has no key 'uri'", "did you mean 'url'?"),
        ("accounts: {a: {exchange: embedded, dialect: morse}}", "dialect 'morse'", "verto"),
        ("accounts: {a: {exchange: embedded, address: '${vars.x}'}}", "${vars.x} is not known", "${env.NAME}"),
        ("accounts: {a: {exchange: embedded, address: }}", "is empty", None),
        ("caps: {concurrent: 0}", "above 0", None),
        ("caps: {concurrent: 1.5}", "whole number", None),
        ("caps: {concurent: 1}", "caps has no key", "did you mean 'concurrent'?"),
        ("flows_may_use: [lcal]", "there is no account 'lcal'", "did you mean 'local'?"),
        ("allow: [{a: b}]", "allow must be a text", None),
        ("exchange: {hold_audio: none.wav}", "f:1:24: exchange.hold_audio: there is no audio file", "silence"),
        ("exchange: {hold_audio: }", "exchange.hold_audio is empty", None),
        ("exchange: {hold_audio: [a.wav]}", "exchange.hold_audio must be a text", None),
        ("exchange: [a]", "exchange must be a mapping", None),
        ("allow: [a\n", "f:", None),
        ("allow: [a]\nallow: [b]", "given twice", None),
    ],
)
def test_mistakes(text: str, says: str, hint: str | None) -> None:
    """Each mistake is a fault with its file, line and column, and a hint where there is one."""
    with pytest.raises(Fault) as caught:
        parse(text, "f", {"P": "x"})
    told = str(caught.value)
    assert says in told
    assert told.startswith("f:")
    if hint:
        assert hint in told


def test_load(tmp_path: Path) -> None:
    """The file is found beside the flow; the environment's account comes on top."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "botkit.yaml").write_text("allow: ['1*']\nx-note: free\n")
    flow = tmp_path / "flows" / "a.yaml"
    settings = load({"BOTKIT_TOKEN": "t"}, flows=[flow], cwd=tmp_path)
    assert settings.allow == ("1*",)
    assert settings.account("env").token == "t"
    assert load({}, cwd=tmp_path).allow is None


def test_file_that_is_no_text(tmp_path: Path) -> None:
    """A file that cannot be read is a fault in words."""
    (tmp_path / "botkit.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load({}, cwd=tmp_path)


def test_a_server_on_loopback_may_have_its_password_in_the_file() -> None:
    """What opens only one's own test server is no secret."""
    settings = parse("accounts: {a: {server: 'ws://127.0.0.1:8080', login: x, password: y}}", "botkit.yaml", {})
    assert settings.account("a").password == "y"


def test_an_account_knows_its_variables() -> None:
    """A hint about a refused login can name where the password came from; by its name."""
    text = 'accounts: {lab: {server: "ws://lab", login: "${env.WHO}", password: "${ env.KEY }"}}\n'
    account = parse(text, "botkit.yaml", {"WHO": "alice", "KEY": "wonder"}).account("lab")
    assert account.variables == (("login", "WHO"), ("password", "KEY"))
    assert "wonder" not in repr(account)


@pytest.mark.parametrize("text", ["", "\n", "# allow: ['+1*']\n  # later\n"])
def test_a_file_that_says_nothing(text: str) -> None:
    """A file that is empty, or all comment, marks a project and leaves everything as it is without one."""
    settings = parse(text, "botkit.yaml", ENVIRON)
    assert list(settings.accounts) == ["local"]
    assert (settings.allow, settings.file) == (None, "botkit.yaml")
