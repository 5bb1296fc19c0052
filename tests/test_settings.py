"""Accounts and limits: what may be dialled, reached, read and written."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from botkit.errors import ConfigError
from botkit.settings import (
    LOCAL,
    Account,
    Confinement,
    Settings,
    find_file,
    normal,
    number_matches,
    read_roots,
    with_environment,
)

SERVER = Account(name="staging", server="wss://rtc.example.com", login="me", password="s3cret-word")


def test_secrets_are_hidden() -> None:
    """An account's repr shows neither password nor token."""
    account = Account(name="a", server="wss://x", login="me", password="s3cret-word", token="t0ken-word")
    assert "s3cret" not in repr(account)
    assert "t0ken" not in repr(account)
    assert account.secrets == ("s3cret-word", "t0ken-word")


def test_settings_are_picklable() -> None:
    """Workers in other processes get a copy."""
    settings = Settings(unusable={"a": ConfigError("no", hint="do")})
    copy = pickle.loads(pickle.dumps(settings))
    assert copy.accounts == settings.accounts
    assert copy.unusable["a"].hint == "do"


def test_default_account_is_embedded() -> None:
    """With an account in the environment, a run still stays on this machine until one is named."""
    settings = with_environment(Settings(), {"BOTKIT_LOGIN": "me", "BOTKIT_PASSWORD": "pw"})
    assert settings.account_for(None, None) == LOCAL
    assert settings.account_for("env", None).login == "me"


def test_default_account_is_embedded_even_when_local_is_renamed() -> None:
    """An account called `local` that leads elsewhere is not the default."""
    settings = Settings(accounts={"local": SERVER})
    assert settings.account_for(None, None).is_embedded


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, "gives no account"),
        ({"BOTKIT_LOGIN": "me"}, "needs `login` and `password`"),
        ({"BOTKIT_SERVER": "wss://x"}, "needs `login` and `password`"),
        ({"BOTKIT_TOKEN": "t", "BOTKIT_SERVER": "http://x"}, "no WebSocket address"),
        ({"BOTKIT_TOKEN": "t", "BOTKIT_DIALECT": "morse"}, "dialect 'morse'"),
    ],
)
def test_half_an_account_in_the_environment(environ: dict[str, str], says: str) -> None:
    """Half an account is told when it is asked for, not before."""
    settings = with_environment(Settings(), environ)
    assert settings.account_for(None, None).is_embedded
    with pytest.raises(ConfigError, match=says) as caught:
        settings.account("env")
    assert caught.value.hint


def test_unknown_account() -> None:
    """A misspelt account gets the nearest name."""
    with pytest.raises(ConfigError, match="did you mean 'staging'"):
        Settings(accounts={"staging": SERVER}).account("stagign")


def test_flow_may_not_choose_a_server() -> None:
    """A flow names the embedded exchange only, unless the operator says otherwise."""
    settings = Settings(accounts={"local": LOCAL, "staging": SERVER})
    assert settings.account_for(None, "local").is_embedded
    with pytest.raises(ConfigError, match="--account staging"):
        settings.account_for(None, "staging")
    allowed = Settings(accounts={"local": LOCAL, "staging": SERVER}, flows_may_use=("staging",))
    assert allowed.account_for(None, "staging") is SERVER
    with pytest.raises(ConfigError):
        allowed.account_for(None, "local")


@pytest.mark.parametrize(
    "number", ["911", "112", "999", "+112", "tel:911", "sip:911@example.com", "9-1-1", "９１１", "911;ext=1"]
)
@pytest.mark.parametrize("allow", [None, ("*",), ("9??", "1??")])
def test_emergency_numbers(number: str, allow: tuple[str, ...] | None) -> None:
    """An emergency number is refused in every spelling, on every exchange, patterns or not."""
    for account in (LOCAL, SERVER):
        with pytest.raises(ConfigError, match="emergency"):
            Settings(allow=allow).check_number(number, account)


def test_emergency_number_listed_literally() -> None:
    """Listing it literally is the way to mean it."""
    Settings(allow=("911",)).check_number("911", LOCAL)


def test_desk_numbers() -> None:
    """Short numbers are desks on this machine and emergency numbers elsewhere."""
    bench = Account(name="bench", server="ws://127.0.0.1:8080", login="a", password="b")
    for number in ("101", "123", "190"):
        Settings().check_number(number, LOCAL)
        Settings(allow=("1??",)).check_number(number, bench)
    with pytest.raises(ConfigError, match="emergency"):
        Settings(allow=("1??",)).check_number("101", SERVER)


def test_nothing_is_dialled_elsewhere_by_default() -> None:
    """Without `allow`, any number on the embedded exchange and none elsewhere."""
    Settings().check_number("+18005550100", LOCAL)
    with pytest.raises(ConfigError, match="nothing is allowed there yet"):
        Settings().check_number("+18005550100", SERVER)


def test_allow_covers_the_embedded_exchange() -> None:
    """A given `allow` is a rule for every account."""
    settings = Settings(allow=("+1800555*",))
    settings.check_number("+1 (800) 555-0100", LOCAL)
    with pytest.raises(ConfigError, match="matches none of `allow`"):
        settings.check_number("+19005550100", LOCAL)


