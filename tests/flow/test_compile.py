"""Flows as they come out of the compiler, and errors as they come out of it."""

from __future__ import annotations

import pickle
import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.errors import FlowError
from botkit.flow.build import KNOWN_STEPS
from botkit.flow.compile import load_flow, load_library, read_flow
from botkit.flow.document import Flow
from botkit.flow.explain import FlowErrors
from botkit.flow.registry import STEPS, load_steps
from botkit.flow.schema import resolve

HEAD = 'flow: A flow\ndial: "+18005550100"\n'


def compiled(text: str) -> Flow:
    """The flow in a text."""
    return read_flow("f.yaml", text)[0]


def steps(text: str) -> Flow:
    """A flow that does these steps when answered; `text` is a YAML list, indented by four."""
    return compiled(f"{HEAD}on:\n  answered:\n{text}")


def errors(text: str) -> list[str]:
    """The messages of all errors in a flow."""
    with pytest.raises(FlowErrors) as caught:
        compiled(text)
    return [issue.message for issue in caught.value.errors]


FULL = """\
flow: Book an appointment
tags: [smoke]
vars: {pin: "4321", tries: 0}
secrets: [pin]
dial: "+18005550100"
headers: {X-Test: 42}
ring_timeout: 30s
time_limit: 2m
on:
  answered:
    - send_dtmf: 1
    - run: enter_pin
      label: pin
      within: 5s
      save_as: entered
      on_fail: note
    - expect_tone: 440
      if: tries < 3
      on_fail:
        - log: no tone
    - choose:
        - when: tries == 0
          do: [{log: none}]
        - else: [{log: some}]
    - parallel:
        talk: [{log: a}]
        hear: [{log: b}, {log: c}]
    - race: [[{log: a}], [{log: b}]]
    - repeat: {times: 2, do: [{log: a}], else: [{log: b}]}
  dtmf:
    when: event.digit == "1"
    mode: restart
    do:
      - log: one
blocks:
  enter_pin:
    - send_dtmf: "${pin}#"
"""


def test_the_head() -> None:
    """Top-level keys become fields, with their defaults."""
    flow = compiled(FULL)
    assert (flow.name, flow.dial, flow.answer) == ("Book an appointment", "+18005550100", None)
    assert flow.vars == {"pin": "4321", "tries": 0}
    assert (flow.tags, flow.secrets) == (("smoke",), ("pin",))
    assert (flow.ring_timeout, flow.time_limit) == (30.0, 120.0)
    assert flow.headers == {"X-Test": "42"}
    assert flow.codecs == ("PCMU", "PCMA", "G722", "opus")
    assert flow.manual is False
    assert flow.dials
    assert flow.file == "f.yaml"


def test_expected_call() -> None:
    """A call must be answered where there is an `answered` handler; else anything will do."""
    assert compiled(FULL).expected_call == "answered"
    assert compiled(HEAD).expected_call == "any"
    assert compiled(f"{HEAD}expect_call: busy\n").expected_call == "busy"


def test_paths() -> None:
    """Each step has its address, whatever holds it."""
    assert [spec.path for spec in compiled(FULL).every_step()] == [
        "on.answered/0",
        "on.answered/1",
        "on.answered/2",
        "on.answered/2/on_fail/0",
        "on.answered/3",
        "on.answered/3/0/do/0",
        "on.answered/3/1/else/0",
        "on.answered/4",
        "on.answered/4/talk/0",
        "on.answered/4/hear/0",
        "on.answered/4/hear/1",
        "on.answered/5",
        "on.answered/5/0/0",
        "on.answered/5/1/0",
        "on.answered/6",
        "on.answered/6/do/0",
        "on.answered/6/else/0",
        "on.dtmf/0",
        "blocks.enter_pin/0",
    ]


def test_common_keys() -> None:
    """The keys beside a step are in its spec."""
    spec = compiled(FULL).on["answered"].steps[1]
    assert (spec.name, spec.label, spec.within, spec.save_as, spec.on_fail) == ("run", "pin", 5.0, "entered", "note")
    assert (spec.place.file, spec.place.line, spec.place.column) == ("f.yaml", 12, 7)
    assert spec.place.text == "    - run: enter_pin"


def test_common_keys_inside() -> None:
    """Common keys inside a mapping of fields mean the same."""
    spec = (
        steps("    - send_dtmf: {digits: 1, label: a, save_as: b, within: 1s..2s, if: call.id}\n")
        .on["answered"]
        .steps[0]
    )
    assert (spec.label, spec.save_as, str(spec.if_)) == ("a", "b", "call.id")
    _, within = spec.filled({}, random.Random(1))
    assert within is not None
    assert 1 <= within <= 2


