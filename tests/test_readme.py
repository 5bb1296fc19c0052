"""The README shows, then tells: everything it shows is run here."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from botkit.cli.accounts import parse
from botkit.exchange.plan import ExchangePlan, fill
from botkit.flow.check import check_paths
from botkit.media.spool import Spool
from botkit.states import chart
from tests.calls.test_patterns import kept_ports
from tests.exchange.kit import Office, play

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BOTKIT = [sys.executable, "-m", "botkit"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def commands() -> list[str]:
    return [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


def flow(name: str) -> str:
    """The flow that the README calls `name`."""
    return next(block for block in blocks("yaml") if block.startswith(f"flow: {name}\n"))


def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    # Without the variables of an account: nothing here may leave this machine.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TELNYX_", "BOTKIT_"))}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False, env=environment)


def test_every_command_is_known_here() -> None:
    """A command that is added to the README must be run by a test below."""
    assert commands() == [
        "make demo",
        "botkit run hello_line.yaml hello_caller.yaml",
        "botkit run flows/agent_line.yaml flows/agent_caller.yaml "
        "--audio-in agent_line=exec:'python3 flows/agents/parrot.py'",
        "botkit run caller.yaml --account staging",
        "botkit doctor",
        "botkit exchange --port 8080 --config flows/patterns/inbound_bridge/botkit.yaml",
    ]


def test_exchange_part() -> None:
    """The settings of the exchange that the README shows are read without error, and fill an exchange."""
    text = next(block for block in blocks("yaml") if block.startswith("exchange:\n"))
    settings = parse(text, "botkit.yaml", dict.fromkeys(("CLINIC", "JOHN", "DESK7", "CARRIER", "API_KEY"), "secret12"))

    async def scene(office: Office) -> None:
        made = fill(office.exchange, ExchangePlan.model_validate(dict(settings.exchange)))
        assert set(made.ids) == {"john1234", "ivr", "menu", "desk7"}
        assert not made.passwords

    play(scene)


def told(output: str) -> set[str]:
    """The lines of a run without what differs from one to the next: times, ports, and whether the machine was busy."""
    lines = {re.sub(r"\d+\.\d+ |\d+\.\d+$|:\d+$", "# ", line).strip() for line in output.splitlines()}
    return {line for line in lines if not line.startswith(("$ ", "mind: "))}


def test_make_demo(tmp_path: Path) -> None:
    """`make demo` runs the clinic; what its recipe runs ends well, as shown, and leaves what the README lists."""
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.search(r"^demo:.*\n\t@\$\(BIN\)/botkit (.*)$", makefile, re.M)
    assert recipe is not None
    words = shlex.split(recipe[1])
    out = tmp_path / "demo"
    words[words.index("--out") + 1] = str(out)
    done = run([*BOTKIT, *words], ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(done.stdout.replace(str(out), "out/demo")) == told(blocks("console")[0])
    for name in re.findall(r"^\| `([a-z_]+\.(?:html|json|xml|jsonl))`", README, re.M):
        assert (out / name).stat().st_size, name
    for call in ("clinic_caller-1", "clinic_ivr-1"):
        for name in ("rx.wav", "tx.wav", "both.wav", "events.jsonl"):
            assert (out / "calls" / call / name).stat().st_size, name


def test_make_test_exists() -> None:
    """`make test` is a target."""
    assert re.search(r"^test:", (ROOT / "Makefile").read_text(), re.M)


def test_the_first_call(tmp_path: Path) -> None:
    """The two flows of the first call run as shown, and pass."""
    (tmp_path / "hello_line.yaml").write_text(flow("Hello line"))
    (tmp_path / "hello_caller.yaml").write_text(flow("Hello caller"))
    done = run([*BOTKIT, *shlex.split(commands()[1])[1:]], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the caller pressed 1" in done.stdout


def test_the_failure_that_is_shown(tmp_path: Path) -> None:
    """With another tone the run ends with 1, in the words that the README shows."""
    (tmp_path / "hello_line.yaml").write_text(flow("Hello line").replace("tone: 440", "tone: 480"))
    (tmp_path / "hello_caller.yaml").write_text(flow("Hello caller"))
    done = run([*BOTKIT, *shlex.split(commands()[1])[1:]], tmp_path)
    assert done.returncode == 1
    shown = next(block for block in blocks("console") if block.startswith("FAILED"))
    # up to the first figure of what was heard: a busy machine may hear the tone in two pieces
    words, _ = re.split(r"(?<=tone from )\d", shown.splitlines()[0])
    assert words in done.stdout, done.stdout
    assert re.search(r"\d\.\d\d s into the call$", done.stdout, re.M)


def test_an_account_without_its_environment(tmp_path: Path) -> None:
    """The account that is shown is read; without its variables the run says which one is missing."""
    (tmp_path / "botkit.yaml").write_text(next(block for block in blocks("yaml") if block.startswith("accounts:")))
    (tmp_path / "caller.yaml").write_text(flow("Hello caller"))
    done = run([*BOTKIT, *shlex.split(commands()[3])[1:]], tmp_path)
    assert done.returncode == 2
    assert "TELNYX_" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_python_example(tmp_path: Path) -> None:
    """The program in Python runs as shown."""
    script = tmp_path / "example.py"
    script.write_text(blocks("python")[0])
    done = run([sys.executable, str(script)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "after the answer" in done.stdout
    assert "'digits': '1'" in done.stdout


def test_the_agent(tmp_path: Path) -> None:
    """The agent that is shown is the one that is run, and the command that is shown ends well."""
    (agent,) = [block for block in blocks("python") if "sys.stdin.buffer" in block]
    assert (ROOT / "flows" / "agents" / "parrot.py").read_text().endswith(agent)
    words = shlex.split(commands()[2])[1:]
    done = run([*BOTKIT, *words, "--out", str(tmp_path / "o")], ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agent_line audio exec:python3 flows/agents/parrot.py: " in done.stdout


def test_the_official_sdk(tmp_path: Path) -> None:
    """The program with the official SDK calls who is logged in there; it speaks, and hangs up. The exchange is the one
    of the command that is shown; only the ports are other ones here."""
    with kept_ports() as ports:
        _official_sdk(tmp_path, ports)


def _official_sdk(tmp_path: Path, ports: dict[str, str]) -> None:
    def here(text: str) -> str:
        return re.sub(r"\b(8080|9000)\b", lambda match: ports[match[0]], text)

    exchange_words = shlex.split(here(commands()[5]))[1:]
    place = exchange_words.index("--config") + 1
    (tmp_path / "botkit.yaml").write_text(here((ROOT / exchange_words[place]).read_text()))
    exchange_words[place] = str(tmp_path / "botkit.yaml")
    (tmp_path / "operator.yaml").write_text(CALLED)
    (program,) = [block for block in blocks("python") if "telnyx" in block]
    (tmp_path / "program.py").write_text(here(program))
    with (
        started([*BOTKIT, *exchange_words], tmp_path, "ready"),
        started([*BOTKIT, "run", "operator.yaml", "--out", "o"], tmp_path, "operator ready") as operator,
        started([sys.executable, "program.py"], tmp_path, ""),
    ):
        said, _ = operator.communicate(timeout=60)
        assert operator.returncode == 0, said


CALLED = """
flow: Operator
account: operator
answer: any
calls: 1
on:
  answered:
    - expect_sound: {for: 200ms, within: 20s}
    - wait_for: {event: ended, within: 20s}
  ended:
    - check: call.cause == "NORMAL_CLEARING"
