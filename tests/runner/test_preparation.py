"""What is refused before any call, and what bots are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.errors import ConfigError, Fault
from botkit.flow.explain import FlowErrors
from botkit.media.wav import read_wav
from botkit.results import Verdict
from botkit.runner.options import Notice
from botkit.settings import Account, Settings
from tests.calls.kit import TONE_CALLER, TONE_LINE, call_of, play, run, written


def test_all_errors_of_all_files(tmp_path: Path) -> None:
    """Errors of every file are told at once, and nobody is called."""
    bad = "flow: Bad\ndial: '1'\non: {answered: [{wiat: 1s}, {wait: soon}]}\n"
    told: list[Notice] = []
    with pytest.raises(FlowErrors) as caught:
        play(tmp_path, {"one": bad, "two": bad, "good": TONE_LINE}, progress=told.append)
    files = [Path(issue.mark.file).name for issue in caught.value.issues]
    assert files == ["one.yaml", "one.yaml", "two.yaml", "two.yaml"]
    assert not told


def test_variables(tmp_path: Path) -> None:
    """`--var` goes to every flow that declares it, as a plain scalar, and wins over the flow's value."""
    flow = "flow: {}\n{}\nvars: {{count: 1, text: a}}\non: {{ended: [{{check: count == 5 and text == '0123'}}]}}\n"
    flows = {"line": flow.format("Line", "answer: '5100'"), "caller": flow.format("Caller", "dial: '5100'")}
    result = play(tmp_path, flows, vars={"count": "5", "text": "0123"})
    assert result.verdict is Verdict.PASSED
    assert play(tmp_path, flows).verdict is Verdict.FAILED


def test_unknown_variable(tmp_path: Path) -> None:
    """A variable that no flow declares is an error of the command line, which says what there is."""
    for declared, told in (
        ("", "none declares any, under `vars`"),
        ("vars: {pin: 1, hz: 2}\n", "they declare hz, pin"),
    ):
        flows = {"line": TONE_LINE, "caller": TONE_CALLER.replace("dial:", f"{declared}dial:", 1)}
        with pytest.raises(ConfigError, match="--var nope") as raised:
            play(tmp_path, flows, vars={"nope": "1"})
        assert raised.value.hint == told


def test_codecs_by_bot(tmp_path: Path) -> None:
    """Codecs named for one bot win over those for all, and both over the flow's own."""
    result = play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER}, codecs={"": ("G722",), "line": ("opus",)})
    assert result.verdict is Verdict.PASSED
    for bot, codec, rate in (("line", "opus", 48000), ("caller", "G722", 16000)):
        call = call_of(result, bot)
        assert call.codec == codec
        assert read_wav(tmp_path / "out" / (call.recordings.rx or "none"))[1] == rate
    with pytest.raises(ConfigError, match="--codec calller") as raised:
        play(tmp_path, {"line": TONE_LINE, "caller": TONE_CALLER}, codecs={"calller": ("opus",)})
    assert "caller" in (raised.value.hint or "")


@pytest.mark.parametrize("number", ["911", "112", "sip:911@example.com"])
def test_emergency_number(tmp_path: Path, number: str) -> None:
    """An emergency number is dialled by nobody, not even on the embedded exchange."""
    told: list[Notice] = []
    with pytest.raises(ConfigError, match="emergency"):
        play(tmp_path, {"caller": TONE_CALLER.replace('"5100"', f'"{number}"')}, progress=told.append)
    assert not told


def test_number_in_a_variable_is_judged_too(tmp_path: Path) -> None:
    """What counts is the number that is dialled, wherever it comes from."""
    caller = "flow: Caller\nvars: {to: '5100'}\ndial: '${to}'\non: {answered: [hangup]}\n"
    with pytest.raises(ConfigError, match="emergency"):
        play(tmp_path, {"caller": caller}, vars={"to": "911"})
    with pytest.raises(ConfigError, match="none of `allow`"):
        play(tmp_path, {"caller": caller}, vars={"to": "+1555"}, settings=Settings(allow=("51??",)))


