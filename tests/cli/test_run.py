"""`botkit run`: options, outputs, exit statuses."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

import pytest
from typer.testing import Result

from botkit.cli import outputs
from botkit.cli import run as run_module
from botkit.errors import ConfigError, ExpectationFailed, NetworkFault
from botkit.flow.source import Issue, Mark, SourceError
from botkit.reports.console import LiveProgress, PlainProgress
from botkit.runner.options import RunOptions
from botkit.testing import ManualClock
from tests.cli.conftest import Work
from tests.reports import samples

Botkit = Callable[..., Result]
Install = Callable[[Work], None]


def raising(error: BaseException) -> Work:
    """A runner that ends so."""

    def work(*_: object) -> NoReturn:
        raise error

    return work


def test_passed(botkit: Botkit, passing: list[RunOptions], flow: Path, tmp_path: Path) -> None:
    """A passed run ends with 0, a summary, and every report in the folder."""
    result = botkit("run", flow, "--out", "o")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == [
        "passed: 2 calls, 3 expectations met, in 14.2 s",
        "report: o/report.html",
    ]
    assert "calling +18005550100" in result.stdout
    assert "expect_tone 440" not in result.stdout
    assert {path.name for path in (tmp_path / "o").iterdir()} == {
        "result.json",
        "junit.xml",
        "report.html",
        "calls.jsonl",
        ".botkit-out",
    }


def test_options(botkit: Botkit, passing: list[RunOptions], flow: Path, tmp_path: Path) -> None:
    """What is typed arrives at the runner."""
    (tmp_path / "more").mkdir()
    typed = ["--var", "pin=4321", "--var", "url=a=b", "--seed", "7", "--time-limit", "90s", "--in-memory"]
    assert botkit("run", flow, "--out", "o", "--account", "local", "--read", "more", *typed).exit_code == 0
    (options,) = passing
    assert options.paths == (flow,)
    assert options.vars == {"pin": "4321", "url": "a=b"}
    assert (options.seed, options.time_limit, options.over_network, options.account) == (7, 90.0, False, "local")
    assert tmp_path / "more" in options.read_roots
    assert options.confinement.readable(flow) == flow


def test_a_folder_to_read_that_is_not_there(botkit: Botkit, passing: list[RunOptions], flow: Path) -> None:
    """--read with a mistyped folder is told, and nothing runs."""
    result = botkit("run", flow, "--out", "o", "--read", "mroe")
    assert (result.exit_code, passing) == (2, [])
    assert "--read mroe: there is no such folder" in result.output


def test_over_network_is_the_default(botkit: Botkit, passing: list[RunOptions], flow: Path) -> None:
    """`run` uses real peers unless told otherwise."""
    botkit("run", flow, "--out", "o")
    assert passing[0].over_network


def test_folder_by_time(botkit: Botkit, passing: list[RunOptions], flow: Path, tmp_path: Path) -> None:
    """Without --out each run has a folder of its own below out/."""
    assert [botkit("run", flow).exit_code for _ in range(2)] == [0, 0]
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["nothing.yaml"], "there is no flow nothing.yaml"),
        (["bad.yaml"], "bad.yaml:3:6: error: there is no event `answerd`"),
        (["flows/caller.yaml", "--var", "pin=1"], "--var pin: no flow of this run declares such a variable"),
        (["flows/caller.yaml", "--codec", "line=opus"], "--codec line=…: no bot of this run is called so"),
        (["flows"], "`botkit run` takes files"),
        (["/dev/null"], "/dev/null is no file of its own"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_typing_error_makes_no_folder(
    botkit: Botkit, flow: Path, tmp_path: Path, typed: list[str], says: str, as_json: bool
) -> None:
    """What is found wrong before anything begins is told, and leaves nothing behind."""
    (tmp_path / "bad.yaml").write_text("flow: Bad\ndial: '5100'\non: {answerd: [hangup]}\n")
    result = botkit("run", *typed, *(["--json"] if as_json else []))
    assert result.exit_code == 2
    assert says in result.stderr
    assert not (tmp_path / "out").exists()
    assert json.loads(result.stdout)["verdict"] == "fault" if as_json else not result.stdout


def test_a_folder_that_is_named_has_the_report_of_a_bad_flow(botkit: Botkit, tmp_path: Path) -> None:
    """With --out, CI finds the error of a flow where it looks for reports, and none of an earlier run."""
    (tmp_path / "bad.yaml").write_text("flow: Bad\ndial: '5100'\non: {answerd: [hangup]}\n")
    assert botkit("run", "bad.yaml", "--out", "o").exit_code == 2
    assert "there is no event `answerd`" in (tmp_path / "o" / "junit.xml").read_text()


def test_json(botkit: Botkit, passing: list[RunOptions], flow: Path) -> None:
    """With --json standard output is the result and nothing else; progress goes beside it."""
    result = botkit("run", flow, "--out", "o", "--json")
    assert json.loads(result.stdout)["verdict"] == "passed"
    assert "calling +18005550100" in result.stderr


def test_verbose(botkit: Botkit, passing: list[RunOptions], flow: Path) -> None:
    """With --verbose every step is told."""
    assert "expect_tone 440" in botkit("run", flow, "--out", "o", "-v").stdout


def test_failed(botkit: Botkit, runner: Install, flow: Path) -> None:
    """An unmet expectation ends with 1 and one line that says it all."""
    runner(lambda *_: samples.FAILED)
    result = botkit("run", flow, "--out", "o")
    assert result.exit_code == 1
    assert (
        sum(line.startswith("FAILED caller flows/clinic_caller.yaml:23:") for line in result.stdout.splitlines()) == 1
    )


@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_is_reported_everywhere(
    botkit: Botkit, runner: Install, flow: Path, tmp_path: Path, as_json: bool
) -> None:
    """A fault that ends the run still leaves every report, and a hint."""
    runner(raising(ExceptionGroup("calls", [NetworkFault("no route to host", hint="is the cable in?")])))
    result = botkit("run", flow, "--out", "o", *(["--json"] if as_json else []))
    assert result.exit_code == 2
    told = result.stderr if as_json else result.stdout
    assert "FAULT no route to host\n  hint: is the cable in?" in told
    written = json.loads((tmp_path / "o" / "result.json").read_text())
    assert (written["verdict"], written["problems"][0]["message"]) == ("fault", "no route to host")
    assert "<error" in (tmp_path / "o" / "junit.xml").read_text()
    assert "Traceback" not in result.output


def test_a_flow_with_an_error(botkit: Botkit, runner: Install, flow: Path) -> None:
    """A flow that cannot be read is shown with its line and a caret."""
    issue = Issue("there is no step `plya`", Mark("a.yaml", 6, 7), "    - plya: a.wav", "did you mean `play`?")
    runner(raising(SourceError(issue)))
    lines = botkit("run", flow, "--out", "o").stdout.splitlines()
    at = lines.index("FAULT a.yaml:6: there is no step `plya`")
    assert lines[at + 1 : at + 4] == [
        "     6 |     - plya: a.wav",
        "       |       ^",
        "  hint: did you mean `play`?",
    ]


def test_an_unexpected_error_is_no_traceback(botkit: Botkit, runner: Install, flow: Path, tmp_path: Path) -> None:
    """A bug of ours is one line; the trace is in the output folder."""
    runner(raising(ZeroDivisionError("division by zero")))
    result = botkit("run", flow, "--out", "o")
    assert result.exit_code == 2
    assert "unexpected ZeroDivisionError: division by zero" in result.stdout
    assert "the trace is in o/trace.txt" in result.stdout
    assert "Traceback" not in result.output
    assert "Traceback" in (tmp_path / "o" / "trace.txt").read_text()


def test_debug_shows_the_trace(botkit: Botkit, runner: Install, flow: Path) -> None:
    """--debug is for those who want it on the spot."""
    runner(raising(ZeroDivisionError("x")))
    assert "Traceback" in botkit("--debug", "run", flow, "--out", "o").stderr


def test_an_expectation_that_escapes_is_a_failure(botkit: Botkit, runner: Install, flow: Path) -> None:
    """Unmet is not broken, also where nobody caught it."""
    runner(raising(ExpectationFailed("a tone", "nothing")))
    assert botkit("run", flow, "--out", "o").exit_code == 1


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["nowhere.yaml"], "there is no flow nowhere.yaml"),
        (["flows"], "`botkit run` takes files"),
        (["flows/callr.yaml"], "did you mean 'flows/caller.yaml'?"),
        (["flows/caller.yaml", "--var", "pin"], "--var pin: a name and a value"),
        (["flows/caller.yaml", "--account", "stagign"], "there is no account 'stagign'"),
        (["flows/caller.yaml", "--account", "env"], "the environment gives no account"),
        (["flows/caller.yaml", "--config", "nope.yaml"], "there is no settings file nope.yaml"),
        (["flows/caller.yaml", "--time-limit", "soon"], "--time-limit"),
        (["flows/caller.yaml", "--time-limit", "1s..2s"], "one time above 0"),
    ],
)
def test_what_is_typed_wrong(
    botkit: Botkit, passing: list[RunOptions], flow: Path, typed: list[str], says: str
) -> None:
    """A mistake on the command line is a fault in words, before any call."""
    result = botkit("run", "--out", "o", *typed)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output
    assert passing == []


def test_secrets_are_hidden(
    botkit: Botkit, runner: Install, flow: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A password that slips into an error shows in no report."""
    monkeypatch.setenv("BOTKIT_LOGIN", "me")
    monkeypatch.setenv("BOTKIT_PASSWORD", "very-secret")
    runner(raising(RuntimeError("could not send very-secret")))
    result = botkit("run", flow, "--out", "o", "--account", "env")
    assert "very-secret" not in result.output
    for path in (tmp_path / "o").iterdir():
        assert "very-secret" not in path.read_text()