def test_handlers() -> None:
    """A handler has its condition and its mode."""
    handler = compiled(FULL).on["dtmf"]
    assert (str(handler.when), handler.mode, len(handler.steps)) == ('event.digit == "1"', "restart", 1)
    assert compiled(FULL).on["answered"].mode == "queue"


@pytest.mark.parametrize("written", ["hangup", "hangup:", "hangup: null", "hangup: {}"])
def test_steps_without_fields(written: str) -> None:
    """A step whose fields may all be left out can be its name alone."""
    assert steps(f"    - {written}\n").on["answered"].steps[0].name == "hangup"


def test_digits_as_written() -> None:
    """`send_dtmf: 0123` sends 0123."""
    assert steps("    - send_dtmf: 0123\n").on["answered"].steps[0].step.digits == "0123"  # type: ignore[attr-defined]


def test_flows_are_resolved_like_steps() -> None:
    """Templates in the head are filled in by `resolve`."""
    flow = compiled('flow: A\nvars: {n: "1", to: "+1800"}\ndial: "${to}"\nheaders: {X: "${n}0"}\n')
    whole = resolve(flow, {"to": "+1800", "n": "1"}, random.Random(1))
    assert (whole.dial, whole.headers) == ("+1800", {"X": "10"})


def test_pickling() -> None:
    """A flow travels to other processes."""
    flow = compiled(FULL)
    assert pickle.loads(pickle.dumps(flow)) == flow


def test_libraries(tmp_path: Path) -> None:
    """Blocks of other files come with the flow; paths in them are against the file that holds them."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "flow.yaml").write_text(f"{HEAD}on:\n  answered:\n    - run: lib/a.yaml#one\n")
    (tmp_path / "lib" / "a.yaml").write_text(
        "blocks_of: a\nblocks:\n  one: [{run: two}, {run: b.yaml#three}, {play: x.wav}]\n  two: [{wait: 1s}]\n"
    )
    (tmp_path / "lib" / "b.yaml").write_text("blocks_of: b\nblocks:\n  three:\n    - wait: 1s\n")
    flow, warnings = read_flow(tmp_path / "flow.yaml")
    lib = (tmp_path / "lib").as_posix()
    assert set(flow.blocks) == {f"{lib}/a.yaml#one", f"{lib}/a.yaml#two", f"{lib}/b.yaml#three"}
    run_two, run_three, play = flow.blocks[f"{lib}/a.yaml#one"]
    assert run_two.step.block == f"{lib}/a.yaml#two"  # type: ignore[attr-defined]
    assert run_three.step.block == f"{lib}/b.yaml#three"  # type: ignore[attr-defined]
    assert play.step.audio == (tmp_path / "lib" / "x.wav",)  # type: ignore[attr-defined]
    assert [issue.message for issue in warnings] == [f"there is no file {lib}/x.wav"]
    assert set(load_library(tmp_path / "lib" / "a.yaml").blocks) == {"one", "two", f"{lib}/b.yaml#three"}


def test_libraries_that_use_each_other(tmp_path: Path) -> None:
    """Two libraries may use each other, as long as no block runs itself."""
    (tmp_path / "f.yaml").write_text(f"{HEAD}on:\n  answered:\n    - run: a.yaml#one\n")
    (tmp_path / "a.yaml").write_text("blocks_of: a\nblocks:\n  one:\n    - run: b.yaml#two\n  three:\n    - wait: 1s\n")
    (tmp_path / "b.yaml").write_text("blocks_of: b\nblocks:\n  two:\n    - run: a.yaml#three\n")
    assert len(load_flow(tmp_path / "f.yaml").blocks) == 3


def test_all_errors_at_once() -> None:
    """Every error of a file is reported, in the order of the file."""
    on = "on:\n  answred: []\n  answered:\n    - log: ${nobody}\n    - wait: soon\n    - goto: nowhere\n"
    text = f"{HEAD}tag: a\n{on}"
    with pytest.raises(FlowErrors) as caught:
        compiled(text)
    shown = str(caught.value)
    lines = [line.split(":")[1] for line in shown.splitlines() if line.startswith("f.yaml:")]
    assert lines == ["3", "5", "7", "8", "9"]


@pytest.mark.parametrize(
    "text",
    [
        "    - send_dtmf: {digit: 1}\n",
        "    - send_dtfm: 1\n",
        "    - expect_tone: {hzz: 440}\n      save_as: heard\n    - check: heard.ok\n",
        "    - set: {a: 1, call: 2}\n    - log: ${a}\n",
        "    - send_dtmf: 1\n      savee_as: a\n",
        "    - repeat: {tims: 3, do: [{wait: 1s}]}\n",
        "    - play: {tonne: 440, for: 1s}\n",
        "    - {run: b, save_as: a}\n    - log: ${a.number}\nblocks:\n  b:\n    - retrun: {number: 1}\n",
        "    - {run: b, save_as: a}\n    - log: ${a.number}\nblocks:\n  b: {retrun: {number: 1}}\n",
        "    - {run: c, save_as: a}\n    - log: ${a.number}\nblocks:\n  b:\n    - return: {number: 1}\n",
        "    - run: b\n  dtmf:\n    - rnu: b\nblocks:\n  b:\n    - log: ${event.digit}\n",
        "    - run: b\n  dtfm:\n    - run: b\nblocks:\n  b:\n    - log: ${event.digit}\n",
        "    - choose: [{wen: true, do: [{set: {a: 1}}]}]\n    - log: ${a}\n",
    ],
)
def test_one_typo_gives_one_error(text: str) -> None:
    """What follows from an error is not reported as another."""
    assert len(errors(f"{HEAD}on:\n  answered:\n{text}")) == 1


def test_one_typo_in_vars_gives_one_error() -> None:
    """A bad variable does not make the others undefined."""
    text = f"{HEAD}vars: {{pin: 1, call: 2}}\non:\n  answered:\n    - log: ${{pin}}\n"
    assert errors(text) == ["`vars`: `call` is reserved"]


def test_what_does_not_parse_gives_the_first_error_only() -> None:
    """Where the YAML itself cannot be read, there is one error."""
    assert len(errors(f"{HEAD}on: [\nx: *a\n")) == 1


def test_a_file_that_is_not_there() -> None:
    """A file that cannot be read is an error of the flow."""
    with pytest.raises(FlowErrors, match="cannot be read"):
        load_flow("no/such.yaml")


def test_every_registered_step_is_known() -> None:
    """The checker's list of steps holds all that are registered."""
    assert set(load_steps()) <= KNOWN_STEPS