"""


@contextlib.contextmanager
def started(command: list[str], cwd: Path, says: str) -> Iterator[subprocess.Popen[str]]:
    """A program for as long as the scope lasts, which begins when the program says something (empty: at once)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TELNYX_", "BOTKIT_"))}
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        while says and (line := process.stdout.readline()) and says not in line:
            pass
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", ["run", "check", "steps", "devices", "exchange", "doctor", "recover"])
def test_each_command_that_is_listed_has_help_with_examples(command: str) -> None:
    """`botkit COMMAND --help` shows examples, and the README lists the command."""
    assert f"`botkit {command}" in README
    done = run([*BOTKIT, command, "--help"], ROOT)
    assert done.returncode == 0
    assert "Examples:" in done.stdout


def test_no_other_command_is_listed() -> None:
    """The README lists no command that does not exist."""
    listed = set(re.findall(r"^\| `botkit ([a-z]+)", README, re.M))
    assert listed == {"run", "check", "steps", "devices", "exchange", "doctor", "recover"}


def test_the_doctor_as_shown(tmp_path: Path) -> None:
    """The local account is well, in the words that the README shows; only the figures differ."""
    done = run([*BOTKIT, *shlex.split(commands()[4])[1:]], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = next(block for block in blocks("console") if block.startswith("$ botkit doctor"))

    def words(text: str) -> list[list[str]]:
        return [re.sub(r"-?\d[\d.]*(%| m?s\b)?", "", line).split() for line in text.splitlines()]

    told = done.stdout
    if "too busy" in told:  # a warning that only a machine like that has
        told = re.sub(r"; this machine was too busy .*\n +hint: .*", "", told)
        told = told.replace("! audio", "✔ audio").replace(", with a warning at audio", "")
    assert words(told) == words(shown)[1:]


def test_recover_as_it_is_told(tmp_path: Path) -> None:
    """`botkit recover DIR` cuts the WAVs from the spool that the README names; with `--keep` the spool stays."""
    spool = Spool(tmp_path / "spool.botkit")
    assert f"`DIR/{spool.path.name}`" in README
    call = spool.new_call("a", caller_is_us=True)
    for index in range(50):
        spool.append(call, 0, 0, index, 160 * index, 0.02 * index, bytes(160))
    spool.close()
    for options, stays in ((["--keep"], True), ([], False)):
        done = run([*BOTKIT, "recover", str(tmp_path), *options], ROOT)
        assert done.returncode == 0, done.stdout + done.stderr
        assert spool.path.exists() is stays
    assert {path.name for path in (tmp_path / "calls" / "a").iterdir()} == {"rx.wav", "tx.wav", "both.wav"}


def test_every_flow_that_is_listed_exists() -> None:
    """The table of flows and the folder are the same."""
    listed = {
        name
        for row in re.findall(r"^\| ((?:`[a-z_]+` ?)+) \|", README, re.M)
        for name in re.findall(r"`([a-z_]+)`", row)
        if (ROOT / "flows" / f"{name}.yaml").exists()
    }
    assert listed == {path.stem for path in (ROOT / "flows").glob("*.yaml")}


def test_the_chart_is_printed_from_the_table() -> None:
    """The states in the README are those of `botkit/states.py`."""
    assert blocks("mermaid") == ["\n".join(chart()) + "\n"]


def test_the_flows_of_the_readme_are_without_a_warning(tmp_path: Path) -> None:
    """`botkit check` has nothing to say about what we show."""
    for index, name in enumerate(("Hello line", "Hello caller")):
        (tmp_path / f"{index}.yaml").write_text(flow(name))
    report = check_paths([tmp_path])
    assert not report.errors
    assert not report.warnings


def test_the_bench_table_is_filled() -> None:
    """The README has the figures of a real run."""
    table = README.split("<!-- bench -->")[1].split("<!-- /bench -->")[0]
    assert "**botkit**" in table