def test_an_earlier_run_is_cleared_away(botkit: Botkit, passing: list[RunOptions], flow: Path, tmp_path: Path) -> None:
    """What an earlier run left in the folder does not mix with this one's; other files stay."""
    out = tmp_path / "o"
    assert botkit("run", flow, "--out", out).exit_code == 0
    (out / "calls" / "old").mkdir(parents=True)
    (out / "notes.txt").touch()
    assert botkit("run", flow, "--out", out).exit_code == 0
    assert not (out / "calls").exists()
    assert (out / "notes.txt").exists()


def test_a_folder_of_somebody_else(botkit: Botkit, passing: list[RunOptions], flow: Path, tmp_path: Path) -> None:
    """A folder that has such files, and not from us, is refused and left alone."""
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "result.json").write_text("mine")
    result = botkit("run", flow, "--out", "o")
    assert result.exit_code == 2
    assert "o holds result.json, and not from botkit" in result.output
    assert (tmp_path / "o" / "result.json").read_text() == "mine"


def test_out_cannot_be_made(botkit: Botkit, passing: list[RunOptions], flow: Path, tmp_path: Path) -> None:
    """An output folder that cannot be is a fault in words."""
    (tmp_path / "file").touch()
    result = botkit("run", flow, "--out", "file/o")
    assert result.exit_code == 2
    assert "cannot be written" in result.output