@pytest.mark.parametrize("name", sorted(KNOWN_STEPS - set(load_steps())))
def test_steps_of_later_versions(name: str) -> None:
    """A step of the language that is not there yet is said to be so."""
    assert errors(f"{HEAD}on:\n  answered:\n    - {name}: x\n") == [f"the step `{name}` is not in this version"]


@pytest.mark.parametrize("name", sorted(load_steps()))
def test_examples(name: str) -> None:
    """The example in each step's manual compiles, names aside."""
    manual = STEPS[name].__doc__ or ""
    assert "Example:" in manual, f"{name} has no example"
    example = manual.partition("Example:")[2]
    body = "\n".join(f"  {line}" for line in example.splitlines() if line.strip())
    text = f"flow: A\nanswer: any\nblocks:\n  main:\n{body}\n"
    undefined = ("is not defined", "there is no block", "belongs inside `repeat`", "stands for something only")
    try:
        compiled(text)
    except FlowErrors as error:
        left = [issue for issue in error.errors if not any(word in issue.message for word in undefined)]
        assert not left, FlowErrors(left)


WORDS = """
    flow dial answer on blocks vars answered ended dtmf log send_dtmf wait repeat choose parallel race run goto check
    set times while until do else when mode weight label save_as on_fail if within digits for x 1 5s ${x} ${ {} []
    null true
    - -- : * & ! " ' # | > { } [ ] , ~ <<
"""
TOKENS = st.sampled_from([*WORDS.split(), "\n", "\n  ", "\n    ", "\n    - ", ": ", " ", "\n      "])


@settings(max_examples=250, deadline=None)
@given(st.lists(TOKENS, max_size=40).map("".join))
def test_only_flow_errors_come_out(text: str) -> None:
    """Whatever the text of a flow, it compiles or raises a `FlowError`."""
    with suppress(FlowError):
        compiled(f"{HEAD}{text}")


NODES = st.recursive(
    st.sampled_from(["x", "1", "null", "'a b'", '"${x}"', "true", "5s", "[]", "{}", '"${"', "fail", "0"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(
            st.tuples(st.sampled_from(WORDS.split()[:40]), inner), max_size=3, unique_by=lambda pair: pair[0]
        ).map(lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}")
    ),
    max_leaves=12,
)


@settings(max_examples=250, deadline=None)
@given(NODES, st.sampled_from(["on", "blocks", "vars", "secrets", "headers", "calls", "codecs"]))
def test_only_flow_errors_come_out_of_well_formed_text(node: str, key: str) -> None:
    """Whatever shape stands under a key, the flow compiles or raises a `FlowError`."""
    with suppress(FlowError):
        compiled(f"{HEAD}{key}: {node}\n")
    with suppress(FlowError):
        compiled(f"{HEAD}on:\n  answered:\n    - {node}\n    - {node}\n")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(load_steps())), NODES)
def test_only_flow_errors_come_out_of_steps(name: str, node: str) -> None:
    """Whatever stands behind a step's name, the flow compiles or raises a `FlowError`."""
    with suppress(FlowError):
        compiled(f"{HEAD}on:\n  answered:\n    - {name}: {node}\n")