def test_a_domain_does_not_hide_behind_a_pattern() -> None:
    """`*` stays on its side of the `@`."""
    assert not number_matches("+18005550100@elsewhere.example", "+1800*")
    assert number_matches("bob@example.com", "*@example.com")
    assert not number_matches("1234", "[0-9]*")


def test_normal_keeps_names() -> None:
    """A name with digits in it is no number."""
    assert normal("agent911") == "agent911"
    assert normal("sip:bob@example.com;transport=ws") == "bob@example.com"


def test_hosts() -> None:
    """Requests go to listed hosts only."""
    settings = Settings(allow_hosts=("127.0.0.1", "*.example.com"))
    settings.check_host("api.EXAMPLE.com")
    with pytest.raises(ConfigError, match=r"evil\.example\.org"):
        settings.check_host("evil.example.org")


def test_where_the_settings_are_found(tmp_path: Path) -> None:
    """Beside the flow, then in a folder above it within the working directory, then in that directory."""
    flows = tmp_path / "flows" / "deep"
    flows.mkdir(parents=True)
    flow = flows / "a.yaml"
    assert find_file(None, [flow], tmp_path) is None
    (tmp_path / "botkit.yaml").touch()
    assert find_file(None, [flow], tmp_path) == tmp_path / "botkit.yaml"
    (flows / "botkit.yaml").touch()
    assert find_file(None, [flow], tmp_path) == flows / "botkit.yaml"
    assert find_file(None, [flow], Path("/")) == flows / "botkit.yaml"


def test_settings_of_a_foreign_folder_are_not_searched_upwards(tmp_path: Path) -> None:
    """Above a flow outside the working directory nothing is looked for."""
    (tmp_path / "botkit.yaml").touch()
    (tmp_path / "flows").mkdir()
    (tmp_path / "work").mkdir()
    assert find_file(None, [tmp_path / "flows" / "a.yaml"], tmp_path / "work") is None


def test_missing_config() -> None:
    """`--config` must exist."""
    with pytest.raises(ConfigError, match="there is no settings file"):
        find_file("nowhere.yaml", [], Path.cwd())


def test_reading_is_confined(tmp_path: Path) -> None:
    """A path out of the roots is refused, also through a symbolic link, and the error says how to allow it."""
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (other / "secret.wav").touch()
    (root / "link.wav").symlink_to(other / "secret.wav")
    rule = Confinement(read_roots=(root,), out=tmp_path / "out")
    assert rule.readable(root / "a.wav") == root / "a.wav"
    for path in (root / "link.wav", root / ".." / "other" / "secret.wav"):
        with pytest.raises(ConfigError, match="may not be read") as caught:
            rule.readable(path)
        assert f"--read {other}" in str(caught.value)


def test_writing_is_confined(tmp_path: Path) -> None:
    """Writes stay below the output folder, symbolic links resolved."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "link").symlink_to(tmp_path)
    rule = Confinement(read_roots=(), out=out)
    assert rule.writable(Path("calls/1/a.wav")) == out / "calls/1/a.wav"
    for path in ("../a.wav", "/tmp/a.wav", "link/a.wav", ""):
        with pytest.raises(ConfigError, match="may not be written"):
            rule.writable(Path(path))


def test_read_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory counts as a project, the home folder does not."""
    flow = tmp_path / "project" / "flows" / "a.yaml"
    flow.parent.mkdir(parents=True)
    project = tmp_path / "project"
    assert read_roots([flow], cwd=project) == (flow.parent, project)
    monkeypatch.setenv("HOME", str(project))
    assert read_roots([flow], cwd=project) == (flow.parent,)
    assert read_roots([flow], named=[tmp_path], cwd=project) == (flow.parent, tmp_path)


def test_the_folder_of_flows_lies_in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`flows/a.yaml` may play `../audio/b.wav` wherever it is run; no more, and not in the home folder."""
    (tmp_path / "clinic" / "flows").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    flow = tmp_path / "clinic" / "flows" / "a.yaml"
    rule = Confinement(read_roots([flow], cwd=tmp_path / "elsewhere"), out=tmp_path / "out")
    assert rule.readable(flow.parent / ".." / "audio" / "b.wav") == tmp_path / "clinic" / "audio" / "b.wav"
    with pytest.raises(ConfigError, match="may not be read"):
        rule.readable(tmp_path / "other" / "b.wav")
    monkeypatch.setenv("HOME", str(tmp_path / "clinic"))
    assert read_roots([flow], cwd=tmp_path / "elsewhere") == (flow.parent, tmp_path / "elsewhere")


def test_the_project_of_a_flow_may_be_read(tmp_path: Path) -> None:
    """The nearest folder with `.git`, `pyproject.toml` or `botkit.yaml` above a flow is read from anywhere."""
    (tmp_path / "project" / "flows").mkdir(parents=True)
    (tmp_path / "project" / "pyproject.toml").touch()
    (tmp_path / "elsewhere").mkdir()
    roots = read_roots([tmp_path / "project" / "flows" / "a.yaml"], cwd=tmp_path / "elsewhere")
    assert tmp_path / "project" in roots
    assert tmp_path not in roots