def test_config_error_is_a_fault(botkit: Botkit, runner: Install, flow: Path) -> None:
    """Errors of the operator end with 2."""
    runner(raising(ConfigError("no", hint="do")))
    assert botkit("run", flow, "--out", "o").exit_code == 2


def test_a_folder_in_use(botkit: Botkit, passing: list[RunOptions], flow: Path, tmp_path: Path) -> None:
    """While a run has the folder, a second one is refused and touches nothing; afterwards it may."""
    fcntl = pytest.importorskip("fcntl")
    out = tmp_path / "o"
    (out / "calls" / "live").mkdir(parents=True)
    with (out / ".botkit-out").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        result = botkit("run", flow, "--out", out)
        assert result.exit_code == 2
        assert "another run uses the folder" in result.output
        assert (out / "calls" / "live").exists()
    assert botkit("run", flow, "--out", out).exit_code == 0


def test_a_folder_is_held_during_the_run(tmp_path: Path) -> None:
    """From `prepare` until it is released nobody else can lock the marker."""
    fcntl = pytest.importorskip("fcntl")
    folder = outputs.prepare(tmp_path / "o")
    with (folder / outputs.MARKER).open("ab") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        outputs.release(folder)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_codecs(botkit: Botkit, passing: list[RunOptions], flow: Path) -> None:
    """`--codec` names codecs, in any case, for all bots or for one."""
    result = botkit("run", flow, "--out", "o", "--codec", "OPUS,pcmu", "--codec", "caller=PCMA")
    assert result.exit_code == 0
    assert passing[0].codecs == {"": ("opus", "PCMU"), "caller": ("PCMA",)}