def test_server_account_needs_allow(tmp_path: Path) -> None:
    """Through a server nothing is dialled that `allow` does not name; no connection is even tried."""
    account = Account("there", server="ws://127.0.0.1:9", login="a", password="b")
    settings = Settings(accounts={"there": account})
    with pytest.raises(ConfigError, match="nothing is allowed there yet"):
        play(tmp_path, {"caller": TONE_CALLER}, settings=settings, account="there", virtual=False)


def test_account_that_a_flow_may_not_choose(tmp_path: Path) -> None:
    """A flow cannot lead a run off this machine by naming an account."""
    account = Account("there", server="ws://127.0.0.1:9", login="a", password="b")
    settings = Settings(accounts={"there": account}, allow=("*",))
    with pytest.raises(ConfigError, match="may not choose"):
        play(tmp_path, {"caller": f"{TONE_CALLER}account: there\n"}, settings=settings, virtual=False)


def test_account_in_a_variable(tmp_path: Path) -> None:
    """The account of a flow may stand in a variable; what is unknown then is told by its name."""
    caller = TONE_CALLER + "vars: {where: local}\naccount: '${where}'\n"
    flows = {"line": TONE_LINE, "caller": caller}
    assert play(tmp_path, flows).verdict is Verdict.PASSED
    with pytest.raises(ConfigError, match="there is no account 'nowhere'"):
        play(tmp_path, flows, vars={"where": "nowhere"})


def test_head_that_cannot_be_filled_in(tmp_path: Path) -> None:
    """A key of a flow whose expression gives what it cannot take is named as it is written, with its position."""
    caller = "flow: Caller\ndial: '5100'\nvars: {limit: a}\ntime_limit: '${limit}'\n"
    with pytest.raises(Fault, match=r"caller\.yaml:4:13: `time_limit`: 'a' is not a duration"):
        play(tmp_path, {"caller": caller})


def test_number_in_a_variable_without_a_value(tmp_path: Path) -> None:
    """An empty variable is no number to dial, and not the word for nothing either."""
    caller = "flow: Caller\ndial: '${to}'\nvars: {to: ~}\n"
    for given in ({}, {"to": " "}):
        with pytest.raises(Fault, match=r"caller\.yaml:2:7: `dial`: a value is missing"):
            play(tmp_path, {"caller": caller}, vars=given)


def test_header_that_would_be_two(tmp_path: Path) -> None:
    """What a variable brings cannot begin a header of its own."""
    caller = "flow: Caller\ndial: '5100'\nvars: {x: a}\nheaders: {X-One: '${x}'}\n"
    with pytest.raises(Fault, match=r"caller\.yaml:4:18: `headers`: a header is one line"):
        play(tmp_path, {"caller": caller}, vars={"x": "a\r\nX-Two: b"})


def test_names_of_bots(tmp_path: Path) -> None:
    """A bot is called as its file; the same file twice is numbered, and each has a folder."""
    (tmp_path / "flows").mkdir()
    line, caller = written(tmp_path / "flows", {"line": TONE_LINE, "caller": TONE_CALLER})
    result = run([caller, line, caller], tmp_path / "out")
    assert [flow.bot for flow in result.flows] == ["line", "caller_1", "caller_2"]
    folders = {folder.name for folder in (tmp_path / "out" / "calls").iterdir()}
    assert folders == {"line-1", "line-2", "caller_1-1", "caller_2-1"}
    assert result.verdict is Verdict.PASSED


def test_names_that_are_taken(tmp_path: Path) -> None:
    """A number that makes the name of another file is left out: no two bots are one."""
    (tmp_path / "flows").mkdir()
    line, caller, other = written(
        tmp_path / "flows", {"line": TONE_LINE, "caller": TONE_CALLER, "caller_1": TONE_CALLER}
    )
    result = run([line, caller, caller, other], tmp_path / "out")
    assert [flow.bot for flow in result.flows] == ["line", "caller_2", "caller_3", "caller_1"]
    assert result.verdict is Verdict.PASSED


def test_two_flows_for_one_number(tmp_path: Path) -> None:
    """Two flows that answer the same number are refused: they would race for its calls."""
    paths = written(tmp_path, {"one": TONE_LINE, "other": TONE_LINE})
    with pytest.raises(ConfigError, match="both answer"):
        run(paths, tmp_path / "out")