@pytest.mark.parametrize("given", ["GSM", "caller=", "=PCMU", ""])
def test_codecs_that_are_none(botkit: Botkit, passing: list[RunOptions], flow: Path, given: str) -> None:
    """What is no codec is an error of the command line, with the known ones."""
    result = botkit("run", flow, "--out", "o", "--codec", given)
    assert result.exit_code == 2
    assert "PCMU" in result.stdout + result.stderr
    assert not passing


def test_help_says_how_to_dial_several_times(botkit: Botkit) -> None:
    """Its help says that a flow which is named several times dials as often."""
    told = " ".join(botkit("run", "--help").stdout.split())
    assert "A dialling flow that is named several times dials as often" in told


def test_half_a_character_in_a_report(tmp_path: Path) -> None:
    """Half a character, which the other party may send, costs no report: it is written as its escape."""
    folder = outputs.prepare(tmp_path / "o")
    outputs.write_reports(samples.run(problems=(replace(samples.REFUSED, message="a \ud83d"),)), folder)
    assert json.loads((folder / "result.json").read_text(encoding="utf-8"))["problems"][0]["message"] == "a \ud83d"
    assert "a \\ud83d" in (folder / "report.html").read_text(encoding="utf-8")


def test_reports_of_a_file_whose_name_is_no_text(botkit: Botkit, runner: Install, flow: Path, tmp_path: Path) -> None:
    """Half a character, which Python has for a byte of a name that is no UTF-8, breaks no report."""
    odd = "flows/caf\udce9.yaml"
    call = replace(samples.caller(met=False), file=odd, events="calls/caf\udce9/events.jsonl")
    runner(lambda *_: samples.run(call))
    assert botkit("run", flow, "--out", "o").exit_code == 1
    assert json.loads((tmp_path / "o" / "result.json").read_text())["flows"][0]["file"] == odd
    assert "calls/caf%E9/events.jsonl" in (tmp_path / "o" / "report.html").read_text()
    assert ElementTree.fromstring((tmp_path / "o" / "junit.xml").read_text()).tag == "testsuites"


def test_out_is_a_file(botkit: Botkit, passing: list[RunOptions], flow: Path, tmp_path: Path) -> None:
    """--out with the name of a file is told in words."""
    (tmp_path / "o").write_text("mine")
    result = botkit("run", flow, "--out", "o")
    assert (result.exit_code, passing) == (2, [])
    assert "--out o is no folder" in result.stderr
    assert (tmp_path / "o").read_text() == "mine"


def test_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that cannot move its cursor gets plain lines, every one of them."""
    monkeypatch.setattr("sys.stdout", io.StringIO())
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    for term, kind in (("dumb", PlainProgress), ("xterm", LiveProgress)):
        monkeypatch.setenv("TERM", term)
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert isinstance(run_module._progress(False, False, print), kind)


def test_runs_that_begin_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two runs that choose a folder in the same moment, when neither is there yet, each gets one of its own."""
    monkeypatch.setattr(outputs, "MonotonicClock", ManualClock)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    folders = [outputs.prepare(None) for _ in range(2)]
    assert folders[0] != folders[1]
    for folder in folders:
        outputs.release(folder)
